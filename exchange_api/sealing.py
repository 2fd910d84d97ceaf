"""Why: nothing leaves unsigned, and nothing leaves before its evidence is durable. One function does both for every answer, refusal and error of the
machine interface. Called by delivery's edge (`answering`) only.
"""

import json
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

from exchange_api.answer import Answer
from exchange_api.evidence.ledger import Entry, answer_of, entry_row, new_receipt_id, question_of
from exchange_api.hub import LOST, Hub
from exchange_api.recording import Earlier, Sheet
from exchange_api.signing import Response, SignedResponse, sign_response
from schemas.errors import Denied, HutongError, Invalid, Transient


@dataclass(slots=True)  # not frozen: made for every answer, and a frozen one takes five times as long to make
class Sealed:
    """What goes on the wire."""

    status: int
    headers: dict[str, str]
    body: bytes


async def seal(hub: Hub, answer: Answer) -> Sealed:
    """Sign the answer, make its entry durable and return it; a replayed nonce, a reused request id or missing evidence turn it into a refusal."""
    try:
        return await _sign_and_record(hub, answer)
    except HutongError as failure:  # too large for an entry, or evidence.unavailable
        return await _seal_failure(hub, answer, failure)
    except LOST:  # between judging a repetition and recording it
        return await _seal_failure(hub, answer, Transient("evidence.unavailable"))
    finally:
        if answer.use:
            hub.quota.release(answer.use)


async def sign(hub: Hub, answer: Answer) -> Sealed:
    """Sign without evidence: for parts of the public log, and for saying that evidence cannot be written. Unsigned only when the hub has no key."""
    try:
        return (await _made(hub, answer))[0]
    except Transient as away:  # the key is in a token, and that is away: refused, never signed by another
        answer.refuse(away)
        return _signed(hub, answer, is_signed=False)[0]


async def _sign_and_record(hub: Hub, answer: Answer, entry_id: str | None = None) -> Sealed:
    if hub.signer is None:
        raise Transient("key.none_active", folder=hub.keys_folder)
    sealed, response, signed = await _made(hub, answer)
    if await hub.recorder.record(_sheet(answer, response, signed, entry_id or answer.receipt)):
        return sealed
    keyid, nonce = answer.keyid or "", answer.nonce or ""
    if await hub.recorder.is_replay(keyid, nonce):
        answer.nonce = None
        answer.refuse(Denied("nonce.replayed", keyid=keyid))
        return await _sign_and_record(hub, answer)
    return await _answer_again(hub, answer, await hub.recorder.find_earlier(keyid, answer.request_id))


async def _answer_again(hub: Hub, answer: Answer, earlier: Earlier | None) -> Sealed:
    """Answer a repeated question under its first receipt; the repetition has an entry of its own that names it."""
    if earlier is None:
        raise Transient("evidence.unavailable")
    told = json.loads(earlier.document)
    asked = told["request"]
    same = ("method", "path", "query")
    is_same = all(asked[name] == getattr(answer.request, name) for name in same)
    if not is_same or asked["headers"]["content-digest"] != answer.request.headers["content-digest"]:
        answer.refuse(Invalid("request_id.reused", earlier=earlier.receipt))
        return await _sign_and_record(hub, answer)
    if answer.at is not None and (moment := told["facts"].get("known_at")):
        await answer.at(datetime.fromisoformat(moment))
    answer.receipt, answer.code, answer.facts = (
        earlier.receipt,
        "repeated",
        {**answer.facts, "repeats": earlier.receipt},
    )
    return await _sign_and_record(hub, answer, new_receipt_id())


async def _seal_failure(hub: Hub, answer: Answer, failure: HutongError) -> Sealed:
    answer.refuse(failure)
    if failure.code == "evidence.too_large":
        kept = {name: value for name, value in answer.request.headers.items() if len(value) <= 1024}
        answer.request, answer.subjects, answer.jwk = replace(answer.request, headers=kept), (), None
        try:
            return await _sign_and_record(hub, answer)
        except HutongError as second:
            answer.refuse(second)
    return await sign(hub, answer)


async def _made(hub: Hub, answer: Answer) -> tuple[Sealed, Response, SignedResponse]:
    """Sign where it holds nobody up. Raises Transient `key.token_unavailable`."""
    if hub.signer is not None and hub.apart.is_needed(hub.signer):
        return await hub.apart.run(hub.signer, partial(_signed, hub, answer))
    return _signed(hub, answer)


def _signed(hub: Hub, answer: Answer, *, is_signed: bool = True) -> tuple[Sealed, Response, SignedResponse]:
    body = b"" if answer.request.method == "HEAD" else answer.body()
    headers = {"content-type": answer.content_type, "x-request-id": answer.request_id, "x-receipt": answer.receipt}
    response = Response(answer.status, headers, body)
    signer = hub.signer if is_signed else None
    signed = sign_response(response, answer.request, signer, int(time.time())) if signer else SignedResponse({}, "")
    return (
        Sealed(
            answer.status,
            {**headers, **signed.headers, "cache-control": "no-store", **_marked(answer), **answer.headers},
            body,
        ),
        response,
        signed,
    )


def _marked(answer: Answer) -> dict[str, str]:
    return {"x-hutong-sandbox": "true"} if answer.is_sandbox else {}


def _sheet(answer: Answer, response: Response, signed: SignedResponse, entry_id: str) -> Sheet:
    entry = Entry(
        id=entry_id,
        at=datetime.now(UTC),
        kind=answer.kind,
        application_id=answer.application_id,
        keyid=answer.keyid,
        nonce=answer.nonce,
        request_id=answer.request_id,
        grant_id=answer.grant_id,
        purpose=answer.purpose,
        library=answer.library,
        subjects=answer.subjects,
        code=answer.code,
        directory_versions=answer.directory_versions,
        batches=answer.batches,
        facts=answer.facts,
        request=question_of(answer.request, answer.jwk, answer.base),
        response=answer_of(response, signed),
    )
    return Sheet(entry_row(entry), answer.use if answer.kind == "answer" and answer.code is None else None)
