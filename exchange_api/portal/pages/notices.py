"""Why: what an officer's department was told, what of it nobody has read, and where it is answered. Called by `mounting`."""

from fastapi import APIRouter
from fastapi.responses import Response

from exchange_api.noticing import reading
from exchange_api.portal import notice_list
from exchange_api.portal.language import N_
from exchange_api.portal.pages.lists import AskedDep, Format, show_table
from exchange_api.portal.pages.steps import number_of
from exchange_api.portal.rendering import leads_to
from exchange_api.portal.visit import Form, OfficerVisit, own_address, text_of, texts_of

router = APIRouter()


@router.get("/notices")
def show(visit: OfficerVisit, asked: AskedDep, file: Format = "") -> Response:
    """List what the officer's department was told, the newest first."""
    table, newest = notice_list.notices(visit), notice_list.newest(visit)
    return show_table(visit, asked, table, (N_("通知"), "notices", file), "notices.html", newest=newest)


@router.post("/notices/read")
def read(visit: OfficerVisit, form: Form) -> Response:
    """Mark the chosen notices as read."""
    reading.read(visit.session, visit.actor, [number_of(one, "notice") for one in texts_of(form, "notice")])
    return leads_to(own_address(text_of(form, "back") or "/portal/notices"))


@router.post("/notices/read-all")
def read_all(visit: OfficerVisit, form: Form) -> Response:
    """Mark everything as read that stood on the page; what came meanwhile stays unread."""
    reading.read_all(visit.session, visit.actor, number_of(text_of(form, "up_to"), "up_to"))
    return leads_to("/portal/notices")
