"""Why: what an officer asks at his desk (what do I do here, what does this word mean, what does this refusal want) is answered at the desk. Anybody may read.

Called by `mounting`; the words are `guidance`'s.
"""

from math import ceil
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from exchange_api.portal import guidance
from exchange_api.portal.rendering import page
from exchange_api.portal.visit import AnyVisit

router = APIRouter()
CODES_ON_A_PAGE = 50
Sought = Annotated[str, Query(max_length=100)]


@router.get("/help")
def show(visit: AnyVisit) -> Response:
    """Show a guide per role, the visitor's own first, and what each area is for."""
    own = visit.signed_in.actor.roles if visit.signed_in else frozenset()
    found = guidance.guides(visit.session, visit.language, own)
    return page(visit, "help/guides.html", own=own, guides=found, areas=guidance.areas(visit.language))


@router.get("/help/glossary")
def show_terms(visit: AnyVisit, q: Sought = "") -> Response:
    """Show the terms of the hub in both languages."""
    return page(visit, "help/glossary.html", q=q, terms=guidance.terms(visit.language, q))


@router.get("/help/errors")
def show_codes(visit: AnyVisit, q: Sought = "", number: Annotated[int, Query(alias="page", ge=1)] = 1) -> Response:
    """Show errors by code with what they mean and how to mend them, a page at a time."""
    found = guidance.codes(visit.language, q)
    pages = max(1, ceil(len(found) / CODES_ON_A_PAGE))
    at = min(number, pages)
    shown = found[(at - 1) * CODES_ON_A_PAGE : at * CODES_ON_A_PAGE]
    listing = {"page": at, "pages": pages}
    return page(visit, "help/errors.html", q=q, asked={"q": q}, codes=shown, total=len(found), listing=listing)
