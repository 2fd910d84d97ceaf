"""Why: a row that cannot be mended is left out on a steward's word: what follows is shown first, the reason stays with the row, and it can be taken back.
Called by `mounting`.
"""

from fastapi import APIRouter
from fastapi.responses import Response
from starlette.datastructures import FormData

from exchange_api.portal.pages.lists import AskedDep
from exchange_api.portal.pages.steward.shared import SIZE, PipelineVisit, cut, why_of
from exchange_api.portal.rendering import in_words, leads_to, page
from exchange_api.portal.visit import Form, StewardVisit, texts_of
from exchange_api.steward import waivers
from schemas.database import transaction
from schemas.errors import Invalid

router = APIRouter()


@router.get("/waivers")
def show_all(visit: PipelineVisit, asked: AskedDep) -> Response:
    """List rows that were left out, who said so, why, and what was taken back."""
    session, actor = visit.session, visit.actor
    total = waivers.count(session, actor)
    shown = cut(total, asked.page, {}, lambda start: waivers.find(session, actor, start, SIZE))
    return page(visit, "steward/waivers.html", listing=shown)


@router.post("/waivers/look")
def weigh(visit: StewardVisit, form: Form) -> Response:
    """Show which rows would be left out and what follows, and ask for the reason."""
    return page(visit, "steward/waive.html", found=waivers.weigh(visit.session, visit.actor, _rows(form)), error=None)


@router.post("/waivers")
def waive(visit: StewardVisit, form: Form) -> Response:
    """Leave rows out."""
    rows = _rows(form)
    found = waivers.weigh(visit.session, visit.actor, rows)
    try:
        why = why_of(form)
        with transaction("ingest") as session:
            waivers.waive(session, visit.actor, rows, why)
    except Invalid as error:
        said = in_words(error, visit.language)
        return page(visit, "steward/waive.html", error.status, found=found, error=said)
    return leads_to(f"/portal/rows/{rows[0]}" if len(rows) == 1 else "/portal/waivers")


@router.post("/waivers/{waiver_id}/withdraw")
def withdraw(visit: StewardVisit, form: Form, waiver_id: int) -> Response:
    """Take a waiver back."""
    waivers.require(visit.session, visit.actor, waiver_id)
    why = why_of(form)
    with transaction("ingest") as session:
        found = waivers.withdraw(session, visit.actor, waiver_id, why)
    return leads_to(f"/portal/rows/{found[-1].row_id}" if found else "/portal/waivers")


def _rows(form: FormData) -> list[int]:
    return [int(one) for one in texts_of(form, "row") if one.isascii() and one.isdecimal() and len(one) < 19]
