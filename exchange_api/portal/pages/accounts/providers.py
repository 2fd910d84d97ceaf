"""Why: the way to the bureau's identity provider and back. Called by `mounting`; what comes back is judged by `accounts.oidc`.

The browser comes back from another site, so cookies of SameSite=Strict do not come with it: what it began lies in a Lax cookie of these pages alone, and the
page it is answered with leads on from here, of our own site. It answers a GET, as the protocol has it.
"""

from fastapi import APIRouter
from fastapi.responses import RedirectResponse, Response

from exchange_api.accounts import oidc, sign_ins, trail
from exchange_api.accounts.oidc import OidcSettings, Started
from exchange_api.accounts.trail import Deed
from exchange_api.portal.pages.accounts.entrance import STAGE, entered, own_origin
from exchange_api.portal.rendering import page
from exchange_api.portal.visit import AnyVisit, Visit
from schemas.errors import Denied, HutongError
from schemas.tables.operations import Officer

router = APIRouter()
COOKIE, PATH = "hutong_oidc", "/portal/sign-in/oidc"


@router.get("/sign-in/oidc")
def go(visit: AnyVisit) -> Response:
    """Lead to the identity provider."""
    address, started = oidc.start(f"{own_origin(visit)}{PATH}/back")
    response = RedirectResponse(address, 303)
    is_secure = own_origin(visit).startswith("https:")
    response.set_cookie(COOKIE, started.spell(), 600, path=PATH, httponly=True, samesite="lax", secure=is_secure)
    return response


@router.get("/sign-in/oidc/back")
def back(visit: AnyVisit) -> Response:
    """Take what the provider answered; whoever it is must be an officer here already."""
    try:
        response = _in(visit, _known(visit))
    except HutongError as error:
        trail.note(visit.session, Deed(None, "sign_in.oidc", error.code))
        response = page(visit, "accounts/stage_over.html", error.status, error=error)
    response.delete_cookie(COOKIE, path=PATH)
    return response


def _known(visit: Visit) -> Officer:
    """Return the officer whom the provider named. Raises Denied `oidc.refused`, `oidc.unlinked`, Transient `oidc.away`."""
    started = Started.read(visit.request.cookies.get(COOKIE))
    identity = oidc.finish(started, dict(visit.request.query_params), f"{own_origin(visit)}{PATH}/back")
    officer = oidc.officer_of(visit.session, identity)
    if officer.is_disabled or sign_ins.is_locked(officer):
        trail.note(visit.session, Deed(sign_ins.acting(officer), "sign_in.oidc", "officer.disabled"))
        raise Denied("oidc.unlinked", subject=identity.subject)
    return officer


def _in(visit: Visit, officer: Officer) -> Response:
    browser = visit.request.headers.get("user-agent")
    cookie = sign_ins.begin(visit.session, officer, "oidc", browser, is_strong=OidcSettings().oidc_is_strong)
    return entered(visit, cookie, STAGE, page(visit, "accounts/came_back.html", onward=STAGE))
