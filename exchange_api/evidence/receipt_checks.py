"""Why: the single steps of verifying a receipt, each answering for one part by name. Called by `receipt` only. Pure: no database, no network.

A step returns what it found in words, or raises Broken (or ValueError) saying what does not fit.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from exchange_api.evidence.canonical import canonical_json, parse_strict
from exchange_api.evidence.checkpoint import parse_proof, verify_checkpoint
from exchange_api.evidence.merkle import verify_inclusion
from exchange_api.evidence.second_check import told_by_second
from exchange_api.signing import PublicKey, Request, Response, content_digest, public_key_from_jwk
from exchange_api.signing.algorithms import decode_base64
from exchange_api.signing.messages import REQUEST_COVERED, request_base, signature_member
from exchange_api.signing.responses import verify_response_headers
from exchange_api.signing.sm2 import is_sm2
from schemas.errors import Denied, Invalid

_SHAPE = {
    "": {"format", "request", "response", "entry", "proof"},
    "request": {"method", "authority", "path", "query", "headers", "body"},
    "response": {"status", "headers", "body"},
}


class Broken(Exception):
    """A part of the receipt does not hold; the words say why."""


class Weak(str):
    """What was found holds, and proves less than it should; the words say what."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt in right form, still to be believed. Bodies are None when no longer held."""

    request: Request
    response: Response
    request_body: bytes | None
    response_body: bytes | None
    entry: dict[str, Any]
    proof: str
    keys: dict[str, PublicKey]
    periods: dict[str, Mapping[str, Any]]
    has_stamp: bool = False
    stamp: str | None = None


def read_receipt(data: bytes, jwks: Mapping[str, Any]) -> Receipt:
    """Parse a receipt file strictly and the trust root beside it; ValueError or Broken when either is not in form."""
    members = parse_strict(data)
    for part, names in _SHAPE.items():
        found = members[part] if part else members
        if not isinstance(found, dict) or set(found) - ({"stamp"} if not part else set()) != names:
            raise Broken(f"{part or 'the receipt'} does not hold exactly: {', '.join(sorted(names))}")
    if members["format"] != "hutong-receipt/1":
        raise Broken("the format is not hutong-receipt/1")
    asked, answered, entry = members["request"], members["response"], members["entry"]
    method, authority, path, query = texts = [asked[name] for name in ("method", "authority", "path", "query")]
    if (
        not all(isinstance(one, str) for one in (*texts, members["proof"]))
        or type(answered["status"]) is not int
        or not isinstance(entry, dict)
        or not isinstance(members.get("stamp"), str | None)
    ):
        raise Broken("a member is of the wrong kind")
    bodies = _body(asked["body"]), _body(answered["body"])
    request = Request(method, authority, path, query, _headers(asked["headers"]), bodies[0] or b"")
    response = Response(answered["status"], _headers(answered["headers"]), bodies[1] or b"")
    keys, periods = trusted(jwks)
    stamp = "stamp" in members, members.get("stamp")
    return Receipt(request, response, *bodies, entry, members["proof"], keys, periods, *stamp)


def check_request_digest(receipt: Receipt) -> str:
    """Check that the question's body is the one its digest names."""
    return _check_digest(receipt.request_body, receipt.request.headers)


def check_response_digest(receipt: Receipt) -> str:
    """Check that the answer's body is the one its digest names."""
    return _check_digest(receipt.response_body, receipt.response.headers)


def check_request_signature(receipt: Receipt) -> str:
    """Check the caller's signature with the key the entry names, over the question as it stands here."""
    asked = _part(receipt, "request")
    if asked["jwk"] is None:
        if _is_legacy(receipt):
            return Weak(
                "the question was authenticated by a shared secret only, not signed: the hub's word, not the caller's proof"
            )
        if receipt.entry.get("code") is None:
            raise Broken("the hub answered a question whose signature it did not accept")
        return "the hub accepted no signature on this question and refused it"
    key = public_key_from_jwk(asked["jwk"], receipt.entry.get("keyid"))
    member = signature_member(receipt.request)
    if member is None or not key.verify(decode_base64(member[1:-1]), _request_base(receipt, asked).encode("latin-1")):
        raise Broken("the caller's signature does not fit the question")
    return f"signed by the caller's key {key.keyid}"


def check_response_signature(receipt: Receipt) -> str:
    """Check the hub's signature over the answer with a key of the trust root, in that key's period."""
    try:
        found = verify_response_headers(receipt.response, receipt.request, receipt.keys.get)
    except Denied as wrong:
        raise Broken(str(wrong)) from wrong
    period = receipt.periods[found.keyid]
    begin, end = period.get("hutong:not_before", 0), period.get("hutong:not_after")
    if not begin - 5 <= found.created or (end is not None and found.created > end + 5):
        raise Broken(f"key {found.keyid} was not in use at {found.created}")
    beside = told_by_second(receipt.response, receipt.request, receipt.periods)
    return f"signed by the hub's key {found.keyid}{beside}"


def check_binding(receipt: Receipt) -> str:
    """Check that the answer names this question's id, and covers its digest and signature when it has a good one."""
    asked, answered = receipt.request.headers, receipt.response.headers
    if "x-request-id" in asked and asked["x-request-id"] != answered.get("x-request-id"):
        raise Broken("question and answer carry different request ids")
    is_bound = '"signature";req;key="sig1"' in answered.get("signature-input", "")
    if _part(receipt, "request")["jwk"] is not None and not is_bound:
        raise Broken("the answer's signature does not cover the question's")
    return (
        "the answer covers the question's signature"
        if is_bound
        else "the answer covers the question's address; it had no usable signature"
    )


