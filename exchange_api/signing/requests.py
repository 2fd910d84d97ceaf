"""Why: sign and check questions in the one profile `hutong-9421/1`, quickly and with exact refusals. The server's hot path and the client SDK call it.

Only the profile's exact spelling is judged here (a strict pattern); every other spelling goes to the general library in `fallback`, never to
"accept". Pure: key lookup, clock and authorities are arguments; the replay guard is the unique (keyid, nonce) of the evidence entry.
"""

import base64
import re
import secrets
from binascii import a2b_base64
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from exchange_api.signing import fallback
from exchange_api.signing.algorithms import PublicKey, Signer
from exchange_api.signing.messages import (
    REQUEST_COMPONENTS,
    REQUEST_COVERED,
    REQUEST_LABEL,
    REQUEST_TAG,
    Request,
    content_digest,
    request_base,
    signature_member,
)
from schemas.errors import Denied

MAX_CLOCK_DIFFERENCE_S = 300
MAX_LIFETIME_S = 300

_INPUT = re.compile(
    re.escape(f"{REQUEST_LABEL}={REQUEST_COVERED}")
    + r';created=(\d{1,11});keyid="([!#-\[\]-~]{1,200})";expires=(\d{1,11});nonce="([A-Za-z0-9_-]{16,128})";tag="hub-req"'
)
_SIGNATURE = re.compile(r"sig1=:[A-Za-z0-9+/]{86}==:")
_NONCE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{16,128}")
_REQUEST_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_PATH = re.compile(r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~!$&'()*+,;=:@-]*)+")
_QUERY = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@/?%-]*")


_NEEDED = (
    ("content-digest", "digest.missing"),
    ("x-request-id", "request_id.missing"),
    ("content-type", "content_type.missing"),
)


@dataclass(slots=True)  # not frozen: made for every answer, and a frozen one takes five times as long to make
class Claim:
    """What a question says of itself, checked for form, clock, authority and digest, but not yet against the key."""

    keyid: str
    nonce: str
    created: int
    expires: int
    request_id: str
    params: str
    signature: bytes
    is_profile: bool


@dataclass(slots=True)
class VerifiedRequest:
    """A question whose signature is good: `base` are the signed bytes, `is_profile` says whether they can be rebuilt from the question alone."""

    claim: Claim
    key: PublicKey
    base: str


def sign_request(request: Request, signer: Signer, created: int, expires: int | None = None) -> dict[str, str]:
    """Return the headers to add to a question: `content-digest`, `signature-input`, `signature`. A fresh 144-bit nonce is drawn.

    The question must carry `content-type` and `x-request-id` (a UUID). Times are Unix seconds; `expires` defaults to 300 s after `created`.
    """
    digest = content_digest(request.body)
    signed = Request(
        request.method,
        request.authority,
        request.path,
        request.query,
        {**request.headers, "content-digest": digest},
        request.body,
    )
    nonce = secrets.token_urlsafe(18)
    until = created + MAX_LIFETIME_S if expires is None else expires
    params = f'{REQUEST_COVERED};created={created};keyid="{signer.keyid}";expires={until};nonce="{nonce}";tag="{REQUEST_TAG}"'
    signature = base64.b64encode(signer.sign(request_base(signed, params).encode("ascii"))).decode()
    return {
        "content-digest": digest,
        "signature-input": f"{REQUEST_LABEL}={params}",
        "signature": f"{REQUEST_LABEL}=:{signature}:",
    }


def verify_request(
    request: Request, find_key: Callable[[str], PublicKey | None], now: float, authorities: Collection[str]
) -> VerifiedRequest:
    """Check a question whole; raises Denied with the code of the step that failed (schemas/error_codes/exchange_evidence.yml)."""
    claim = read_claim(request, now, authorities)
    return confirm_claim(claim, request, find_key(claim.keyid))


def read_claim(request: Request, now: float, authorities: Collection[str]) -> Claim:
    """Check everything that needs no key and return what the question claims: call this, fetch the key by `keyid`, then `confirm_claim`.

    `authorities` are the configured host names (lower case, with port unless default): never taken from the question (RFC 9421 §7.1.5).
    """
    claim = _read_profile(request) or _read_fallback(request)
    _check_times(claim, now)
    if not _NONCE.fullmatch(claim.nonce):
        raise Denied("signature.nonce")
    if not _REQUEST_ID.fullmatch(claim.request_id):
        raise Denied("request_id.malformed")
    if request.authority.lower() not in authorities:
        raise Denied("authority.unknown", authority=request.authority[:200])
    if not _PATH.fullmatch(request.path) or not _QUERY.fullmatch(request.query):
        raise Denied("path.malformed")
    found = request.headers["content-digest"]
    if found != content_digest(request.body) and not fallback.digest_matches(found, request.body):
        raise Denied("digest.wrong")
    return claim


def confirm_claim(claim: Claim, request: Request, key: PublicKey | None) -> VerifiedRequest:
    """Check the signature with the key registered under the claimed id (None: unknown); raises Denied signature.unknown_key or signature.wrong."""
    if key is None or key.keyid != claim.keyid:
        raise Denied("signature.unknown_key", keyid=claim.keyid)
    if not claim.is_profile:
        return VerifiedRequest(claim, key, fallback.verify(request, key, claim.params))
    base = request_base(request, claim.params)
    if not key.verify(claim.signature, base.encode("latin-1")):
        raise Denied("signature.wrong", keyid=claim.keyid)
    return VerifiedRequest(claim, key, base)


def _read_profile(request: Request) -> Claim | None:
    headers = request.headers
    _check_present(headers)
    found = _INPUT.fullmatch(headers["signature-input"])
    if found is None or not _SIGNATURE.fullmatch(headers["signature"]):
        return None
    created, keyid, expires, nonce = found.groups()
    return Claim(
        keyid,
        nonce,
        int(created),
        int(expires),
        headers["x-request-id"],
        headers["signature-input"][5:],
        _signature(request),
        is_profile=True,
    )


def _read_fallback(request: Request) -> Claim:
    """Read a question signed in another spelling of RFC 9421; it must cover at least the profile's components under label and tag of the profile."""
    values, components, params = fallback.read(request)
    missing = [name for name in REQUEST_COMPONENTS if name not in components]
    if missing:
        raise Denied("signature.components", missing=", ".join(missing))
    request_id = request.headers["x-request-id"]
    return Claim(
        str(values["keyid"]),
        str(values["nonce"]),
        int(values["created"]),
        int(values["expires"]),
        request_id,
        params,
        _signature(request),
        is_profile=False,
    )


def _check_present(headers: Mapping[str, str]) -> None:
    if not headers.get("signature-input") or not headers.get("signature"):
        raise Denied("signature.missing")
    for name, code in _NEEDED:
        if not headers.get(name):
            raise Denied(code)


def _signature(request: Request) -> bytes:
    member = signature_member(request)
    if member is None:
        raise Denied(
            "signature.malformed", reason=f"header Signature holds no single canonical `{REQUEST_LABEL}=:base64:`"
        )
    return a2b_base64(member[1:-1])


def _check_times(claim: Claim, now: float) -> None:
    if not claim.created < claim.expires <= claim.created + MAX_LIFETIME_S:
        raise Denied("signature.lifetime", seconds=claim.expires - claim.created)
    difference = round(claim.created - now)
    if abs(difference) > MAX_CLOCK_DIFFERENCE_S:
        raise Denied("signature.clock", seconds=difference)
    if now > claim.expires:
        raise Denied("signature.expired", seconds=round(now - claim.expires))
