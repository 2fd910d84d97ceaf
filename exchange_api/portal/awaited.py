"""Why: what an officer waits for: a demander in his own cases and objections, the authority in all cases. And disputes, whose next step
follows from their own table. Reads only. Called by the workbench.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache

from sqlalchemy import Select, or_, select, true

from exchange_api.actors import Actor
from exchange_api.portal import case_view
from exchange_api.portal.language import N_
from exchange_api.portal.reading import Clocks
from exchange_api.portal.visit import Visit
from exchange_api.portal.waiting import CASE, DOUBT, Kind, Line, Wanted, anybody, clock_of, doubts, question
from exchange_api.states import DISPUTE
from exchange_api.supply.reading import UNSPOKEN
from schemas.tables.clocks import CaseClock
from schemas.tables.disputes import Dispute
from schemas.tables.exchange import Demand, DemandItem, SupplyAnswer, SupplyTask, TaskDemand
from schemas.tables.objections import Objection

TODO = {"settle": N_("协商争议"), "decide": N_("裁定争议"), "escalate": N_("决定是否提请上级")}
_MOST_DISPUTES = 200


@cache
def wanted(roles: frozenset[str]) -> tuple[Wanted, ...]:
    """Return the kinds of what others have to do in the cases of an officer of these roles."""
    return tuple(_wanted(anybody(roles)))


def _wanted(actor: Actor) -> Iterator[Wanted]:
    if actor.roles.isdisjoint(("demander", "authority")):
        return
    whose = true() if "authority" in actor.roles else Demand.department_id == actor.department_id
    asking = select(TaskDemand.demand_id).join(SupplyTask).where(
        SupplyTask.state == "open", TaskDemand.state.in_(UNSPOKEN)
    )  # fmt: skip
    tasks = select(TaskDemand.task_id).where(TaskDemand.demand_id == CaseClock.demand_id)
    spoken = clock_of(CaseClock.demand_id == Demand.id, CaseClock.case.in_(tasks))
    yield Wanted(
        "asked", N_("等待数源部门确认"), CASE, question(Demand, Demand.id, spoken).where(whose, Demand.id.in_(asking))
    )
    if "demander" in actor.roles:
        own = clock_of(CaseClock.case == Demand.id)
        to_dispatch = question(Demand, Demand.id, own).where(whose, Demand.state == "submitted")
        yield Wanted("submitted", N_("等待主管部门分派"), CASE, to_dispatch)
        raised = doubts(Objection.department_id == actor.department_id)
        yield Wanted("objection", N_("等待数源部门核实异议"), DOUBT, raised)
    kept = clock_of(CaseClock.demand_id == Demand.id, CaseClock.case.startswith("answer:"))
    promised = question(Demand, Demand.id, kept).where(whose, Demand.state == "answered")
    yield Wanted("answered", N_("等待数源部门兑现"), CASE, promised)


def with_whom(visit: Visit, kind: Kind) -> Kind:
    """Return a kind whose lines say whom they wait for; those of objections say so already."""
    ids = [one.case.id for one in kind.lines]
    query = select(TaskDemand.demand_id, SupplyTask.department_id).join(SupplyTask).where(TaskDemand.demand_id.in_(ids))
    if kind.key == "asked":
        query = query.where(SupplyTask.state == "open", TaskDemand.state.in_(UNSPOKEN))
    elif kind.key == "answered":
        promised = select(SupplyAnswer.task_id).join(DemandItem, DemandItem.id == SupplyAnswer.demand_item_id)
        promised = promised.where(SupplyAnswer.state == "promised", DemandItem.demand_id.in_(ids))
        query = query.where(SupplyTask.id.in_(promised))
    else:
        return kind
    whom: dict[str, list[str]] = {}
    for row in visit.session.execute(query.distinct().order_by(SupplyTask.department_id)):
        whom.setdefault(row.demand_id, []).append(row.department_id)
    return replace(kind, lines=[replace(one, whom=tuple(whom.get(one.case.id, ()))) for one in kind.lines])


def disputing(visit: Visit, clocks: Clocks, only: str) -> list[Kind]:
    """Return the disputes in which the next step is the officer's, by that step."""
    if not visit.has("demander", "provider", "authority"):
        return []
    running = list(visit.session.scalars(_disputes(visit)))
    clocks.ahead([one.id for one in running])
    steps: dict[str, list[Line]] = {}
    for one in running:
        for step in TODO.keys() & case_view.dispute_steps(visit, one):
            demand = visit.session.get_one(Demand, one.demand_id)
            line = Line(demand, TODO[step], f"{CASE}{demand.id}#{one.id}", clocks.of_case(one.id))
            steps.setdefault(step, []).append(line)
    return [_counted(step, lines) for step, lines in sorted(steps.items()) if only in ("", step)]


def _disputes(visit: Visit) -> Select[Dispute]:
    mine = visit.actor.department_id
    party = true() if visit.has("authority") else or_(Dispute.department_id == mine, Dispute.against_id == mine)
    running = Dispute.state.not_in(DISPUTE.ends) | (Dispute.appeal_until >= visit.today)
    return select(Dispute).where(party, running).order_by(Dispute.id).limit(_MOST_DISPUTES)


def _counted(step: str, lines: list[Line]) -> Kind:
    lamps = [one.clock.lamp for one in lines if one.clock]
    red, yellow = sum(one in ("red", "supervised") for one in lamps), lamps.count("yellow")
    return Kind(step, TODO[step], len(lines), red, yellow, lines)


def in_order(kinds: Iterable[Kind]) -> list[Line]:
    """Return the lines of several kinds together, what is due first before the others, what has no day last."""
    lines = [line for kind in kinds for line in kind.lines]
    return sorted(
        lines,
        key=lambda one: (one.clock is None, one.clock.due.isoformat() if one.clock else "", one.since),
    )
