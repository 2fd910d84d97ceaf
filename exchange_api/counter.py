"""Why: application systems also have dealings with the desks: recalls they must acknowledge, values they doubt. One way for all such questions: the caller's
signature is checked, the desk does its work in one transaction, and the answer leaves signed and recorded like every other. Called by `answering`.

A desk's work must bear being done again: it is durable before the answer, and an answer that could not be recorded is asked for again.
"""

import asyncio
import json
import re
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar
from urllib.parse import parse_qs

from pydantic import BaseModel
from sqlalchemy.orm import Session

from exchange_api import questions
from exchange_api.answer import Answer
from exchange_api.asked import Asked, Told
from exchange_api.hub import Hub
from exchange_api.objections import objection_counter
from exchange_api.recalls import recall_counter
from exchange_api.tracing import trace_counter
from schemas.database import transaction
from schemas.errors import Denied, Invalid

Work = Callable[[Session, Asked], Told]
Form = TypeVar("Form", bound=BaseModel)

_RECALL = r"/v1/recalls/(ZH-\d{4}-\d{6})"
_OBJECTION = r"/v1/objections/(YY-\d{4}-\d{6})"
ROUTES: tuple[tuple[str, re.Pattern[str], Work], ...] = (
    ("GET", re.compile("/v1/recalls"), recall_counter.told_list),
    ("GET", re.compile(_RECALL), recall_counter.told_one),
    ("POST", re.compile(f"{_RECALL}/acknowledgement"), recall_counter.acknowledge),
    ("GET", re.compile("/v1/objections"), objection_counter.told_list),
    ("POST", re.compile("/v1/objections"), objection_counter.object_to),
    ("GET", re.compile(_OBJECTION), objection_counter.told_one),
    ("POST", re.compile(f"{_OBJECTION}/withdrawal"), objection_counter.withdraw),
    ("GET", re.compile("/v1/trace/(.{1,200})"), trace_counter.told_chain),
)
"""Questions to desks by method and path; `routers.desks` describes them for the API reference."""


def find(path: str) -> dict[str, tuple[Work, str]] | None:
    """Return the desk's work by method, with the case named in the path; None when no desk is there."""
    matches = ((method, work, pattern.fullmatch(path)) for method, pattern, work in ROUTES)
    return {method: (work, (*match.groups(), "")[0]) for method, work, match in matches if match} or None


async def respond(hub: Hub, answer: Answer, ways: dict[str, tuple[Work, str]]) -> None:
    """Answer one question to a desk.

    Raises what `authenticate` and the desk raise; Invalid `route.method`, `request.…`; Denied `nonce.replayed` before anything is done twice.
    """
    request = answer.request
    if request.method not in ways:
        raise Invalid("route.method", method=request.method, allowed=", ".join(sorted(ways)))
    await questions.know(hub, answer)
    await _require_new(hub, answer)
    work, case = ways[request.method]
    asked = Asked(
        answer.application_id or "", answer.receipt, answer.request_id, hub.secret, case, _after(request.query),
        partial(questions.read, answer),
    )  # fmt: skip
    told = await asyncio.to_thread(_do, work, asked)
    answer.document, answer.facts, answer.library = told.document, told.facts, told.library


async def _require_new(hub: Hub, answer: Answer) -> None:
    """Refuse a replay, and another question under an earlier one's id, before the desk does anything; sealing would be too late."""
    keyid = answer.keyid or ""
    if await hub.recorder.is_replay(keyid, answer.nonce or ""):
        answer.nonce = None
        raise Denied("nonce.replayed", keyid=keyid)
    earlier = await hub.recorder.find_earlier(keyid, answer.request_id)
    if earlier is None:
        return
    asked, now = json.loads(earlier.document)["request"], answer.request
    before = (asked["method"], asked["path"], asked["query"], asked["headers"].get("content-digest"))
    if before != (now.method, now.path, now.query, now.headers.get("content-digest")):
        raise Invalid("request_id.reused", earlier=earlier.receipt)


def _do(work: Work, asked: Asked) -> Told:
    with transaction("exchange") as session:
        return work(session, asked)


def _after(query: str) -> str:
    """Return where a list goes on: the only thing a query string may say."""
    given: dict[str, list[Any]] = parse_qs(query, keep_blank_values=True)
    if query and (set(given) != {"after"} or len(given["after"]) != 1):
        raise Invalid("request.malformed", where="the query string", reason="only after=… is known")
    return given["after"][0] if given else ""
