"""Why: what one datum means everywhere: the dictionary, each element with its versions, its one lead and who says otherwise; and proposals that the authority
decides. Called by `mounting`; decisions are `exchange_api.directory.deciding`'s.
"""

from typing import Any, Literal

from fastapi import APIRouter
from fastapi.responses import Response

from catalog import elements
from catalog.dictionary import element_proposals
from exchange_api.directory import deciding
from exchange_api.portal import confirming, directory_lists, reading
from exchange_api.portal.language import N_
from exchange_api.portal.pages.lists import AskedDep, Format, show_table
from exchange_api.portal.rendering import in_words, leads_to, page
from exchange_api.portal.visit import AuthorityVisit, Form, OfficerVisit, Visit, text_of
from schemas.errors import Invalid

router = APIRouter()
_SHOWN = 50


@router.get("/elements")
def show_all(visit: OfficerVisit, asked: AskedDep, file: Format = "") -> Response:
    """List the dictionary."""
    return show_table(visit, asked, directory_lists.elements(visit), (N_("数据元"), "elements", file))


@router.get("/element-proposals")
def proposals(visit: AuthorityVisit) -> Response:
    """List the proposals that wait for the authority, those most departments share first."""
    return _proposals(visit, None)


@router.post("/element-proposals/{proposal_id}/{decision}")
def decide(visit: AuthorityVisit, form: Form, proposal_id: int, decision: Literal["accept", "reject"]) -> Response:
    """Accept a proposal, which binds its items in new drafts, or turn it down."""
    asked = confirming.asking(visit, form)
    try:
        if decision == "accept":
            deciding.accept(visit.actor, proposal_id, text_of(form, "existing") or None, asked)
        else:
            deciding.reject(visit.actor, proposal_id, text_of(form, "why"), asked)
    except Invalid as error:
        return _proposals(visit, error)
    return leads_to("/portal/element-proposals")


@router.get("/elements/{element_id}")
def show(visit: OfficerVisit, element_id: str) -> Response:
    """Show one data element."""
    row = elements.get(visit.session, element_id)
    facts: dict[str, Any] = {
        "versions": elements.versions(visit.session, element_id),
        "deviations": deciding.deviations(visit.session, row),
    }
    return page(visit, "directory/element.html", element=row, names=reading.names(visit.session), **facts)


def _proposals(visit: Visit, error: Invalid | None) -> Response:
    found = element_proposals.find(visit.session)
    told = in_words(error, visit.language) if error else None
    shown = [deciding.described(row) for row in found[:_SHOWN]]
    status = told.status if told else 200
    return page(
        visit, "directory/proposals.html", status, proposals=shown, total=len(found), error=told, names=reading.names(visit.session)
    )  # fmt: skip
