"""Why: what several pages read beside the desks: whose case is whose, what waits for whom, names for ids. Reads only. Called by pages."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from itertools import takewhile

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from catalog import deadlines
from exchange_api import cases
from exchange_api.actors import Actor
from exchange_api.clocks import lamps
from exchange_api.supply import supplies
from schemas.calendar import WorkingCalendar
from schemas.errors import Denied
from schemas.tables.clocks import CaseClock
from schemas.tables.departments import Department
from schemas.tables.exchange import Demand, SupplyTask, TaskDemand
from schemas.tables.operations import Officer
from schemas.tables.services import ServiceItem


@dataclass(frozen=True)
class Clock:
    """How long a step still has: its due date, working days left (negative: overdue), its lamp."""

    due: date
    days_left: int
    lamp: str
    is_provisional: bool


class Clocks:
    """Clocks of one page: the calendar is read once, what runs for a case when it is asked for, or ahead for all rows of a list."""

    def __init__(self, session: Session, today: date) -> None:
        self._session, self._today = session, today
        self._running: dict[str, list[CaseClock]] = {}
        self._of_demands: dict[str, list[CaseClock]] = {}

    @cached_property
    def _calendar(self) -> WorkingCalendar:
        return deadlines.calendar(self._session)

    @cached_property
    def near(self) -> date:
        """Return the last day on which what is due then is near: its lamp is yellow today."""
        days = (self._today + timedelta(days=ahead) for ahead in range(1, 60))
        return max(
            takewhile(
                lambda day: deadlines.lamp_on(self._calendar, day, self._today) is not deadlines.Lamp.GREEN, days
            ),
            default=self._today,
        )

    def ahead(self, cases: Collection[str]) -> "Clocks":
        """Read what runs for these cases by one question."""
        self._running |= self._read(CaseClock.case, set(cases) - self._running.keys())
        return self

    def ahead_of_demands(self, demand_ids: Collection[str]) -> "Clocks":
        """Read by one question what runs for these demands, whichever step it is."""
        self._of_demands |= self._read(CaseClock.demand_id, set(demand_ids) - self._of_demands.keys())
        return self

    def _read(self, by: InstrumentedAttribute[str], keys: set[str]) -> dict[str, list[CaseClock]]:
        found: dict[str, list[CaseClock]] = {key: [] for key in keys}
        running = select(CaseClock).where(CaseClock.state.in_(lamps.RUNNING), by.in_(keys))
        for clock in self._session.scalars(running.order_by(CaseClock.due_date, CaseClock.id)) if keys else ():
            found[getattr(clock, by.key)].append(clock)
        return found

    def of(self, task: SupplyTask, demand_id: str | None = None) -> Clock | None:
        """Return the clock of an open task, for one of its demands where given; an answered one has stopped."""
        return self.of_case(task.id, demand_id) if task.state == "open" else None

    def of_case(self, case: str, demand_id: str | None = None) -> Clock | None:
        """Return the most urgent clock that runs for a case; one that stands still only when none runs."""
        held = self.ahead([case])._running[case]
        return self._most_urgent([one for one in held if demand_id in (None, one.demand_id)])

    def of_demand(self, demand_id: str) -> Clock | None:
        """Return the most urgent clock that runs for a demand, whichever step it is."""
        return self._most_urgent(self.ahead_of_demands([demand_id])._of_demands[demand_id])

    def _most_urgent(self, held: list[CaseClock]) -> Clock | None:
        held = sorted(held, key=lambda one: (one.state == "paused", one.due_date))
        return self.shown(held[0]) if held else None

    def until(self, due: date, *, is_provisional: bool) -> Clock:
        """Return how a day is shown that runs without a clock of a case: an objection's."""
        lamp = deadlines.lamp_on(self._calendar, due, self._today)
        return Clock(due, self._calendar.working_days_between(self._today, due), str(lamp), is_provisional)

    def shown(self, clock: CaseClock) -> Clock:
        """Return how a clock is shown."""
        lamp = lamps.lamp_on(self._calendar, clock, self._today)
        left = lamps.days_left(self._calendar, clock, self._today)
        return Clock(clock.due_date, left, str(lamp), clock.is_provisional)


class Named(Mapping[str, str]):
    """Names by id, read when the first of them is asked for: all of a small table, or those ids alone."""

    def __init__(
        self, session: Session, key: InstrumentedAttribute[str], name: InstrumentedAttribute[str], *, all_at_once: bool
    ) -> None:
        self._session, self._columns, self._all_at_once = session, (key, name), all_at_once
        self._known: dict[str, str] = {}
        self._is_read = False

    def ahead(self, ids: Collection[str]) -> "Named":
        """Read the names of these ids by one question."""
        key, name = self._columns
        missing = set(ids) - self._known.keys()
        if missing and not self._is_read:
            query = select(key, name) if self._all_at_once else select(key, name).where(key.in_(missing))
            self._known |= {row[0]: row[1] for row in self._session.execute(query)}
            self._is_read = self._all_at_once
        return self

    def __getitem__(self, wanted: str | None) -> str:
        if wanted is None:
            raise KeyError(wanted)
        return self.ahead([wanted])._known[wanted]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


@dataclass(frozen=True)
class Names:
    """Names for the ids that a page shows."""

    departments: Mapping[str, str]
    services: Named
    officers: Mapping[str, str]


def names(session: Session) -> Names:
    """Return the names of departments (short), service items and officers, read as the page asks for them."""
    return Names(
        Named(session, Department.id, Department.short_name, all_at_once=True),
        Named(session, ServiceItem.id, ServiceItem.name, all_at_once=False),
        Named(session, Officer.id, Officer.name, all_at_once=True),
    )


def concerned_demand(session: Session, actor: Actor, demand_id: str) -> Demand:
    """Return a case that concerns the actor: his department's, one it is asked to supply, or any for authority and audit.

    Raises Invalid `case.unknown`, Denied `case.not_yours`.
    """
    demand = cases.get(session, demand_id)
    if session.scalar(select(Demand.id).where(Demand.id == demand_id, concerns(actor))) is None:
        raise Denied("case.not_yours", case=demand_id)
    return demand


def demands_of(session: Session, actor: Actor, states: Iterable[str] = ()) -> list[Demand]:
    """Return the demands that concern the actor, newest first; drafts only of his own department."""
    query = select(Demand).where(concerns(actor)).order_by(Demand.id.desc())
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


def concerns(actor: Actor) -> ColumnElement[bool]:
    """Say which demands concern an actor: his department's, those it is asked to supply, all but drafts for authority and audit."""
    own = Demand.department_id == actor.department_id
    shares = select(TaskDemand.demand_id).join(SupplyTask, SupplyTask.id == TaskDemand.task_id)
    asked = Demand.id.in_(shares.where(SupplyTask.department_id == actor.department_id))
    if actor.roles & {"authority", "auditor"}:
        return or_(own, Demand.state != "draft")
    return or_(own, asked) if "provider" in actor.roles else own
