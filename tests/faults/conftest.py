"""What a story of faults needs: an empty hub with real sources, and steps that run or are killed in processes of their own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from schemas.identifiers import append_citizen_check_digits
from tests.libraries.conftest import Hub, hub, libraries_database, people, resident

__all__ = ["Hub", "hub", "libraries_database", "people"]

KILL = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"


@dataclass
class Nursery:
    """The process that bears children (tests/faults/nursery.py), and where they write."""

    process: subprocess.Popen[str]
    folder: Path

    def run(self, *texts: str) -> list[tuple[int, str]]:
        """Run texts of Python as processes at once; return how each ended and what it wrote."""
        outs = [self.folder / f"{n}.txt" for n in range(len(texts))]
        pids = [self._ask(env=dict(os.environ), text=text, out=str(out)) for text, out in zip(texts, outs, strict=True)]
        return [(self._ask(wait=pid), out.read_text("utf-8")) for pid, out in zip(pids, outs, strict=True)]

    def _ask(self, **question: Any) -> int:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())


@pytest.fixture(scope="session")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    """The process that bears children."""
    command = [sys.executable, "-W", "ignore", str(Path(__file__).with_name("nursery.py"))]
    root = str(Path(__file__).parents[2])
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=root,
        env={**os.environ, "PYTHONPATH": root},
    ) as process:
        yield Nursery(process, tmp_path_factory.mktemp("nursery"))
        assert process.stdin is not None
        process.stdin.close()


@pytest.fixture
def killed(nursery: Nursery) -> Callable[[str], None]:
    """Run a text of Python in a process of its own that must end by SIGKILL."""

    def go(text: str) -> None:
        ((ended, said),) = nursery.run(text)
        assert ended == -signal.SIGKILL, said

    return go


def many(count: int) -> list[dict[str, Any]]:
    """Return faultless rows of the resident table, more than `people` can tell apart."""
    days = np.datetime64("1950-01-01") + np.arange(count) % 20_000
    stems = [f"330106{str(day).replace('-', '')}{n // 20_000 + 100}" for n, day in enumerate(days)]
    return [resident(id, f"张{n}") for n, id in enumerate(append_citizen_check_digits(pa.array(stems)).to_pylist())]


def counts(hub: Hub, library: str = "population") -> dict[str, int]:
    """Return how much of everything a library holds: what neither a loss nor a second telling would leave as it is."""
    parts = ("", "_claims", "_past_claims", "_history")
    found: dict[str, int] = {part: hub.one(f"SELECT count(*) FROM library.{library}{part}") for part in parts}
    return found


def told(hub: Hub, batch: str) -> tuple[Any, Any]:
    """Return a batch's state and error code."""
    row = hub.batch(batch)
    return row["state"], row["error_code"]
