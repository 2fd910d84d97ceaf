"""Why: what a worker counts while it answers, cheaply enough that nobody would turn it off: plain numbers in its own memory, a few hundred nanoseconds an
answer. `journal` and `recording` count here; `metrics` shows it, with other workers' figures from a folder they share.

A worker that dies leaves its counts in the folder, so that sums never fall while any worker lives; the first worker of a new generation begins anew.
"""

import contextlib
import json
import os
from bisect import bisect_left
from dataclasses import dataclass, field
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import Any

BOUNDS_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Upper bounds of the latency histogram, seconds."""
GROUPS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
"""Upper bounds of the group-commit histogram, entries."""
MOST = 2_000
"""Different counters of one worker; beyond, answers are counted under code `other`."""


@dataclass(slots=True)
class Spread:
    """A histogram: counts below each bound and above all, and the sum."""

    counts: list[int]
    total: float = 0.0


@dataclass(slots=True)
class Figures:
    """Counts of one worker, or of several put together."""

    answers: dict[tuple[str, str, str], int] = field(default_factory=dict)
    seconds: dict[str, Spread] = field(default_factory=dict)
    groups: Spread = field(default_factory=lambda: Spread([0] * (len(GROUPS) + 1)))
    gauges: dict[str, float] = field(default_factory=dict)

    def answered(self, route: str, status: int, code: str, seconds: float) -> None:
        """Count one answer of a class of routes; code: the refusal's, empty for none."""
        key = (route, _CLASSES[status // 100 % 10], code)
        answers = self.answers
        if key not in answers and len(answers) >= MOST:
            key = (route, key[1], "other")
        answers[key] = answers.get(key, 0) + 1
        spread = self.seconds.get(route)
        if spread is None:
            spread = self.seconds[route] = Spread([0] * (len(BOUNDS_S) + 1))
        spread.counts[bisect_left(BOUNDS_S, seconds)] += 1
        spread.total += seconds

    def grouped(self, entries: int) -> None:
        """Count one group commit of so many entries."""
        self.groups.counts[bisect_left(GROUPS, entries)] += 1
        self.groups.total += entries

    def merge(self, other: "Figures") -> None:
        """Add another worker's counts and gauges."""
        for key, count in other.answers.items():
            self.answers[key] = self.answers.get(key, 0) + count
        for route, spread in other.seconds.items():
            own = self.seconds.setdefault(route, Spread([0] * len(spread.counts)))
            _add(own, spread)
        _add(self.groups, other.groups)
        for name, value in other.gauges.items():
            self.gauges[name] = self.gauges.get(name, 0.0) + value

    def as_json(self) -> dict[str, Any]:
        """Return what another worker can read."""
        return {
            "answers": [[*key, count] for key, count in self.answers.items()],
            "seconds": {route: [one.counts, one.total] for route, one in self.seconds.items()},
            "groups": [self.groups.counts, self.groups.total],
            "gauges": self.gauges,
        }


FIGURES = Figures()
"""What this process counts."""
_CLASSES = ("0xx", "1xx", "2xx", "3xx", "4xx", "5xx", "6xx", "7xx", "8xx", "9xx")


class Shared:
    """The folder in which the workers of one API put their figures."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._own = folder, folder / f"{os.getpid()}.json"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (folder / "lock").open("w") as lock:
            flock(lock, LOCK_EX)
            left = list(folder.glob("*.json"))
            if not any(_lives(path) for path in left):
                for path in left:
                    path.unlink(missing_ok=True)
            self.write(Figures())  # from here on the folder is in use

    def write(self, figures: Figures) -> None:
        """Put this worker's figures there, in one step."""
        new = self._folder / f".{self._own.name}"
        new.write_text(json.dumps(figures.as_json()))
        new.replace(self._own)

    def others(self) -> list[Figures]:
        """Return what the other workers put there; of dead ones only what they counted."""
        found = []
        for path in self._folder.glob("[0-9]*.json"):
            if path == self._own:
                continue
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):  # being made, or half of an old format
                told = json.loads(path.read_text())
                gauges = told["gauges"] if _lives(path) else {}
                found.append(
                    Figures(
                        {(one[0], one[1], one[2]): one[3] for one in told["answers"]},
                        {route: Spread(*one) for route, one in told["seconds"].items()},
                        Spread(*told["groups"]),
                        gauges,
                    )
                )
        return found


def _add(own: Spread, other: Spread) -> None:
    own.counts = [a + b for a, b in zip(own.counts, other.counts, strict=True)]
    own.total += other.total


def _lives(path: Path) -> bool:
    try:
        os.kill(int(path.stem), 0)
    except PermissionError:
        return True
    except (OSError, ValueError):
        return False
    return True
