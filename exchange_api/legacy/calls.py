"""Why: what is asked through the door of systems that cannot sign: standard call headers of the national sharing platform on POST /v1/legacy/{sid}. The
shared secret proves less than a signature, so evidence and receipt say `legacy_hmac`, weak; all behind it is the ordinary way of a question: permit, quota,
forms, evidence, signed answer. Called by `answering`.

A path of its own, and not these headers on the ordinary paths: there everything stays signed, and nobody can be talked down to the weaker proof.
"""

import hmac
import json
import re
import time
import uuid
from base64 import b64encode
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from exchange_api import delivery
from exchange_api.answer import Answer
from exchange_api.hub import Hub
from exchange_api.keys import keys_folder
from exchange_api.problems import malformed
from exchange_api.signing import Request, content_digest
from exchange_api.signing.sealed import unseal
from exchange_api.strict_json import require_strict
from schemas.calendar import today
from schemas.errors import Denied, Invalid
from schemas.messages.exchange import RecordsQuestion

PATH = re.compile(r"/v1/legacy/([A-Za-z0-9._-]{1,64})")
AUTH = "legacy_hmac"
PLATFORMS = ("gjgxjhpt", "gjzwfwpt")
PARTS = ("rid", "sid", "rtime", "sign")
MAX_CLOCK_DIFFERENCE_MS = 300_000
FIND = """
SELECT d.application_id, d.secret, d.is_on, d.valid_until, s.grant_id, s.parameter, g.library, g.service_item_id
FROM exchange.legacy_doors d LEFT JOIN exchange.legacy_services s ON s.application_id = d.application_id AND s.sid = $2
LEFT JOIN exchange.grants g ON g.id = s.grant_id WHERE d.rid = $1
"""
_NOBODY = "nobody's secret: an unknown requester takes as long as a wrong sign"


@dataclass(frozen=True, slots=True)
class Call:
    """What the headers of a call say."""

    rid: str
    sid: str
    rtime: str
    sign: str


async def respond(hub: Hub, answer: Answer, sid: str) -> None:
    """Answer POST /v1/legacy/{sid}.

    Raises Denied `legacy.…`, `authority.unknown`, `digest.wrong`; Invalid `route.method`, `request.…`; and what `delivery.answer_question` raises.
    """
    if answer.request.method != "POST":
        raise Invalid("route.method", method=answer.request.method, allowed="POST")
    answer.facts, answer.keyid, answer.request_id = {"auth": AUTH, "weak": True}, None, str(uuid.uuid4())
    call = _read_call(answer.request, sid)
    if answer.request.authority.lower() not in hub.authorities:
        raise Denied("authority.unknown", authority=answer.request.authority[:200])
    _check_digest(answer)
    service = await _authenticate(hub, answer, call)
    if await hub.recorder.is_replay(str(answer.keyid), call.sign):
        answer.nonce = None
        raise Denied("legacy.replayed")
    question = _question(answer.request, service)
    await delivery.answer_question(hub, answer, question, service["library"])
    answer.document |= {"code": 200, "message": "成功"}


async def _authenticate(hub: Hub, answer: Answer, call: Call) -> Any:
    """Return the service called, once the sign fits; who is unknown and whose sign is wrong are told the same, after the same work."""
    row = await hub.pool.fetchrow(FIND, call.rid, call.sid)
    secret = unseal(row["secret"], row["application_id"], Path(keys_folder())) if row else _NOBODY
    is_right = hmac.compare_digest(expected_sign(call.rid, call.sid, call.rtime, secret).encode(), call.sign.encode())
    if row is None or not is_right:
        raise Denied("legacy.refused")
    answer.application_id, answer.keyid, answer.nonce = row["application_id"], f"legacy:{call.rid}", call.sign
    answer.facts |= {"rid": call.rid, "sid": call.sid, "rtime": call.rtime}
    await hub.guard.admit(row["application_id"])
    if not row["is_on"] or row["valid_until"] < today():
        raise Denied("legacy.closed", until=row["valid_until"])
    if row["grant_id"] is None:
        raise Denied("legacy.service_unknown", sid=call.sid)
    return row


def expected_sign(rid: str, sid: str, rtime: str, secret: str) -> str:
    """Return Base64(HMAC-SHA256(secret, sid + rid + rtime)), the rule of both national platforms (国家数据共享交换平台, 国家政务服务平台)."""
    return b64encode(hmac.digest(secret.encode(), f"{sid}{rid}{rtime}".encode(), sha256)).decode()


def _read_call(request: Request, sid: str) -> Call:
    """Return what the headers say, checked for form, service and clock. Raises Denied `legacy.signed`, `legacy.headers`, `legacy.clock`."""
    if "signature" in request.headers or "signature-input" in request.headers:
        raise Denied("legacy.signed")
    told = [[request.headers.get(f"{platform}_{part}", "") for part in PARTS] for platform in PLATFORMS]
    given = [values for values in told if any(values)]
    if len(given) != 1 or not all(given[0]):
        raise Denied("legacy.headers", reason="exactly one set of rid, sid, rtime, sign is needed")
    call = Call(*given[0])
    if call.sid != sid:
        raise Denied("legacy.headers", reason="the sid is not the one of the path")
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,64}", call.rid) or not re.fullmatch(r"\d{13}", call.rtime, re.ASCII):
        raise Denied("legacy.headers", reason="rid or rtime (13 digits) is not in form")
    difference = int(call.rtime) - time.time_ns() // 1_000_000
    if abs(difference) > MAX_CLOCK_DIFFERENCE_MS:
        raise Denied("legacy.clock", seconds=round(difference / 1_000))
    return call


def _check_digest(answer: Answer) -> None:
    """Note the body's digest, which the sign does not cover, so that the receipt names what was asked; a digest that is given must fit."""
    digest = content_digest(answer.request.body)
    if answer.request.headers.get("content-digest", digest) != digest:
        raise Denied("digest.wrong")
    headers = {**answer.request.headers, "content-digest": digest, "x-request-id": answer.request_id}
    answer.request = replace(answer.request, headers=headers)


def _question(request: Request, service: Any) -> RecordsQuestion:
    """Return the ordinary question a body comes to: whom it asks about under the service's own name, and `items` and `case` as usual."""
    if not request.headers.get("content-type", "").lower().startswith("application/json"):
        raise Invalid("request.media_type")
    require_strict(request.body)
    body = json.loads(request.body)
    parameter = service["parameter"]
    if not isinstance(body, dict) or parameter not in body or set(body) - {parameter, "items", "case"}:
        raise Invalid(
            "request.malformed", where="the body", reason=f"it holds {parameter}, and may hold items and case"
        )
    asked = body[parameter]
    purpose = {"service_item": service["service_item_id"], "case": body.get("case")}
    document = {"grant": service["grant_id"], "purpose": purpose, "items": body.get("items")}
    try:
        return RecordsQuestion.model_validate(document | {"subjects": [asked] if isinstance(asked, str) else asked})
    except ValidationError as wrong:
        raise malformed(wrong) from None
