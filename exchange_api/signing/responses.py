"""Why: sign and check answers in the profile `hutong-9421/1`, bound to the question they answer (RFC 9421 §2.4), refusals and errors too.

`sign_response` is the hub's hot path; `verify_response` is for the client SDK, tests and receipts.
"""

import re
from binascii import b2a_base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from exchange_api.signing.algorithms import PublicKey, Signer, decode_base64
from exchange_api.signing.messages import (
    RESPONSE_COVERED,
    RESPONSE_COVERED_BARE,
    RESPONSE_LABEL,
    RESPONSE_TAG,
    Request,
    Response,
    content_digest,
    is_bindable,
    response_base,
)
from exchange_api.signing.second import (
    INPUT_MEMBER,
    SECOND_LABEL,
    SIGNATURE_MEMBER,
    SecondKey,
    agrees,
    second_params,
    verify_second,
)
from schemas.errors import Denied

_INPUT = re.compile(
    rf"{RESPONSE_LABEL}=(?P<params>(?P<covered>{re.escape(RESPONSE_COVERED)}|{re.escape(RESPONSE_COVERED_BARE)})"
    r';created=(?P<created>\d{1,11});keyid="(?P<keyid>[!#-\[\]-~]{1,200})";tag="hub-resp")' + INPUT_MEMBER
)
_SIGNATURE = re.compile(r"hub=:(?P<raw>[A-Za-z0-9+/]{86}==):" + SIGNATURE_MEMBER)
_NEEDED = ("content-type", "x-request-id", "x-receipt")


@dataclass(slots=True)  # not frozen: made for every answer, and a frozen one takes five times as long to make
class SignedResponse:
    """The headers to send (`content-digest`, `signature-input`, `signature`) and the base they sign, for the evidence entry."""

    headers: dict[str, str]
    base: str


@dataclass(slots=True)
class VerifiedResponse:
    """A good answer: when and with which key the hub signed it, and whether it is bound to the question's digest and signature."""

    created: int
    keyid: str
    is_bound: bool


def sign_response(response: Response, request: Request, signer: Signer, created: int) -> SignedResponse:
    """Sign an answer. It must carry `content-type`, `x-request-id` and `x-receipt`; `created` is in Unix seconds.

    When the question has no well-formed `sig1` signature or digest (a refusal, then) the answer covers what there is: method, authority, path, query.
    """
    digest = content_digest(response.body)
    covered = RESPONSE_COVERED if is_bindable(request) else RESPONSE_COVERED_BARE
    params = f'{covered};created={created};keyid="{signer.keyid}";tag="{RESPONSE_TAG}"'
    base = response_base(
        Response(response.status, {**response.headers, "content-digest": digest}, b""), request, params
    )
    signature = f"{RESPONSE_LABEL}=:{_base64(signer.sign(base.encode('latin-1')))}:"
    given = f"{RESPONSE_LABEL}={params}"
    second = getattr(signer, "second", None)
    if second is not None:
        beside = second_params(covered, created, second.keyid)
        raw = second.sign(base.removesuffix(params).encode("latin-1") + beside.encode())
        given, signature = f"{given}, {SECOND_LABEL}={beside}", f"{signature}, {SECOND_LABEL}=:{_base64(raw)}:"
    return SignedResponse({"content-digest": digest, "signature-input": given, "signature": signature}, base)


def verify_response(
    response: Response, request: Request, find_key: Callable[[str], PublicKey | None]
) -> VerifiedResponse:
    """Check digest, signature and binding of an answer to this very question; raises Denied with the code of the failing step."""
    found_digest = response.headers.get("content-digest")
    if found_digest is None:
        raise Denied("digest.missing")
    if found_digest != content_digest(response.body):
        raise Denied("digest.wrong")
    return verify_response_headers(response, request, find_key)


def verify_response_headers(
    response: Response, request: Request, find_key: Callable[[str], PublicKey | None]
) -> VerifiedResponse:
    """Check the signature of an answer whose body is no longer held; the digest header stands for the body."""
    headers = response.headers
    if "signature-input" not in headers or "signature" not in headers:
        raise Denied("signature.missing")
    absent = [name for name in (*_NEEDED, "content-digest") if name not in headers]
    if absent:
        raise Denied("signature.components", missing=", ".join(absent))
    found, signature = _read(headers)
    is_bound = found["covered"] == RESPONSE_COVERED
    if is_bound != is_bindable(request):
        raise Denied("signature.components", missing='"content-digest";req, "signature";req;key="sig1"')
    key = find_key(found["keyid"])
    if key is None:
        raise Denied("signature.unknown_key", keyid=found["keyid"])
    try:
        raw = decode_base64(signature["raw"])
    except ValueError as wrong:
        raise Denied("signature.malformed", reason="the signature is not canonical base64") from wrong
    if not key.verify(raw, response_base(response, request, found["params"]).encode("latin-1", "replace")):
        raise Denied("signature.wrong", keyid=key.keyid)
    return VerifiedResponse(int(found["created"]), found["keyid"], is_bound)


def second_keyid(response: Response) -> str | None:
    """Return the key id of an answer's second signature, None when it carries none; raises Denied signature.malformed."""
    return _read(response.headers)[0]["keyid2"]


def verify_second_signature(
    response: Response, request: Request, find_key: Callable[[str], SecondKey | None]
) -> int | None:
    """Check the second signature of an answer and return when it was made (Unix seconds), None when there is none.

    Raises Denied as `verify_response`. That the first one holds is asked of `verify_response_headers`.
    """
    found, signature = _read(response.headers)
    if found["second"] is None:
        return None
    verify_second(response, request, (found["second"], found["keyid2"], signature["raw2"]), find_key)
    return int(found["created2"])


def _read(headers: Mapping[str, str]) -> tuple[re.Match[str], re.Match[str]]:
    found, signature = _INPUT.fullmatch(headers["signature-input"]), _SIGNATURE.fullmatch(headers["signature"])
    if found is None or signature is None or not agrees(found, signature):
        raise Denied("signature.malformed", reason="the answer is not signed in the profile hutong-9421/1")
    return found, signature


def _base64(raw: bytes) -> str:
    return b2a_base64(raw, newline=False).decode()
