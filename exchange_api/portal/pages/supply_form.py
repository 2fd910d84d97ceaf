"""Why: a provider answers a task need by need: who wants it on the left, what he has in the middle, his word on the right; terms, questions and promises below,
the deadline in view. Called by `mounting`.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response
from pydantic import ValidationError
from starlette.datastructures import FormData

from catalog import departments, directory
from exchange_api.demand import demands, information
from exchange_api.grant.terms import Terms
from exchange_api.portal import confirming, drafts, expected, reading, supply_answers, supply_terms, trouble
from exchange_api.portal.reading import Clocks
from exchange_api.portal.rendering import html, in_words, leads_to, page
from exchange_api.portal.supply_answers import Asked, Chosen, Wants
from exchange_api.portal.supply_terms import TermsWritten
from exchange_api.portal.trouble import Trouble
from exchange_api.portal.visit import Form, OfficerVisit, ProviderVisit, Visit, text_of
from exchange_api.supply import grounds, supplies
from exchange_api.supply.reading import UNSPOKEN
from exchange_api.supply.supplies import TaskAnswer
from schemas.errors import HutongError, Invalid
from schemas.library import library
from schemas.tables.directory import ResourceVersion
from schemas.tables.exchange import Application, Demand, SupplyTask, TaskDemand

router = APIRouter()
FORM = "task"


@router.get("/tasks/{task_id}")
def show(visit: OfficerVisit, task_id: str) -> Response:
    """Show a task; its department's provider may answer it, a demander sees his own share of it."""
    task = supplies.get_task(visit.session, task_id)
    kept = drafts.get(visit.session, visit.actor.id, (FORM, task_id)) if task.state == "open" else None
    if kept is None:
        return _page(visit, task, _asked(visit, task, {}), _terms_kept(visit, task))
    said = {share.demand_id: supply_terms.written(kept.form, share.demand_id) for share in _unspoken(visit, task)}
    return _page(visit, task, _asked(visit, task, supply_answers.read(kept.form)), said, kept_at=kept.saved_at)


@router.post("/tasks/{task_id}/keep")
def keep(visit: ProviderVisit, form: Form, task_id: str) -> Response:
    """Keep what was chosen so far: what htmx does while the officer answers."""
    visit.actor.require_department(supplies.get_task(visit.session, task_id).department_id, task_id)
    is_kept = drafts.keep(visit.session, visit.actor.id, (FORM, task_id), form)
    return HTMLResponse(html(visit, "kept.html", kept_at=datetime.now(UTC) if is_kept else None))


@trouble.shows("tasks")
def _troubled(visit: Visit, task_id: str, what: Trouble) -> Response:
    task = supplies.get_task(visit.session, task_id)
    shown = _page(visit, task, _asked(visit, task, {}), _terms_kept(visit, task), trouble=what)
    shown.status_code = what.error.status
    return shown


@router.post("/tasks/{task_id}")
def answer(visit: ProviderVisit, form: Form, task_id: str) -> Response:
    """Answer the task for everybody or one demand, or choose "confirm" for everything still open and look again."""
    task = supplies.get_task(visit.session, task_id)
    visit.actor.require_department(task.department_id, task_id)
    if text_of(form, "do") == "forget":
        drafts.forget(visit.session, visit.actor.id, (FORM, task_id))
        return leads_to(f"/portal/tasks/{task_id}")
    return _answered(visit, task, form)


def _answered(visit: Visit, task: SupplyTask, form: Form) -> Response:
    asked = _asked(visit, task, supply_answers.read(form))
    said = {share.demand_id: supply_terms.written(form, share.demand_id) for share in _unspoken(visit, task)}
    if text_of(form, "do") == "confirm_rest":
        return _page(visit, task, [_confirmed(one) for one in asked], said)
    try:
        terms = _terms(visit, task, said)
    except Invalid as error:
        return _page(visit, task, asked, {one: _judged(written) for one, written in said.items()}, error)
    if wrong := _keep(visit, form, asked, terms, task.id):
        return _page(visit, task, _asked(visit, task, supply_answers.read(form)), said, wrong)
    drafts.forget(visit.session, visit.actor.id, (FORM, task.id))
    left = supplies.shares(visit.session, task.id, UNSPOKEN)
    return leads_to(f"/portal/tasks/{task.id}" if left else f"/portal/demands/{asked[0].first.demand.id}")


def _keep(visit: Visit, form: FormData, asked: list[Asked], terms: Mapping[str, Terms], task_id: str) -> Invalid | None:
    """Give confirmed answers and terms to the desk, for the task's demands or the one singled out; what is wrong comes back and leaves nothing half done."""
    demand_id = text_of(form, "scope")
    given = {one: said for one, said in terms.items() if demand_id in ("", one)}
    try:
        with visit.session.begin_nested(), confirming.asked(visit, form):
            said = TaskAnswer(
                task=task_id, demand=demand_id or None, answers=supply_answers.answers(asked), terms=given
            )
            supplies.answer_many(visit.session, visit.actor, [said])
    except Invalid as error:
        visit.session.expire_all()
        return error
    return None


