"""Why: what a signature of the profile `hutong-9421/1` covers, spelled once (RFC 9421 §2; RFC 9530), for asking and answering, server and client.

Plain functions over plain values, standard library only. Callers: the other modules of signing, evidence.receipt, client.
"""

import base64
import re
from binascii import b2a_base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

REQUEST_LABEL, REQUEST_TAG = "sig1", "hub-req"
RESPONSE_LABEL, RESPONSE_TAG = "hub", "hub-resp"
REQUEST_COMPONENTS = ("@method", "@authority", "@path", "@query", "content-type", "content-digest", "x-request-id")
REQUEST_HEADERS = ("content-type", "content-digest", "x-request-id", "signature-input", "signature")
RESPONSE_HEADERS = ("content-type", "content-digest", "x-request-id", "x-receipt", "signature-input", "signature")
"""The headers that are evidence: covered ones and the signature itself."""
REQUEST_COVERED = "(" + " ".join(f'"{name}"' for name in REQUEST_COMPONENTS) + ")"
_OF_RESPONSE = '"@status" "content-type" "content-digest" "x-request-id" "x-receipt"'
_OF_REQUEST = '"@method";req "@authority";req "@path";req "@query";req'
_OF_SIGNED_REQUEST = '"content-digest";req "signature";req;key="sig1"'
RESPONSE_COVERED = f"({_OF_RESPONSE} {_OF_REQUEST} {_OF_SIGNED_REQUEST})"
"""What an answer to a signed question covers."""
RESPONSE_COVERED_BARE = f"({_OF_RESPONSE} {_OF_REQUEST})"
"""What a refusal covers when the question carried no usable signature or digest to bind."""

_MEMBER = re.compile(r"(?:^|,[ \t]*)sig1=(:[A-Za-z0-9+/]+={0,2}:)")
_ALONE = re.compile(r"sig1=(:[A-Za-z0-9+/]{85}[AQgw]==:)")
"""The usual header: one signature of 64 bytes, canonical because the bits beyond them are zero."""
_DIGEST = re.compile(r"[!-~](?:[ -~]*[!-~])?")


@dataclass(slots=True)  # not frozen: made for every answer, and a frozen one takes five times as long to make
class Request:
    """A question as it stood on the wire: raw path and query (without `?`, still percent-encoded), header names in lower case."""

    method: str
    authority: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class Response:
    """An answer as it stands on the wire; header names in lower case; the body after any content encoding."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def content_digest(body: bytes) -> str:
    """Return the RFC 9530 Content-Digest value of a body: `sha-256=:…:`."""
    return f"sha-256=:{b2a_base64(sha256(body).digest(), newline=False).decode()}:"


def signature_base(components: Sequence[tuple[str, str]], params: str) -> str:
    """Return the RFC 9421 §2.5 signature base.

    `components` are (serialised identifier such as `"@query";req`, value) in covered order; `params` is the whole value of `@signature-params`.
    """
    return "".join(f"{name}: {value}\n" for name, value in components) + f'"@signature-params": {params}'


def request_base(request: Request, params: str) -> str:
    """Return the signature base of a question; `params` is `(…);created=…` as signed. KeyError when a covered header is missing."""
    headers = request.headers
    return (
        f'"@method": {request.method}\n"@authority": {request.authority.lower()}\n"@path": {request.path}\n"@query": ?{request.query}\n'
        f'"content-type": {headers["content-type"]}\n"content-digest": {headers["content-digest"]}\n'
        f'"x-request-id": {headers["x-request-id"]}\n"@signature-params": {params}'
    )


def response_base(response: Response, request: Request, params: str) -> str:
    """Return the signature base of an answer bound to its question; covers question digest and signature when `params` says so."""
    headers = response.headers
    base = (
        f'"@status": {response.status}\n"content-type": {headers["content-type"]}\n"content-digest": {headers["content-digest"]}\n'
        f'"x-request-id": {headers["x-request-id"]}\n"x-receipt": {headers["x-receipt"]}\n'
        f'"@method";req: {request.method}\n"@authority";req: {request.authority.lower()}\n"@path";req: {request.path}\n"@query";req: ?{request.query}\n'
    )
    if params.startswith(RESPONSE_COVERED):
        base += f'"content-digest";req: {request.headers["content-digest"]}\n"signature";req;key="sig1": {signature_member(request)}\n'
    return f'{base}"@signature-params": {params}'


def signature_member(request: Request) -> str | None:
    """Return the question's `sig1` signature as `:base64:`, or None when there is not exactly one well-formed one."""
    given = request.headers.get("signature", "")
    if alone := _ALONE.fullmatch(given):
        return alone[1]
    found = _MEMBER.findall(given)
    return found[0] if len(found) == 1 and _is_canonical(found[0][1:-1]) else None


def is_bindable(request: Request) -> bool:
    """Say whether an answer can be bound to this question's digest and signature."""
    return (
        _DIGEST.fullmatch(request.headers.get("content-digest", "")) is not None
        and signature_member(request) is not None
    )


def _is_canonical(text: str) -> bool:
    try:
        return base64.b64encode(base64.b64decode(text, validate=True)).decode() == text
    except ValueError:
        return False
