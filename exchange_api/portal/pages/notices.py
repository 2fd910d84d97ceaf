"""Why: what an officer's department was told, what of it nobody has read, and where it is answered. Called by `mounting`."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from catalog import notices
from exchange_api.noticing import kinds, reading
from exchange_api.portal.pages.steps import number_of
from exchange_api.portal.rendering import leads_to, page
from exchange_api.portal.visit import Form, OfficerVisit, text_of, texts_of

router = APIRouter()
MOST = 200
Unread = Annotated[str, Query(max_length=1)]


@router.get("/notices")
def show(visit: OfficerVisit, unread: Unread = "") -> Response:
    """Show the newest notices of the officer's department, all or those nobody has read."""
    found = notices.find(visit.session, visit.actor.department_id, MOST, unread_only=unread == "1")
    told = [(one, kinds.kind_word(one.key, visit.language), kinds.severity_of(one.key)) for one in found]
    count = reading.unread(visit.session, visit.actor)
    return page(visit, "notices.html", told=told, is_unread=unread == "1", count=count, most=MOST)


@router.post("/notices/read")
def read(visit: OfficerVisit, form: Form) -> Response:
    """Mark the chosen notices as read."""
    reading.read(visit.session, visit.actor, [number_of(one, "notice") for one in texts_of(form, "notice")])
    return leads_to("/portal/notices")


@router.post("/notices/read-all")
def read_all(visit: OfficerVisit, form: Form) -> Response:
    """Mark everything as read that stood on the page; what came meanwhile stays unread."""
    reading.read_all(visit.session, visit.actor, number_of(text_of(form, "up_to"), "up_to"))
    return leads_to("/portal/notices")
