"""Why: clocks run by law, and law differs by place and time, so periods are rows of a table, never numbers in code.

The due date is fixed on the case when its clock starts. Called by desks (demands, supply) and directory reviews.
"""

from collections.abc import Iterable
from datetime import date
from enum import StrEnum
from importlib.resources import files

from sqlalchemy import func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from schemas import yaml_data
from schemas.calendar import DueDate, WorkingCalendar
from schemas.errors import Terminal
from schemas.tables.deadlines import CalendarDay, DeadlineRule


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
    """Return the working-day calendar with the administrator's edits."""
    return WorkingCalendar({row.day: row.is_working for row in session.scalars(select(CalendarDay))})


def rule(session: Session, key: str, on: date, jurisdiction: str = "national") -> DeadlineRule:
    """Return the rule in force on a day; a jurisdiction without its own follows the national one. Raises Terminal `deadline.no_rule`."""
    query = (
        select(DeadlineRule)
        .where(DeadlineRule.key == key, DeadlineRule.effective_from <= on)
        .where(or_(DeadlineRule.effective_to.is_(None), DeadlineRule.effective_to >= on))
        .where(DeadlineRule.jurisdiction.in_([jurisdiction, "national"]))
        .order_by((DeadlineRule.jurisdiction == jurisdiction).desc(), DeadlineRule.effective_from.desc())
    )
    if found := session.scalar(query.limit(1)):
        return found
    raise Terminal("deadline.no_rule", rule=key, jurisdiction=jurisdiction, date=on)


def since(session: Session, key: str) -> date | None:
    """Return the first day on which a rule is in force anywhere, None when there is no such rule: what fell before is not judged by it."""
    return session.scalar(select(func.min(DeadlineRule.effective_from)).where(DeadlineRule.key == key))


def due_date(session: Session, key: str, start: date, jurisdiction: str = "national") -> DueDate:
    """Return when a step begun on `start` is due. Raises Terminal `deadline.no_rule`."""
    return due_dates(session, key, [start], jurisdiction)[start]


def due_dates(
    session: Session, key: str, starts: Iterable[date], jurisdiction: str = "national"
) -> dict[date, DueDate]:
    """Return when steps begun on these days are due, each by the rule of its day. Raises Terminal `deadline.no_rule`."""
    days, found = calendar(session), {}
    for start in starts:
        law = rule(session, key, start, jurisdiction)
        if law.day_type == "calendar":
            found[start] = DueDate(date.fromordinal(start.toordinal() + law.days), False)
        else:
            found[start] = days.add_working_days(start, law.days)
    return found


def lamp(session: Session, due: date, today: date) -> Lamp:
    """Return the lamp of an open case."""
    if today > due:
        return Lamp.RED
    return Lamp.YELLOW if calendar(session).working_days_between(today, due) <= 2 else Lamp.GREEN
