"""Ten thousand who hold on to their connections take nothing from those who ask, and are let go."""

import contextlib
import json
import os
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import text

from tests.exchange_api.crew import Crew, crew_of
from tests.hutong.installation import wait_until

GRANT = "SQ-2026-000011"
LINGERING = Path(__file__).with_name("lingering.py")
MANY = 10_000
FILES = MANY + 500
"""A worker's connections, and its files besides."""
GROWTH = 400 << 20
"""Bytes by which a worker with ten thousand connections may be larger than before: 40 KiB each."""


@contextlib.contextmanager
def _lingering(crew: Crew, **kinds: int) -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that hold so many connections of each kind, each process from an address of its own, all open."""
    port = crew.site.authority.partition(":")[2]
    held = [
        subprocess.Popen(
            [sys.executable, str(LINGERING), port, how, f"127.0.0.{number}", str(count)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for number, (how, count) in enumerate(kinds.items(), 2)
    ]  # fmt: skip
    try:
        for one in held:
            assert one.stdout is not None
            assert one.stdout.readline() == "open\n"
        yield held
    finally:
        for one in held:
            one.kill()
            one.communicate(timeout=60)


def _ended(held: list[subprocess.Popen[str]]) -> dict[str, Counter[str]]:
    """What each process heard on its connections until the last had been ended, by its kind."""
    for one in held:
        assert one.stdin is not None
        one.stdin.close()
        one.stdin = None
    return {str(one.args[3]): Counter(json.loads(one.communicate(timeout=150)[0])) for one in held}  # type: ignore[index]


def _require_files() -> None:
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if limit != resource.RLIM_INFINITY and limit < FILES:
        reason = f"a process may open {limit} files here (ulimit -Hn), {FILES} are needed"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)


def _entries(site: Any, code: str) -> int:
    with site.engine.connect() as connection:
        return int(
            connection.execute(
                text("SELECT count(*) FROM evidence.entries WHERE code = :code"), {"code": code}
            ).scalar()
        )


def test_ten_thousand_who_hold_on_keep_nobody_waiting_and_are_let_go(exchange_site: Any, tmp_path: Path) -> None:
    _require_files()
    with crew_of(exchange_site, tmp_path, 1, connections=str(FILES), head_s="45", body_s="45", idle_s="45") as crew:
        process = psutil.Process(crew.workers[0].pid)
        assert crew.site.ask(crew.site.asking(GRANT))[1].status == 200
        before, refused = process.memory_info().rss, _entries(crew.site, "request.slow")
        with _lingering(crew, silent=3_000, head=3_000, body=3_000, answered=1_000, empty=100) as held:
            _wait_for_all(process)
            for _ in range(20):
                request, response = crew.site.ask(crew.site.asking(GRANT))
                assert response.status == 200
                assert crew.site.check(request, response).kind == "answer"
            assert process.memory_info().rss - before < GROWTH
            heard = _ended(held)
        assert heard["silent"] == heard["head"] == {"HTTP/1.1 408": 3_000}
        assert heard["answered"] == {"": 1_000}
        assert heard["empty"] == {"HTTP/1.1 408": 100}, "a line that begins nothing does not stop the clock"
        assert heard["body"] == {"HTTP/1.1 408": 3_000}
        assert _entries(crew.site, "request.slow") - refused == 3_000, "a question that did not come whole is evidence"
        assert crew.site.ask(crew.site.asking(GRANT))[1].status == 200
        wait_until(lambda: process.num_fds() < 500)
        assert process.memory_info().rss - before < GROWTH


def _wait_for_all(process: psutil.Process) -> None:
    """Wait until the worker has taken everybody in."""
    deadline = time.monotonic() + 40
    while process.num_fds() <= MANY:
        assert time.monotonic() < deadline, f"{process.num_fds()} of more than {MANY} are there at the same time"
        time.sleep(0.05)


def test_however_connections_are_held_whoever_comes_to_ask_finds_a_place(exchange_site: Any, tmp_path: Path) -> None:
    with crew_of(exchange_site, tmp_path, 1, connections="100", head_s="60", body_s="60", idle_s="60") as crew:
        for how in ("silent", "head", "body", "answered"):
            with _lingering(crew, **{how: 100}):
                for _ in range(10):
                    assert crew.site.ask(crew.site.asking(GRANT))[1].status == 200, how
