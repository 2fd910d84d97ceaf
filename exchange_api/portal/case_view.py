"""Why: what a case's page shows of questions, disputes, clocks, files and answers, and which steps it offers to whom. What is another's is left out here, so
that no template has to think of it. Reads only. Called by the page of a case and the workbench.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from sqlalchemy import select

from exchange_api import cases
from exchange_api.actors import Actor
from exchange_api.clocks import extensions, lamps
from exchange_api.demand import attachments, demands, information, offers, reopening
from exchange_api.demand.findings import Finding
from exchange_api.dispute import dispute_cases, disputes
from exchange_api.portal.reading import Clock, Clocks
from exchange_api.portal.visit import Visit
from exchange_api.states import DEMAND, DISPUTE
from exchange_api.supply import supplies
from schemas.tables.case_papers import Attachment, InformationRequest
from schemas.tables.clocks import CaseClock, ClockExtension, ClockPause
from schemas.tables.disputes import Dispute, DisputeEvent
from schemas.tables.exchange import CaseEvent, Demand, DemandItem, Match, SupplyAnswer, SupplyTask

WAY = ("draft", "submitted", "dispatched", "answered", "provided", "closed")
"""The straight way of a demand, as the page shows it above the timeline."""
STOPPED = ("withdrawn", "refused")
BESIDE = {"needs_information": "dispatched", "offered": "dispatched", "accepted": "closed"}
ATTACHED_TO = ("draft", "returned", "needs_information")


@dataclass(frozen=True)
class Wanted:
    """One wanted item with its kept matches, the newest word on it, former words, and who was asked."""

    item: DemandItem
    matches: list[Match]
    answer: SupplyAnswer | None
    former: list[SupplyAnswer]
    provider: str | None
    clock: Clock | None


@dataclass(frozen=True)
class Happened:
    """One step of the timeline and how many days had passed since the one before."""

    event: CaseEvent
    days_before: int


@dataclass(frozen=True)
class Disputed:
    """One dispute with the names of its items, its steps, its clock, and what the officer may do in it."""

    dispute: Dispute
    items: list[str]
    steps: list[DisputeEvent]
    clock: Clock | None
    may: frozenset[str]


@dataclass(frozen=True)
class Timed:
    """One clock with its lamp, pauses and wishes for more days, and whether the officer may ask or decide."""

    clock: CaseClock
    shown: Clock
    pauses: list[ClockPause]
    extensions: list[ClockExtension]
    may_ask: bool
    may_decide: bool


def is_own(actor: Actor, demand: Demand) -> bool:
    """Return whether the officer writes for the department that demands."""
    return demand.department_id == actor.department_id and "demander" in actor.roles


def sees_all(actor: Actor, demand: Demand) -> bool:
    """Return whether the officer sees what every party of the case said: the demander, authority and audit."""
    return demand.department_id == actor.department_id or bool(actor.roles & {"authority", "auditor"})


def possible(visit: Visit, demand: Demand) -> frozenset[str]:
    """Return the steps the page offers: those the state allows and the actor's role is for."""
    own = is_own(visit.actor, demand)
    judging = "authority" in visit.actor.roles and visit.actor.id not in cases.filers(visit.session, demand)
    offered = ({"submit", "withdraw", "accept"} if own else set()) | ({"dispatch", "return"} if judging else set())
    allowed = offered & set(cases.possible(demand.state))
    beside = {
        "edit": demand.state in ("draft", "returned"), "detach": demand.state in ("draft", "returned"), "discard": demand.state == "draft",
        "attach": demand.state in ATTACHED_TO, "object": _may_object(visit, demand), "dispute": "reopen" in DEMAND.possible(demand.state),
        "take": demand.state in offers.OPEN,
    }  # fmt: skip
    return frozenset(allowed | ({step for step, may in beside.items() if may} if own else set()))


