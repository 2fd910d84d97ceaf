"""Why: a department writes and mends a resource's draft where it reads it: metadata and items in a form, errors at the field, gaps allowed, review from there.
Called by `mounting`; `exchange_api.directory.editing` reads and keeps.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse, Response
from starlette.datastructures import FormData

from catalog import departments
from exchange_api.directory import editing, reviewing
from exchange_api.directory.editing import Read, Written
from exchange_api.directory.reviewing import Wish
from exchange_api.portal import confirming, draft_form, drafts
from exchange_api.portal.rendering import html, in_words, leads_to, page
from exchange_api.portal.visit import Form, Visit, text_of, with_role
from schemas.errors import HutongError, Invalid

router = APIRouter()
FORM = "resource"
SUBMIT, SUBMIT_SAVED = "POST /reviews/{resource_id}/submit", "submit_saved"
EditorVisit = Annotated[Visit, Depends(with_role("provider", "authority"))]


@router.get("/directory-draft")
def new(visit: EditorVisit) -> Response:
    """Ask for the name of a new resource."""
    return _new(visit, "", "")


@router.post("/directory-draft")
def begin(visit: EditorVisit, form: Form) -> Response:
    """Begin a draft that says its name only, and open it."""
    name, department = text_of(form, "name"), text_of(form, "department")
    try:
        resource_id = editing.begin(visit.actor, name, department)
    except Invalid as error:
        return _new(visit, name, department, error)
    return leads_to(f"/portal/resources/{resource_id}/edit")


@router.get("/resources/{resource_id}/edit")
def edit(visit: EditorVisit, resource_id: str) -> Response:
    """Open a resource's newest version in the form, or what was being written of it."""
    _, stands = editing.opened(visit.session, visit.actor, resource_id)
    if kept := drafts.get(visit.session, visit.actor.id, (FORM, resource_id)):
        return _page(visit, resource_id, draft_form.written(kept.form), _Told(kept_at=kept.saved_at))
    return _page(visit, resource_id, stands)


@router.post("/resources/{resource_id}/keep")
def keep(visit: EditorVisit, form: Form, resource_id: str) -> Response:
    """Keep the form as it stands: what htmx does while the officer writes."""
    editing.opened(visit.session, visit.actor, resource_id)
    is_kept = drafts.keep(visit.session, visit.actor.id, (FORM, resource_id), form)
    return HTMLResponse(html(visit, "kept.html", kept_at=datetime.now(UTC) if is_kept else None))


@router.post("/resources/{resource_id}/edit")
def change(visit: EditorVisit, form: Form, resource_id: str) -> Response:
    """Do what the pressed button says: change the form, save the draft, or save and submit it."""
    editing.opened(visit.session, visit.actor, resource_id)
    do, given = text_of(form, "do"), draft_form.written(form)
    if do == SUBMIT_SAVED:
        return _submit(visit, form, resource_id)
    if do == "forget":
        drafts.forget(visit.session, visit.actor.id, (FORM, resource_id))
        return leads_to(f"/portal/resources/{resource_id}/edit")
    if do not in ("save", "submit"):
        return _page(visit, resource_id, draft_form.changed(given, do))
    return _save(visit, resource_id, draft_form.without_empty(given), is_submitted=do == "submit")


def _save(visit: Visit, resource_id: str, given: Written, *, is_submitted: bool) -> Response:
    said = editing.read(visit.session, resource_id, given)
    if said.draft is None:
        return _page(visit, resource_id, given, _Told(said))
    try:
        editing.save(visit.actor, said.draft, given.seen)
    except Invalid as error:
        return _page(visit, resource_id, given, _Told(said, error))
    drafts.forget(visit.session, visit.actor.id, (FORM, resource_id))
    if not is_submitted:
        return leads_to(f"/portal/resources/{resource_id}/edit?saved=1")
    return _submit(visit, FormData({"do": SUBMIT_SAVED}), resource_id)


def _submit(visit: Visit, form: FormData, resource_id: str) -> Response:
    """Submit what was saved, once its officer has confirmed that; gaps that keep it from review are told at their fields."""
    try:
        reviewing.take(visit.actor, resource_id, Wish("submit", ""), confirming.asking(visit, form, SUBMIT))
    except Invalid as error:
        visit.session.expire_all()
        return _page(visit, resource_id, editing.opened(visit.session, visit.actor, resource_id)[1], _Told(error=error))
    return leads_to(f"/portal/reviews/{resource_id}")


@dataclass(frozen=True)
class _Told:
    """What a form comes back with: what was read of it, what went wrong with all of it, when it was kept."""

    said: Read | None = None
    error: HutongError | None = None
    kept_at: datetime | None = None


def _page(visit: Visit, resource_id: str, given: Written, told: _Told = _Told()) -> Response:
    row, stands = editing.opened(visit.session, visit.actor, resource_id)
    said = told.said or editing.read(visit.session, resource_id, draft_form.without_empty(given))
    error, wrong = in_words(told.error, visit.language) if told.error else None, told.said.wrong if told.said else {}
    status = error.status if error else 422 if wrong else 200
    facts: dict[str, Any] = {
        "row": row, "given": given, "groups": draft_form.fields(visit), "item_fields": draft_form.item_fields(visit), "shown": len(draft_form.SHOWN),
        "wrong": wrong, "lacking": editing.lacking(visit.session, said.draft) if said.draft else {}, "kept_at": told.kept_at, "most": editing.MOST_ITEMS,
        "is_saved": visit.request.query_params.get("saved") == "1", "has_new": given.seen and given.seen != stands.seen,
    }  # fmt: skip
    return page(visit, "directory/edit.html", status, error=error, **facts)


def _new(visit: Visit, name: str, department: str, error: Invalid | None = None) -> Response:
    told = in_words(error, visit.language) if error else None
    whose = departments.find(visit.session) if visit.has("authority") else []
    facts = {"name": name, "department": department, "departments": whose, "error": told}
    return page(visit, "directory/new.html", told.status if told else 200, **facts)