def _asked(visit: Visit, task: SupplyTask, chosen: Mapping[int, Chosen]) -> list[Asked]:
    """Return each need once, with those demands the officer may see."""
    shares = {one.demand_id: one for one in reading.seen_shares(visit.session, visit.actor, task)}
    found = []
    for need in supplies.needs(visit.session, task.id):
        wants = [
            Wants(visit.session.get_one(Demand, item.demand_id), item, row, shares[item.demand_id])
            for item, row in need.answers
            if item.demand_id in shares
        ]
        if wants:
            found.append(_beside(visit, wants, (need.resource_id, need.item_id), chosen))
    return found


def _beside(visit: Visit, wants: list[Wants], place: tuple[str, str], chosen: Mapping[int, Chosen]) -> Asked:
    version = visit.session.get_one(ResourceVersion, wants[0].row.resource_version_id)
    document = directory.document_of(version)
    asked = Asked(wants, None, document, document.item(place[1]), Chosen(own="|".join(place)))
    item = asked.first.item
    ranked = demands.matches(visit.session, item.id)
    match = next((one for one in ranked if one.resource_version_id == version.id and one.item_id == place[1]), None)
    so_far = chosen.get(item.id, replace(asked.chosen, form=asked.forms[0]))
    return replace(asked, match=match, chosen=so_far)


def _confirmed(asked: Asked) -> Asked:
    return asked if asked.chosen.decision else replace(asked, chosen=replace(asked.chosen, decision="confirm"))


def _unspoken(visit: Visit, task: SupplyTask) -> list[TaskDemand]:
    return supplies.shares(visit.session, task.id, UNSPOKEN)


def _terms_kept(visit: Visit, task: SupplyTask) -> dict[str, TermsWritten]:
    return {share.demand_id: supply_terms.kept(share.terms) for share in _unspoken(visit, task)}


def _terms(visit: Visit, task: SupplyTask, said: Mapping[str, TermsWritten]) -> dict[str, Terms]:
    """Return the terms that are new. Raises Invalid `portal.bad_form`, `grant.hours`."""
    former = {share.demand_id: share.terms for share in _unspoken(visit, task)}
    found = {}
    for demand_id, written in said.items():
        try:
            terms = supply_terms.read(written)
        except ValidationError as error:
            wrong = "、".join(sorted(supply_terms.wrong_fields(error)))
            raise Invalid("portal.bad_form", problems=f"{demand_id} {wrong}") from error
        if terms.model_dump(mode="json", exclude_defaults=True) != former[demand_id]:
            found[demand_id] = terms
    return found


def _judged(written: TermsWritten) -> TermsWritten:
    try:
        supply_terms.read(written)
    except (ValidationError, Invalid) as error:
        return replace(written, wrong=supply_terms.wrong_fields(error))
    return written


def _page(
    visit: Visit,
    task: SupplyTask,
    asked: list[Asked],
    terms: dict[str, TermsWritten],
    error: HutongError | None = None,
    **more: Any,
) -> Response:
    is_mine = visit.has("provider") and task.department_id == visit.actor.department_id
    facts: dict[str, Any] = {
        "task": task, "asked": asked, "terms": terms, "is_mine": is_mine, "is_open": is_mine and any(one.is_waiting for one in asked),
        "clock": Clocks(visit.session, visit.today).of(task), "names": reading.names(visit.session), "grounds": grounds.table(),
        "may_ask": (is_mine or visit.has("authority")) and task.state == "open",
        "error": in_words(error, visit.language) if error else None, "wrong": _wrong(error), **_shown(visit, task, asked, is_mine=is_mine),
        "trouble": None, "kept_at": None, "promise": expected.of_promise(visit), **more,
    }  # fmt: skip
    return page(visit, "supply_form.html", error.status if error else 200, **facts)


def _shown(visit: Visit, task: SupplyTask, asked: list[Asked], *, is_mine: bool) -> dict[str, Any]:
    """What stands beside the needs: the demands that share the task, what may be offered, promises to keep, questions."""
    clocks = Clocks(visit.session, visit.today)
    shares = reading.seen_shares(visit.session, visit.actor, task)
    wanting = [(share, visit.session.get_one(Demand, share.demand_id)) for share in shares]
    promised = [one for need in asked for one in need.wants if one.row.state == "promised"]
    fed = sorted({one.document.library for one in asked if one.document.library})
    return {
        "shares": [
            (share, demand, visit.session.get(Application, demand.application_id) if demand.application_id else None, clocks.of(task, demand.id))
            for share, demand in wanting
        ],
        "questions": [one for _, demand in wanting for one in information.of(visit.session, demand.id) if one.task_id == task.id],
        "promised": [(one, clocks.of_case(f"answer:{one.row.id}")) for one in promised],
        "offers": _offers(visit, task.department_id) if is_mine else [],
        "attributes": [(name, attribute.id, attribute.name) for name in fed for attribute in library(name).attributes],
        "others": [one for one in departments.find(visit.session) if one.id != task.department_id and one.state == "active"] if is_mine else [],
    }  # fmt: skip


def _wrong(error: HutongError | None) -> frozenset[str]:
    """Return the names of the items an error speaks of; the page says it beside them too."""
    if error is None:
        return frozenset()
    named = [str(error.facts[name]) for name in ("item", "items", "problems") if name in error.facts]
    return frozenset(part for text in named for part in text.split("、"))


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