def wanted(visit: Visit, demand: Demand, tasks: list[SupplyTask]) -> list[Wanted]:
    """Return the wanted items, each with the newest word on it."""
    clocks, whose = Clocks(visit.session, visit.today), {task.id: task.department_id for task in tasks}
    newest = supplies.answers_of_demand(visit.session, demand.id)
    said: dict[int, list[SupplyAnswer]] = {}
    for task in sorted(tasks, key=lambda one: one.id):
        for row in supplies.answers_of(visit.session, task.id, demand.id):
            said.setdefault(row.demand_item_id, []).append(row)
    found = []
    for item in demands.items(visit.session, demand.id):
        answer = newest.get(item.id)
        former = [row for row in said.get(item.id, []) if answer is not None and row.id != answer.id]
        clock = clocks.of_case(f"answer:{answer.id}") if answer is not None and answer.state == "promised" else None
        provider = whose.get(answer.task_id) if answer is not None else None
        found.append(Wanted(item, demands.matches(visit.session, item.id), answer, former, provider, clock))
    return found


def steps(visit: Visit, demand: Demand) -> list[tuple[str, str, CaseEvent | None]]:
    """Return each station of the straight way: done, current or ahead, and the step that led there last."""
    reached = {event.to_state: event for event in cases.timeline(visit.session, demand.id) if event.to_state}
    here = BESIDE.get(demand.state, demand.state)
    is_off = here in STOPPED or here == "returned"
    way = [*[state for state in WAY if state in reached], here] if is_off else list(WAY)
    place = way.index(here)
    marks = ["done"] * place + ["here"] + ["ahead"] * (len(way) - place - 1)
    if here == "closed" or here in STOPPED:
        marks[place] = "done" if here == "closed" else "stopped"
    shown = [demand.state if state == here and demand.state != "accepted" else state for state in way]
    events = [reached.get(state) if mark != "ahead" else None for state, mark in zip(shown, marks, strict=True)]
    return list(zip(shown, marks, events, strict=True))


def timeline(visit: Visit, demand: Demand) -> list[Happened]:
    """Return what happened, the newest first."""
    events = cases.timeline(visit.session, demand.id)
    gaps = [0, *((later.at.date() - earlier.at.date()).days for earlier, later in pairwise(events))]
    return [Happened(event, days) for event, days in zip(events, gaps, strict=True)][::-1]


def questions(visit: Visit, demand: Demand, tasks: list[SupplyTask]) -> list[InformationRequest]:
    """Return what was asked about the demand; a provider sees what was asked in its own tasks."""
    own = {task.id for task in tasks if task.department_id == visit.actor.department_id}
    every = information.of(visit.session, demand.id)
    return every if sees_all(visit.actor, demand) else [one for one in every if one.task_id in own]


def findings(visit: Visit, demand: Demand) -> list[Finding]:
    """Return what the conformity check says, to the demander, authority and audit."""
    return demands.check(visit.session, demand) if sees_all(visit.actor, demand) else []


def files(visit: Visit, demand: Demand) -> list[Attachment]:
    """Return the demand's files."""
    return attachments.of(visit.session, demand.id)


def disputed(visit: Visit, demand: Demand) -> list[Disputed]:
    """Return the demand's disputes; a provider sees its own."""
    clocks = Clocks(visit.session, visit.today)
    names = {item.id: item.name for item in demands.items(visit.session, demand.id)}
    return [
        Disputed(
            one,
            [names[item.demand_item_id] for item in dispute_cases.items(visit.session, one.id)],
            dispute_cases.timeline(visit.session, one.id),
            clocks.of_case(one.id),
            dispute_steps(visit, one),
        )
        for one in dispute_cases.find(visit.session, demand_id=demand.id)
        if sees_all(visit.actor, demand) or one.against_id == visit.actor.department_id
    ]


