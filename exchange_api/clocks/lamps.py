"""Why: one look says how urgent a step is. The lamp of a clock follows from its day, the calendar and what upkeep has done. Called by pages, the officers'
API, commands and `clock_upkeep`.
"""

from datetime import date
from enum import StrEnum

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from catalog import deadlines
from schemas.calendar import WorkingCalendar, today
from schemas.tables.clocks import CaseClock

RUNNING = ("running", "paused")


class ClockLamp(StrEnum):
    """电子监察 lamp of a clock: green; yellow (two working days or fewer left); red (overdue); supervised (overdue and handed to supervision); paused;
    met or cancelled once it has ended.
    """

    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"
    SUPERVISED = "supervised"
    PAUSED = "paused"
    MET = "met"
    CANCELLED = "cancelled"


def lamp(session: Session, clock: CaseClock, on: date | None = None) -> ClockLamp:
    """Return the lamp of a clock on a day, by default today."""
    return lamp_on(deadlines.calendar(session), clock, on or today())


def lamp_on(calendar: WorkingCalendar, clock: CaseClock, day: date) -> ClockLamp:
    """Return the lamp of a clock by a calendar that was read before: for lists."""
    if clock.state != "running":
        return ClockLamp(clock.state)
    if clock.reminded == ClockLamp.SUPERVISED:
        return ClockLamp.SUPERVISED
    return ClockLamp(deadlines.lamp_on(calendar, clock.due_date, day).value)


def find(
    session: Session, department_id: str | None = None, on: date | None = None
) -> list[tuple[CaseClock, ClockLamp]]:
    """Return the clocks that run or stand still, of one department where given, with their lamps; what is due first before the others."""
    calendar, day = deadlines.calendar(session), on or today()
    query = select(CaseClock).where(CaseClock.state.in_(RUNNING))
    if department_id:
        query = query.where(CaseClock.department_id == department_id)
    found = session.scalars(query.order_by(CaseClock.due_date, CaseClock.id))
    return [(clock, lamp_on(calendar, clock, day)) for clock in found]


def of_case(session: Session, case: str) -> list[tuple[CaseClock, ClockLamp]]:
    """Return every clock of a case, or of a demand with all its tasks, ended ones too, oldest first."""
    calendar, day = deadlines.calendar(session), today()
    query = select(CaseClock).where(or_(CaseClock.case == case, CaseClock.demand_id == case)).order_by(CaseClock.id)
    return [(clock, lamp_on(calendar, clock, day)) for clock in session.scalars(query)]


def days_left(calendar: WorkingCalendar, clock: CaseClock, day: date) -> int:
    """Return the working days left of a clock on a day; below zero the days it is late."""
    return calendar.working_days_between(day, clock.due_date)
