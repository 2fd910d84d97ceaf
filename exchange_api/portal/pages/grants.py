"""Why: who may ask what, how it is used, and who stopped it: the list of grants, one grant with all of it, and what each side may do. Called by `mounting`; the
desk of grants decides who may.
"""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any, Literal

from fastapi import APIRouter
from fastapi.responses import Response
from starlette.datastructures import FormData

from exchange_api.desk_api import sight
from exchange_api.grant import certifying, flags, grants, health, life, quota_requests, use
from exchange_api.portal import grant_lists, grant_view, reading, trouble
from exchange_api.portal.language import N_
from exchange_api.portal.pages.lists import AskedDep, Format, show_table
from exchange_api.portal.pages.steps import number_of
from exchange_api.portal.rendering import page
from exchange_api.portal.trouble import Trouble
from exchange_api.portal.visit import Form, OfficerVisit, Visit, text_of
from schemas.errors import Denied, Invalid
from schemas.tables.exchange import Application, Demand, Grant
from schemas.tables.grant_life import QuotaRequest

router = APIRouter()
DAYS = 7


@router.get("/grants")
def show_all(visit: OfficerVisit, asked: AskedDep, file: Format = "") -> Response:
    """List the grants that concern the officer."""
    return show_table(visit, asked, grant_lists.grants(visit), (N_("授权"), "grants", file))


@router.get("/grants/{grant_id}")
def show(visit: OfficerVisit, grant_id: str) -> Response:
    """Show one grant with its use, suspensions, wishes and steps."""
    sight.require(visit.session, visit.actor, "grant", grant_id)
    return page(visit, "grant.html", trouble=None, **_facts(visit, visit.session.get_one(Grant, grant_id)))


@trouble.shows("grants")
def _troubled(visit: Visit, grant_id: str, what: Trouble) -> Response:
    facts = _facts(visit, visit.session.get_one(Grant, grant_id))
    return page(visit, "grant.html", what.error.status, trouble=what, **facts)


def _facts(visit: Visit, grant: Grant) -> dict[str, Any]:
    session, grant_id = visit.session, grant.id
    days = [visit.today - timedelta(days=back) for back in range(DAYS)]
    done = {one.day: one for one in use.days_of(session, grant_id, days[-1])}
    return {
        "grant": grant, "names": reading.names(session), "application": session.get_one(Application, grant.application_id),
        "demand": session.get_one(Demand, grant.demand_id), "granted": grant_view.items(session, grant), "rules": grant_view.rules(grant),
        "flags": flags.of(session, grant_id), "use": [(day, done.get(day), quota_requests.quota_on(session, grant, day)) for day in days],
        "wishes": quota_requests.find(session, grant_id), "checked": health.last(session, grant_id), "timeline": life.timeline(session, grant_id)[::-1],
        "may": grant_view.possible(session, visit.actor, grant), "providers": sorted(life.parties(session, grant).providers), "tone": grant_view.tone(grant),
        "later": max(grant.valid_until, visit.today) + timedelta(days=1), "until": visit.today + timedelta(days=30),
    }  # fmt: skip


@router.post("/grants/{grant_id}/{action}")
def act(visit: OfficerVisit, form: Form, grant_id: str, action: str) -> Response:
    """Take a step of a grant."""
    if action not in STEPS:
        raise Invalid("portal.page_unknown")
    sight.require(visit.session, visit.actor, "grant", grant_id)
    return trouble.take(visit, form, f"/portal/grants/{grant_id}", lambda: STEPS[action](visit, grant_id, form))


@router.post("/quota/{request_id}/{decision}")
def decide(visit: OfficerVisit, form: Form, request_id: int, decision: Literal["approve", "decline"]) -> Response:
    """Approve a wish for more use, or decline it."""
    sight.require(visit.session, visit.actor, "request", str(request_id))
    grant_id = visit.session.get_one(QuotaRequest, request_id).grant_id
    decided = _approved if decision == "approve" else _declined
    return trouble.take(visit, form, f"/portal/grants/{grant_id}", lambda: decided(visit, request_id, form))


def _approved(visit: Visit, request_id: int, form: FormData) -> None:
    quota, until = number_of(text_of(form, "quota"), "quota"), day_of(form, "until")
    quota_requests.approve(visit.session, visit.actor, request_id, quota, until)


def _declined(visit: Visit, request_id: int, form: FormData) -> None:
    quota_requests.decline(visit.session, visit.actor, request_id, _why(form))


def day_of(form: FormData, name: str) -> date:
    """Return a day that was written. Raises Invalid `portal.bad_form`."""
    try:
        return date.fromisoformat(text_of(form, name))
    except ValueError:
        raise Invalid("portal.bad_form", problems=name) from None


def _why(form: FormData) -> str:
    if why := text_of(form, "why"):
        return why
    raise Invalid("portal.why_needed")


def _revoke(visit: Visit, grant_id: str, form: FormData) -> None:
    if "authority" not in visit.actor.roles:
        raise Denied("case.role_needed", role="authority")
    grants.revoke(visit.session, visit.actor, grant_id, _why(form))


def _renew(visit: Visit, grant_id: str, form: FormData) -> None:
    certifying.ask_renewal(visit.session, visit.actor, grant_id, day_of(form, "until"), _why(form))


def _prolong(visit: Visit, grant_id: str, form: FormData) -> None:
    certifying.prolong(visit.session, visit.actor, grant_id, day_of(form, "until"), text_of(form, "why") or None)


def _quota(visit: Visit, grant_id: str, form: FormData) -> None:
    wanted = number_of(text_of(form, "quota"), "quota"), day_of(form, "day")
    quota_requests.ask(visit.session, visit.actor, grant_id, wanted, _why(form))


def _worded(step: Callable[..., object]) -> Callable[[Visit, str, FormData], object]:
    """Make a step of one that takes a grant and perhaps a reason."""
    return lambda visit, grant_id, form: step(visit.session, visit.actor, grant_id, text_of(form, "why") or None)


def _check(visit: Visit, grant_id: str, _: FormData) -> None:
    health.check(visit.session, visit.actor, grant_id)


STEPS: dict[str, Callable[[Visit, str, FormData], object]] = {
    "suspend": _worded(grants.suspend), "resume": _worded(grants.resume), "close": _worded(grants.close), "recertify": _worded(certifying.recertify),
    "revoke": _revoke, "renew": _renew, "prolong": _prolong, "quota": _quota, "health": _check,
}  # fmt: skip
