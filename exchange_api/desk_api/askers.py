"""Why: who asks at the desks' machine interface: an officer by the portal's sign-in, or a client by its token. Both become one thing: an actor, what it may
be used for, and what the evidence says of it. Called by `desk_counter`.
"""

import hmac
from collections.abc import Collection
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from sqlalchemy.orm import Session

from exchange_api import officers
from exchange_api.actors import Actor
from exchange_api.desk_api import tokens
from exchange_api.signing import Request
from schemas.errors import Denied

SESSION_COOKIE = "hutong_session"
FORM_HEADER = "x-csrf-token"
SAFE = ("GET", "HEAD")


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks. name: unique among officers and clients; scopes: None for a sign-in, which has all its roles open; facts: plain ids, for the evidence."""

    actor: Actor
    name: str
    scopes: frozenset[str] | None
    facts: dict[str, str]


def know(session: Session, request: Request, authorities: Collection[str]) -> Asker:
    """Return who asks. A token counts before a cookie.

    Raises Denied `asker.unknown`; `asker.form_token`, when a step is asked for by a sign-in without its form's token, or from another origin.
    """
    if given := request.headers.get("authorization"):
        return _client(session, given)
    signed_in = officers.current(session, cookie(request))
    if signed_in is None:
        raise Denied("asker.unknown")
    if request.method not in SAFE:
        _check_form(request, signed_in.csrf_token, authorities)
    actor = signed_in.actor
    return Asker(actor, f"officer:{actor.id}", None, {"by": "officer", "officer": actor.id})


def cookie(request: Request) -> str | None:
    """Return the cookie of a sign-in, where one was sent."""
    try:
        found = SimpleCookie(request.headers.get("cookie", "")).get(SESSION_COOKIE)
    except CookieError:
        return None
    return found.value if found else None


def _client(session: Session, given: str) -> Asker:
    scheme, _, token = given.partition(" ")
    held = tokens.current(session, token.strip()) if scheme.lower() == "bearer" else None
    if held is None:
        raise Denied("asker.unknown")
    facts = {"by": "client", "client": held.client_id, "client_key": held.keyid}
    if held.officer_id is not None:
        facts["officer"] = held.officer_id
    return Asker(held.actor, f"client:{held.client_id}:{held.officer_id or ''}", held.scopes, facts)


def _check_form(request: Request, expected: str, authorities: Collection[str]) -> None:
    sent, origin = request.headers.get(FORM_HEADER, ""), request.headers.get("origin")
    is_foreign = origin is not None and urlsplit(origin).netloc.lower() not in authorities
    if is_foreign or not hmac.compare_digest(sent.encode("utf-8", "replace"), expected.encode()):
        raise Denied("asker.form_token")
