"""Why: a provider answers a task item by item: what is wanted on the left, what he has on the right, the ground of a refusal quoted, the deadline in view.
Called by `mounting`.
"""

from dataclasses import dataclass, replace
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import ValidationError
from starlette.datastructures import FormData

from catalog import directory
from exchange_api.demand import demands
from exchange_api.portal import reading
from exchange_api.portal.reading import Clocks
from exchange_api.portal.rendering import in_words, leads_to, page
from exchange_api.portal.visit import Form, OfficerVisit, ProviderVisit, Visit, text_of
from exchange_api.supply import supplies
from exchange_api.supply.supplies import ItemAnswer
from schemas.bound import is_attribute
from schemas.errors import HutongError, Invalid
from schemas.library import library
from schemas.resource import Item, ResourceDocument
from schemas.tables.directory import ResourceVersion
from schemas.tables.exchange import Application, DemandItem, Match, SupplyAnswer, SupplyTask

router = APIRouter()
CITED = "law"


@dataclass(frozen=True)
class Chosen:
    """What the form says of one wanted item, right or wrong."""

    decision: str = ""
    own: str = ""
    form: str = "full"
    ground: str = ""
    law: str = ""


@dataclass(frozen=True)
class Asked:
    """One wanted item beside what the department has: the matched item, and what was answered or chosen so far."""

    row: SupplyAnswer
    item: DemandItem
    match: Match | None
    document: ResourceDocument
    own: Item
    chosen: Chosen

    @property
    def mask(self) -> str:
        """Return the mask of the library attribute this item feeds."""
        if not self.document.library or not self.own.attribute or not is_attribute(self.own.attribute):
            return "none"
        return library(self.document.library).attribute(self.own.attribute).mask

    @property
    def condition(self) -> str | None:
        """Return the ground the directory itself gives for refusing."""
        return self.document.sharing.condition


@router.get("/tasks/{task_id}")
def show(visit: OfficerVisit, task_id: str) -> Response:
    """Show a task; its department's provider may answer it, everybody else whom the case concerns may look."""
    task = supplies.get_task(visit.session, task_id)
    reading.concerned_demand(visit.session, visit.actor, _case(visit, task))
    return _page(visit, task, _asked(visit, task, {}))


@router.post("/tasks/{task_id}")
def answer(visit: ProviderVisit, form: Form, task_id: str) -> Response:
    """Answer the whole task, or choose "confirm" for everything still open and look again."""
    task = supplies.get_task(visit.session, task_id)
    visit.actor.require_department(task.department_id, task_id)
    chosen = _read(form)
    if text_of(form, "do") == "confirm_rest":
        return _page(visit, task, [_confirmed(one) for one in _asked(visit, task, chosen)])
    if error := _keep(visit, task, chosen):
        return _page(visit, task, _asked(visit, task, chosen), error)
    return leads_to(f"/portal/demands/{_case(visit, task)}")


def _keep(visit: Visit, task: SupplyTask, chosen: dict[int, Chosen]) -> Invalid | None:
    """Give the answers to the desk; half an answer is no answer, and what is wrong comes back."""
    try:
        with visit.session.begin_nested():
            supplies.answer(visit.session, visit.actor, task.id, _answers(_asked(visit, task, chosen)))
    except Invalid as error:
        visit.session.expire_all()
        return error
    return None


def _asked(visit: Visit, task: SupplyTask, chosen: dict[int, Chosen]) -> list[Asked]:
    found = []
    for row in supplies.answers_of(visit.session, task.id):
        item = visit.session.get_one(DemandItem, row.demand_item_id)
        version = visit.session.get_one(ResourceVersion, row.resource_version_id)
        document = ResourceDocument.model_validate(version.document)
        match = next(
            (one for one in demands.matches(visit.session, item.id) if one.resource_version_id == version.id), None
        )
        own = document.item(str(row.item_id))
        so_far = chosen.get(item.id, Chosen(own=f"{document.id}|{own.id}"))
        found.append(Asked(row, item, match, document, own, so_far))
    return found


def _read(form: FormData) -> dict[int, Chosen]:
    numbers = [int(name.removeprefix("own_")) for name in form if name.startswith("own_") and name[4:].isdigit()]
    parts = ("decision", "own", "form", "ground", "law")
    return {number: Chosen(**{part: text_of(form, f"{part}_{number}") for part in parts}) for number in numbers}


def _confirmed(asked: Asked) -> Asked:
    return asked if asked.chosen.decision else replace(asked, chosen=replace(asked.chosen, decision="confirm"))


def _answers(asked: list[Asked]) -> list[ItemAnswer]:
    """Only what was decided becomes an answer; the desk names what is missing."""
    answers = []
    for one in asked:
        if one.row.decision is None and one.chosen.decision:
            answers.append(_item_answer(one))
    return answers


def _item_answer(asked: Asked) -> ItemAnswer:
    chosen = asked.chosen
    resource_id, _, item_id = chosen.own.partition("|")
    given: dict[str, Any] = {"demand_item_id": asked.item.id, "decision": chosen.decision}
    if chosen.decision == "confirm":
        given |= {"resource_id": resource_id, "item_id": item_id, "form": chosen.form or "full"}
    else:
        given["reason"] = chosen.law if chosen.ground == CITED else chosen.ground
    try:
        return ItemAnswer.model_validate(given)
    except ValidationError as error:
        raise Invalid("portal.bad_form", problems=asked.item.name) from error


def _page(visit: Visit, task: SupplyTask, asked: list[Asked], error: HutongError | None = None) -> Response:
    demand = reading.concerned_demand(visit.session, visit.actor, _case(visit, task))
    is_mine = visit.has("provider") and task.department_id == visit.actor.department_id
    facts = {
        "task": task,
        "demand": demand,
        "asked": asked,
        "clock": Clocks(visit.session, visit.today).of(task),
        "offers": _offers(visit, task.department_id),
        "is_open": is_mine and task.state == "open",
        "names": reading.names(visit.session),
        "application": visit.session.get(Application, demand.application_id) if demand.application_id else None,
        "error": in_words(error, visit.language) if error else None,
    }
    return page(visit, "supply_form.html", error.status if error else 200, **facts)


def _offers(visit: Visit, department_id: str) -> list[tuple[str, list[tuple[str, str]]]]:
    """The department's own items that can be served, by resource: what may be offered instead of the match."""
    return [
        (
            row.document["name"],
            [(f"{row.resource_id}|{item['id']}", item["name"]) for item in row.document["items"] if item["attribute"]],
        )
        for row in directory.find(visit.session, department_id=department_id)
        if row.document["library"]
    ]


def _case(visit: Visit, task: SupplyTask) -> str:
    """The first of the demands that share the task."""
    return supplies.shares(visit.session, task.id)[0].demand_id
