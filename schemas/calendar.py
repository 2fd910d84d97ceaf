"""Why: replies, supplies and reviews are due after working days, and the State Council moves working days about every year.

Anyone may call it; `catalog.deadlines` does. The calendar of a year is known only when its notice is out (about November before):
beyond that, due dates are computed on weekends and New Year's Day alone and marked provisional, to be computed again.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from functools import cache

import chinese_calendar

from schemas.errors import Invalid

CHINA = timezone(timedelta(hours=8), "CST")
"""Days, deadlines and quotas are counted in China's one time zone, wherever the server's clock stands."""

_DAY = timedelta(days=1)


def today() -> date:
    """Return the current day in China."""
    return datetime.now(CHINA).date()


@dataclass(frozen=True)
class DueDate:
    """The last day of a period; provisional while a year it crosses has no published calendar."""

    date: date
    provisional: bool


class WorkingCalendar:
    """Working days of mainland China: published holidays and make-up days, with the administrator's edits above them.

    `overrides` says per date whether it is a working day; `confirmed_years` are years the administrator has entered or checked
    although the package does not know them yet.
    """

    def __init__(self, overrides: Mapping[date, bool] | None = None, confirmed_years: Collection[int] = ()) -> None:
        self._overrides = dict(overrides or {})
        self._confirmed_years = frozenset(confirmed_years)

    def is_confirmed(self, year: int) -> bool:
        """Return whether the calendar of `year` is published in the package or confirmed by the administrator."""
        return year in self._confirmed_years or year in _published_years()

    def is_working_day(self, day: date) -> bool:
        """Return whether `day` is a working day; in a year without calendar, Monday to Friday except 1 January."""
        _require_date(day)
        if day in self._overrides:
            return self._overrides[day]
        if day.year in _published_years():
            return bool(chinese_calendar.is_workday(day))
        return day.weekday() < 5 and (day.month, day.day) != (1, 1)

    def add_working_days(self, start: date, days: int) -> DueDate:
        """Return when a period of working days that begins by an event on `start` ends.

        The day of the event is not counted, the period ends with its last working day (行政许可法 art. 82; the counting convention
        is not confirmed against the official text). Zero days end on `start`, or on the next working day when it is none.
        Raises Invalid `calendar.days_negative`.
        """
        _require_date(start)
        if days < 0:
            raise Invalid("calendar.days_negative", days=days)
        day, left = start, days
        provisional = not days and not self.is_confirmed(start.year)
        while left or not self.is_working_day(day):
            day += _DAY
            left -= left > 0 and self.is_working_day(day)
            provisional |= not self.is_confirmed(day.year)
        return DueDate(day, provisional)

    def working_days_between(self, start: date, end: date) -> int:
        """Return the working days after `start` up to and including `end`; negative when `end` is earlier.

        So `working_days_between(start, add_working_days(start, days).date) == days`.
        """
        _require_date(start)
        _require_date(end)
        if end < start:
            return -self.working_days_between(end, start)
        return sum(self.is_working_day(start + _DAY * ahead) for ahead in range(1, (end - start).days + 1))


@cache
def _published_years() -> range:
    """Return the years the package knows: it raises NotImplementedError beyond, so the first it refuses ends them."""
    first, last = 2004, 2004
    while _is_published(last):
        last += 1
    return range(first, last)


def _is_published(year: int) -> bool:
    try:
        chinese_calendar.is_workday(date(year, 1, 1))
    except NotImplementedError:
        return False
    return True


def _require_date(day: date) -> None:
    if isinstance(day, datetime):  # a date to Python, but in which time zone? The caller must say
        raise TypeError("a working calendar takes dates, not date-times: convert to the day in China first")
