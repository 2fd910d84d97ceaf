"""Why: who comes in, who leaves, and in which language. Called by `mounting`; the stages after the password stand in `accounts.stages`."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from exchange_api import officers
from exchange_api.accounts import oidc
from exchange_api.accounts.oidc import OidcSettings
from exchange_api.officers import OfficerSettings
from exchange_api.portal.language import chosen
from exchange_api.portal.pages.accounts.entrance import entered, own_origin
from exchange_api.portal.rendering import leads_to, page
from exchange_api.portal.visit import (
    LANGUAGE_COOKIE,
    SESSION_COOKIE,
    AnyVisit,
    Form,
    OfficerVisit,
    keep_cookie,
    own_address,
    text_of,
)
from schemas.errors import HutongError, Invalid

router = APIRouter()
Next = Annotated[str, Query(max_length=500)]


@router.get("/sign-in")
def show(visit: AnyVisit, next: Next = "") -> Response:
    """Show the sign-in form; whoever is signed in goes on."""
    if visit.signed_in:
        return leads_to(own_address(next))
    return form(visit, own_address(next))


@router.post("/sign-in")
def sign_in(visit: AnyVisit, form_sent: Form) -> Response:
    """Check name and password; the cookie of the visitor is replaced, never promoted."""
    name, there = text_of(form_sent, "name"), own_address(text_of(form_sent, "next"))
    browser = visit.request.headers.get("user-agent")
    cookie = officers.sign_in(visit.session, name, str(form_sent.get("password", "")), browser)
    if cookie is None:
        limits = OfficerSettings()
        error = Invalid("portal.sign_in_failed", failures=limits.portal_failures, minutes=limits.portal_lock_minutes)
        return form(visit, there, error, name)
    return entered(visit, cookie, there)


def form(visit: AnyVisit, there: str, error: HutongError | None = None, name: str = "") -> Response:
    """Return the sign-in form, with what went wrong and the way to the bureau's identity provider where there is one."""
    provider = (OidcSettings().oidc_name or "OpenID Connect") if oidc.is_on() else None
    status = 422 if error else 200
    return page(visit, "sign_in.html", status, next=there, error=error, name=name, provider=provider)


@router.post("/sign-out")
def sign_out(visit: OfficerVisit, form_sent: Form) -> Response:  # noqa: ARG001 - the form proves that the officer himself asks
    """End the sign-in here and in the database; who came from the identity provider is shown the way to sign out there too."""
    cookie = visit.request.cookies.get(SESSION_COOKIE)
    way_out = (
        oidc.way_out(f"{own_origin(visit)}/portal/sign-in")
        if officers.way_of(visit.session, cookie) == "oidc"
        else None
    )
    officers.sign_out(visit.session, cookie)
    response = page(visit, "accounts/signed_out.html", way_out=way_out) if way_out else leads_to("/portal/sign-in")
    response.delete_cookie(SESSION_COOKIE, path="/")
    return response


@router.get("/language/{language}")
def choose_language(visit: AnyVisit, language: str, next: Next = "") -> Response:
    """Keep the language in a cookie and go back."""
    response = leads_to(own_address(next))
    keep_cookie(response, visit, LANGUAGE_COOKIE, chosen(language))
    return response
