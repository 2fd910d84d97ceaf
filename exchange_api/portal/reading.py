"""Why: what several pages read beside the desks: whose case is whose, what waits for whom, names for ids. Reads only. Called by pages."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from catalog import deadlines, departments
from catalog.service import services
from exchange_api import cases, officers
from exchange_api.actors import Actor
from exchange_api.clocks import lamps
from exchange_api.supply import supplies
from schemas.calendar import WorkingCalendar
from schemas.errors import Denied
from schemas.tables.clocks import CaseClock
from schemas.tables.exchange import Demand, SupplyTask, TaskDemand


@dataclass(frozen=True)
class Clock:
    """How long a step still has: its due date, working days left (negative: overdue), its lamp."""

    due: date
    days_left: int
    lamp: str
    is_provisional: bool


class Clocks:
    """Clocks of one page: the calendar and what runs are read once."""

    def __init__(self, session: Session, today: date) -> None:
        self._session, self._today = session, today

    @cached_property
    def _calendar(self) -> WorkingCalendar:
        return deadlines.calendar(self._session)

    @cached_property
    def _running(self) -> dict[str, list[CaseClock]]:
        found: dict[str, list[CaseClock]] = {}
        for clock, _ in lamps.find(self._session, on=self._today):
            found.setdefault(clock.case, []).append(clock)
        return found

    def of(self, task: SupplyTask, demand_id: str | None = None) -> Clock | None:
        """Return the clock of an open task, for one of its demands where given; an answered one has stopped."""
        return self.of_case(task.id, demand_id) if task.state == "open" else None

    def of_case(self, case: str, demand_id: str | None = None) -> Clock | None:
        """Return the most urgent clock that runs for a case; one that stands still only when none runs."""
        held = [one for one in self._running.get(case, ()) if demand_id in (None, one.demand_id)]
        held.sort(key=lambda one: (one.state == "paused", one.due_date))
        return self.shown(held[0]) if held else None

    def shown(self, clock: CaseClock) -> Clock:
        """Return how a clock is shown."""
        lamp = lamps.lamp_on(self._calendar, clock, self._today)
        left = lamps.days_left(self._calendar, clock, self._today)
        return Clock(clock.due_date, left, str(lamp), clock.is_provisional)


@dataclass(frozen=True)
class Names:
    """Names for the ids that a page shows."""

    departments: dict[str, str]
    services: dict[str, str]
    officers: dict[str, str]


def names(session: Session) -> Names:
    """Read the names of departments (short), service items and officers."""
    return Names(
        {one.id: one.short_name for one in departments.find(session)},
        {one.id: one.name for one in services.find(session)},
        officers.names(session),
    )


def concerned_demand(session: Session, actor: Actor, demand_id: str) -> Demand:
    """Return a case that concerns the actor: his department's, one it is asked to supply, or any for authority and audit.

    Raises Invalid `case.unknown`, Denied `case.not_yours`.
    """
    demand = cases.get(session, demand_id)
    if session.scalar(select(Demand.id).where(Demand.id == demand_id, _concerns(actor))) is None:
        raise Denied("case.not_yours", case=demand_id)
    return demand


def demands_of(session: Session, actor: Actor, states: Iterable[str] = ()) -> list[Demand]:
    """Return the demands that concern the actor, newest first; drafts only of his own department."""
    query = select(Demand).where(_concerns(actor)).order_by(Demand.id.desc())
    return list(session.scalars(query.where(Demand.state.in_(list(states))) if states else query))


def seen_shares(session: Session, actor: Actor, task: SupplyTask) -> list[TaskDemand]:
    """Return the demands in a task that the actor may see: all for its department, authority and audit; else those of his own department.

    Raises Denied `case.not_yours` when there is none.
    """
    shares = supplies.shares(session, task.id)
    is_asked = task.department_id == actor.department_id and "provider" in actor.roles
    if is_asked or actor.roles & {"authority", "auditor"}:
        return shares
    own = [one for one in shares if session.get_one(Demand, one.demand_id).department_id == actor.department_id]
    if not own:
        raise Denied("case.not_yours", case=task.id)
    return own


def open_tasks(session: Session, department_id: str | None = None) -> list[SupplyTask]:
    """Return open supply tasks, of one department where given, the most urgent first."""
    query = select(SupplyTask).where(SupplyTask.state == "open").order_by(SupplyTask.due_date, SupplyTask.id)
    return list(session.scalars(query.where(SupplyTask.department_id == department_id) if department_id else query))


def cases_of(
    session: Session, tasks: Iterable[SupplyTask], states: Collection[str] = ()
) -> list[tuple[SupplyTask, str]]:
    """Return each task with each demand that shares it (in some states where given), in the order of the tasks."""
    wanted = [task.id for task in tasks]
    shares: dict[str, list[str]] = {}
    query = select(TaskDemand).where(TaskDemand.task_id.in_(wanted)).order_by(TaskDemand.demand_id)
    for share in session.scalars(query.where(TaskDemand.state.in_(states)) if states else query):
        shares.setdefault(share.task_id, []).append(share.demand_id)
    return [(task, demand_id) for task in tasks for demand_id in shares.get(task.id, [])]


def _concerns(actor: Actor) -> ColumnElement[bool]:
    own = Demand.department_id == actor.department_id
    shares = select(TaskDemand.demand_id).join(SupplyTask, SupplyTask.id == TaskDemand.task_id)
    asked = Demand.id.in_(shares.where(SupplyTask.department_id == actor.department_id))
    if actor.roles & {"authority", "auditor"}:
        return or_(own, Demand.state != "draft")
    return or_(own, asked) if "provider" in actor.roles else own
