"""Why: what waits for an officer, kind by kind: tasks, demands, counter-offers, promises, extensions, grants. Each kind is one question to the database that
brings the most urgent lines with how many there are and how many are late, so that a desk with a thousand cases opens as quickly as an empty one.

Reads only. Called by the workbench; what others owe is `awaited`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select, true
from sqlalchemy.orm import join
from sqlalchemy.sql.selectable import LateralFromClause

from exchange_api.clocks import lamps
from exchange_api.demand import offers
from exchange_api.desk_api import sight
from exchange_api.grant import life
from exchange_api.grant.settings import GrantSettings
from exchange_api.portal.language import N_
from exchange_api.portal.reading import Clock, Clocks
from exchange_api.portal.visit import Visit
from schemas.tables.clocks import CaseClock, ClockExtension
from schemas.tables.exchange import Application, Demand, DemandItem, Grant, SupplyAnswer, SupplyTask, TaskDemand
from schemas.tables.grant_life import QuotaRequest

Query = Select[*tuple[Any, ...]]
OWN_TURN = {
    "draft": N_("提交需求"), "returned": N_("补正后重新提交"), "provided": N_("核对授权并验收"), "needs_information": N_("补充说明"),
    "offered": N_("回复替代方案"),
}  # fmt: skip
CASE, TASK, GRANT = "/portal/demands/", "/portal/tasks/", "/portal/grants/"


@dataclass(frozen=True)
class Line:
    """One line of the workbench: what is to be done in which case, where it is done, until when, and who is waited for."""

    demand: Demand
    todo: str
    address: str
    clock: Clock | None = None
    whom: tuple[str, ...] = ()


@dataclass(frozen=True)
class Kind:
    """Lines of one kind: its key and words, how many there are, how many are late or nearly, and the most urgent of them."""

    key: str
    todo: str
    count: int
    red: int
    yellow: int
    lines: list[Line]


@dataclass(frozen=True)
class Wanted:
    """What a kind is read by: key, words, the page its places stand on, and the query (`question`)."""

    key: str
    todo: str
    page: str
    query: Query


def kinds(visit: Visit, clocks: Clocks, only: str, most: int) -> list[Kind]:
    """Return every kind that has lines, at most `most` each; that kind alone which `only` names."""
    wanted = (*_demander(visit), *_provider(visit), *_authority(visit), *_giver(visit))
    return read(visit, clocks, [one for one in wanted if only in ("", one.key)], most)


def read(visit: Visit, clocks: Clocks, wanted: Iterable[Wanted], most: int) -> list[Kind]:
    """Read kinds; those without any line are left out."""
    return [found for one in wanted if (found := _read(visit, clocks, one, most)).count]


def question(source: Any, place: Any, urgent: LateralFromClause) -> Query:
    """Return the question after demands with a place each and their most urgent clock."""
    named = (urgent.c.id.label("clock_id"), urgent.c.due_date, urgent.c.state.label("clock_state"))
    return (
        select(Demand.id.label("demand_id"), place.label("place"), *named).select_from(source).outerjoin(urgent, true())
    )


def clock_of(*conditions: ColumnElement[bool]) -> LateralFromClause:
    """Return the most urgent clock that fits a row; one that stands still only when none runs."""
    fitting = select(CaseClock.id, CaseClock.due_date, CaseClock.state).where(
        CaseClock.state.in_(lamps.RUNNING), *conditions
    )
    return fitting.order_by(CaseClock.state.desc(), CaseClock.due_date, CaseClock.id).limit(1).lateral()


def _read(visit: Visit, clocks: Clocks, wanted: Wanted, most: int) -> Kind:
    held = wanted.query.subquery()
    late = (held.c.clock_state == "running") & (held.c.due_date < visit.today)
    near = (held.c.clock_state == "running") & held.c.due_date.between(visit.today, clocks.near)
    counted = select(func.count(), func.count().filter(late), func.count().filter(near)).select_from(held)
    total, red, yellow = visit.session.execute(counted).one()
    lines = _lines(visit, clocks, wanted, most) if total else []
    return Kind(wanted.key, wanted.todo, total, red, yellow, lines)


def _lines(visit: Visit, clocks: Clocks, wanted: Wanted, most: int) -> list[Line]:
    held = wanted.query.subquery()
    rows = visit.session.execute(
        select(held).order_by(held.c.due_date.asc().nulls_last(), held.c.demand_id, held.c.place).limit(most)
    ).all()
    demands = {
        one.id: one
        for one in visit.session.scalars(select(Demand).where(Demand.id.in_({row.demand_id for row in rows})))
    }
    ids = {row.clock_id for row in rows if row.clock_id is not None}
    shown = {one.id: clocks.shown(one) for one in visit.session.scalars(select(CaseClock).where(CaseClock.id.in_(ids)))}
    return [
        Line(demands[row.demand_id], wanted.todo, f"{wanted.page}{row.place}", shown.get(row.clock_id)) for row in rows
    ]


def _demander(visit: Visit) -> Iterator[Wanted]:
    if not visit.has("demander"):
        return
    own, owed = Demand.department_id == visit.actor.department_id, clock_of(
        CaseClock.demand_id == Demand.id, CaseClock.department_id == visit.actor.department_id
    )  # fmt: skip
    for state, todo in OWN_TURN.items():
        yield Wanted(state, todo, CASE, question(Demand, Demand.id, owed).where(own, Demand.state == state))
    offered = select(DemandItem.demand_id).join(SupplyAnswer, SupplyAnswer.demand_item_id == DemandItem.id)
    early = Demand.state.in_(set(offers.OPEN) - {"offered"}) & Demand.id.in_(
        offered.where(SupplyAnswer.state == "offered")
    )
    yield Wanted("early_offer", OWN_TURN["offered"], CASE, question(Demand, Demand.id, owed).where(own, early))


def _provider(visit: Visit) -> Iterator[Wanted]:
    if not visit.has("provider"):
        return
    mine = SupplyTask.department_id == visit.actor.department_id
    shared = join(join(Demand, TaskDemand), SupplyTask)
    asked = clock_of(CaseClock.case == SupplyTask.id, CaseClock.demand_id == Demand.id)
    is_open = (SupplyTask.state == "open") & (TaskDemand.state == "open")
    yield Wanted("task", N_("逐项确认供给"), TASK, question(shared, SupplyTask.id, asked).where(mine, is_open))
    said = join(join(join(Demand, DemandItem), SupplyAnswer), SupplyTask)
    promised = clock_of(CaseClock.case == func.concat("answer:", SupplyAnswer.id))
    kept = question(said, SupplyTask.id, promised).where(mine, SupplyAnswer.state == "promised")
    yield Wanted("promise", N_("兑现限期提供"), TASK, kept)


def _authority(visit: Visit) -> Iterator[Wanted]:
    if not visit.has("authority"):
        return
    look = clock_of(CaseClock.case == Demand.id)
    yield Wanted(
        "submitted", N_("审核并分派"), CASE, question(Demand, Demand.id, look).where(Demand.state == "submitted")
    )
    wished = join(join(Demand, CaseClock), ClockExtension, ClockExtension.clock_id == CaseClock.id)
    named = (CaseClock.id.label("clock_id"), CaseClock.due_date, CaseClock.state.label("clock_state"))
    waiting = select(Demand.id.label("demand_id"), Demand.id.label("place"), *named).select_from(wished)
    others = (ClockExtension.state == "asked") & (ClockExtension.asked_by != visit.actor.id)
    yield Wanted("extension", N_("答复延期申请"), CASE, waiting.where(others))


def _giver(visit: Visit) -> Iterator[Wanted]:
    """Grants to look at again soon, and wishes for more use; both are decided by who gives, never by who uses."""
    if not visit.has("provider", "authority"):
        return
    soon = visit.today + timedelta(days=GrantSettings().grant_notice_days)
    given = join(join(Demand, Grant, Grant.demand_id == Demand.id), Application, Application.id == Grant.application_id)
    decides = (
        sight.grants(visit.actor) & Grant.state.in_(life.LIVING) & (Application.department_id != visit.actor.department_id)
    )  # fmt: skip
    look = question(given, Grant.id, clock_of(CaseClock.case == Grant.id)).where(decides)
    asked = select(QuotaRequest.grant_id).where(QuotaRequest.state == "asked")
    yield Wanted("quota", N_("审批用量申请"), GRANT, look.where(Grant.id.in_(asked)))
    yield Wanted("certify", N_("复核授权"), GRANT, look.where(Grant.certified_until <= soon))
