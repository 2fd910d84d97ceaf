"""Why: every period that somebody owes is a clock: started, paused, extended, stopped, each with its trace. Desks start and stop clocks here; nobody else
computes a due date of a case.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from catalog import deadlines
from exchange_api.actors import Actor
from exchange_api.cases import Step
from exchange_api.states import CLOCK
from schemas.calendar import DueDate, today
from schemas.tables.clocks import CaseClock, ClockEvent
from schemas.tables.exchange import SupplyTask

RUNNING = ("running", "paused")


def start(session: Session, actor: Actor, rule_key: str, owed: tuple[str, str, str]) -> CaseClock:
    """Start a clock today. owed: case, demand and the department that owes the step. A clock that runs already is returned as it is.

    Raises Terminal `deadline.no_rule`.
    """
    case, demand_id, department_id = owed
    if running := [one for one in of(session, case, demand_id) if one.rule_key == rule_key]:
        return running[0]
    begun = today()
    law = deadlines.rule(session, rule_key, begun)
    due = deadlines.due_date(session, rule_key, begun)
    clock = CaseClock(
        case=case, demand_id=demand_id, department_id=department_id, rule_key=rule_key, jurisdiction=law.jurisdiction, day_type=law.day_type,
        days=law.days, basis=law.basis, started_on=begun, due_date=due.date, is_provisional=due.provisional, state="running",
    )  # fmt: skip
    session.add(clock)
    session.flush()
    _note(session, actor, clock, Step("start"), None)
    _tell_task(session, clock)
    return clock


def pause(session: Session, actor: Actor, case: str, demand_id: str, why: str | None = None) -> None:
    """Stop the running clocks of a case for a while; time until `resume` is not counted."""
    for clock in of(session, case, demand_id, ("running",)):
        clock.state, clock.paused_on = CLOCK.after(case, clock.state, "pause"), today()
        _note(session, actor, clock, Step("pause", why), clock.due_date)


def resume(session: Session, actor: Actor, case: str, demand_id: str, why: str | None = None) -> None:
    """Let the paused clocks of a case go on: each is due later by the days it stood still."""
    for clock in of(session, case, demand_id, ("paused",)):
        clock.state = CLOCK.after(case, clock.state, "resume")
        clock.paused_days += _length(session, clock, clock.paused_on or today(), today())
        clock.paused_on = None
        move_due(session, actor, clock, Step("resume", why))


def stop(session: Session, actor: Actor, case: str, demand_id: str | None = None, *, is_met: bool = True) -> None:
    """End the clocks of a case: what was owed was done, or is no longer owed (`is_met` false)."""
    action = "stop" if is_met else "cancel"
    for clock in of(session, case, demand_id):
        clock.state, clock.stopped_on = CLOCK.after(case, clock.state, action), today()
        _note(session, actor, clock, Step(action), clock.due_date)
        _tell_task(session, clock)


def of(session: Session, case: str, demand_id: str | None = None, states: Iterable[str] = RUNNING) -> list[CaseClock]:
    """Return the clocks of a case that run or stand still, in the order they were started."""
    query = select(CaseClock).where(CaseClock.case == case, CaseClock.state.in_(list(states))).order_by(CaseClock.id)
    return list(session.scalars(query.where(CaseClock.demand_id == demand_id) if demand_id else query))


def move_due(session: Session, actor: Actor, clock: CaseClock, step: Step) -> None:
    """Compute anew when a clock is due, from its own copy of the rule, its extension and its pauses; leaves a trace."""
    former, due = clock.due_date, _due(session, clock)
    clock.due_date, clock.is_provisional = due.date, due.provisional
    _note(session, actor, clock, step, former)
    _tell_task(session, clock)


def _due(session: Session, clock: CaseClock) -> DueDate:
    days = clock.days + clock.extension_days + clock.paused_days
    if clock.day_type == "calendar":
        return DueDate(clock.started_on + timedelta(days=days), False)
    return deadlines.calendar(session).add_working_days(clock.started_on, days)


def _length(session: Session, clock: CaseClock, start: date, end: date) -> int:
    if clock.day_type == "calendar":
        return (end - start).days
    return deadlines.calendar(session).working_days_between(start, end)


def _note(session: Session, actor: Actor, clock: CaseClock, step: Step, former: date | None) -> None:
    session.add(
        ClockEvent(
            clock_id=clock.id, at=datetime.now(UTC), actor=actor.id, action=step.action, from_due=former, to_due=clock.due_date, note=step.note,
        )
    )  # fmt: skip
    session.flush()


def _tell_task(session: Session, clock: CaseClock) -> None:
    """A task is due when the first of its clocks is."""
    nearest = select(func.min(CaseClock.due_date)).where(CaseClock.case == clock.case, CaseClock.state.in_(RUNNING))
    if due := session.scalar(nearest):
        values = {"due_date": due, "is_provisional": clock.is_provisional}
        session.execute(update(SupplyTask).where(SupplyTask.id == clock.case).values(values))