def dispute_steps(visit: Visit, dispute: Dispute) -> frozenset[str]:
    """Return the steps of a dispute that are the officer's now."""
    actor, allowed = visit.actor, set(DISPUTE.possible(dispute.state))
    own = "demander" in actor.roles and actor.department_id == dispute.department_id
    against = "provider" in actor.roles and actor.department_id == dispute.against_id
    judging = "authority" in actor.roles and actor.department_id not in (dispute.department_id, dispute.against_id)
    offered = ({"refer", "escalate", "withdraw"} & allowed if own else set()) | (
        {"settle"} & allowed if against else set()
    )
    if dispute.appeal_until and visit.today > dispute.appeal_until:
        offered -= {"escalate"}
    if judging and "uphold" in allowed:
        offered |= {"decide"}
    if (own or against or "authority" in actor.roles) and dispute.state not in DISPUTE.ends:
        offered |= {"state"}
    return frozenset(offered)


def disputable(visit: Visit, demand: Demand, items: list[Wanted]) -> dict[str, list[Wanted]]:
    """Return the refused items that nobody disputes yet, by provider."""
    running = {
        item.demand_item_id
        for one in dispute_cases.find(visit.session, demand_id=demand.id, live=True)
        for item in dispute_cases.items(visit.session, one.id)
    }
    found: dict[str, list[Wanted]] = {}
    for one in items:
        if (
            one.answer is not None
            and one.provider
            and one.answer.state in disputes.REFUSED
            and one.item.id not in running
        ):
            found.setdefault(one.provider, []).append(one)
    return found


def timed(visit: Visit, demand: Demand) -> list[Timed]:
    """Return the clocks of the case that are the officer's to see, those that run first."""
    clocks, actor = Clocks(visit.session, visit.today), visit.actor
    found = [
        _timed(visit, clocks, clock)
        for clock, _ in lamps.of_case(visit.session, demand.id)
        if sees_all(actor, demand) or clock.department_id == actor.department_id
    ]
    return sorted(found, key=lambda one: (one.clock.state in ("met", "cancelled"), one.clock.due_date, one.clock.id))


def _timed(visit: Visit, clocks: Clocks, clock: CaseClock) -> Timed:
    asked = extensions.of_clock(visit.session, clock.id)
    pauses = select(ClockPause).where(ClockPause.clock_id == clock.id).order_by(ClockPause.id)
    is_open = clock.state in ("running", "paused") and (clock.state == "paused" or visit.today <= clock.due_date)
    is_left = bool(clock.extension_limit) and not any(one.state in ("asked", "granted") for one in asked)
    owes = clock.department_id == visit.actor.department_id and bool(visit.actor.roles & extensions.DESKS)
    approves = (clock.extension_approver or "authority") in visit.actor.roles
    waiting = any(one.state == "asked" and one.asked_by != visit.actor.id for one in asked)
    shown = clocks.shown(clock)
    return Timed(
        clock, shown, list(visit.session.scalars(pauses)), asked, is_open and is_left and owes, approves and waiting
    )


def _may_object(visit: Visit, demand: Demand) -> bool:
    if demand.state not in reopening.OBJECTED:
        return False
    closed = reopening.closed_on(visit.session, demand.id) if demand.state == "closed" else None
    return closed is None or (visit.today - closed).days <= reopening.ReopeningSettings().demand_reopen_days


def facts(visit: Visit, demand: Demand, tasks: list[SupplyTask]) -> dict[str, Any]:
    """Return all of it, by the names the templates use."""
    items, may = wanted(visit, demand, tasks), possible(visit, demand)
    return {
        "steps": steps(visit, demand), "timeline": timeline(visit, demand), "wanted": items, "may": may,
        "questions": questions(visit, demand, tasks), "findings": findings(visit, demand), "files": files(visit, demand),
        "disputes": disputed(visit, demand), "clocks": timed(visit, demand),
        "disputable": disputable(visit, demand, items) if "dispute" in may else {},
        "provided": [one for one in items if one.answer is not None and one.answer.state == "confirmed"] if "object" in may else [],
    }  # fmt: skip
