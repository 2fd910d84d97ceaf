"""Why: clocks run by law, and law differs by place and time, so periods are rows of a table, never numbers in code.

The due date is fixed on the case when its clock starts. Called by desks (demands, supply) and directory reviews.
"""

from datetime import date
from enum import StrEnum
from importlib.resources import files

from sqlalchemy import or_, select
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


def due_date(session: Session, key: str, start: date, jurisdiction: str = "national") -> DueDate:
    """Return when a step begun on `start` is due. Raises Terminal `deadline.no_rule`."""
    found = rule(session, key, start, jurisdiction)
    if found.day_type == "calendar":
        return DueDate(date.fromordinal(start.toordinal() + found.days), False)
    return calendar(session).add_working_days(start, found.days)


def lamp(session: Session, due: date, today: date) -> Lamp:
    """Return the lamp of an open case."""
    if today > due:
        return Lamp.RED
    return Lamp.YELLOW if calendar(session).working_days_between(today, due) <= 2 else Lamp.GREEN
