"""Why: scores are counted by ISO weeks in China's time, whoever runs the clock. Called by this room, the DAG, pages and commands."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from schemas.calendar import CHINA, today
from schemas.errors import Invalid

_WEEK = re.compile(r"(\d{4})-W(\d{2})")


@dataclass(frozen=True)
class Week:
    """One ISO 8601 week, Monday to Sunday."""

    first_day: date

    @property
    def name(self) -> str:
        """Return its name, e.g. 2026-W47."""
        year, number, _ = self.first_day.isocalendar()
        return f"{year}-W{number:02d}"

    @property
    def last_day(self) -> date:
        """Return its Sunday."""
        return self.first_day + timedelta(days=6)

    @property
    def begin(self) -> datetime:
        """Return its first moment."""
        return datetime.combine(self.first_day, time(), CHINA).astimezone(UTC)

    @property
    def beyond(self) -> datetime:
        """Return the first moment after it."""
        return self.begin + timedelta(days=7)

    def before(self, weeks: int = 1) -> "Week":
        """Return the week so many weeks before."""
        return Week(self.first_day - timedelta(weeks=weeks))

    def bounds(self) -> dict[str, object]:
        """Return what statements ask for; ids of evidence entries begin with the time (RFC 9562 §5.7)."""
        return {
            "first": self.first_day, "last": self.last_day, "begin": self.begin, "beyond": self.beyond,
            "first_id": _first_id(self.begin), "beyond_id": _first_id(self.beyond),
        }  # fmt: skip


def read(name: str) -> Week:
    """Return the week of a name. Raises Invalid `supervision.bad_week`."""
    if found := _WEEK.fullmatch(name):
        try:
            return Week(date.fromisocalendar(int(found[1]), int(found[2]), 1))
        except ValueError:
            pass
    raise Invalid("supervision.bad_week", week=name[:20])


def of(day: date) -> Week:
    """Return the week of a day."""
    return Week(day - timedelta(days=day.weekday()))


def last_whole(on: date | None = None) -> Week:
    """Return the last week that is over on a day, by default today."""
    return of(on or today()).before()


def _first_id(moment: datetime) -> UUID:
    return UUID(int=int(moment.timestamp() * 1000) << 80)
