"""Why: what waits for an officer beside the straight way of demands: offers and questions to answer, disputes, promises, grants to look at again, wishes to
decide. Reads only. Called by the workbench.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select

from exchange_api.clocks import extensions
from exchange_api.demand import offers
from exchange_api.dispute import dispute_cases
from exchange_api.grant import quota_requests
from exchange_api.grant.settings import GrantSettings
from exchange_api.portal import case_view, grant_view
from exchange_api.portal.language import N_
from exchange_api.portal.reading import Clock, Clocks
from exchange_api.portal.visit import Visit
from schemas.tables.clocks import CaseClock
from schemas.tables.exchange import Demand, DemandItem, SupplyAnswer, SupplyTask

DISPUTE_TODO = {"settle": N_("协商争议"), "decide": N_("裁定争议"), "escalate": N_("决定是否提请上级")}


@dataclass(frozen=True)
class Line:
    """One line of the workbench: what is to be done in which case, where it is done, and until when."""

    demand: Demand
    todo: str
    address: str
    clock: Clock | None = None
    whom: tuple[str, ...] = ()


def lines(visit: Visit, demands: dict[str, Demand], clocks: Clocks) -> list[Line]:
    """Return them all; demands: those that concern the officer, by number."""
    return [
        *_offers(visit, demands),
        *_disputes(visit, clocks),
        *_promises(visit, clocks),
        *_grants(visit),
        *_extensions(visit, clocks),
    ]


def _offers(visit: Visit, demands: dict[str, Demand]) -> Iterator[Line]:
    """Counter-offers that already wait while other providers have not spoken; a demand in the state `offered` has its own line."""
    for one in demands.values():
        is_early = one.state in offers.OPEN and one.state != "offered"
        if is_early and case_view.is_own(visit.actor, one) and offers.open_of(visit.session, one.id):
            yield Line(one, N_("回复替代方案"), f"/portal/demands/{one.id}")


def _disputes(visit: Visit, clocks: Clocks) -> Iterator[Line]:
    whose = None if visit.has("authority") else visit.actor.department_id
    for one in dispute_cases.find(visit.session, department_id=whose):
        for step in DISPUTE_TODO.keys() & case_view.dispute_steps(visit, one):
            demand = visit.session.get_one(Demand, one.demand_id)
            yield Line(demand, DISPUTE_TODO[step], f"/portal/demands/{demand.id}#{one.id}", clocks.of_case(one.id))


def _promises(visit: Visit, clocks: Clocks) -> Iterator[Line]:
    if not visit.has("provider"):
        return
    rows = visit.session.execute(
        select(SupplyAnswer, Demand)
        .join(SupplyTask, SupplyTask.id == SupplyAnswer.task_id)
        .join(DemandItem, DemandItem.id == SupplyAnswer.demand_item_id)
        .join(Demand, Demand.id == DemandItem.demand_id)
        .where(SupplyTask.department_id == visit.actor.department_id, SupplyAnswer.state == "promised")
        .order_by(SupplyAnswer.promised_date, SupplyAnswer.id)
    )
    for row, demand in rows:
        yield Line(demand, N_("兑现限期提供"), f"/portal/tasks/{row.task_id}", clocks.of_case(f"answer:{row.id}"))


def _grants(visit: Visit) -> Iterator[Line]:
    """Grants to look at again soon, and wishes for more use; both are decided by who gives, never by who uses."""
    if not visit.actor.roles & {"provider", "authority"}:
        return
    soon = visit.today + timedelta(days=GrantSettings().grant_notice_days)
    wished = {one.grant_id for one in quota_requests.find(visit.session, waiting=True)}
    for grant in grant_view.deciding(visit.session, visit.actor):
        demand, address = visit.session.get_one(Demand, grant.demand_id), f"/portal/grants/{grant.id}"
        if grant.id in wished:
            yield Line(demand, N_("审批用量申请"), address)
        if grant.certified_until and grant.certified_until <= soon:
            yield Line(demand, N_("复核授权"), address)


def _extensions(visit: Visit, clocks: Clocks) -> Iterator[Line]:
    if not visit.has("authority"):
        return
    for one in extensions.find(visit.session):
        if one.asked_by != visit.actor.id:
            clock = visit.session.get_one(CaseClock, one.clock_id)
            demand = visit.session.get_one(Demand, clock.demand_id)
            yield Line(demand, N_("答复延期申请"), f"/portal/demands/{demand.id}", clocks.shown(clock))
