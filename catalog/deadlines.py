"""Why: clocks run by law, and law differs by place and time, so periods are rows of a table, never numbers in code.

The due date is fixed on the case when its clock starts. Called by desks (demands, supply) and directory reviews.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from enum import StrEnum
from importlib.resources import files

from pydantic import Field
from sqlalchemy import func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from schemas import yaml_data
from schemas.calendar import DueDate, WorkingCalendar
from schemas.errors import Terminal
from schemas.settings import HutongSettings
from schemas.tables.deadlines import CalendarDay, CalendarYear, DeadlineRule

NATIONAL = "national"
NEAR = 2
"""Working days left from which on a lamp is yellow."""


class DeadlineSettings(HutongSettings):
    """Where the hub stands."""

    jurisdiction: str = Field(
        default=NATIONAL,
        min_length=1,
        description="Division code of the place whose rules count before those of the places around it; `national`: none.",
    )


class Lamp(StrEnum):
    """电子监察 lamp of a case: green, yellow (two working days or fewer left), red (overdue)."""

    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"


def seed_rules(session: Session) -> None:
    """Register the national rules of `catalog/deadline_rules.yml`; rules already there stay as they are."""
    for rule in yaml_data.parse(files("catalog").joinpath("deadline_rules.yml").read_text("utf-8")):
        session.execute(insert(DeadlineRule).values(**rule).on_conflict_do_nothing())


def calendar(session: Session) -> WorkingCalendar:
    """Return the working-day calendar with the administrator's edits and the years he confirmed."""
    edits = {row.day: row.is_working for row in session.execute(select(CalendarDay.day, CalendarDay.is_working))}
    return WorkingCalendar(edits, session.scalars(select(CalendarYear.year)).all())


def rule(session: Session, key: str, on: date, jurisdiction: str | None = None) -> DeadlineRule:
    """Return the rule in force on a day in a place, by default the hub's own (HUTONG_JURISDICTION).

    A county without its own follows its city, then its province, then the nation. Raises Terminal `deadline.no_rule`.
    """
    around = places(jurisdiction or DeadlineSettings().jurisdiction)
    query = (
        select(DeadlineRule)
        .where(DeadlineRule.key == key, DeadlineRule.effective_from <= on)
        .where(or_(DeadlineRule.effective_to.is_(None), DeadlineRule.effective_to >= on))
        .where(DeadlineRule.jurisdiction.in_(around))
    )
    found = sorted(session.scalars(query), key=lambda one: one.effective_from, reverse=True)
    if found:
        return min(found, key=lambda one: around.index(one.jurisdiction))
    raise Terminal("deadline.no_rule", rule=key, jurisdiction=around[0], date=on)


def places(jurisdiction: str) -> list[str]:
    """Return a place and those around it whose rules it follows, the nearest first: 330106, 330100, 330000, national."""
    wider = [jurisdiction[:4] + "00", jurisdiction[:2] + "0000"] if jurisdiction.isdigit() else []
    return list(dict.fromkeys([jurisdiction, *wider, NATIONAL]))


def since(session: Session, key: str) -> date | None:
    """Return the first day on which a rule is in force anywhere, None when there is no such rule: what fell before is not judged by it."""
    return session.scalar(select(func.min(DeadlineRule.effective_from)).where(DeadlineRule.key == key))


def due_date(session: Session, key: str, start: date, jurisdiction: str | None = None) -> DueDate:
    """Return when a step begun on `start` is due. Raises Terminal `deadline.no_rule`."""
    return due_dates(session, key, [start], jurisdiction)[start]


def due_dates(
    session: Session, key: str, starts: Iterable[date], jurisdiction: str | None = None
) -> dict[date, DueDate]:
    """Return when steps begun on these days are due, each by the rule of its day. Raises Terminal `deadline.no_rule`."""
    days, found = calendar(session), {}
    for start in starts:
        law = rule(session, key, start, jurisdiction)
        found[start] = end(days, law.day_type, start, law.days)
    return found


def end(days: WorkingCalendar, day_type: str, start: date, length: int) -> DueDate:
    """Return the last day of a period of `length` working or calendar days that begins by an event on `start`."""
    if day_type == "calendar":
        return DueDate(start + timedelta(days=length), False)
    return days.add_working_days(start, length)


def length(days: WorkingCalendar, day_type: str, start: date, last: date) -> int:
    """Return the working or calendar days after `start` up to and including `last`; none when `last` is earlier (a clock that was set back)."""
    between = (last - start).days if day_type == "calendar" else days.working_days_between(start, last)
    return max(between, 0)


def lamp(session: Session, due: date, today: date) -> Lamp:
    """Return the lamp of an open case."""
    return lamp_on(calendar(session), due, today)


def lamp_on(days: WorkingCalendar, due: date, today: date) -> Lamp:
    """Return the lamp of an open case by a calendar that was read before."""
    if today > due:
        return Lamp.RED
    return Lamp.YELLOW if days.working_days_between(today, due) <= NEAR else Lamp.GREEN
