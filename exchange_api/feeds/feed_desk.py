"""Why: whoever may keep a copy must be able to keep it right. GET /v1/grants/{grant}/changes tells page by page what holds, then what changed of it: additions,
changes and tombstones in the granted form, each page naming the cursor it follows, so that a lost one shows. Called by `answering`.

authenticate → grant → cursor → horizon → what changed; like every answer it leaves signed and recorded, and counts its subjects against the quota.
"""

import re
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import parse_qs

import orjson

from exchange_api import questions, records
from exchange_api.answer import Answer
from exchange_api.feeds import changes, cursors
from exchange_api.feeds.changes import Page, Teller
from exchange_api.feeds.cursors import Cursor
from exchange_api.hub import Hub
from exchange_api.permit import Permit, check_grant, check_mode, check_purpose
from exchange_api.recording import Use
from libraries.horizon import HORIZON, number_of, settled
from schemas.errors import Denied, Invalid
from schemas.messages.exchange import Purpose

PATH = re.compile(r"/v1/grants/([A-Za-z0-9._-]{1,64})/changes")
LIMIT = 500
_FLOOR = "SELECT complete_from FROM library.history_floors WHERE library = $1"
_CASE = re.compile(r"[^\x00-\x1f\x7f]{1,128}")


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question as it was read. token: the cursor as given; at: where it stands, None at the beginning."""

    permit: Permit
    token: str | None
    at: Cursor | None
    limit: int


async def respond(hub: Hub, answer: Answer, grant_id: str) -> None:
    """Answer GET /v1/grants/{grant}/changes?after=&limit=&case=. Raises Invalid `route.method`, `feed.cursor`; Denied `feed.gap`, `grant.…`, `quota.…`."""
    if answer.request.method != "GET":
        raise Invalid("route.method", method=answer.request.method, allowed="GET")
    await questions.know(hub, answer)
    asked = await _read(hub, answer, grant_id)
    until = await _horizon(hub, asked)
    await _tell(hub, answer, asked, until)
    answer.at = partial(_tell, hub, answer, asked)


async def permitted(hub: Hub, answer: Answer, grant_id: str, mode: str) -> Permit:
    """Return the grant named in a path when this application may use it now in this mode; what it names goes into the evidence first."""
    permit = await hub.permit(grant_id, answer.application_id or "")
    if permit is None:
        raise Denied("grant.unknown")
    answer.grant_id, answer.library = permit.id, permit.library
    check_mode(check_grant(permit, answer.application_id or "", permit.library), mode)
    return permit


async def _read(hub: Hub, answer: Answer, grant_id: str) -> _Asked:
    permit = await permitted(hub, answer, grant_id, "changes")
    given = _query(answer.request.query)
    purpose = {"service_item": permit.service_item_id} | ({"case": given["case"]} if "case" in given else {})
    check_purpose(permit, Purpose(**purpose))
    answer.purpose = purpose
    limit = given.get("limit", str(LIMIT))
    if not re.fullmatch(r"[0-9]{1,4}", limit) or not 1 <= int(limit) <= changes.MOST:
        raise _malformed(f"limit is a number from 1 to {changes.MOST}")
    token = given.get("after") or None
    at = cursors.read(hub.secret, permit, token) if token else None
    return _Asked(permit, token, at, int(limit))


def _query(query: str) -> dict[str, str]:
    given: dict[str, list[Any]] = parse_qs(query, keep_blank_values=True)
    if set(given) - {"after", "limit", "case"} or any(len(one) != 1 for one in given.values()):
        raise _malformed("only after=…, limit=… and case=… are known, each once")
    if "case" in given and not _CASE.fullmatch(given["case"][0]):
        raise _malformed("case is 1 to 128 characters")
    return {name: one[0] for name, one in given.items()}


def _malformed(reason: str) -> Invalid:
    return Invalid("request.malformed", where="the query string", reason=reason)


async def _horizon(hub: Hub, asked: _Asked) -> datetime:
    """Return until when all is settled. Raises Denied `feed.gap` when what the cursor needs was taken out of the library's history."""
    name = asked.permit.library
    floor = await hub.prepared.fetch(_FLOOR, name)
    if asked.at is not None and floor and floor[0]["complete_from"] > asked.at.moment:
        raise Denied("feed.gap", grant=asked.permit.id, reason="history was shortened / 历史记录已压缩")
    until = settled((await hub.prepared.fetch(HORIZON, number_of(name)))[0])
    return max(until, asked.at.moment) if asked.at is not None else until


