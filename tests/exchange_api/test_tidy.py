"""What an answer was made of goes with it: nothing is left that waits for the garbage collector, which would hold up other answers while it looks."""

import contextlib
import time
import uuid
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from tests.exchange_api.crew import Crew, Crowd

GRANT, QUESTIONS = "SQ-2026-000011", 100


@pytest.fixture
def tidy(exchange_site: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A worker that never collects by itself, and how many objects only a collection freed since it was last asked."""
    ask, told = tmp_path / "ask", tmp_path / "told"
    monkeypatch.setenv("TIDY_ASK", str(ask))
    monkeypatch.setenv("TIDY_TOLD", str(told))
    monkeypatch.setattr(Crew, "program", "tests.exchange_api.tidy_worker")
    crew = Crew(exchange_site, tmp_path)

    def left() -> int:
        ask.touch()
        deadline = time.monotonic() + 30
        while not told.exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        found = int(told.read_text())
        told.unlink()
        return found

    try:
        crew.start(1)
        yield crew, left
    finally:
        crew.close()


def test_answers_leave_nothing_to_the_collector(tidy: tuple[Crew, Callable[[], int]]) -> None:
    crew, left = tidy
    asking = Crowd(crew.site, GRANT)
    with contextlib.closing(HTTPConnection(crew.site.authority, timeout=30)) as connection:
        for _ in range(20):
            asking.ask(str(uuid.uuid4()), connection)
        left()
        for _ in range(QUESTIONS):
            asking.ask(str(uuid.uuid4()), connection)
        found = left()
    assert {status for answers in asking.answers.values() for status, _ in answers} == {200}
    assert found < QUESTIONS, "less than one object an answer: connections and timers, no answers"
