"""Why: the edge of the machine interface, one plain ASGI layer in front of everything under /v1/. It reads the question as it stood on the wire, has it
answered (questions to libraries by delivery directly, because a framework's dispatch is the largest cost of the hot route; everything else by the
application behind it), and lets nothing out but sealed answers: refusals, 404, 405, 422 and 500 included. No framework here; `app` puts it in place.
"""

import asyncio
import logging
import re
import traceback
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import quote, unquote

from exchange_api import counter, delivery, inbox
from exchange_api.answer import NOT_RECORDED, Answer, begin
from exchange_api.certificates import certificate_desk
from exchange_api.desk_api import desk_counter, token_desk
from exchange_api.exports import export_desk
from exchange_api.feeds import feed_desk
from exchange_api.hub import LOST, Hub
from exchange_api.legacy import calls
from exchange_api.pressure import BUSY
from exchange_api.sealing import Sealed, seal, sign
from exchange_api.signing import Request
from exchange_api.tracing.kinds import hide_personal, looks_personal
from schemas.errors import HutongError, Invalid, Terminal
from schemas.library import LIBRARIES

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
Respond = Callable[[Hub, Answer], Awaitable[None]]

log = logging.getLogger("hutong.exchange")
DIRECT: dict[str, Respond] = {
    **{f"/v1/libraries/{name}/query": partial(delivery.query, library_name=name) for name in LIBRARIES},
    **{f"/v1/libraries/{name}/verify": partial(delivery.verify, library_name=name) for name in LIBRARIES},
    "/v1/certificates/query": partial(delivery.certificates, library_name="certificate"),
    "/v1/certificates/verify": certificate_desk.verify,
}
"""Questions answered without the framework; `routers.machine` describes them for the API reference."""
_OTHER_LIBRARY = re.compile(r"/v1/libraries/([^/]+)/(?:query|verify)")
_PERSONAL = re.compile(r"(?<!\d)\d{17}[\dXx](?!\d)")
_PUBLIC_LOG, _ANY_ID = "/v1/log/", "/v1/trace/"


ROOMS: tuple[tuple[re.Pattern[str], Callable[[Hub, Answer, str], Awaitable[None]]], ...] = (
    (inbox.PATH, inbox.receive),
    (certificate_desk.PATH, certificate_desk.respond),
    (calls.PATH, calls.respond),
    (feed_desk.PATH, feed_desk.respond),
    (export_desk.PATH, export_desk.respond),
)
"""Questions named by a part of their path, that part handed on."""


class Gone(Exception):
    """The caller left."""