async def _tell(hub: Hub, answer: Answer, asked: _Asked, until: datetime) -> None:
    """Write the page into the answer as it is with all that is known until a moment."""
    teller = Teller(asked.permit, hub.secret)
    begun = asked.at or Cursor("stock", until, None, 0, cursors.terms_of(asked.permit))
    place = begun.moment, begun.key
    if begun.phase == "stock":
        page = await changes.stock_after(hub.prepared, teller, (place, asked.limit), hub.happenings.ahead)
    else:
        page = await changes.changes_after(hub.prepared, hub.happenings, teller, (place, until, asked.limit))
    await _count(hub, answer, asked.permit, page)
    await _trace(hub, asked.permit, page)
    answer.subjects = list(page.subjects)
    answer.batches = sorted(hub.names.batches.get(number, str(number)) for number in page.batches)
    answer.directory_versions = sorted({item.version for item in asked.permit.items.values()})
    told = _document(asked, begun, page, until)
    told["next"] = cursors.spell(hub.secret, asked.permit, _next(begun, page))
    answer.document = told
    answer.facts = {"known_at": told["known_at"], "changes_digest": told["changes_digest"], "page": str(told["page"])}


def _next(begun: Cursor, page: Page) -> Cursor:
    assert page.end is not None
    phase = "changes" if page.is_all else begun.phase
    return replace(begun, phase=phase, moment=page.end[0], key=page.end[1], page=begun.page + 1)


def _document(asked: _Asked, begun: Cursor, page: Page, until: datetime) -> dict[str, Any]:
    permit = asked.permit
    rows = {"rows": [rule.model_dump() for rule in permit.rows]} if permit.rows else {}
    spelled, digest = records.spelled_of(page.changes)  # spelled once: for the digest and for the answer
    return {
        "library": permit.library, "grant": permit.id, "directory_versions": sorted({one.version for one in permit.items.values()}),
        "items": {name: item.form for name, item in permit.items.items()}, **rows,
        "phase": begun.phase, "page": begun.page + 1, "follows": asked.token, "known_at": until.isoformat(),
        "more": not page.is_all or begun.phase == "stock", "changes_digest": digest, "changes": orjson.Fragment(spelled),
    }  # fmt: skip


async def _count(hub: Hub, answer: Answer, permit: Permit, page: Page) -> None:
    """Set the quota aside for the page's subjects; a page already told under this request id takes nothing."""
    if answer.use is not None or not page.subjects:
        return
    try:
        answer.use = await _reserve(hub, permit, len(page.subjects))
    except Denied:
        if await hub.recorder.find_earlier(answer.keyid or "", answer.request_id) is None:
            raise


async def _reserve(hub: Hub, permit: Permit, subjects: int) -> Use:
    return await hub.quota.reserve(permit, subjects)


async def _trace(hub: Hub, permit: Permit, page: Page) -> None:
    """Learn the names of the batches, and say of each change where its values came from, when the grant shows it."""
    resources = {source for one in page.sources for source, _ in one.values()}
    if not (resources <= hub.names.resources.keys() and page.batches.keys() <= hub.names.batches.keys()):
        await hub.names.learn(resources, page.batches)
    if permit.is_source_shown:
        for change, traced in zip(page.changes, page.sources, strict=True):
            if traced:
                change["sources"] = changes.sources_of(traced, hub.names.resources, hub.names.batches)
