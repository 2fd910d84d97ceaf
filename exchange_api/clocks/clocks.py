"""Why: every period that somebody owes is a clock: started, paused, extended, stopped, each with its trace. Desks start and stop clocks here; nobody else
computes a due date of a case.

A due date is fixed by law on the day its clock starts. Later edits of the calendar move only what is provisional (`recomputing`); a pause or an extension
adds its days to what was fixed. Lock order: task before clock, as the desks do.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from catalog import deadlines
from exchange_api.actors import Actor, Step
from exchange_api.states import CLOCK
from schemas.calendar import WorkingCalendar, today
from schemas.errors import Invalid
from schemas.tables.clocks import CaseClock, ClockEvent, ClockPause
from schemas.tables.exchange import SupplyTask

RUNNING = ("running", "paused")
_BETTER = {"yellow": ("green",), "red": ("green", "yellow"), "supervised": ("green", "yellow")}


def start(session: Session, actor: Actor, rule_key: str, owed: tuple[str, str, str]) -> CaseClock:
    """Start a clock today. owed: case, demand and the department that owes the step. A clock that runs already is returned as it is.

    Raises Terminal `deadline.no_rule`.
    """
    case, demand_id, department_id = owed
    if running := [one for one in held(session, case, demand_id) if one.rule_key == rule_key]:
        return running[0]
    begun = today()
    law = deadlines.rule(session, rule_key, begun)
    due = deadlines.end(deadlines.calendar(session), law.day_type, begun, law.days)
    clock = CaseClock(
        case=case, demand_id=demand_id, department_id=department_id, rule_key=rule_key, jurisdiction=law.jurisdiction, day_type=law.day_type,
        days=law.days, extension_limit=law.extension_days, extension_approver=law.extension_approver, extension_days=0, paused_days=0, basis=law.basis,
        started_on=begun, due_date=due.date, is_provisional=due.provisional, state="running", reminded="green",
    )  # fmt: skip
    session.add(clock)
    session.flush()
    note(session, actor, clock, Step("start"), None)
    tell_task(session, case)
    return clock


def pause(session: Session, actor: Actor, case: str, demand_id: str, why: str | None = None) -> None:
    """Stop the running clocks of a case for a while; days until `resume` are not counted. What stands still already goes on standing still."""
    for clock in held(session, case, demand_id, ("running",)):
        clock.state = CLOCK.after(case, clock.state, "pause")
        clock.paused_on = max(today(), clock.started_on)  # a server set back makes no day that was never owed
        session.add(ClockPause(clock_id=clock.id, paused_on=clock.paused_on, why=why))
        note(session, actor, clock, Step("pause", why), clock.due_date)
    tell_task(session, case)


def resume(session: Session, actor: Actor, case: str, demand_id: str, why: str | None = None) -> None:
    """Let the paused clocks of a case go on: each is due later by the days it stood still, counted as the rule counts."""
    for clock in held(session, case, demand_id, ("paused",)):
        _go_on(session, actor, clock, Step("resume", why))


def stop(session: Session, actor: Actor, case: str, demand_id: str | None = None, *, is_met: bool = True) -> None:
    """End the clocks of a case: what was owed was done, or is no longer owed (`is_met` false)."""
    for clock in held(session, case, demand_id):
        end(session, actor, clock, is_met=is_met)
    tell_task(session, case)


def end(session: Session, actor: Actor, clock: CaseClock, *, is_met: bool) -> None:
    """End one clock that the caller holds."""
    action = "stop" if is_met else "cancel"
    if clock.state == "paused":  # whether it was met in time is judged by the days that counted
        _go_on(session, actor, clock, Step("resume", action))
    clock.state, clock.stopped_on = CLOCK.after(clock.case, clock.state, action), max(today(), clock.started_on)
    note(session, actor, clock, Step(action), clock.due_date)


def of(session: Session, case: str, demand_id: str | None = None, states: Iterable[str] = RUNNING) -> list[CaseClock]:
    """Return the clocks of a case that run or stand still, in the order they were started; for looking, not locked."""
    query = select(CaseClock).where(CaseClock.case == case, CaseClock.state.in_(list(states))).order_by(CaseClock.id)
    return list(session.scalars(query.where(CaseClock.demand_id == demand_id) if demand_id else query))


def get(session: Session, clock_id: int) -> CaseClock:
    """Return one clock, locked with its task, as it is now. Raises Invalid `deadline.unknown_clock`."""
    if case := session.scalar(select(CaseClock.case).where(CaseClock.id == clock_id)):
        _lock_task(session, case)
        one = select(CaseClock).where(CaseClock.id == clock_id).with_for_update()
        return session.scalars(one.execution_options(populate_existing=True)).one()
    raise Invalid("deadline.unknown_clock", clock=str(clock_id))


def held(session: Session, case: str, demand_id: str | None = None, states: Iterable[str] = RUNNING) -> list[CaseClock]:
    """Return the clocks of a case as `of` does, locked with their task and as they are now."""
    _lock_task(session, case)
    query = select(CaseClock).where(CaseClock.case == case, CaseClock.state.in_(list(states))).order_by(CaseClock.id)
    query = query.where(CaseClock.demand_id == demand_id) if demand_id else query
    return list(session.scalars(query.with_for_update().execution_options(populate_existing=True)))


def free(session: Session, clock_id: int) -> CaseClock | None:
    """Return one clock as `get` does; none when somebody works on it or its task now: upkeep never waits, so that it never stands in a desk's way."""
    case = session.scalar(select(CaseClock.case).where(CaseClock.id == clock_id))
    task = select(SupplyTask.id).where(SupplyTask.id == case)
    if session.scalar(task) and not session.scalar(task.with_for_update(skip_locked=True)):
        return None
    one = select(CaseClock).where(CaseClock.id == clock_id).with_for_update(skip_locked=True)
    return session.scalar(one.execution_options(populate_existing=True))


