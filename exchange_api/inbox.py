"""Why: a department brings a file to the hub and must be able to prove later that it did: whoever brings it is known, the file lies there before the
answer is said, and the answer is signed and recorded like every other. Called by `answering` for POST /v1/inbox/{resource}?name=….

Two ways of being known: an application's signature (profile hutong-9421/1), or a provider's sign-in at the portal with the token of its forms.
"""

import asyncio
import hmac
import re
from dataclasses import asdict, dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs

from exchange_api import officers
from exchange_api.answer import Answer
from exchange_api.auth import authenticate
from exchange_api.hub import Hub
from exchange_api.signing import Request
from libraries.collecting import inbox
from libraries.collecting.inbox import InboxSettings, Received
from schemas.database import transaction
from schemas.errors import Denied, Invalid
from schemas.tables.exchange import Application

SESSION_COOKIE = "hutong_session"
FORM_HEADER = "x-csrf-token"
PATH = re.compile(r"/v1/inbox/([a-z0-9_.]{1,96})")


@dataclass(frozen=True, slots=True)
class Sender:
    """Who brings a file: the department, and by which of its two ways."""

    department: str
    by: str


async def most_bytes(hub: Hub, answer: Answer) -> int:
    """Return how large a body is read: a file's size only from somebody who names a known key or holds a sign-in, else a question's."""
    if not PATH.fullmatch(answer.request.path):
        return hub.settings.api_max_body
    is_known = answer.keyid is not None and await hub.keys.get(answer.keyid) is not None
    if not is_known and (cookie := _cookie(answer.request)):
        is_known = await asyncio.to_thread(_officer, cookie, None) is not None
    return (
        max(hub.settings.api_max_body, (InboxSettings().inbox_file_mb << 20) + 1)
        if is_known
        else hub.settings.api_max_body
    )


async def receive(hub: Hub, answer: Answer, resource: str) -> None:
    """Take a file into a resource's inbox and say what lies there; the same file again is the same answer.

    Raises Denied `inbox.unknown_sender`, `inbox.not_yours` and what `authenticate` raises; Invalid `inbox.…`, `directory.…`, `route.method`.
    """
    if answer.request.method != "POST":
        raise Invalid("route.method", method=answer.request.method, allowed="POST")
    sender = await _sender(hub, answer)
    name = _name(answer.request.query)
    received = await asyncio.to_thread(_take, sender, resource, name, answer.request.body)
    answer.facts = {"resource": resource, "department": sender.department, "by": sender.by, "sha256": received.sha256}
    answer.facts |= {"size": received.size, "file": received.file}
    answer.document = _said(received)


async def _sender(hub: Hub, answer: Answer) -> Sender:
    if "signature-input" in answer.request.headers:
        answer.know(await authenticate(answer.request, hub.keys, hub.authorities))
        return await asyncio.to_thread(_application, answer.application_id or "")
    answer.code = "officer"  # known by a sign-in: no caller's signature stands in the evidence
    token = answer.request.headers.get(FORM_HEADER, "")
    found = await asyncio.to_thread(_officer, _cookie(answer.request), token)
    if found is None:
        raise Denied("inbox.unknown_sender")
    return found


def _application(application_id: str) -> Sender:
    with transaction("exchange") as session:
        return Sender(session.get_one(Application, application_id).department_id, "application")


def _officer(cookie: str | None, token: str | None) -> Sender | None:
    """Return a signed-in provider's sender; token: what his form carries, None where only reading on is at stake."""
    with transaction("exchange") as session:
        signed_in = officers.current(session, cookie)
    if signed_in is None or "provider" not in signed_in.actor.roles:
        return None
    if token is not None and not hmac.compare_digest(token.encode(), signed_in.csrf_token.encode()):
        return None
    return Sender(signed_in.actor.department_id, "officer")


def _take(sender: Sender, resource: str, name: str, content: bytes) -> Received:
    with transaction("exchange") as session:
        document = inbox.require_inbox(session, resource)
    if document.department != sender.department:
        raise Denied("inbox.not_yours", resource=resource)
    return inbox.put(resource, name, content)


def _said(received: Received) -> dict[str, Any]:
    return asdict(received) | {"received_at": received.received_at.isoformat(timespec="seconds")}


def _name(query: str) -> str:
    given = parse_qs(query, keep_blank_values=True)
    if set(given) != {"name"} or len(given["name"]) != 1:
        raise Invalid("request.malformed", where="the query string", reason="exactly one name=… must be given")
    return given["name"][0]


def _cookie(request: Request) -> str | None:
    try:
        found = SimpleCookie(request.headers.get("cookie", "")).get(SESSION_COOKIE)
    except CookieError:
        return None
    return found.value if found else None