class Answering:
    """ASGI layer: everything under /v1/ leaves signed and recorded, anything else passes untouched."""

    def __init__(self, app: Application) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or not scope["path"].startswith("/v1/"):
            return await self.app(scope, receive, send)
        hub: Hub = scope["app"].state.hub
        request = _read_head(scope)
        answer = scope["hutong.answer"] = begin(request)
        try:
            await self._answer(hub, answer, (scope, receive))
            sealed = await self._seal(hub, answer)
            hub.guard.refused(answer)
        except Gone:  # the caller left before the question was complete: there is nobody to answer
            return None
        finally:
            if answer.place:
                answer.place.leave()
            answer.at = None  # it holds the answer: together they would wait for the collector
        return await _send(scope, send, sealed)

    async def _answer(self, hub: Hub, answer: Answer, asked: tuple[Scope, Receive]) -> None:
        """Bring the answer to where it only needs sealing, whatever goes wrong. Raises Gone."""
        scope, receive = asked
        try:
            await _read_question(hub, answer, receive)
            answer.place = hub.pressure.take()
            await self._respond(hub, answer, scope)
        except Gone:
            raise
        except HutongError as refusal:
            answer.refuse(refusal)
        except LOST:
            answer.refuse(hub.lost())
        except Exception as failure:  # noqa: BLE001 - whatever went wrong, the caller gets a signed answer
            _log_failure(answer, failure)
            answer.refuse(Terminal("server.error"))

    async def _respond(self, hub: Hub, answer: Answer, scope: Scope) -> None:
        path = answer.request.path
        direct = DIRECT.get(path)
        if direct is not None:
            if answer.request.method != "POST":
                raise Invalid("route.method", method=answer.request.method, allowed="POST")
            return await direct(hub, answer)
        plain = unquote(path), unquote(answer.request.query)
        if any(_looks_personal(path, part) for part in plain):
            # evidence is kept for ever: what must not stand in a URL must not get into an entry either
            hidden = [quote(hide_personal(part), "/=&") for part in plain]
            answer.request = replace(answer.request, path=hidden[0], query=hidden[1])
            raise Invalid("url.personal")
        if other := _OTHER_LIBRARY.fullmatch(path):
            delivery.require_library(other[1])
        if room := _find_room(answer.request):
            return await room(hub, answer)
        await self._forward(answer, scope)
        return None

    async def _forward(self, answer: Answer, scope: Scope) -> None:
        """Let the application behind answer, and take over what it says."""
        body = answer.request.body

        async def receive() -> MutableMapping[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        said: list[MutableMapping[str, Any]] = []

        async def keep(message: MutableMapping[str, Any]) -> None:
            said.append(message)

        answer.code = "public"  # answered to anybody: no caller's signature was asked for
        scope["hutong.answer"] = answer  # the application's refusals are written into it
        await self.app(scope, receive, keep)
        if answer.kind == "answer":
            answer.take_over(
                said[0]["status"], _plain(said[0]["headers"]), b"".join(one.get("body", b"") for one in said)
            )

    async def _seal(self, hub: Hub, answer: Answer) -> Sealed:
        if answer.request.path.startswith(_PUBLIC_LOG) and answer.status == 200:
            # the log proves itself; an entry per reading would make it grow by being read
            answer.receipt = NOT_RECORDED
            return await sign(hub, answer)
        return await (_seal_busy(hub, answer) if answer.code in BUSY else seal(hub, answer))


def _find_room(request: Request) -> Respond | None:
    """Return who answers this question, None when it is the application behind. Who comes with a token or a sign-in is an officer."""
    path, headers = request.path, request.headers
    is_officers = "signature-input" not in headers and ("authorization" in headers or "cookie" in headers)
    for pattern, respond in ROOMS:
        if found := pattern.fullmatch(path):
            return lambda hub, answer: respond(hub, answer, found[1])
    ways, steps = counter.find(path), desk_counter.find(path)
    if ways and not (steps and is_officers):
        return lambda hub, answer: counter.respond(hub, answer, ways)
    if steps:
        return lambda hub, answer: desk_counter.respond(hub, answer, steps)
    return token_desk.respond if path in token_desk.PATHS else None


def _looks_personal(path: str, part: str) -> bool:
    """Say whether a citizen id stands here, or where any id may be asked for, a company's; certificates' identifiers are made of codes of authorities."""
    return looks_personal(part) if path.startswith(_ANY_ID) else bool(_PERSONAL.search(part))


def _read_head(scope: Scope) -> Request:
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1"), value.decode("latin-1").strip()
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    path = scope.get("raw_path") or scope["path"].encode()
    return Request(
        scope["method"],
        headers.get("host", ""),
        path.decode("latin-1"),
        scope["query_string"].decode("latin-1"),
        headers,
        b"",
    )


async def _seal_busy(hub: Hub, answer: Answer) -> Sealed:
    """Say that there is too much to do: recorded as long as few wait for that, so that evidence of pressure adds none."""
    if answer.place:
        answer.place.leave()
    if not hub.pressure.can_record_refusals:
        answer.say_unrecorded()
        return await sign(hub, answer)
    hub.pressure.refusing += 1
    try:
        return await seal(hub, answer)
    finally:
        hub.pressure.refusing -= 1


async def _read_question(hub: Hub, answer: Answer, receive: Receive) -> None:
    """Read the body that belongs to a head. Raises Gone; Invalid `request.too_large`, `request.slow`; Transient `server.busy`."""
    head = answer.request
    most = await desk_counter.most_bytes(hub, answer) or await inbox.most_bytes(hub, answer)
    announced = head.headers.get("content-length", "0")
    if announced.isdigit() and int(announced) > most:  # said so itself: nothing of it need be read
        raise Invalid("request.too_large", limit=most)
    message = await receive()
    if message["type"] == "http.disconnect":
        raise Gone
    body = message.get("body", b"")
    if message.get("more_body"):
        try:
            async with asyncio.timeout(hub.settings.api_body_s):
                body = await _read_on(hub, receive, body, most)
        except TimeoutError:
            raise Invalid("request.slow", seconds=hub.settings.api_body_s) from None
    answer.request = Request(head.method, head.authority, head.path, head.query, head.headers, body)


async def _read_on(hub: Hub, receive: Receive, first: bytes, limit: int) -> bytes:
    body, held = bytearray(first), len(first)
    hub.pressure.held += held
    try:
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Gone
            part = message.get("body", b"")
            held += len(part)
            hub.pressure.hold(len(part))
            body += part
            if len(body) > limit:
                raise Invalid("request.too_large", limit=limit)
            if not message.get("more_body"):
                return bytes(body)
    finally:
        hub.pressure.hold(-held)


async def _send(scope: Scope, send: Send, sealed: Sealed) -> None:
    whole = scope.pop("hutong.whole", None)
    if whole is not None and whole(sealed.status, sealed.headers, sealed.body):
        scope["hutong.status"] = sealed.status
        return
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in sealed.headers.items()]
    headers.append((b"content-length", str(len(sealed.body)).encode()))
    await send({"type": "http.response.start", "status": sealed.status, "headers": headers})
    await send({"type": "http.response.body", "body": sealed.body})


def _plain(headers: list[tuple[bytes, bytes]]) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}


def _log_failure(answer: Answer, failure: Exception) -> None:
    """Say where it failed, never with which values: messages of foreign errors may quote personal data."""
    frame = traceback.extract_tb(failure.__traceback__)[-1]
    log.error(
        "receipt %s: %s at %s:%s",
        answer.receipt,
        type(failure).__name__,
        frame.filename.rpartition("/")[2],
        frame.lineno,
    )
