"""Who answers goes before other work where the account may, and PostgreSQL for it; in a flood it is a process like any other again."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from exchange_api.precedence import AGAIN, Precedence
from schemas import priority
from tests.exchange_api.crew import Crew, crew_of

FIRST, ORDINARY = os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.SCHED_OTHER | os.SCHED_RESET_ON_FORK
TRY = "import os; os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))"
SERVING = "SELECT pid FROM pg_stat_activity WHERE application_name = 'hutong api' AND datname = current_database()"


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """What the kernel is told: (process, policy)."""
    said: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "sched_setscheduler", lambda process, policy, _: said.append((process, policy)))
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    monkeypatch.setenv("HUTONG_API_FIRST", "true")
    return said


def test_a_flooded_worker_goes_back_and_forward_again_when_the_flood_is_over(told: list[tuple[int, int]]) -> None:
    one = Precedence()
    one.begin(workers=4)
    most = one._most
    assert 0.5 < most < 0.6, "four workers and their database leave a quarter of four cores to others"
    now, used = one._seen
    shares = (most - 0.01, most + 0.01, most * AGAIN + 0.01, most * AGAIN - 0.01, 1.0, 0.0)
    found = []
    for share in shares:
        now, used = now + 0.5, used + share * 0.5
        one.look(now, used)
        found.append(one.is_first)
    assert found == [True, False, False, True, False, True]
    assert told == [(0, FIRST), (0, ORDINARY), (0, FIRST), (0, ORDINARY), (0, FIRST)]


def test_one_worker_on_many_cores_never_takes_too_much(told: list[tuple[int, int]]) -> None:
    one = Precedence()
    one.begin(workers=1)
    now, used = one._seen
    one.look(now + 1, used + 1)
    assert one.is_first
    assert told == [(0, FIRST)]


def test_nothing_is_lent_to_what_is_no_server(told: list[tuple[int, int]]) -> None:
    one = Precedence()
    one.lend(os.getpid())
    one.begin(workers=1)
    one.lend(os.getpid())
    assert told == [(0, FIRST)]


def test_who_is_told_not_to_stays_ordinary(told: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUTONG_API_FIRST", "false")
    one = Precedence()
    one.begin(workers=1)
    assert (one.is_allowed, told) == (False, [])


def test_who_may_not_stays_ordinary_and_says_what_it_needs(
    told: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: Any) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    one = Precedence()
    one.begin(workers=1)
    assert not one.is_allowed
    assert told == []
    assert "CAP_SYS_NICE" in caplog.text


@pytest.fixture
def crew(exchange_site: Any, tmp_path: Path) -> Iterator[Crew]:
    """One worker that may go first."""
    with crew_of(exchange_site, tmp_path, 1, first="true") as made:
        yield made


def test_a_worker_and_the_server_for_it_go_first_and_nothing_else_does(crew: Crew) -> None:
    may = subprocess.run([sys.executable, "-c", TRY], stderr=subprocess.DEVNULL, check=False).returncode == 0
    expected = FIRST if may else os.SCHED_OTHER
    worker = crew.workers[0].pid
    threads = {int(one.name): os.sched_getscheduler(int(one.name)) for one in Path(f"/proc/{worker}/task").iterdir()}
    assert threads.pop(worker) == expected
    assert not any(policy & ~os.SCHED_RESET_ON_FORK for policy in threads.values()), "what does other work is ordinary"
    with crew.site.engine.connect() as connection:
        serving = [pid for pid in connection.scalars(text(SERVING)) if priority.is_postgres(pid)]
    assert serving
    policies = [os.sched_getscheduler(pid) for pid in serving]
    assert policies.count(expected) >= 2, "a pool begins with two; those of the site's other worker are ordinary"
