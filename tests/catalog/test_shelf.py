"""What one process makes all others map; a file that is broken, foreign or half written is made again."""

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import URL, create_engine, update
from sqlalchemy.orm import Session

from catalog import directory, folder, search
from catalog.search import keeping
from catalog.search.pinyin import Spelled
from catalog.shelf import Shelf
from schemas.database import transaction
from schemas.migrations import upgrade
from schemas.tables.departments import Department
from schemas.tables.directory import Resource, ResourceVersion

MARK = (3, 10, "8")
CITY = Path(__file__).parents[2] / "hutong" / "demo" / "city"


@pytest.fixture
def home(database: URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HUTONG_DATABASE_URL", database.render_as_string(hide_password=False))
    monkeypatch.setenv("HUTONG_ROOT", str(tmp_path))
    (tmp_path / "var" / "shelf").mkdir(parents=True)
    return tmp_path


def shelf() -> Shelf:
    return Shelf("things", "catalog.search.making", ("catalog.search",))


def arrays() -> Spelled:
    return Spelled(np.arange(1000, dtype=np.int32), np.arange(7, dtype=np.int32))


@pytest.mark.usefixtures("home")
def test_what_is_laid_down_is_mapped_and_told_apart_from_what_was_seen() -> None:
    shelf().put(MARK, arrays())
    laid = shelf().newer(None)
    assert laid is not None
    assert laid.mark == MARK
    assert laid.thing.whole.sum() == 499_500
    assert not laid.thing.whole.flags.owndata
    assert not laid.thing.whole.flags.writeable
    assert shelf().newer(laid.seen) is None
    shelf().put(MARK, arrays())
    assert shelf().newer(laid.seen) is not None
    assert laid.thing.some.sum() == 21  # the one before stays readable
    assert shelf().path.stat().st_mode & 0o077 == 0


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    "harm", [lambda whole: whole[:-9], lambda whole: whole[:-3] + b"abc", lambda _: b"", lambda _: b"\xff" * 99]
)
def test_a_broken_file_is_no_file(harm: Callable[[bytes], bytes]) -> None:
    shelf().put(MARK, arrays())
    shelf().path.write_bytes(harm(shelf().path.read_bytes()))
    assert shelf().newer(None) is None
    assert not shelf().path.exists()


class Stranger:
    """Something nobody expects in the file."""

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, ("echo stranger",)


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("thing", [Stranger(), Path("x"), keeping.whole])
def test_nothing_but_arrays_and_known_classes_comes_out_of_a_file(thing: object) -> None:
    assert pickle.dumps(thing)
    shelf().put(MARK, thing)
    assert shelf().newer(None) is None


@pytest.mark.usefixtures("home")
def test_other_programs_look_for_another_file() -> None:
    assert shelf().path != Shelf("things", "catalog.search.making", ("catalog.dictionary",)).path


@pytest.fixture
def hub(new_database: Callable[[], URL], home: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001 - below its root
    """A published directory that counts as large, in a hub of its own."""
    url = new_database()
    upgrade(url)
    monkeypatch.setenv("HUTONG_DATABASE_URL", url.render_as_string(hide_password=False))
    monkeypatch.setattr(keeping, "_SMALL", 3)
    monkeypatch.setattr(keeping, "_FEW", 3)
    monkeypatch.setattr(keeping, "SHELF", Shelf("search", "catalog.search.making", ("catalog.search",)))
    with transaction() as session:
        for resource_id in folder.import_folder(session, CITY).drafts:
            directory.publish(session, resource_id)


def found(text: str) -> set[str]:
    with transaction("reader") as session:
        return {hit.resource_id for hit in search.find(session, text, limit=100).hits}


def a_fresh_worker() -> None:
    keeping._keepers.clear()


@pytest.mark.usefixtures("hub")
def test_the_first_index_is_made_by_a_process_of_its_own_and_serves_every_worker() -> None:
    first = found("")
    assert len(first) == 8
    laid = keeping.SHELF.newer(None)
    assert laid is not None
    a_fresh_worker()
    assert found("") == first
    assert keeping.SHELF.newer(laid.seen) is None  # it took what lay there
    _one_is_killed_and_the_next_makes_it()
    a_fresh_worker()
    assert found("") == first


def _one_is_killed_and_the_next_makes_it() -> None:
    lying = keeping.SHELF.path.read_bytes()
    program = (
        "import os, signal, catalog.shelf as shelf\n"
        "shelf.os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)\n"
        "from catalog.search import making; making.main()"
    )
    killed = subprocess.run([sys.executable, "-c", program], check=False, timeout=200)
    assert killed.returncode == -signal.SIGKILL
    assert keeping.SHELF.path.read_bytes() == lying
    assert len(list(keeping.SHELF.path.parent.glob("*.part"))) == 1
    subprocess.run([sys.executable, "-m", "catalog.search.making"], check=True, timeout=200)
    assert list(keeping.SHELF.path.parent.glob("*.part")) == []


@pytest.mark.usefixtures("hub")
def test_while_much_is_made_again_the_former_answers_without_what_is_withdrawn() -> None:
    before = sorted(found(""))
    last = before[-1].partition(".")[0]
    keeping.SHELF._begun = float("inf")  # nothing new is made before the test says so
    with transaction() as session:
        for resource_id in before[:4]:
            directory.withdraw(session, resource_id)
        session.execute(update(Department).where(Department.id == last).values(short_name="新名"))
    assert found("") == set(before[4:])
    a_fresh_worker()
    assert found("") == set(before[4:])
    keeping.SHELF._begun = 0.0
    a_fresh_worker()
    assert found("") == set(before[4:])
    keeping.SHELF.wait()
    with transaction("reader") as session:
        names = {hit.entry.department_name for hit in search.find(session, "", limit=100, department=last).hits}
    assert names == {"新名"}


@pytest.mark.usefixtures("home")
def test_of_a_database_that_is_not_the_hubs_nothing_is_laid_down(
    new_database: Callable[[], URL], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "_SMALL", 3)
    url = new_database()
    upgrade(url)
    engine = create_engine(url)
    with Session(engine) as session:
        session.add(Department(id="civil", name="民政局", short_name="民政局"))
        session.flush()
        for number in range(5):
            session.add(Resource(id=f"civil.r{number}", department_id="civil"))
            session.flush()
            body = {"id": f"civil.r{number}", "name": f"低保{number}", "department": "civil", "items": []}
            session.add(
                ResourceVersion(
                    id=f"civil.r{number}@1", resource_id=f"civil.r{number}", version=1, state="published",
                    document=body, digest="0",
                )
            )  # fmt: skip
        session.commit()
        assert search.find(session, "低保").total == 5
    engine.dispose()
    assert not keeping.SHELF.path.exists()
