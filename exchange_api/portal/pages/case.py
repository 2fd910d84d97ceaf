"""Why: one case on one page: how far it is, what it wants and who has it, who was asked and said what, which grants came of it, and the next step.

Called by `mounting`.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter
from fastapi.responses import Response
from sqlalchemy import select
from starlette.datastructures import FormData, UploadFile

from exchange_api.demand import attachments, demands, reopening
from exchange_api.dispute import disputes
from exchange_api.grant import grants
from exchange_api.portal import case_view, expected, reading, trouble
from exchange_api.portal.pages import demand_form
from exchange_api.portal.reading import Clocks
from exchange_api.portal.rendering import leads_to, page
from exchange_api.portal.trouble import Trouble
from exchange_api.portal.visit import DemanderVisit, FileForm, Form, OfficerVisit, Visit, text_of, texts_of
from exchange_api.supply import supplies
from schemas.errors import Invalid
from schemas.library import library
from schemas.tables.directory import ResourceVersion
from schemas.tables.exchange import Application, Demand, DemandItem, Grant, Match, SupplyAnswer

router = APIRouter()


@router.get("/demands/{demand_id}")
def show(visit: OfficerVisit, demand_id: str) -> Response:
    """Show a case to those it concerns."""
    demand = reading.concerned_demand(visit.session, visit.actor, demand_id)
    return page(visit, "case.html", demand=demand, trouble=None, **_facts(visit, demand))


@trouble.shows("demands")
def _troubled(visit: Visit, demand_id: str, what: Trouble) -> Response:
    demand = reading.concerned_demand(visit.session, visit.actor, demand_id)
    return page(visit, "case.html", what.error.status, demand=demand, trouble=what, **_facts(visit, demand))


@router.get("/demands/{demand_id}/edit")
def edit(visit: DemanderVisit, demand_id: str) -> Response:
    """Open a draft or a returned demand in the form."""
    return demand_form.open_draft(visit, demand_id)


@router.get("/demands/{demand_id}/files/{attachment_id}")
def read_file(visit: OfficerVisit, demand_id: str, attachment_id: int) -> Response:
    """Hand a file out to be saved: never rendered, never run."""
    found = attachments.read(visit.session, visit.actor, demand_id, attachment_id)
    named = f"attachment; filename*=UTF-8''{quote(found.name, safe='')}"
    headers = {"content-disposition": named, "x-content-type-options": "nosniff"}
    return Response(found.content, media_type=attachments.HANDED_OUT_AS, headers=headers)


@router.post("/demands/{demand_id}/attach")
def attach(visit: DemanderVisit, form: FileForm, demand_id: str) -> Response:
    """Keep a file with the demand."""
    reading.concerned_demand(visit.session, visit.actor, demand_id)
    file = form.get("file")
    content = file.file.read() if isinstance(file, UploadFile) else b""

    def keep() -> None:
        if not isinstance(file, UploadFile) or not content:
            raise Invalid("portal.no_file")
        attachments.attach(visit.session, visit.actor, demand_id, file.filename or "", content)

    return trouble.take(visit, form, f"/portal/demands/{demand_id}", keep)


@router.post("/demands/{demand_id}/files/{attachment_id}/remove")
def detach(visit: DemanderVisit, form: Form, demand_id: str, attachment_id: int) -> Response:  # noqa: ARG001 - the form proves that the officer himself asks
    """Remove a file from a draft or a returned demand."""
    reading.concerned_demand(visit.session, visit.actor, demand_id)
    attachments.remove(visit.session, visit.actor, demand_id, attachment_id)
    return leads_to(f"/portal/demands/{demand_id}")


@router.post("/demands/{demand_id}/{action}")
def act(visit: OfficerVisit, form: Form, demand_id: str, action: str) -> Response:
    """Take a step of the case; the desk decides whether this officer may."""
    if action not in STEPS:
        raise Invalid("portal.page_unknown")
    reading.concerned_demand(visit.session, visit.actor, demand_id)
    done = trouble.take(visit, form, f"/portal/demands/{demand_id}", lambda: STEPS[action](visit, demand_id, form))
    return leads_to("/portal/demands") if action == "discard" and done.status_code == 303 else done


def _facts(visit: Visit, demand: Demand) -> dict[str, Any]:
    tasks, clocks = supplies.tasks_of(visit.session, demand_id=demand.id), Clocks(visit.session, visit.today)
    return {
        "tasks": [(task, clocks.of(task, demand.id), supplies.answers_of(visit.session, task.id, demand.id)) for task in tasks],
        "grants": [(grant, _granted(visit, grant)) for grant in grants.find(visit.session, demand_id=demand.id)],
        "documents": _documents(visit, demand.id),
        "names": reading.names(visit.session),
        "application": visit.session.get(Application, demand.application_id) if demand.application_id else None,
        "expected": expected.of_dispatch(visit) if demand.state == "submitted" else expected.of_new(visit),
        **case_view.facts(visit, demand, tasks),
    }  # fmt: skip


def _return(visit: Visit, demand_id: str, form: FormData) -> None:
    visit.actor.require("authority")
    if not (why := text_of(form, "why")):
        raise Invalid("portal.why_needed")
    demands.return_to_demander(visit.session, visit.actor, demand_id, why)


def _withdraw(visit: Visit, demand_id: str, form: FormData) -> None:
    demands.withdraw(visit.session, visit.actor, demand_id, text_of(form, "why") or None)


def _object(visit: Visit, demand_id: str, form: FormData) -> None:
    reopening.object_to(visit.session, visit.actor, demand_id, _items(form), text_of(form, "why"))


def _dispute(visit: Visit, demand_id: str, form: FormData) -> None:
    disputes.raise_dispute(visit.session, visit.actor, demand_id, _items(form), text_of(form, "why"))


def _items(form: FormData) -> list[int]:
    return [int(one) for one in texts_of(form, "item") if one.isascii() and one.isdecimal() and len(one) < 10]


STEPS: dict[str, Callable[[Visit, str, FormData], object]] = {
    "submit": lambda visit, demand_id, _: demands.submit(visit.session, visit.actor, demand_id),
    "withdraw": _withdraw,
    "accept": lambda visit, demand_id, _: demands.accept(visit.session, visit.actor, demand_id),
    "discard": lambda visit, demand_id, _: demands.discard(visit.session, visit.actor, demand_id),
    "dispatch": lambda visit, demand_id, _: demands.dispatch(visit.session, visit.actor, demand_id),
    "return": _return,
    "object": _object,
    "dispute": _dispute,
}


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
