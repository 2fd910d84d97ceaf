"""Why: a due date in a year whose calendar was not out is only provisional. Once the administrator confirms the year, or mends a day, it is counted again,
and whoever owes the step hears when it moved. What was fixed by law when its clock started never moves.

Called by `clock_upkeep` hourly and by `hutong calendar` at once; again, or two at a time, does nothing more: the second finds nothing left to change.
"""

from collections.abc import Collection
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog import deadlines
from exchange_api.actors import Actor, Step
from exchange_api.clocks import clock_notices, clocks
from schemas.calendar import DueDate, WorkingCalendar
from schemas.database import transaction
from schemas.tables.clocks import CaseClock, ClockPause
from schemas.tables.exchange import Demand

BATCH = 100
WHY = "工作日历已更新 the calendar changed"


def recompute_all(actor: Actor, why: str = WHY) -> list[int]:
    """Count every provisional clock anew, in transactions of a hundred, and return those that changed: killed in between, the next time goes on."""
    with transaction("exchange") as session:
        left, changed = waiting(session), []
    for first in range(0, len(left), BATCH):
        with transaction("exchange") as session:
            changed += recompute(session, actor, left[first : first + BATCH], why)
    return changed


def waiting(session: Session) -> list[int]:
    """Return the provisional clocks that today's calendar sets otherwise; without locking anything."""
    calendar = deadlines.calendar(session)
    query = select(CaseClock).where(CaseClock.state.in_(clocks.RUNNING), CaseClock.is_provisional)
    found = session.scalars(query.order_by(CaseClock.id)).all()
    return [one.id for one in found if _count(session, calendar, one)[1] != DueDate(one.due_date, True)]


def recompute(session: Session, actor: Actor, clock_ids: Collection[int], why: str = WHY) -> list[int]:
    """Count these clocks anew where they are provisional and return those that changed; one that somebody works on now is left for the next time."""
    calendar, changed = deadlines.calendar(session), []
    for clock_id in sorted(clock_ids):
        clock = clocks.free(session, clock_id)
        if clock is None or not clock.is_provisional or clock.state not in clocks.RUNNING:
            continue
        former, (paused, due) = clock.due_date, _count(session, calendar, clock)
        if due != DueDate(former, True):
            clock.paused_days, clock.due_date, clock.is_provisional = paused, due.date, due.provisional
            clocks.calm(calendar, clock)
            clocks.note(session, actor, clock, Step("recompute", why), former)
            clocks.tell_task(session, clock.case)
            _tell(session, clock, former)
            changed.append(clock_id)
    return changed


def _count(session: Session, calendar: WorkingCalendar, clock: CaseClock) -> tuple[int, DueDate]:
    """Return how many days a clock stood still and when it is due, both by this calendar."""
    paused = _paused(session, calendar, clock)
    days = clock.days + clock.extension_days + paused
    return paused, deadlines.end(calendar, clock.day_type, clock.started_on, days)


def _paused(session: Session, calendar: WorkingCalendar, clock: CaseClock) -> int:
    """Pauses are counted anew too: what was taken for a working day may have been a holiday."""
    ended = session.scalars(
        select(ClockPause).where(ClockPause.clock_id == clock.id, ClockPause.resumed_on.isnot(None))
    )
    return sum(
        deadlines.length(calendar, clock.day_type, one.paused_on, one.resumed_on) for one in ended if one.resumed_on
    )


def _tell(session: Session, clock: CaseClock, former: date) -> None:
    if clock.due_date != former:
        demander = session.get_one(Demand, clock.demand_id).department_id
        told = {clock.department_id, demander}
        clock_notices.tell(session, clock, "deadline.moved", told, former=former.isoformat())
