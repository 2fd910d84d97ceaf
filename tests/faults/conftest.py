"""What a story of faults needs: an empty hub with real sources, and steps that run, hang or are killed in processes of their own."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from schemas.identifiers import append_citizen_check_digits
from tests.libraries.conftest import Hub, hub, libraries_database, people, resident

__all__ = ["Hub", "hub", "libraries_database", "people"]

KILL = "os.kill(os.getpid(), signal.SIGKILL)"
Run = Callable[..., subprocess.CompletedProcess[str]]


def program(text: str) -> list[str]:
    """Return the command of a process that imports what steps need and then does `text`."""
    head = "import os, signal, resource\nfrom libraries import ingest, landing, merging, units, verdicts, quarantine\n"
    return [sys.executable, "-W", "ignore", "-c", head + text]


@pytest.fixture
def run(hub: Hub) -> Run:  # noqa: ARG001 — its settings travel in the environment
    """Run a text of Python in a process of its own."""

    def go(text: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            program(text), env=dict(os.environ), timeout=120, check=False, capture_output=True, text=True
        )

    return go


@pytest.fixture
def killed(run: Run) -> Callable[[str], None]:
    """Run a text of Python that must end by SIGKILL."""

    def go(text: str) -> None:
        done = run(text)
        assert done.returncode == -signal.SIGKILL, done.stderr

    return go


@contextmanager
def started(*texts: str) -> Iterator[list[subprocess.Popen[str]]]:
    """Start texts of Python as processes at once; they are ended with the block."""
    processes = [
        subprocess.Popen(
            program(text), env=dict(os.environ), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True,
        )
        for text in texts
    ]  # fmt: skip
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def many(count: int) -> list[dict[str, Any]]:
    """Return faultless rows of the resident table, more than `people` can tell apart."""
    days = np.datetime64("1950-01-01") + np.arange(count) % 20_000
    stems = [f"330106{str(day).replace('-', '')}{n // 20_000 + 100}" for n, day in enumerate(days)]
    return [resident(id, f"张{n}") for n, id in enumerate(append_citizen_check_digits(pa.array(stems)).to_pylist())]


def go_at_once(*texts: str) -> None:
    """Run texts of Python as processes that begin in the same moment, when all have come up; each must end well."""
    with started(*(f"print(flush=True); input()\n{text}" for text in texts)) as processes:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        said = [process.communicate(timeout=120) for process in processes]
        assert [process.returncode for process in processes] == [0] * len(texts), said


def counts(hub: Hub, library: str = "population") -> dict[str, int]:
    """Return how much of everything a library holds: what neither a loss nor a second telling would leave as it is."""
    parts = ("", "_claims", "_past_claims", "_history")
    found: dict[str, int] = {part: hub.one(f"SELECT count(*) FROM library.{library}{part}") for part in parts}
    return found


def told(hub: Hub, batch: str) -> tuple[Any, Any]:
    """Return a batch's state and error code."""
    row = hub.batch(batch)
    return row["state"], row["error_code"]
