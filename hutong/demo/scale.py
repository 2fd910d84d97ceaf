"""Why: how large the city is, which luck it has and which day it lives on are the three facts everything generated follows from.

hutong/demo comes here. The day is 1 January of the running year, so that the city stays the same from one run to the next.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime


@dataclass(frozen=True)
class Scale:
    """Seed, size factor (1.0: 50,000 residents) and the day on which everything is as generated."""

    seed: int = 20260101
    factor: float = 1.0
    today: date = date(2026, 1, 1)

    @property
    def residents(self) -> int:
        """Return the number of residents."""
        return max(200, round(50_000 * self.factor))

    @property
    def entities(self) -> int:
        """Return the number of legal entities."""
        return max(240, round(5_000 * self.factor))

    @property
    def entries(self) -> int:
        """Return the number of credit entries."""
        return max(150, round(20_000 * self.factor))

    @property
    def certificates(self) -> int:
        """Return the number of certificates."""
        return max(200, round(30_000 * self.factor))

    def faults(self, count: int) -> int:
        """Return how many records get a fault that `count` get at full size: at least two."""
        return max(2, round(count * self.factor)) if count > 1 else count

    def years_ago(self, years: int) -> str:
        """Return the day `years` years before today, ISO 8601."""
        return f"{self.today.year - years:04d}-{self.today.month:02d}-{self.today.day:02d}"


def this_year(seed: int, factor: float) -> Scale:
    """Return the scale of a run in the running year."""
    return Scale(seed, factor, date(datetime.now(UTC).year, 1, 1))
