"""Why: one case on one page: how far it is, what it wants and who has it, who was asked and said what, which grants came of it, and the next step.

Called by `mounting`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response
from sqlalchemy import select

from exchange_api import cases
from exchange_api.actors import Actor
from exchange_api.demand import demands
from exchange_api.grant import grants
from exchange_api.portal import reading
from exchange_api.portal.pages import demand_form
from exchange_api.portal.reading import Clocks
from exchange_api.portal.rendering import leads_to, page
from exchange_api.portal.visit import DemanderVisit, Form, OfficerVisit, Visit, text_of
from exchange_api.supply import supplies
from schemas.errors import Invalid
from schemas.library import library
from schemas.tables.directory import ResourceVersion
from schemas.tables.exchange import Application, CaseEvent, Demand, DemandItem, Grant, Match, SupplyAnswer, SupplyTask

router = APIRouter()
WAY = ("draft", "submitted", "dispatched", "answered", "provided", "closed")
"""The straight way of a demand, as the page shows it above the timeline."""


@dataclass(frozen=True)
class Wanted:
    """One wanted item with its kept matches and each provider's word on it."""

    item: DemandItem
    matches: list[Match]
    answers: list[SupplyAnswer]


@dataclass(frozen=True)
class Happened:
    """One step of the timeline and how many days had passed since the one before."""

    event: CaseEvent
    days_before: int


@router.get("/demands/{demand_id}")
def show(visit: OfficerVisit, demand_id: str) -> Response:
    """Show a case to those it concerns."""
    demand = reading.concerned_demand(visit.session, visit.actor, demand_id)
    return page(visit, "case.html", demand=demand, **_facts(visit, demand))


@router.get("/demands/{demand_id}/edit")
def edit(visit: DemanderVisit, demand_id: str) -> Response:
    """Open a draft or a returned demand in the form."""
    return demand_form.open_draft(visit, demand_id)


@router.post("/demands/{demand_id}/{action}")
def act(visit: OfficerVisit, form: Form, demand_id: str, action: str) -> Response:
    """Take a step of the case; the desk decides whether this officer may."""
    if action not in STEPS:
        raise Invalid("portal.page_unknown")
    reading.concerned_demand(visit.session, visit.actor, demand_id)
    STEPS[action](visit, demand_id, text_of(form, "why"))
    return leads_to(f"/portal/demands/{demand_id}")


def possible(actor: Actor, demand: Demand) -> frozenset[str]:
    """Return the steps the page offers: those the state allows and the actor's role is for."""
    own = demand.department_id == actor.department_id and "demander" in actor.roles
    judging = "authority" in actor.roles and demand.created_by != actor.id
    offered = ({"submit", "withdraw", "accept"} if own else set()) | ({"dispatch", "return"} if judging else set())
    allowed = offered & set(cases.possible(demand.state))
    return frozenset(allowed | ({"edit"} if own and demand.state in ("draft", "returned") else set()))


def _facts(visit: Visit, demand: Demand) -> dict[str, Any]:
    tasks, clocks = supplies.tasks_of(visit.session, demand_id=demand.id), Clocks(visit.session, visit.today)
    return {
        "steps": _steps(visit, demand),
        "timeline": _timeline(visit, demand.id),
        "wanted": _wanted(visit, demand.id, tasks),
        "tasks": [(task, clocks.of(task), supplies.answers_of(visit.session, task.id)) for task in tasks],
        "grants": [(grant, _granted(visit, grant)) for grant in grants.find(visit.session, demand_id=demand.id)],
        "documents": _documents(visit, demand.id),
        "names": reading.names(visit.session),
        "may": possible(visit.actor, demand),
        "application": visit.session.get(Application, demand.application_id) if demand.application_id else None,
    }


def _return(visit: Visit, demand_id: str, why: str) -> None:
    visit.actor.require("authority")
    if not why:
        raise Invalid("portal.why_needed")
    demands.return_to_demander(visit.session, visit.actor, demand_id, why)


STEPS: dict[str, Callable[[Visit, str, str], object]] = {
    "submit": lambda visit, demand_id, _: demands.submit(visit.session, visit.actor, demand_id),
    "withdraw": lambda visit, demand_id, why: demands.withdraw(visit.session, visit.actor, demand_id, why or None),
    "accept": lambda visit, demand_id, _: demands.accept(visit.session, visit.actor, demand_id),
    "dispatch": lambda visit, demand_id, _: demands.dispatch(visit.session, visit.actor, demand_id),
    "return": _return,
}


def _steps(visit: Visit, demand: Demand) -> list[tuple[str, str, CaseEvent | None]]:
    """Each station of the straight way: done, current or ahead, and the step that led there last."""
    reached = {event.to_state: event for event in cases.timeline(visit.session, demand.id) if event.to_state}
    way = [state for state in WAY if state in reached or demand.state not in ("withdrawn", "refused")]
    if demand.state in ("withdrawn", "refused", "returned"):
        way = [*[state for state in way if state in reached], demand.state]
    here = "closed" if demand.state == "accepted" else demand.state
    place = way.index(here)
    marks = ["done"] * place + ["here"] + ["ahead"] * (len(way) - place - 1)
    if here in ("closed", "withdrawn", "refused"):
        marks[place] = "done" if here == "closed" else "stopped"
    return [(state, mark, reached.get(state)) for state, mark in zip(way, marks, strict=True)]


def _timeline(visit: Visit, demand_id: str) -> list[Happened]:
    events = cases.timeline(visit.session, demand_id)
    gaps = [0, *((later.at.date() - earlier.at.date()).days for earlier, later in pairwise(events))]
    return [Happened(event, days) for event, days in zip(events, gaps, strict=True)][::-1]


def _wanted(visit: Visit, demand_id: str, tasks: list[SupplyTask]) -> list[Wanted]:
    answers = [row for task in tasks for row in supplies.answers_of(visit.session, task.id)]
    return [
        Wanted(item, demands.matches(visit.session, item.id), [row for row in answers if row.demand_item_id == item.id])
        for item in demands.items(visit.session, demand_id)
    ]


def _documents(visit: Visit, demand_id: str) -> dict[str, dict[str, object]]:
    """The directory's words on every resource version the case speaks of: name, department, item names."""
    matched = select(Match.resource_version_id).join(DemandItem).where(DemandItem.demand_id == demand_id)
    answered = select(SupplyAnswer.resource_version_id).join(DemandItem).where(DemandItem.demand_id == demand_id)
    query = select(ResourceVersion).where(ResourceVersion.id.in_(matched.union(answered)))
    return {
        row.id: {
            "name": row.document["name"],
            "resource": row.resource_id,
            "department": row.department_id,
            "items": {item["id"]: item["name"] for item in row.document["items"]},
        }
        for row in visit.session.scalars(query)
    }


def _granted(visit: Visit, grant: Grant) -> list[tuple[str, str]]:
    known = {attribute.id: attribute.name for attribute in library(grant.library).attributes}
    return [(known.get(item.attribute, item.attribute), item.form) for item in grants.items(visit.session, grant.id)]