def check_entry(receipt: Receipt) -> str:
    """Check that the entry in the log speaks of exactly this question and this answer."""
    asked, answered = _part(receipt, "request"), _part(receipt, "response")
    for name in ("method", "authority", "path", "query", "headers"):
        if asked[name] != getattr(receipt.request, name):
            raise Broken(f"the entry holds another {name} of the question")
    if answered["status"] != receipt.response.status or answered["headers"] != receipt.response.headers:
        raise Broken("the entry holds another answer")
    named, facts = receipt.response.headers.get("x-receipt"), receipt.entry.get("facts")
    # a repetition is answered under the first receipt, which its entry names
    ids = [receipt.entry.get("id"), facts.get("repeats") if isinstance(facts, dict) else None]
    if receipt.entry.get("format") != "hutong-entry/1" or named is None or named not in ids:
        raise Broken("the entry is not the one the answer names")
    return f"entry {receipt.entry['id']}"


def check_inclusion(receipt: Receipt) -> str:
    """Check that the entry is the leaf the proof leads from, up to the checkpoint's root."""
    proof = parse_proof(receipt.proof)
    checkpoint, _ = verify_checkpoint(proof.note, receipt.keys.values())
    leaf = hashlib.sha256(b"\x00" + canonical_json(receipt.entry)).digest()
    if not verify_inclusion(leaf, proof.index, checkpoint.size, proof.path, checkpoint.root):
        raise Broken("the proof does not lead from this entry to the checkpoint's root")
    return f"leaf {proof.index} of {checkpoint.size}"


def check_checkpoint(receipt: Receipt) -> str:
    """Check the log's signature over its checkpoint with a key of the trust root."""
    checkpoint, key = verify_checkpoint(parse_proof(receipt.proof).note, receipt.keys.values())
    if receipt.periods[key.keyid].get("hutong:state") == "revoked":
        raise Broken(f"key {key.keyid} was revoked; fetch a proof under a newer checkpoint")
    return f"{checkpoint.origin} at size {checkpoint.size}, signed by {key.keyid}"


STEPS: tuple[tuple[str, Callable[[Receipt], str]], ...] = (
    ("request_digest", check_request_digest),
    ("request_signature", check_request_signature),
    ("response_digest", check_response_digest),
    ("response_signature", check_response_signature),
    ("binding", check_binding),
    ("entry", check_entry),
    ("inclusion", check_inclusion),
    ("checkpoint_signature", check_checkpoint),
)
"""The parts of a receipt in the order a person would go through them."""


def _is_legacy(receipt: Receipt) -> bool:
    """Say whether the question came through the door of systems that cannot sign, by path and evidence both."""
    facts = receipt.entry.get("facts")
    is_marked = isinstance(facts, dict) and facts.get("auth") == "legacy_hmac" and facts.get("weak") is True
    return is_marked and receipt.request.path.startswith("/v1/legacy/")


def _request_base(receipt: Receipt, asked: Mapping[str, Any]) -> str:
    spelled = receipt.request.headers.get("signature-input", "")
    if asked.get("base") is None:
        params = spelled.removeprefix("sig1=")
        if not params.startswith(f"{REQUEST_COVERED};"):
            raise Broken("the question is not signed in the profile")
        return request_base(receipt.request, params)
    base = str(asked["base"])
    lines, params = base.split("\n"), base.rpartition('"@signature-params": ')[2]
    missing = set(request_base(receipt.request, params).split("\n")) - set(lines)
    if missing:
        raise Broken("the signed base kept in the entry speaks of another question")
    return base


def _check_digest(body: bytes | None, headers: Mapping[str, str]) -> str:
    digest = headers.get("content-digest")
    if body is None:
        return f"body not held; its digest is {digest}"
    if digest is None:
        raise Broken("the body is held but no digest covers it")
    if content_digest(body) not in [one.strip() for one in digest.split(",")]:
        raise Broken("the body does not fit its digest")
    return f"the body fits its digest, {len(body)} bytes"


def _part(receipt: Receipt, name: str) -> dict[str, Any]:
    found = receipt.entry.get(name)
    if not isinstance(found, dict):
        raise Broken(f"the entry holds no {name}")
    wanted = ("method", "authority", "path", "query", "headers", "jwk") if name == "request" else ("status", "headers")
    if any(member not in found for member in wanted):
        raise Broken(f"the entry's {name} is incomplete")
    return found


def _headers(found: Any) -> dict[str, str]:
    if not isinstance(found, dict) or not all(
        isinstance(value, str) and value.isprintable() for value in found.values()
    ):
        raise Broken("headers are not plain strings")
    return found


def _body(found: Any) -> bytes | None:
    if found is None:
        return None
    if isinstance(found, dict) and len(found) == 1:
        if isinstance(text := found.get("text"), str):
            return text.encode("utf-8")
        if isinstance(coded := found.get("base64"), str):
            return _not_text(decode_base64(coded))
    raise Broken('a body is neither null nor {"text"} nor {"base64"}')


def _not_text(body: bytes) -> bytes:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return body
    raise Broken("a body that is text is written as base64")


def trusted(jwks: Mapping[str, Any]) -> tuple[dict[str, PublicKey], dict[str, Mapping[str, Any]]]:
    """Return the keys of a key set that can vouch for something, by id, and what is published of every key."""
    keys: dict[str, PublicKey] = {}
    periods: dict[str, Mapping[str, Any]] = {}
    for jwk in jwks.get("keys", []):
        try:
            key = public_key_from_jwk(jwk, jwk.get("kid") if isinstance(jwk, dict) else None)
        except Invalid:
            if is_sm2(jwk) and isinstance(jwk.get("kid"), str):
                periods[jwk["kid"]] = jwk  # it signs beside, and vouches for nothing alone
            continue  # a kind of key this version does not know cannot vouch for anything
        keys[key.keyid], periods[key.keyid] = key, jwk
    return keys, periods
