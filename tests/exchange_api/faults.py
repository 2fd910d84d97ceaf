"""The ways in which an exchange is broken on purpose, each with the rule of the conformance kit that must find it."""

import base64
import json
import time
import uuid
from collections.abc import Callable
from typing import Any

from exchange_api.evidence.checkpoint import parse_checkpoint, sign_checkpoint
from exchange_api.signing import Request, Response, SoftwareSigner
from exchange_api.signing.messages import RESPONSE_COVERED, RESPONSE_COVERED_BARE, response_base
from tests.exchange_api.broken import Broken, Fault, Spoil


def _machine(request: Request) -> bool:
    return request.path.startswith("/v1/")


def _is_records(request: Request, response: Response) -> bool:
    return request.path.endswith("/query") and response.status == 200 and not request.query


def _unsigned_refusals(_: Broken, __: Request, response: Response) -> Response:
    if response.status < 400:
        return response
    kept = {name: value for name, value in response.headers.items() if not name.startswith("signature")}
    return Response(response.status, kept, response.body)


def _covering(covered: str) -> Spoil:
    """Sign fewer components, consistently."""

    def spoil(broken: Broken, request: Request, response: Response) -> Response:
        if RESPONSE_COVERED not in response.headers.get("signature-input", ""):
            return response
        params = f'{covered};created={int(time.time())};keyid="{broken.signer.keyid}";tag="hub-resp"'
        lines = response_base(response, request, f"{RESPONSE_COVERED};x").split("\n")[:-1]
        kept = [line for line in lines if line.partition(": ")[0] in covered]
        base = "\n".join([*kept, f'"@signature-params": {params}'])
        signature = base64.b64encode(broken.signer.sign(base.encode())).decode()
        more = {"signature-input": f"hub={params}", "signature": f"hub=:{signature}:"}
        return Response(response.status, {**response.headers, **more}, response.body)

    return spoil


def _wrong_digest(broken: Broken, request: Request, response: Response) -> Response:
    if not _machine(request):
        return response
    signed = broken.sign(request, Response(response.status, response.headers, response.body + b" "))
    return Response(response.status, signed.headers, response.body)


def _wrong_signature(_: Broken, __: Request, response: Response) -> Response:
    found = response.headers.get("signature", "")
    other = found[:10] + ("B" if found[10:11] == "A" else "A") + found[11:]
    return Response(response.status, {**response.headers, "signature": other}, response.body) if found else response


def _header(name: str, value: Callable[[], str] | None) -> Spoil:
    """Leave a header out, or put another value."""

    def spoil(broken: Broken, request: Request, response: Response) -> Response:
        if not _machine(request) or name not in response.headers:
            return response
        if value is None:
            kept = {key: one for key, one in response.headers.items() if key != name}
            return Response(response.status, kept, response.body)
        return broken.sign(request, Response(response.status, {**response.headers, name: value()}, response.body))

    return spoil


def _stale_checkpoint(broken: Broken, request: Request, response: Response) -> Response:
    if request.path != "/v1/log/checkpoint":
        return response
    return broken.say(request, response, broken.kept.setdefault("note", response.body))


def _other_checkpoint(key: SoftwareSigner | None) -> Spoil:
    """Tell another tree, signed by the hub; or the right one, signed by somebody else."""

    def spoil(broken: Broken, request: Request, response: Response) -> Response:
        if request.path != "/v1/log/checkpoint":
            return response
        found = parse_checkpoint(response.body.decode())[0]
        if key is None:
            forged = type(found)(found.origin, found.size, bytes(32))
            return broken.say(request, response, sign_checkpoint(forged, broken.signer, broken.signer.public).encode())
        return broken.say(request, response, sign_checkpoint(found, key, key.public).encode())

    return spoil


def _forgotten_repeat(broken: Broken, request: Request, response: Response) -> Response:
    if not _is_records(request, response):
        return response
    again = str(uuid.uuid4())
    first = broken.kept.setdefault(request.headers["x-request-id"], again) == again
    if first:
        return response
    headers = {**response.headers, "x-receipt": again}
    return broken.say(request, Response(200, headers, b""), json.loads(response.body) | {"receipt": again})


def _records(change: Callable[[dict[str, Any]], None]) -> Spoil:
    """Change the answer with records."""

    def spoil(broken: Broken, request: Request, response: Response) -> Response:
        if not _is_records(request, response):
            return response
        document = json.loads(response.body)
        change(document)
        return broken.say(request, response, document)

    return spoil


def _beyond(document: dict[str, Any]) -> None:
    for record in document["records"]:
        record["values"] = {**record.get("values", {}), "residence_address": "…"}


def _unmasked(document: dict[str, Any]) -> None:
    for record in document["records"]:
        record["values"]["name"] = "欧阳小一"


def _refusal(code: str, change: Callable[[dict[str, Any], Request], Any], status: int | None = None) -> Spoil:
    """Change refusals of one code, or all of them."""

    def spoil(broken: Broken, request: Request, response: Response) -> Response:
        if response.status < 400 or not _machine(request) or not response.body:
            return response
        document = json.loads(response.body)
        if code not in ("*", document["code"]):
            return response
        return broken.say(request, response, change(document, request), status)

    return spoil


def _taken(code: str) -> Spoil:
    """Answer with success what must be refused."""
    return _refusal(code, lambda *_: {"records": [], "items": {}, "receipt": "x"}, 200)


