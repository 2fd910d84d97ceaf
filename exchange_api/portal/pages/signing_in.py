"""Why: who comes in, who leaves, and in which language. Called by `mounting`."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from exchange_api import officers
from exchange_api.officers import OfficerSettings
from exchange_api.portal.language import chosen
from exchange_api.portal.rendering import leads_to, page
from exchange_api.portal.visit import (
    LANGUAGE_COOKIE,
    SESSION_COOKIE,
    VISITOR_COOKIE,
    AnyVisit,
    Form,
    OfficerVisit,
    keep_cookie,
    own_address,
    text_of,
)
from schemas.errors import Invalid

router = APIRouter()
Next = Annotated[str, Query(max_length=500)]


@router.get("/sign-in")
def show(visit: AnyVisit, next: Next = "") -> Response:
    """Show the sign-in form; whoever is signed in goes on."""
    if visit.signed_in:
        return leads_to(own_address(next))
    return page(visit, "sign_in.html", next=own_address(next), error=None, name="")


@router.post("/sign-in")
def sign_in(visit: AnyVisit, form: Form) -> Response:
    """Check name and password; the cookie of the visitor is replaced, never promoted."""
    name, there = text_of(form, "name"), own_address(text_of(form, "next"))
    cookie = officers.sign_in(visit.session, name, str(form.get("password", "")))
    if cookie is None:
        limits = OfficerSettings()
        error = Invalid("portal.sign_in_failed", failures=limits.portal_failures, minutes=limits.portal_lock_minutes)
        return page(visit, "sign_in.html", 422, next=there, error=error, name=name)
    response = leads_to(there)
    keep_cookie(response, visit, SESSION_COOKIE, cookie)
    response.delete_cookie(VISITOR_COOKIE, path="/")
    return response


@router.post("/sign-out")
def sign_out(visit: OfficerVisit, form: Form) -> Response:  # noqa: ARG001 - the form proves that the officer himself asks
    """End the sign-in here and in the database."""
    officers.sign_out(visit.session, visit.request.cookies.get(SESSION_COOKIE))
    response = leads_to("/portal/sign-in")
    response.delete_cookie(SESSION_COOKIE, path="/")
    return response


@router.get("/language/{language}")
def choose_language(visit: AnyVisit, language: str, next: Next = "") -> Response:
    """Keep the language in a cookie and go back."""
    response = leads_to(own_address(next))
    keep_cookie(response, visit, LANGUAGE_COOKIE, chosen(language))
    return response
