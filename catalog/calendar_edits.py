"""Why: the package knows the working days of years whose notice it has seen; the administrator enters the others and mends single days, on the ground of a
notice. Every edit leaves who, when and by which notice.

Called by `exchange_api.clocks.calendar_desk`, which asks who may and lets provisional due dates follow; nothing here moves a due date.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog import deadlines
from schemas.calendar import WorkingCalendar
from schemas.errors import Invalid
from schemas.tables.deadlines import CalendarDay, CalendarEvent, CalendarYear

_LOCK = "directory.calendar"


@dataclass(frozen=True)
class DayEdit:
    """What a day shall be, and the holiday's name."""

    day: date
    is_working: bool
    name: str | None = None


@dataclass(frozen=True)
class YearView:
    """A year as the hub counts it: the days that are not what their weekday says, and where that is known from."""

    year: int
    is_published: bool
    confirmed: CalendarYear | None
    edits: tuple[CalendarDay, ...]
    off: tuple[date, ...]
    make_up: tuple[date, ...]

    @property
    def is_confirmed(self) -> bool:
        """Return whether due dates in this year are final."""
        return self.is_published or self.confirmed is not None


def edit(session: Session, by: str, edits: Iterable[DayEdit], source: str) -> list[date]:
    """Set days on the ground of a notice and return those that changed; again changes nothing. Raises Invalid `calendar.source_needed`."""
    source = _source(source)
    _lock(session)
    changed = []
    for one in edits:
        row = session.get(CalendarDay, one.day)
        said = (one.is_working, one.name, source)
        if row and (row.is_working, row.name, row.source) == said:
            continue
        row = row or CalendarDay(day=one.day)
        row.is_working, row.name, row.source = said
        row.changed_by, row.changed_at = by, datetime.now(UTC)
        session.add(row)
        _note(session, (by, "set", one.day.year, source), one)
        changed.append(one.day)
    session.flush()
    return changed


def clear(session: Session, by: str, day: date, source: str) -> bool:
    """Take an edit back: the day is what the published calendar says. Returns whether there was one. Raises Invalid `calendar.source_needed`."""
    source = _source(source)
    _lock(session)
    if row := session.get(CalendarDay, day):
        _note(session, (by, "clear", day.year, source), DayEdit(day, row.is_working))
        session.delete(row)
        session.flush()
    return row is not None


def confirm(session: Session, by: str, year: int, source: str) -> bool:
    """Say that a year's calendar is whole and checked; due dates in it are final from now on. Returns whether it was not yet.

    Raises Invalid `calendar.source_needed`, `calendar.year_empty`.
    """
    source = _source(source)
    _lock(session)
    found = view(session, year)
    if not found.edits and not found.is_published:
        raise Invalid("calendar.year_empty", year=str(year))
    if found.confirmed:
        return False
    session.add(CalendarYear(year=year, source=source, confirmed_by=by, confirmed_at=datetime.now(UTC)))
    _note(session, (by, "confirm", year, source))
    session.flush()
    return True


def view(session: Session, year: int) -> YearView:
    """Return a year as the hub counts it."""
    calendar, first = deadlines.calendar(session), date(year, 1, 1)
    days = [first + timedelta(days=ahead) for ahead in range((date(year + 1, 1, 1) - first).days)]
    rows = session.scalars(
        select(CalendarDay).where(func.extract("year", CalendarDay.day) == year).order_by(CalendarDay.day)
    )
    return YearView(
        year, WorkingCalendar().is_confirmed(year), session.get(CalendarYear, year), tuple(rows.all()),
        tuple(day for day in days if day.weekday() < 5 and not calendar.is_working_day(day)),
        tuple(day for day in days if day.weekday() > 4 and calendar.is_working_day(day)),
    )  # fmt: skip


def events(session: Session, year: int) -> Sequence[CalendarEvent]:
    """Return what was done to a year, oldest first."""
    return session.scalars(select(CalendarEvent).where(CalendarEvent.year == year).order_by(CalendarEvent.id)).all()


def _source(source: str) -> str:
    if not source.strip():
        raise Invalid("calendar.source_needed")
    return source.strip()


def _lock(session: Session) -> None:
    session.execute(select(func.pg_advisory_xact_lock(func.hashtext(_LOCK))))


def _note(session: Session, event: tuple[str, str, int, str], about: DayEdit | None = None) -> None:
    by, action, year, source = event
    day, is_working = (about.day, about.is_working) if about else (None, None)
    session.add(CalendarEvent(actor=by, action=action, year=year, day=day, is_working=is_working, source=source))
