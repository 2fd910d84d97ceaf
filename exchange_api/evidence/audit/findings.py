"""Why: an audit that finds something must name the row, and one that finds a million wrong rows must still end. Used by the rooms' other modules."""

from collections import Counter
from dataclasses import dataclass, field

MOST = 1_000


@dataclass(frozen=True, slots=True)
class Finding:
    """One row that is not as it must be: what is wrong with which row, and how it shows."""

    kind: str
    row: str
    detail: str


@dataclass
class Findings:
    """What was found: the first thousand by name, all of them counted by kind."""

    named: list[Finding] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, kind: str, row: object, detail: str) -> None:
        """Put one down."""
        self.counts[kind] += 1
        if len(self.named) < MOST:
            self.named.append(Finding(kind, str(row), detail))

    def take(self, others: "Findings") -> None:
        """Take over what was found elsewhere."""
        self.counts.update(others.counts)
        self.named += others.named[: MOST - len(self.named)]

    @property
    def total(self) -> int:
        """Return how many there are."""
        return self.counts.total()
