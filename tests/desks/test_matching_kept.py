"""Who has it is answered at once while a large directory is made ready anew, and never by what is no longer published."""

import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import URL

from catalog import directory, folder
from catalog.shelf import Shelf
from exchange_api.matching import Ask, Wanted, candidates, keeping, search
from exchange_api.matching.packed import Packed
from schemas.database import transaction
from schemas.migrations import upgrade

CITY = Path(__file__).parents[2] / "hutong" / "demo" / "city"
WHOLE = Ask((Wanted("姓名"), Wanted("婚姻状况"), Wanted("企业名称"), Wanted("hyzk")), "核验申请人婚姻与企业登记")


@pytest.fixture
def hub(new_database: Callable[[], URL], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A published directory that counts as large, in a hub of its own."""
    url = new_database()
    upgrade(url)
    monkeypatch.setenv("HUTONG_DATABASE_URL", url.render_as_string(hide_password=False))
    monkeypatch.setenv("HUTONG_ROOT", str(tmp_path))
    monkeypatch.setattr(keeping, "_SMALL", 2)
    monkeypatch.setattr(keeping, "SHELF", Shelf("matching", "exchange_api.matching.making", ("exchange_api.matching", "catalog.search")))  # fmt: skip
    with transaction() as session:
        for resource_id in folder.import_folder(session, CITY).drafts:
            directory.publish(session, resource_id)


def offered(demand: Ask = WHOLE) -> list[list[tuple[str, str, float]]]:
    with transaction("exchange") as session:
        items = search(session, demand).items
    return [[(one.candidate.resource_id, one.candidate.item_id, one.score) for one in found] for found in items]


def resources() -> set[str]:
    return {resource for found in offered() for resource, _, _ in found}


def a_fresh_worker() -> None:
    keeping._keepers.clear()


@pytest.mark.usefixtures("hub")
def test_what_is_made_once_for_all_workers_answers_as_what_a_worker_makes_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shared = offered()
    with transaction("exchange") as session:
        known, packed = candidates(session), keeping.ready(session).corpus.known
    assert isinstance(packed, Packed)
    bare = [replace(one, context="") for one in known]  # what nobody reads again is left out
    assert list(packed) == bare
    assert packed[2:4] == bare[2:4]
    _two_make_it_and_a_third_is_killed()
    a_fresh_worker()
    assert offered() == shared
    a_fresh_worker()
    monkeypatch.setattr(keeping, "_SMALL", 1000)
    assert offered() == shared
    with transaction("exchange") as session:
        assert not isinstance(keeping.ready(session).corpus.known, Packed)


def _two_make_it_and_a_third_is_killed() -> None:
    program = (
        "import os, signal, catalog.shelf as shelf\n"
        "shelf.os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)\n"
        "from exchange_api.matching import making; making.main()"
    )
    lying = keeping.SHELF.path.read_bytes()
    killed = subprocess.run([sys.executable, "-c", program], check=False, timeout=200)
    assert killed.returncode == -signal.SIGKILL
    assert keeping.SHELF.path.read_bytes() == lying
    both = [subprocess.Popen([sys.executable, "-m", "exchange_api.matching.making"]) for _ in range(2)]
    assert [one.wait(60) for one in both] == [0, 0]
    assert list(keeping.SHELF.path.parent.glob("*.part")) == []


@pytest.mark.usefixtures("hub")
def test_until_the_new_is_made_the_former_answers_without_what_is_withdrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {"civil_affairs.marriage", "market_regulation.enterprise"} <= resources()
    keeping.SHELF._begun = float("inf")  # nothing new is made before the test says so
    withdraw("civil_affairs.marriage")
    left = resources()
    assert "market_regulation.enterprise" in left
    assert "civil_affairs.marriage" not in left
    a_fresh_worker()
    assert resources() == left
    keeping.SHELF._begun = float("-inf")
    assert resources() == left
    keeping.SHELF.wait()
    assert resources() == left
    with transaction("exchange") as session:
        assert keeping.ready(session).there is None  # nothing of it is former any more
    keeping.SHELF._begun = float("inf")
    monkeypatch.setattr(keeping, "_SMALL", -1)
    withdraw(*left)
    assert resources() == set()


def withdraw(*ids: str) -> None:
    with transaction() as session:
        for resource_id in ids:
            directory.withdraw(session, resource_id)
