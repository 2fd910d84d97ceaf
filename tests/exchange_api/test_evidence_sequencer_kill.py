"""The sequencer is killed between any two of its steps, and in the middle of its commit; whoever comes after goes on, and two at once do no harm."""

import multiprocessing
import os
import random
import signal
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, create_engine, event, text
from sqlalchemy.orm import Session

from exchange_api.evidence.audit.walk import Wish, audit_log
from exchange_api.evidence.keyring import ensure_active_key
from exchange_api.evidence.ledger import Entry, new_receipt_id, record
from exchange_api.evidence.sequencer import sequence_once
from exchange_api.keys import active_signer
from schemas.migrations import upgrade

ORIGIN = "hutong.local/log"
FORK = multiprocessing.get_context("fork")
Opened = Callable[[], Session]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the log's key lies."""
    return tmp_path_factory.mktemp("keys")


@pytest.fixture(scope="module")
def url(new_database: Callable[[], URL], folder: Path) -> URL:
    """A database whose commits are real, with a key."""
    found = new_database()
    upgrade(found)
    engine = create_engine(found)
    with Session(engine) as session, session.begin():
        ensure_active_key(session, folder)
    engine.dispose()
    return found


@pytest.fixture
def opened(url: URL) -> Iterator[Opened]:
    """Opens sessions on it."""
    engine = create_engine(url)
    yield lambda: Session(engine, expire_on_commit=False)
    engine.dispose()


def _record(opened: Opened, count: int) -> None:
    with opened() as session, session.begin():
        record(session, [Entry(id=new_receipt_id(), at=datetime.now(UTC), kind="refusal") for _ in range(count)])


def _hold_whole(opened: Opened, most_pending: int) -> int:
    with opened() as session:
        found = audit_log(session, Wish(ORIGIN))
    assert found.findings.named == []
    assert found.pending <= most_pending
    return found.size


def _sequence(url: URL, folder: Path, hooked: Callable[[Any], None] | None = None) -> None:
    engine = create_engine(url)
    if hooked:
        hooked(engine)
    with Session(engine) as session:
        sequence_once(session, active_signer(session, folder), ORIGIN)
        session.commit()
    engine.dispose()


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _killed_at_statement(url: URL, folder: Path, number: int) -> None:
    """Run as the sequencer does and die after the statement of this number."""
    seen = iter(range(1, 1_000))

    def hooked(engine: Any) -> None:
        event.listen(engine, "after_cursor_execute", lambda *_: _die() if next(seen) == number else None)

    _sequence(url, folder, hooked)


def _killed_in_commit(url: URL, folder: Path, after_us: int) -> None:
    def hooked(engine: Any) -> None:
        event.listen(engine, "commit", lambda _: threading.Timer(after_us / 1e6, _die).start())

    _sequence(url, folder, hooked)
    threading.Event().wait(30)  # the commit came through first: death comes all the same


def _run(work: Callable[..., None], *arguments: Any) -> int | None:
    process = FORK.Process(target=work, args=arguments)
    process.start()
    process.join(200)
    return process.exitcode


def test_a_kill_after_any_statement_loses_nothing_and_is_gone_on_from(url: URL, folder: Path, opened: Opened) -> None:
    for number in range(1, 40):
        _record(opened, 7)
        before = _hold_whole(opened, 300)
        if _run(_killed_at_statement, url, folder, number) == 0:
            break  # it has fewer steps than that
        _gone(opened)
        assert _hold_whole(opened, 300) == before
    else:
        pytest.fail("the sequencer does not end")
    assert number > 5
    assert _hold_whole(opened, 0) > before


def test_a_kill_in_the_middle_of_its_commit_leaves_all_or_nothing(url: URL, folder: Path, opened: Opened) -> None:
    chance = random.Random(11)
    for _ in range(6):
        _record(opened, 5)
        size, waiting = _hold_whole(opened, 100), _pending(opened)
        assert _run(_killed_in_commit, url, folder, chance.randrange(1, 1_500)) == -signal.SIGKILL
        _gone(opened)
        assert _hold_whole(opened, 100) in (size, size + waiting)
    _sequence(url, folder)
    _hold_whole(opened, 0)


def test_two_sequencers_at_once_make_one_log(url: URL, folder: Path, opened: Opened) -> None:
    begin = FORK.Barrier(3)
    processes = [FORK.Process(target=_many, args=(url, folder, begin)) for _ in range(3)]
    for process in processes:
        process.start()
    for _ in range(10):
        _record(opened, 20)
    for process in processes:
        process.join(200)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    _sequence(url, folder)
    _hold_whole(opened, 0)


def _many(url: URL, folder: Path, begin: Any) -> None:
    engine = create_engine(url)
    begin.wait(100)
    for _ in range(15):
        with Session(engine) as session:
            sequence_once(session, active_signer(session, folder), ORIGIN, most=9)
            session.commit()
    engine.dispose()


def _pending(opened: Opened) -> int:
    with opened() as session:
        return session.scalar(text("SELECT count(*) FROM evidence.pending")) or 0


def _gone(opened: Opened) -> None:
    """Wait until the server has ended the dead one's transaction: its lock is free."""
    with opened() as session:
        session.execute(text("SELECT pg_advisory_xact_lock(7311002)"))
