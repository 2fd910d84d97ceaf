"""Why: what waits for an officer, kind by kind: tasks, demands, counter-offers, promises, extensions, grants, doubted values. All kinds are one question
to the database that brings the most urgent lines of each with how many there are and how many are late, so that a desk with a thousand cases opens as quickly
as an empty one.

Reads only. Called by the workbench; what others owe is `awaited`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache, lru_cache
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Date,
    Integer,
    Row,
    Select,
    String,
    bindparam,
    func,
    literal_column,
    select,
    true,
    union_all,
)  # fmt: skip
from sqlalchemy.orm import join
from sqlalchemy.sql.selectable import LateralFromClause

from exchange_api.actors import Actor
from exchange_api.clocks import lamps
from exchange_api.demand import offers
from exchange_api.desk_api import sight
from exchange_api.grant import life
from exchange_api.grant.settings import GrantSettings
from exchange_api.portal.language import N_
from exchange_api.portal.reading import Clock, Clocks
from exchange_api.portal.visit import Visit
from schemas.library import library
from schemas.tables.clocks import CaseClock, ClockExtension
from schemas.tables.exchange import Application, Demand, DemandItem, Grant, SupplyAnswer, SupplyTask, TaskDemand
from schemas.tables.grant_life import QuotaRequest
from schemas.tables.objections import LIVE_STATES, Objection

Query = Select[*tuple[Any, ...]]
OWN_TURN = {
    "draft": N_("提交需求"), "returned": N_("补正后重新提交"), "provided": N_("核对授权并验收"), "needs_information": N_("补充说明"),
    "offered": N_("回复替代方案"),
}  # fmt: skip
_TODAY, _NEAR, _SOON = (bindparam(name, type_=Date) for name in ("today", "near", "soon"))
CASE, TASK, GRANT, DOUBT = "/portal/demands/", "/portal/tasks/", "/portal/grants/", "/portal/objections/"


@dataclass(frozen=True)
class Line:
    """One line of the workbench: what is to be done in which case (a demand, or an objection to a value), where, until when, and who is waited for."""

    case: Demand | Objection
    todo: str
    address: str
    clock: Clock | None = None
    whom: tuple[str, ...] = ()

    @property
    def doubted(self) -> str:
        """Return the item that an objection doubts; empty for a demand."""
        case = self.case
        return library(case.library).attribute(case.attribute).name if isinstance(case, Objection) else ""

    @property
    def since(self) -> datetime:
        """Return since when there is the case."""
        return self.case.raised_at if isinstance(self.case, Objection) else self.case.created_at


@dataclass(frozen=True)
class Kind:
    """Lines of one kind: its key and words, how many there are, how many are late or nearly, and the most urgent of them."""

    key: str
    todo: str
    count: int
    red: int
    yellow: int
    lines: list[Line]


@dataclass(frozen=True, eq=False)
class Wanted:
    """What a kind is read by: key, words, the page its places stand on, and the query (`question`)."""

    key: str
    todo: str
    page: str
    query: Query


def anybody(roles: frozenset[str]) -> Actor:
    """Return an officer with these roles whose name and department are left open: what is asked for him is asked for all of his kind."""
    return Actor(
        cast("str", bindparam("officer", type_=String)), cast("str", bindparam("department", type_=String)), roles
    )


@cache
def wanted(roles: frozenset[str]) -> tuple[Wanted, ...]:
    """Return the kinds of what may wait for an officer of these roles."""
    actor = anybody(roles)
    return (*_demander(actor), *_provider(actor), *_authority(actor), *_giver(actor))


def read(visit: Visit, clocks: Clocks, asked: Sequence[tuple[Wanted, int]]) -> list[Kind | None]:
    """Read kinds, of each at most so many lines; None for one without any line. All are one question: a desk with a dozen kinds asks no dozen times."""
    if not asked:
        return []
    filled = {f"most_{place}": most for place, (_, most) in enumerate(asked)} | {
        "officer": visit.actor.id, "department": visit.actor.department_id, "today": visit.today, "near": clocks.near,
        "soon": visit.today + timedelta(days=GrantSettings().grant_notice_days),
    }  # fmt: skip
    rows: dict[int, list[Row[Any]]] = {}
    for row in visit.session.execute(_whole(tuple(one for one, _ in asked)), filled):
        rows.setdefault(row.kind, []).append(row)
    shown = _Shown(visit, clocks, [row for found in rows.values() for row in found])
    return [shown.kind(one, rows[place]) if place in rows else None for place, (one, _) in enumerate(asked)]


def question(source: Any, place: Any, urgent: LateralFromClause) -> Query:
    """Return the question after demands with a place each and their most urgent clock."""
    named = (urgent.c.id.label("clock_id"), urgent.c.due_date, urgent.c.state.label("clock_state"))
    return (
        select(Demand.id.label("demand_id"), place.label("place"), *named).select_from(source).outerjoin(urgent, true())
    )


def doubts(whose: ColumnElement[bool]) -> Query:
    """Return the question after live objections in the columns of `question`: no demand, their number as the place, and a day of their own that always runs."""
    nobody, clock = literal_column("CAST(NULL AS text)", String), literal_column("CAST(NULL AS integer)", Integer)
    runs = literal_column("CAST('running' AS text)", String)
    named = (nobody.label("demand_id"), Objection.id.label("place"), clock.label("clock_id"))
    query = select(*named, Objection.due_date, runs.label("clock_state"))
    return query.where(Objection.state.in_(LIVE_STATES), whose)


def clock_of(*conditions: ColumnElement[bool]) -> LateralFromClause:
    """Return the most urgent clock that fits a row; one that stands still only when none runs."""
    fitting = select(CaseClock.id, CaseClock.due_date, CaseClock.state).where(
        CaseClock.state.in_(lamps.RUNNING), *conditions
    )
    return fitting.order_by(CaseClock.state.desc(), CaseClock.due_date, CaseClock.id).limit(1).lateral()


@lru_cache(maxsize=64)
def _whole(asked: tuple[Wanted, ...]) -> CompoundSelect[*tuple[Any, ...]]:
    """Return the question after several kinds: built once, since building it takes longer than answering it."""
    return union_all(*(_part(place, one) for place, one in enumerate(asked)))


def _part(place: int, wanted: Wanted) -> Query:
    """Return the question after one kind: its most urgent lines, each with how many there are in all, how many late and how many nearly."""
    held = wanted.query.subquery()
    late = (held.c.clock_state == "running") & (held.c.due_date < _TODAY)
    near = (held.c.clock_state == "running") & held.c.due_date.between(_TODAY, _NEAR)
    counts = (func.count(), func.count().filter(late), func.count().filter(near))
    urgent = (held.c.due_date.asc().nulls_last(), held.c.demand_id, held.c.place)
    ranked = select(
        literal_column(str(place)).label("kind"), *held.c,
        *(one.over().label(name) for one, name in zip(counts, ("total", "red", "yellow"), strict=True)),
    ).order_by(*urgent).limit(bindparam(f"most_{place}", type_=Integer))  # fmt: skip
    return select(ranked.subquery())


class _Shown:
    """Rows of all kinds with their cases and clocks, read together."""

    def __init__(self, visit: Visit, clocks: Clocks, rows: Sequence[Row[Any]]) -> None:
        ids, clock_ids = {row.demand_id for row in rows} - {None}, {row.clock_id for row in rows} - {None}
        doubted = {row.place for row in rows if row.demand_id is None}
        read, self._until = visit.session.scalars, clocks.until
        self._demands = {one.id: one for one in read(select(Demand).where(Demand.id.in_(ids)))} if ids else {}
        held_doubts = read(select(Objection).where(Objection.id.in_(doubted))) if doubted else ()
        self._doubts = {one.id: one for one in held_doubts}
        held = read(select(CaseClock).where(CaseClock.id.in_(clock_ids))) if clock_ids else ()
        self._clocks = {one.id: clocks.shown(one) for one in held}

    def kind(self, wanted: Wanted, rows: Sequence[Row[Any]]) -> Kind:
        """Return one kind with its lines, the most urgent first."""
        lines = [self._line(wanted, row) for row in sorted(rows, key=_urgency)]
        return Kind(wanted.key, wanted.todo, rows[0].total, rows[0].red, rows[0].yellow, lines)

    def _line(self, wanted: Wanted, row: Row[Any]) -> Line:
        address = f"{wanted.page}{row.place}"
        if row.demand_id is not None:
            return Line(self._demands[row.demand_id], wanted.todo, address, self._clocks.get(row.clock_id))
        doubt = self._doubts[row.place]
        clock = self._until(doubt.due_date, is_provisional=doubt.is_provisional)
        return Line(doubt, wanted.todo, address, clock, (doubt.source_department_id,))


def _urgency(row: Row[Any]) -> tuple[bool, date, str, str]:
    return row.due_date is None, row.due_date or date.max, row.demand_id or "", str(row.place)


def _demander(actor: Actor) -> Iterator[Wanted]:
    if "demander" not in actor.roles:
        return
    own, owed = Demand.department_id == actor.department_id, clock_of(
        CaseClock.demand_id == Demand.id, CaseClock.department_id == actor.department_id
    )  # fmt: skip
    for state, todo in OWN_TURN.items():
        yield Wanted(state, todo, CASE, question(Demand, Demand.id, owed).where(own, Demand.state == state))
    offered = select(DemandItem.demand_id).join(SupplyAnswer, SupplyAnswer.demand_item_id == DemandItem.id)
    early = Demand.state.in_(set(offers.OPEN) - {"offered"}) & Demand.id.in_(
        offered.where(SupplyAnswer.state == "offered")
    )
    yield Wanted("early_offer", OWN_TURN["offered"], CASE, question(Demand, Demand.id, owed).where(own, early))


def _provider(actor: Actor) -> Iterator[Wanted]:
    if "provider" not in actor.roles:
        return
    mine = SupplyTask.department_id == actor.department_id
    shared = join(join(Demand, TaskDemand), SupplyTask)
    asked = clock_of(CaseClock.case == SupplyTask.id, CaseClock.demand_id == Demand.id)
    is_open = (SupplyTask.state == "open") & (TaskDemand.state == "open")
    yield Wanted("task", N_("逐项确认供给"), TASK, question(shared, SupplyTask.id, asked).where(mine, is_open))
    said = join(join(join(Demand, DemandItem), SupplyAnswer), SupplyTask)
    promised = clock_of(CaseClock.case == func.concat("answer:", SupplyAnswer.id))
    kept = question(said, SupplyTask.id, promised).where(mine, SupplyAnswer.state == "promised")
    yield Wanted("promise", N_("兑现限期提供"), TASK, kept)
    owed = doubts(Objection.source_department_id == actor.department_id)
    yield Wanted("objection", N_("核实数据异议"), DOUBT, owed)


def _authority(actor: Actor) -> Iterator[Wanted]:
    if "authority" not in actor.roles:
        return
    look = clock_of(CaseClock.case == Demand.id)
    yield Wanted(
        "submitted", N_("审核并分派"), CASE, question(Demand, Demand.id, look).where(Demand.state == "submitted")
    )
    wished = join(join(Demand, CaseClock), ClockExtension, ClockExtension.clock_id == CaseClock.id)
    named = (CaseClock.id.label("clock_id"), CaseClock.due_date, CaseClock.state.label("clock_state"))
    waiting = select(Demand.id.label("demand_id"), Demand.id.label("place"), *named).select_from(wished)
    others = (ClockExtension.state == "asked") & (ClockExtension.asked_by != actor.id)
    yield Wanted("extension", N_("答复延期申请"), CASE, waiting.where(others))


def _giver(actor: Actor) -> Iterator[Wanted]:
    """Grants to look at again soon, and wishes for more use; both are decided by who gives, never by who uses."""
    if actor.roles.isdisjoint(("provider", "authority")):
        return
    given = join(join(Demand, Grant, Grant.demand_id == Demand.id), Application, Application.id == Grant.application_id)
    decides = (
        sight.grants(actor) & Grant.state.in_(life.LIVING) & (Application.department_id != actor.department_id)
    )  # fmt: skip
    look = question(given, Grant.id, clock_of(CaseClock.case == Grant.id)).where(decides)
    asked = select(QuotaRequest.grant_id).where(QuotaRequest.state == "asked")
    yield Wanted("quota", N_("审批用量申请"), GRANT, look.where(Grant.id.in_(asked)))
    yield Wanted("certify", N_("复核授权"), GRANT, look.where(Grant.certified_until <= _SOON))
