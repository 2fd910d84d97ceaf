"""Several workers behind one address: they come, end and die while callers ask, and no answer is lost, unproven or counted twice."""

import contextlib
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from schemas.tables.exchange import ApplicationKey
from tests.exchange_api.crew import Crew, Crowd, crew_of
from tests.exchange_api.promptly import FEW, SECOND
from tests.hutong.installation import wait_until

GRANT = "SQ-2026-000011"


@pytest.fixture(scope="module")
def _lasting(exchange_site: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crew]:
    with crew_of(exchange_site, tmp_path_factory.mktemp("crew"), 2) as made:
        yield made


@pytest.fixture
def crew(_lasting: Crew) -> Crew:
    """Two workers."""
    _lasting.fill(2)
    return _lasting


def test_replacing_every_worker_under_load_loses_nothing(crew: Crew) -> None:
    before = crew.site.used(GRANT)
    with Crowd(crew.site, GRANT) as crowd:
        for old in list(crew.workers):
            crowd.until(answered=40)
            crew.start()
            assert crew.end(old, signal.SIGTERM) < 20
        crowd.until(answered=40)
    assert crowd.refused_connections == 0
    assert {status for answers in crowd.answers.values() for status, _ in answers} == {200}
    assert crowd.entries() == dict.fromkeys(crowd.answers, 1), "an entry for each answer, and no other"
    assert crew.site.used(GRANT) - before == len(crowd.answers)


def test_while_there_is_no_worker_callers_wait_and_are_not_refused(crew: Crew) -> None:
    with Crowd(crew.site, GRANT) as crowd:
        crowd.until(answered=20)
        for old in list(crew.workers):
            crew.end(old, signal.SIGTERM)
        crew.start()
        crowd.until(answered=20)
    assert crowd.refused_connections == 0
    assert crowd.entries() == dict.fromkeys(crowd.answers, 1)


def test_a_killed_worker_leaves_no_answer_unproven_and_asking_again_counts_nothing_twice(crew: Crew) -> None:
    before = crew.site.used(GRANT)
    with Crowd(crew.site, GRANT, callers=12) as crowd:
        crowd.until(answered=60)
        crew.end(max(crew.workers, key=lambda one: _callers(crew.site.authority, one.pid)), signal.SIGKILL)
        crowd.until(answered=60)
    kept = crowd.entries()
    assert set(crowd.answers) <= set(kept), "no answer without entry"
    assert crowd.unanswered, "the killed worker had questions under way"
    crowd.ask_again()
    kept = crowd.entries()
    assert set(kept.values()) == {1}
    assert set(kept) == set(crowd.answers)
    assert crew.site.used(GRANT) - before == len(kept)
    assert {status for answers in crowd.answers.values() for status, _ in answers} == {200}


def test_a_revoked_key_is_refused_by_every_worker_within_a_second(crew: Crew) -> None:
    def set_state(state: str) -> None:
        with Session(crew.site.engine) as session:
            key = ApplicationKey.keyid == crew.site.signer.keyid
            session.execute(update(ApplicationKey).where(key).values(state=state))
            session.commit()

    with Crowd(crew.site, GRANT) as crowd:
        crowd.until(answered=40)
        try:
            set_state("revoked")
            revoked = time.monotonic()
            crowd.until(answered=FEW)
            while time.monotonic() - revoked < SECOND:
                time.sleep(0.05)
            known = len(crowd.answers)
            crowd.until(answered=40)
            late = list(crowd.answers.values())[known + crowd.callers :]
        finally:
            set_state("active")
    assert {status for answers in late for status, _ in answers} == {401}
    assert not [one for one in crowd.entries().values() if one != 1]


def test_a_stopping_worker_cuts_off_who_does_not_finish_asking(exchange_site: Any, tmp_path: Path) -> None:
    with crew_of(exchange_site, tmp_path, 1, drain_s="1") as crew:
        question = crew.site.question(crew.site.asking(GRANT))
        with _half_asked(crew.site.authority, question) as connection:
            wait_until(lambda: _callers(crew.site.authority, crew.workers[0].pid) > 0)
            assert crew.end(crew.workers[0], signal.SIGTERM) < 10
            with contextlib.suppress(ConnectionResetError):  # what it had not read yet is thrown away
                assert connection.recv(1000) == b""
        assert _entries_of(crew.site, question.headers["x-request-id"]) == 0


def _callers(authority: str, pid: int) -> int:
    """How many connections of callers a worker holds; one may hold them all."""
    held = psutil.Process(pid).net_connections("tcp")
    return sum(one.status == "ESTABLISHED" and one.laddr.port == int(authority.partition(":")[2]) for one in held)


def _half_asked(authority: str, question: Any) -> Any:
    """A connection on which the head and half of the body were sent."""
    host, _, port = authority.partition(":")
    connection = socket.create_connection((host, int(port)), timeout=20)
    head = "".join(f"{name}: {value}\r\n" for name, value in question.headers.items())
    told = f"POST {question.path} HTTP/1.1\r\nhost: {authority}\r\n{head}content-length: {len(question.body)}\r\n\r\n"
    connection.sendall(told.encode() + question.body[:10])
    return connection


def _entries_of(site: Any, request_id: str) -> int:
    crowd = Crowd(site, GRANT, callers=0, unanswered=[request_id])
    return sum(crowd.entries().values())