def _dry_data(broken: Broken, request: Request, response: Response) -> Response:
    if request.query != "dry-run=true" or response.status != 200:
        return response
    return broken.say(request, response, json.loads(response.body) | {"records": []})


def _fewer_keys(broken: Broken, request: Request, response: Response) -> Response:
    if request.path != "/.well-known/jwks.json" or not broken.kept.setdefault("asked", 0):
        broken.kept["asked"] = 1
        return response
    other = SoftwareSigner.generate()
    state = {"kid": other.keyid, "hutong:state": "active", "hutong:not_before": 1}
    return Response(200, response.headers, json.dumps({"keys": [{**other.public.jwk, **state}]}).encode())


def _no_keys(_: Broken, request: Request, response: Response) -> Response:
    return Response(404, response.headers, b"{}") if request.path == "/.well-known/jwks.json" else response


def _plain_text(_: Broken, request: Request, response: Response) -> Response:
    if response.status < 400:
        return response
    return _.sign(request, Response(response.status, {**response.headers, "content-type": "text/plain"}, response.body))


def _other_mode(document: dict[str, Any]) -> Spoil:
    """Answer where the grant is not for this kind of question."""

    def spoil(broken: Broken, request: Request, response: Response) -> Response:
        if response.status < 400 or json.loads(response.body)["code"] != "grant.other_mode":
            return response
        return broken.say(request, response, document, 200)

    return spoil


FAULTS = (
    Fault("unsigned_refusals", "seal.signed", "carries no signature", _unsigned_refusals),
    Fault("unbound", "seal.bound", '"signature";req;key="sig1"', _covering(RESPONSE_COVERED_BARE)),
    Fault("dropped_path", "seal.components", '"@path";req', _covering(RESPONSE_COVERED.replace(' "@path";req', ""))),
    Fault("dropped_receipt", "seal.components", '"x-receipt"', _covering(RESPONSE_COVERED.replace(' "x-receipt"', ""))),
    Fault("wrong_digest", "seal.digest", "Content-Digest", _wrong_digest),
    Fault("wrong_signature", "seal.signature", "signature.wrong", _wrong_signature),
    Fault("missing_receipt", "seal.receipt", "X-Receipt is None", _header("x-receipt", None)),
    Fault("made_up_receipt", "evidence.answer", "leads to no entry", _header("x-receipt", lambda: str(uuid.uuid4()))),
    Fault("other_request_id", "seal.request_id", "X-Request-Id", _header("x-request-id", lambda: str(uuid.uuid4()))),
    Fault("cacheable", "seal.no_store", "public", _header("cache-control", lambda: "public")),
    Fault("stale_checkpoint", "evidence.consistency", "stays at size", _stale_checkpoint),
    Fault("forked_log", "evidence.consistency", "does not continue", _other_checkpoint(None)),
    Fault("strange_checkpoint", "evidence.checkpoint", "known key", _other_checkpoint(SoftwareSigner.generate())),
    Fault("forgotten_repeat", "answering.again", "two receipts", _forgotten_repeat),
    Fault("beyond_the_grant", "answering.granted_only", "residence_address", _records(_beyond)),
    Fault("unmasked", "answering.forms", "name is granted masked", _records(_unmasked)),
    Fault("other_records", "answering.records_digest", "not that of the records", _records(lambda one: one["records"].pop())),
    Fault("data_in_dry_run", "answering.dry_run", "answered with data", _dry_data),
    Fault("replay_taken", "asking.replay", "expected nonce.replayed", _taken("nonce.replayed")),
    Fault("outside_dropped", "answering.outside", "expected item", _taken("item.not_granted")),
    Fault("any_purpose", "answering.purpose", "purpose.mismatch", _taken("purpose.mismatch")),
    Fault("any_digest", "asking.digest", "digest.wrong", _taken("digest.wrong")),
    Fault("reused_id_taken", "answering.reused_id", "request_id.reused", _taken("request_id.reused")),
    Fault("silent_clock", "asking.clock", "clock_difference", _refusal("signature.clock", lambda one, _: {**one, "clock_difference": None})),
    Fault("echo", "asking.personal", "repeats the identifier", _refusal("url.personal", lambda one, asked: {**one, "facts": {"path": asked.path}})),
    Fault("unknown_code", "seal.problem", "not in the catalogue", _refusal("route.unknown", lambda one, _: {**one, "code": "no.such"})),
    Fault("one_language", "seal.problem", "remedy_zh", _refusal("*", lambda one, _: {**one, "remedy_zh": ""})),
    Fault("plain_refusals", "seal.problem", "no problem document", _plain_text),
    Fault("anybodys_feed", "feed.unknown", "expected grant.unknown", _taken("grant.unknown")),
    Fault("feed_for_all", "feed.page", "digest", _other_mode({"changes": [{}], "changes_digest": "0", "next": "x", "more": False})),
    Fault("any_cursor", "feed.cursor", "expected feed.cursor", _other_mode({"changes": []})),
    Fault("anybodys_export", "export.unknown", "expected grant.unknown", _taken("grant.unknown")),
    Fault("exports_for_all", "export.mode", "is none", _other_mode({"exports": {}})),
    Fault("any_day", "timed.day", "expected request.malformed", _taken("request.malformed")),
    Fault("forgotten_keys", "evidence.keys", "are gone", _fewer_keys),
    Fault("no_keys", "evidence.keys", "publishes no key", _no_keys),
)  # fmt: skip
