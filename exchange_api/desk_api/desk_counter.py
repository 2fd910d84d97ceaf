"""Why: the one way a program's question to a desk takes: who asks, whether role, token and sight allow it, once and no more often, in one transaction. The
answer leaves signed and recorded like every other, refusals too. Called by `answering`; the steps are in `routes`.
"""

import asyncio
import re
from functools import partial
from typing import Any
from urllib.parse import parse_qs

from sqlalchemy.exc import DataError
from sqlalchemy.orm import Session

from exchange_api import questions
from exchange_api.accounts import trail
from exchange_api.accounts.trail import Deed
from exchange_api.answer import Answer
from exchange_api.desk_api import askers, sight, steps
from exchange_api.desk_api.asked import Ask, Page, Route
from exchange_api.desk_api.askers import Asker
from exchange_api.desk_api.routes import ROUTES
from exchange_api.hub import Hub
from exchange_api.signing import Request
from schemas.database import transaction
from schemas.errors import Denied, Invalid
from schemas.messages.desk_api import Said

MOST = 200
FILE_BYTES = 14_100_000
"""A file of 10 MiB in base64, with its name."""
_FILES = re.compile(r"/v1/demands/XQ-\d{4}-\d{6}/attachments")
_PATTERNS = tuple((route.pattern, route) for route in ROUTES)
Ways = dict[str, tuple[Route, dict[str, str]]]


def find(path: str) -> Ways | None:
    """Return the routes at this path by method, with the numbers named in it; None when no desk is there."""
    found = ((pattern.fullmatch(path), route) for pattern, route in _PATTERNS)
    return {route.method: (route, match.groupdict()) for match, route in found if match} or None


async def most_bytes(hub: Hub, answer: Answer) -> int | None:
    """Return how large a body is read where a file comes with a demand: only from somebody who is known; None where nothing is said here."""
    if answer.request.method != "POST" or not _FILES.fullmatch(answer.request.path):
        return None
    return FILE_BYTES if await asyncio.to_thread(_is_known, hub, answer.request) else None


async def respond(hub: Hub, answer: Answer, ways: Ways) -> None:
    """Answer one question to a desk.

    Raises Invalid `route.method`, `request.…`, `request_id.…`; Denied `asker.…`, `case.…`; and what the desk raises.
    """
    request = answer.request
    if request.method not in ways:
        raise Invalid("route.method", method=request.method, allowed=", ".join(sorted(ways)))
    await asyncio.to_thread(partial(_answer, hub, answer, *ways[request.method]))


def _is_known(hub: Hub, request: Request) -> bool:
    try:
        with transaction("exchange") as session:
            return "demander" in askers.know(session, request, hub.authorities).actor.roles
    except Denied:
        return False


def _answer(hub: Hub, answer: Answer, route: Route, ids: dict[str, str]) -> None:
    answer.facts = {"action": route.action, **ids}
    with transaction("exchange") as session:
        asker = askers.know(session, answer.request, hub.authorities)
    answer.code, answer.keyid = asker.facts["by"], None
    answer.facts |= asker.facts
    form = questions.read(answer, route.form) if route.form else None
    ask = Ask(ids, _page(answer.request.query, route), form)
    try:
        answer.document = _do(answer, asker, route, ask)
    except DataError as wrong:  # a NUL, a number beyond all bounds: what the form allows and no database holds
        raise Invalid("request.malformed", where="the body", reason="it holds what cannot be kept") from wrong
    if "state" in answer.document:
        answer.facts["state"] = answer.document["state"]


def perform(session: Session, asker: Asker, route: Route, ask: Ask) -> Said:
    """Do one step of the table: role, scope and sight are judged first. Raises Denied `case.role_needed`, `asker.scope`, and as `sight.require`."""
    if not route.roles & asker.actor.roles:
        raise Denied("case.role_needed", role=", ".join(sorted(route.roles)))
    if asker.scopes is not None and route.scope not in asker.scopes:
        raise Denied("asker.scope", scope=route.scope)
    for kind in route.names:
        if kind in sight.KINDS:
            sight.require(session, asker.actor, kind, ask.ids[kind])
    return route.work(session, asker.actor, ask)


def _do(answer: Answer, asker: Asker, route: Route, ask: Ask) -> dict[str, Any]:
    with transaction("exchange") as session:
        is_step = answer.request.method not in askers.SAFE and not route.is_look
        if is_step and (done := steps.begin(session, asker.name, _named(answer))):
            answer.code = "repeated"
            answer.facts["repeats"] = done.receipt
            return done.document
        said = perform(session, asker, route, ask).model_dump(mode="json")
        if is_step:
            steps.finish(session, asker.name, answer.request_id, said)
            trail.note(session, Deed(asker.actor, f"{route.method} {route.path}", cases=tuple(ask.ids.values())))
        return said


def _named(answer: Answer) -> tuple[Request, str, str]:
    """Return what a step is known by. A request id that cannot be kept is refused: it would not protect from doing it twice."""
    given = answer.request.headers.get("x-request-id")
    if given is not None and given != answer.request_id:
        raise Invalid("request_id.malformed")
    return answer.request, answer.request_id, answer.receipt


def _page(query: str, route: Route) -> Page:
    """Read the query string: after, limit and state of a list, nothing elsewhere."""
    if not query:
        return Page()
    given = parse_qs(query, keep_blank_values=True)
    known = {"after", "limit", "state"} if route.is_list else set()
    if set(given) - known or any(len(values) != 1 or "\x00" in values[0] for values in given.values()):
        raise Invalid(
            "request.malformed", where="the query string", reason=f"known here: {', '.join(sorted(known)) or 'none'}"
        )
    limit = given.get("limit", ["50"])[0]
    if not (limit.isascii() and limit.isdigit() and len(limit) <= 3 and 1 <= int(limit) <= MOST):
        raise Invalid("request.malformed", where="the query string", reason=f"limit is a number from 1 to {MOST}")
    return Page(given.get("after", [""])[0], int(limit), given.get("state", [None])[0])