def postpone(session: Session, actor: Actor, clock: CaseClock, days: int, step: Step) -> None:
    """Let a clock be due later by these days of its rule's kind; leaves a trace. A provisional date is counted anew from its start, a fixed one goes on."""
    former, calendar = clock.due_date, deadlines.calendar(session)
    if clock.is_provisional:
        set_due(calendar, clock)
    elif days:
        due = deadlines.end(calendar, clock.day_type, clock.due_date, days)
        clock.due_date, clock.is_provisional = due.date, due.provisional
    calm(calendar, clock)
    note(session, actor, clock, step, former)
    tell_task(session, clock.case)


def set_due(calendar: WorkingCalendar, clock: CaseClock) -> None:
    """Count a clock's due date from its start, by its own copy of the rule, its extension and its pauses."""
    days = clock.days + clock.extension_days + clock.paused_days
    due = deadlines.end(calendar, clock.day_type, clock.started_on, days)
    clock.due_date, clock.is_provisional = due.date, due.provisional


def note(session: Session, actor: Actor, clock: CaseClock, step: Step, former: date | None) -> None:
    """Write one line of a clock's own timeline."""
    session.add(
        ClockEvent(
            clock_id=clock.id, at=datetime.now(UTC), actor=actor.id, in_place_of=actor.in_place_of, action=step.action, from_due=former,
            to_due=clock.due_date, note=step.note,
        )
    )  # fmt: skip
    session.flush()


def _go_on(session: Session, actor: Actor, clock: CaseClock, step: Step) -> None:
    """Close the open pause and let the clock be due later by its length. The day of the pause was lived through already: it counts, the last one does not."""
    clock.state = CLOCK.after(clock.case, clock.state, step.action)
    open_one = select(ClockPause).where(ClockPause.clock_id == clock.id, ClockPause.resumed_on.is_(None))
    paused = session.scalars(open_one).one()
    paused.resumed_on, clock.paused_on = max(today(), paused.paused_on), None
    days = deadlines.length(deadlines.calendar(session), clock.day_type, paused.paused_on, paused.resumed_on)
    clock.paused_days += days
    session.flush()
    postpone(session, actor, clock, days, step)


def calm(calendar: WorkingCalendar, clock: CaseClock) -> None:
    """A clock that was late or nearly so and no longer is has its reminders before it again."""
    lamp = deadlines.lamp_on(calendar, clock.due_date, today()).value
    if lamp in _BETTER.get(clock.reminded, ()):
        clock.reminded = lamp


def _lock_task(session: Session, case: str) -> None:
    session.execute(select(SupplyTask.id).where(SupplyTask.id == case).with_for_update())


def tell_task(session: Session, case: str) -> None:
    """A task is due when the first of its clocks is; those that stand still count only when all do."""
    nearest = (
        select(CaseClock.due_date, CaseClock.is_provisional)
        .where(CaseClock.case == case, CaseClock.state.in_(RUNNING))
        .order_by(CaseClock.state == "paused", CaseClock.due_date, CaseClock.id)
    )
    if first := session.execute(nearest.limit(1)).first():
        values = {"due_date": first.due_date, "is_provisional": first.is_provisional}
        session.execute(update(SupplyTask).where(SupplyTask.id == case).values(values))
