"""Why: what an officer settles for himself: his password, language, second factor, sign-ins, and who stands in while he is away. Called by `mounting`."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from fastapi.responses import Response
from starlette.datastructures import FormData

from exchange_api.accounts import delegations, passwords, second_factor, sign_ins
from exchange_api.portal.language import LANGUAGES
from exchange_api.portal.pages.accounts.stages import SVG, change_password
from exchange_api.portal.rendering import PortalSettings, leads_to, page
from exchange_api.portal.visit import LANGUAGE_COOKIE, SESSION_COOKIE, Form, OfficerVisit, Visit, keep_cookie, text_of
from schemas.errors import Denied, HutongError, Invalid
from schemas.tables.operations import Officer, OfficerSession

router = APIRouter()
HERE = "/portal/account"


@router.get("/account")
def show(visit: OfficerVisit) -> Response:
    """Show one's own account."""
    return _page(visit)


@router.get("/account/square.svg")
def square(visit: OfficerVisit) -> Response:
    """Show the draft of a second factor as the square that an authenticator app reads."""
    if (drafted := _kept(visit).draft_secret) is None:
        raise Invalid("portal.page_unknown")
    return Response(second_factor.square(drafted, visit.actor.id), media_type=SVG)


@router.post("/account/acting")
def act_for(visit: OfficerVisit, form: Form) -> Response:
    """Act for a colleague from now on, or in one's own name again."""
    delegations.act_for(visit.session, visit.actor, _kept(visit).id, text_of(form, "officer") or None)
    return leads_to("/portal/" if text_of(form, "officer") else HERE)


@router.post("/account/delegations/{delegation_id}/revoke")
def revoke(visit: OfficerVisit, form: Form, delegation_id: int) -> Response:  # noqa: ARG001 - the form proves that the officer himself asks
    """End a delegation before its time."""
    delegations.revoke(visit.session, visit.actor, delegation_id)
    return leads_to(HERE)


@router.post("/account/{action}")
def act(visit: OfficerVisit, form: Form, action: str) -> Response:
    """Change something of one's own account; a mistake brings the page back with its words."""
    if action not in STEPS:
        raise Invalid("portal.page_unknown")
    if visit.actor.in_place_of:
        raise Denied("delegation.own_hand")
    return _done(visit, form, action)


def _done(visit: Visit, form: FormData, action: str) -> Response:
    try:
        with visit.session.begin_nested():
            return STEPS[action](visit, form) or leads_to(HERE)
    except (Invalid, Denied) as error:
        if error.code in ("officer.password_wrong", "officer.code_wrong"):  # who took over a desk must not guess on
            sign_ins.fail(visit.session, _officer(visit), f"account.{action}")
        return _page(visit, error, action, {name: text_of(form, name) for name in ("deputy", "since", "until", "why")})


def _page(
    visit: Visit, error: HutongError | None = None, action: str = "", typed: dict[str, str] | None = None
) -> Response:
    session, officer, kept = visit.session, _officer(visit), _kept(visit)
    drafted, zone = kept.draft_secret, ZoneInfo(PortalSettings().portal_time_zone)
    now = datetime.now(zone)
    facts: dict[str, Any] = {
        "me": officer, "kept": kept, "sign_ins": sign_ins.of(session, officer.id), "rules": passwords.PasswordSettings(),
        "link": second_factor.address(drafted, officer.id) if drafted else None, "is_needed": second_factor.is_needed(officer),
        "given": delegations.by(session, officer.id), "held": delegations.to(session, officer.id),
        "colleagues": delegations.colleagues(session, officer.id), "error": error, "at": action,
        "typed": typed or {"deputy": "", "why": "", "since": f"{now:%Y-%m-%dT%H:%M}", "until": f"{now + timedelta(days=7):%Y-%m-%dT18:00}"},
    }  # fmt: skip
    return page(visit, "accounts/own.html", 422 if error else 200, **facts)


def _officer(visit: Visit) -> Officer:
    return visit.session.get_one(Officer, visit.actor.id, with_for_update=visit.request.method == "POST")


def _kept(visit: Visit) -> OfficerSession:
    return visit.session.get_one(OfficerSession, sign_ins.digest(visit.request.cookies[SESSION_COOKIE]))


def _password(visit: Visit, form: FormData) -> None:
    """A new password ends what others may have opened with the old one."""
    change_password(_officer(visit), form)
    sign_ins.end_all(visit.session, visit.actor.id, but=visit.request.cookies[SESSION_COOKIE])


def _language(visit: Visit, form: FormData) -> Response:
    wished = text_of(form, "language")
    if wished not in LANGUAGES:
        raise Invalid("portal.bad_form", problems="language")
    _officer(visit).language = wished
    response = leads_to(HERE)
    keep_cookie(response, visit, LANGUAGE_COOKIE, wished)
    return response


def _factor(visit: Visit, form: FormData) -> None:  # noqa: ARG001 - every step is called alike
    """Begin a second factor. Another device comes after the old one was taken away, which needs its code."""
    if _officer(visit).factor_secret is None:
        _kept(visit).draft_secret = second_factor.draft(visit.actor.id)


def _confirm(visit: Visit, form: FormData) -> Response:
    kept = _kept(visit)
    if kept.draft_secret is None:
        raise Invalid("officer.stage_over")
    codes = second_factor.enrol(_officer(visit), kept.draft_secret, text_of(form, "code"))
    kept.draft_secret = None
    return page(visit, "accounts/recovery.html", codes=codes, onward=HERE)


def _remove(visit: Visit, form: FormData) -> None:
    """Take the second factor away with its own code; where the role needs one, a new one is set up at the next sign-in."""
    officer = _officer(visit)
    if not passwords.fits(officer.password_hash, str(form.get("current", ""))):
        raise Denied("officer.password_wrong")
    if second_factor.is_needed(officer):
        raise Denied("officer.factor_needed")
    second_factor.remove(officer)


def _others(visit: Visit, form: FormData) -> None:  # noqa: ARG001
    sign_ins.end_all(visit.session, visit.actor.id, but=visit.request.cookies[SESSION_COOKIE])


def _delegate(visit: Visit, form: FormData) -> None:
    period = _moment(form, "since"), _moment(form, "until")
    delegations.begin(visit.session, visit.actor, text_of(form, "deputy"), period, text_of(form, "why"))


def _moment(form: FormData, name: str) -> datetime:
    try:
        written = datetime.fromisoformat(text_of(form, name))
    except ValueError:
        raise Invalid("portal.bad_form", problems=name) from None
    return written.replace(tzinfo=ZoneInfo(PortalSettings().portal_time_zone))


STEPS: dict[str, Callable[[Visit, FormData], Response | None]] = {
    "password": _password, "language": _language, "factor": _factor, "confirm": _confirm, "remove": _remove, "others": _others,
    "delegate": _delegate,
}  # fmt: skip
