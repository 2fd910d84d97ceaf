"""Why: what waits for review and one resource's way to publication: what a version changes, whom it touches, who must act until when, and the steps that are
the officer's. Called by `mounting`; who may what is said by `exchange_api.directory.reviewing`.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from exchange_api.directory import reviewing
from exchange_api.directory.reviewing import Wish
from exchange_api.portal import confirming, reading, review_list
from exchange_api.portal.language import N_
from exchange_api.portal.pages.lists import AskedDep, Format, show_table
from exchange_api.portal.rendering import in_words, leads_to, page
from exchange_api.portal.trouble import Trouble
from exchange_api.portal.visit import Form, OfficerVisit, Visit, text_of, with_role
from schemas.errors import Invalid

router = APIRouter()
DeskVisit = Annotated[Visit, Depends(with_role("demander", "provider", "authority"))]


@router.get("/reviews")
def show_all(visit: OfficerVisit, asked: AskedDep, file: Format = "") -> Response:
    """List the versions under way that concern the officer, the most urgent first."""
    what = N_("目录审核"), "reviews", file
    return show_table(visit, asked, review_list.under_way(visit), what, "directory/reviews.html")


@router.get("/reviews/{resource_id}")
def show(visit: OfficerVisit, resource_id: str) -> Response:
    """Show a resource's way to publication."""
    return page(visit, "directory/review.html", trouble=None, **_facts(visit, resource_id))


@router.post("/reviews/{resource_id}/{action}")
def act(visit: DeskVisit, form: Form, resource_id: str, action: str) -> Response:
    """Take a step of the review; a refused one is told on its page."""
    if action not in reviewing.STEPS:
        raise Invalid("portal.page_unknown")
    number = int(said) if (said := text_of(form, "version")).isdecimal() else None
    try:
        reviewing.take(
            visit.actor, resource_id, Wish(action, text_of(form, "why"), number), confirming.asking(visit, form)
        )
    except Invalid as error:
        return _refused(visit, resource_id, error, text_of(form, "why"))
    return leads_to(f"/portal/reviews/{resource_id}")


def _refused(visit: Visit, resource_id: str, error: Invalid, why: str) -> Response:
    trouble = Trouble(visit.request.url.path, in_words(error, visit.language), {"why": (why,)})
    facts = _facts(visit, resource_id)
    return page(visit, "directory/review.html", error.status, trouble=trouble, error=error, **facts)


def _facts(visit: Visit, resource_id: str) -> dict[str, Any]:
    review = reviewing.look(visit.session, visit.actor, resource_id)
    left = {one.department_id for one in review.asked if one.acknowledged_at is None}
    return {"review": review, "version": review.version, "names": reading.names(visit.session), "left": left}
