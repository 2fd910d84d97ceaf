"""The profile hutong-9421/1 against the published vectors of RFC 9421 and against the general library, both ways."""

import base64
import string
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from uuid import uuid4

import http_message_signatures as library
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from http_message_signatures import algorithms
from hypothesis import given
from hypothesis import strategies as st

from exchange_api.signing import (
    Algorithm,
    PublicKey,
    Request,
    Response,
    SoftwareSigner,
    content_digest,
    public_key_from_pem,
    sign_request,
    sign_response,
    signature_base,
    verify_request,
    verify_response,
)
from exchange_api.signing.ed25519 import IS_SODIUM, compile_sign, compile_verify
from exchange_api.signing.messages import REQUEST_COMPONENTS, signature_member
from schemas.errors import Denied

AUTHORITY = "hub.example:8443"
LIBRARY = {"ed25519": algorithms.ED25519, "ecdsa-p256-sha256": algorithms.ECDSA_P256_SHA256}
RESPONSE_COMPONENTS = (
    "@status",
    "content-type",
    "content-digest",
    "x-request-id",
    "x-receipt",
    '"@method";req',
    '"@authority";req',
    '"@path";req',
    '"@query";req',
    '"content-digest";req',
    '"signature";req;key="sig1"',
)


@dataclass
class Message:
    """A message in the shape the general library reads."""

    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Reply:
    """An answer in the shape the general library reads."""

    status_code: int
    headers: dict[str, str]
    request: Message


def _ask(signer: SoftwareSigner, created: int | None = None, expires: int | None = None) -> Request:
    headers = {"content-type": "application/json", "x-request-id": str(uuid4())}
    bare = Request("POST", AUTHORITY, "/v1/libraries/population/query", "", headers, b'{"grant":"g1"}')
    moment = int(time.time()) if created is None else created
    return replace(bare, headers={**headers, **sign_request(bare, signer, moment, expires)})


def _check(request: Request, key: PublicKey, now: float | None = None) -> None:
    verify_request(request, {key.keyid: key}.get, time.time() if now is None else now, {AUTHORITY})


def _message(request: Request) -> Message:
    query = f"?{request.query}" if request.query else ""
    return Message(request.method, f"http://{request.authority}{request.path}{query}", dict(request.headers))


def _verifier(key: PublicKey) -> library.HTTPMessageVerifier:
    keys = library.MappingKeyResolver(public_keys={key.keyid: key.pem()}, private_keys={})
    return library.HTTPMessageVerifier(signature_algorithm=LIBRARY[key.algorithm], key_resolver=keys)


def _library_signer(signer: SoftwareSigner) -> library.HTTPMessageSigner:
    keys = library.MappingKeyResolver(public_keys={}, private_keys={signer.keyid: signer.pem()})
    return library.HTTPMessageSigner(signature_algorithm=LIBRARY[signer.algorithm], key_resolver=keys)


# --- RFC 9421 appendix B -------------------------------------------------------------------------------------------

P256 = b"""-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqIVYZVLCrPZHGHjP17CTW0/+D9Lf
w0EkjqF7xB4FivAxzic30tMM4GF+hR6Dxh71Z50VGGdldkkDXZCnTNnoXQ==
-----END PUBLIC KEY-----
"""
ED25519 = b"""-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=
-----END PUBLIC KEY-----
"""
CLIENT_CERT = (
    ":MIIBqDCCAU6gAwIBAgIBBzAKBggqhkjOPQQDAjA6MRswGQYDVQQKDBJMZXQncyBBdXRoZW50aWNhdGUxGzAZBgNVBAMMEkxBIEludGVybWVkaWF0"
    "ZSBDQTAeFw0yMDAxMTQyMjU1MzNaFw0yMTAxMjMyMjU1MzNaMA0xCzAJBgNVBAMMAkJDMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE8YnXXfaUgm"
    "nMtOXU/IncWalRhebrXmckC8vdgJ1p5Be5F/3YC8OthxM4+k1M6aEAEFcGzkJiNy6J84y7uzo9M6NyMHAwCQYDVR0TBAIwADAfBgNVHSMEGDAWgBRm"
    "3WjLa38lbEYCuiCPct0ZaSED2DAOBgNVHQ8BAf8EBAMCBsAwEwYDVR0lBAwwCgYIKwYBBQUHAwIwHQYDVR0RAQH/BBMwEYEPYmRjQGV4YW1wbGUuY2"
    "9tMAoGCCqGSM49BAMCA0gAMEUCIBHda/r1vaL6G3VliL4/Di6YK0Q6bMjeSkC3dFCOOB8TAiEAx/kHSB4urmiZ0NX5r5XarmPk0wmuydBVoU4hBVZ1"
    "yhk=:"
)
BODY_DIGEST = "sha-512=:mEWXIS7MaLRuGgxOBdODa3xqM1XdEvxoYhvlCFJ41QJgJc4GTsPp29l5oGX69wWdXymyU0rjJuahq4l5aGgfLQ==:"
QUESTION = Message("POST", "https://example.com/foo?param=Value&Pet=dog")


@dataclass(frozen=True)
class Vector:
    """One published example: key, label, covered values in order, parameters, signature."""

    keyid: str
    pem: bytes
    label: str
    covered: Mapping[str, str]
    signature: str

    @property
    def params(self) -> str:
        """Return the value of @signature-params as published."""
        names = " ".join(f'"{name}"' for name in self.covered)
        return f'({names});created=1618884473;keyid="{self.keyid}"'


VECTORS = [
    Vector(
        "test-key-ecc-p256",
        P256,
        "sig-b24",
        {"@status": "200", "content-type": "application/json", "content-digest": BODY_DIGEST, "content-length": "23"},
        "wNmSUAhwb5LxtOtOpNa6W5xj067m5hFrj0XQ4fvpaCLx0NKocgPquLgyahnzDnDAUy5eCdlYUEkLIj+32oiasw==",
    ),
    Vector(
        "test-key-ed25519",
        ED25519,
        "sig-b26",
        {
            "date": "Tue, 20 Apr 2021 02:07:55 GMT",
            "@method": "POST",
            "@path": "/foo",
            "@authority": "example.com",
            "content-type": "application/json",
            "content-length": "18",
        },
        "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==",
    ),
    Vector(
        "test-key-ecc-p256",
        P256,
        "ttrp",
        {
            "@path": "/foo",
            "@query": "?param=Value&Pet=dog",
            "@method": "POST",
            "@authority": "service.internal.example",
            "client-cert": CLIENT_CERT,
        },
        "xVMHVpawaAC/0SbHrKRs9i8I3eOs5RtTMGCWXm/9nvZzoHsIg6Mce9315T6xoklyy0yzhD9ah4JHRwMLOgmizw==",
    ),
]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda one: one.label)
def test_published_signatures_verify_on_our_base(vector: Vector) -> None:
    key = public_key_from_pem(vector.pem, vector.keyid)
    base = signature_base([(f'"{name}"', value) for name, value in vector.covered.items()], vector.params).encode()
    assert key.verify(base64.b64decode(vector.signature), base)
    assert not key.verify(base64.b64decode(vector.signature), base + b" ")


@pytest.mark.parametrize("vector", VECTORS, ids=lambda one: one.label)
def test_published_signatures_verify_with_the_library(vector: Vector) -> None:
    headers = {name: value for name, value in vector.covered.items() if not name.startswith("@")}
    headers["signature-input"] = f"{vector.label}={vector.params}"
    headers["signature"] = f"{vector.label}=:{vector.signature}:"
    authority = vector.covered.get("@authority", "example.com")
    question = Message("POST", f"https://{authority}/foo?param=Value&Pet=dog", headers)
    is_answer = "@status" in vector.covered
    verifier = _verifier(public_key_from_pem(vector.pem, vector.keyid))
    assert verifier.verify(Reply(200, headers, QUESTION) if is_answer else question, max_age=None)


def test_published_ed25519_signature_is_reproduced() -> None:
    private = b"""-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF
-----END PRIVATE KEY-----
"""
    vector = VECTORS[1]
    base = signature_base([(f'"{name}"', value) for name, value in vector.covered.items()], vector.params)
    assert SoftwareSigner.from_pem(private).sign(base.encode()) == base64.b64decode(vector.signature)


def test_content_digest_is_the_published_one() -> None:
    assert content_digest(b"") == "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"  # RFC 9530 appendix B.2


# --- the library as oracle -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["ed25519", "ecdsa-p256-sha256"])
def test_our_signatures_verify_with_the_library(algorithm: Algorithm) -> None:
    caller, hub = SoftwareSigner.generate(algorithm), SoftwareSigner.generate(algorithm)
    request = _ask(caller)
    message = _message(request)
    (asked,) = _verifier(caller.public).verify(
        message, expect_tag="hub-req", expect_label="sig1", require_components=REQUEST_COMPONENTS, body=request.body
    )
    assert asked.nonce
    headers = {"content-type": "application/json", "x-request-id": request.headers["x-request-id"], "x-receipt": "r1"}
    signed = sign_response(Response(200, headers, b"{}"), request, hub, int(time.time()))
    reply = Reply(200, {**headers, **signed.headers}, message)
    assert _verifier(hub.public).verify(
        reply, expect_tag="hub-resp", expect_label="hub", require_components=RESPONSE_COMPONENTS, body=b"{}"
    )
    message.headers["signature"] = f"sig1=:{base64.b64encode(bytes(64)).decode()}:"
    with pytest.raises(library.InvalidSignature):
        _verifier(hub.public).verify(reply, expect_tag="hub-resp")


def _library_signed(caller: SoftwareSigner, *, include_alg: bool, components: tuple[str, ...]) -> Request:
    headers = {"content-type": "application/json", "x-request-id": str(uuid4())}
    message = Message("POST", f"http://{AUTHORITY}/v1/grants/g1/changes?after=3", headers)
    now = int(time.time())
    _library_signer(caller).sign(
        message,
        key_id=caller.keyid,
        created=datetime.fromtimestamp(now, UTC),
        expires=datetime.fromtimestamp(now + 120, UTC),
        nonce="0123456789abcdef-nonce",
        label="sig1",
        tag="hub-req",
        include_alg=include_alg,
        covered_component_ids=components,
        body=b"{}",
    )
    lowered = {name.lower(): value for name, value in message.headers.items()}
    return Request("POST", AUTHORITY, "/v1/grants/g1/changes", "after=3", lowered, b"{}")


@pytest.mark.parametrize("algorithm", ["ed25519", "ecdsa-p256-sha256"])
def test_the_librarys_signatures_verify_with_us(algorithm: Algorithm) -> None:
    caller = SoftwareSigner.generate(algorithm)
    request = _library_signed(caller, include_alg=False, components=REQUEST_COMPONENTS)
    verified = verify_request(request, {caller.keyid: caller.public}.get, time.time(), {AUTHORITY})
    assert verified.claim.is_profile


@pytest.mark.parametrize(
    ("include_alg", "components"),
    [(True, REQUEST_COMPONENTS), (False, REQUEST_COMPONENTS[::-1]), (False, (*REQUEST_COMPONENTS, "@scheme"))],
)
def test_other_spellings_are_judged_by_the_library(include_alg: bool, components: tuple[str, ...]) -> None:
    caller = SoftwareSigner.generate()
    request = _library_signed(caller, include_alg=include_alg, components=components)
    verified = verify_request(request, {caller.keyid: caller.public}.get, time.time(), {AUTHORITY})
    assert not verified.claim.is_profile
    assert caller.public.verify(verified.claim.signature, verified.base.encode())
    with pytest.raises(Denied, match=r"signature\.wrong"):
        _check(replace(request, path="/v1/grants/g2/changes"), caller.public)
    with pytest.raises(Denied, match=r"signature\.wrong"):
        _check(request, replace(SoftwareSigner.generate().public, keyid=caller.keyid))


def test_the_library_answers_are_accepted_by_us() -> None:
    caller, hub = SoftwareSigner.generate(), SoftwareSigner.generate()
    request = _ask(caller)
    headers = {"content-type": "application/json", "x-request-id": request.headers["x-request-id"], "x-receipt": "r1"}
    reply = Reply(200, headers, _message(request))
    _library_signer(hub).sign(
        reply,
        key_id=hub.keyid,
        label="hub",
        tag="hub-resp",
        include_alg=False,
        covered_component_ids=RESPONSE_COMPONENTS,
        body=b"{}",
    )
    lowered = {name.lower(): value for name, value in reply.headers.items()}
    assert verify_response(Response(200, lowered, b"{}"), request, {hub.keyid: hub.public}.get).is_bound


# --- refusals, one by one ------------------------------------------------------------------------------------------

NOW = 1_800_000_000
CALLER = SoftwareSigner.generate()


def _without(name: str) -> Request:
    request = _ask(CALLER, NOW)
    return replace(request, headers={key: value for key, value in request.headers.items() if key != name})


def _with(name: str, value: str) -> Request:
    request = _ask(CALLER, NOW)
    return replace(request, headers={**request.headers, name: value})


def _input(old: str, new: str) -> Request:
    request = _ask(CALLER, NOW)
    changed = request.headers["signature-input"].replace(old, new)
    assert changed != request.headers["signature-input"]
    return replace(request, headers={**request.headers, "signature-input": changed})


def _loose_base64() -> Request:
    request = _ask(CALLER, NOW)
    good = request.headers["signature"]
    order = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    last = order[order.index(good[-4]) + 1]  # same 64 bytes, stray trailing bits
    return replace(request, headers={**request.headers, "signature": f"{good[:-4]}{last}==:"})


REFUSALS = [
    ("signature.missing", lambda: _without("signature")),
    ("signature.missing", lambda: _without("signature-input")),
    ("signature.malformed", lambda: _with("signature-input", "sig1=nonsense(")),
    ("signature.malformed", lambda: _with("signature-input", '\N{SNOWMAN}=("@method")')),
    ("signature.malformed", lambda: _input('tag="hub-req"', 'tag="other"')),
    ("signature.malformed", lambda: _input(f";expires={NOW + 300}", "")),
    ("signature.malformed", _loose_base64),
    ("signature.malformed", lambda: _with("signature", "sig1=:AAAA:, sig1=:BBBB:")),
    ("signature.components", lambda: _input('"@query" ', "")),
    ("signature.components", lambda: _input('"content-digest"', '"content-digest";key="sha-256"')),
    ("signature.lifetime", lambda: _ask(CALLER, NOW, NOW + 301)),
    ("signature.lifetime", lambda: _ask(CALLER, NOW, NOW)),
    ("signature.clock", lambda: _ask(CALLER, NOW + 301)),
    ("signature.clock", lambda: _ask(CALLER, NOW - 301)),
    ("signature.expired", lambda: _ask(CALLER, NOW - 100, NOW - 1)),
    ("signature.nonce", lambda: _input('nonce="', 'nonce="spaced out nonce ')),
    ("signature.unknown_key", lambda: _ask(SoftwareSigner.generate(), NOW)),
    ("signature.wrong", lambda: _with("content-type", "application/json; charset=utf-8")),
    ("signature.wrong", lambda: _with("x-request-id", str(uuid4()))),
    ("signature.wrong", lambda: replace(_ask(CALLER, NOW), query="dry-run=true")),
    ("signature.wrong", lambda: replace(_ask(CALLER, NOW), path="/v1/libraries/credit/query")),
    ("signature.wrong", lambda: replace(_ask(CALLER, NOW), method="PUT")),
    ("signature.wrong", lambda: _with("signature", _ask(CALLER, NOW).headers["signature"])),
    ("digest.missing", lambda: _without("content-digest")),
    ("digest.wrong", lambda: replace(_ask(CALLER, NOW), body=b'{"grant":"g2"}')),
    ("digest.wrong", lambda: _with("content-digest", "sha-256=nonsense")),
    ("request_id.missing", lambda: _without("x-request-id")),
    ("request_id.malformed", lambda: _with("x-request-id", "17")),
    ("content_type.missing", lambda: _without("content-type")),
    ("authority.unknown", lambda: replace(_ask(CALLER, NOW), authority="evil.example")),
    ("path.malformed", lambda: replace(_ask(CALLER, NOW), path="/v1/../v1/libraries/population/query")),
    ("path.malformed", lambda: replace(_ask(CALLER, NOW), path="/v1/libraries%2Fpopulation/query")),
]


@pytest.mark.parametrize(("code", "make"), REFUSALS, ids=lambda one: one if isinstance(one, str) else "")
def test_each_failing_step_is_named(code: str, make: object) -> None:
    assert callable(make)
    with pytest.raises(Denied) as refused:
        _check(make(), CALLER.public, NOW)
    assert refused.value.code == code


def test_clock_refusal_says_how_large_the_difference_is() -> None:
    with pytest.raises(Denied) as refused:
        _check(_ask(CALLER, NOW + 450), CALLER.public, NOW)
    assert refused.value.facts["seconds"] == 450
    assert "450" in refused.value.title("zh")


@pytest.mark.parametrize("difference", [-299, 299])
def test_five_minutes_of_clock_difference_are_allowed(difference: int) -> None:
    _check(_ask(CALLER, NOW + difference), CALLER.public, NOW)


def test_a_good_question_is_accepted_whatever_case_its_host_has() -> None:
    request = _ask(CALLER, NOW)
    _check(request, CALLER.public, NOW)
    _check(replace(request, authority=AUTHORITY.upper()), CALLER.public, NOW)


def test_a_refusal_of_an_unsigned_question_is_signed_too() -> None:
    hub = SoftwareSigner.generate()
    request = Request("POST", AUTHORITY, "/v1/libraries/population/query", "", {}, b"")
    headers = {"content-type": "application/problem+json", "x-request-id": str(uuid4()), "x-receipt": "r2"}
    signed = sign_response(Response(401, headers, b"{}"), request, hub, NOW)
    response = Response(401, {**headers, **signed.headers}, b"{}")
    assert not verify_response(response, request, {hub.keyid: hub.public}.get).is_bound
    with pytest.raises(Denied, match=r"signature\.components"):
        verify_response(response, _ask(CALLER, NOW), {hub.keyid: hub.public}.get)


@pytest.mark.parametrize("part", ["status", "body", "content-type", "x-request-id", "x-receipt", "signature-input"])
def test_a_changed_answer_is_refused(part: str) -> None:
    hub, request = SoftwareSigner.generate(), _ask(CALLER, NOW)
    headers = {"content-type": "application/json", "x-request-id": request.headers["x-request-id"], "x-receipt": "r1"}
    signed = sign_response(Response(200, headers, b"{}"), request, hub, NOW)
    good = Response(200, {**headers, **signed.headers}, b"{}")
    verify_response(good, request, {hub.keyid: hub.public}.get)
    if part == "status":
        bad = replace(good, status=201)
    elif part == "body":
        bad = replace(good, body=b"[]")
    else:
        bad = replace(good, headers={**good.headers, part: good.headers[part].replace("1", "2") + "x"})
    with pytest.raises(Denied):
        verify_response(bad, request, {hub.keyid: hub.public}.get)


@given(data=st.binary(max_size=300), place=st.integers(0, 63), change=st.integers(0, 255))
def test_libsodium_and_openssl_sign_and_judge_alike(data: bytes, place: int, change: int) -> None:
    assert IS_SODIUM
    key = Ed25519PrivateKey.generate()
    signature = compile_sign(key)(data)
    assert signature == compile_sign(key, is_sodium=False)(data)
    changed = signature[:place] + bytes([signature[place] ^ change]) + signature[place + 1 :]
    for is_sodium in (True, False):
        assert compile_verify(key.public_key(), is_sodium=is_sodium)(changed, data) is (change == 0)
        assert not compile_verify(key.public_key(), is_sodium=is_sodium)(signature, data + b"x")


def test_the_server_refuses_a_key_that_any_signature_fits() -> None:
    neutral = b"\x01" + bytes(31)  # a point of order 1: R = 1, S = 0 is "its" signature over everything
    key = Ed25519PublicKey.from_public_bytes(neutral)
    assert compile_verify(key, is_sodium=False)(neutral + bytes(32), b"anything")
    assert not compile_verify(key)(neutral + bytes(32), b"anything")


@given(
    text=st.text(string.ascii_letters + string.digits + "+/", min_size=85, max_size=85),
    last=st.sampled_from("AQgwBRhx"),
)
def test_a_signature_alone_in_its_header_is_read_like_one_among_others(text: str, last: str) -> None:
    member = f"sig1=:{text}{last}==:"
    alone, among = (
        signature_member(Request("GET", "a", "/", "", {"signature": value}, b""))
        for value in (member, f"{member}, b=:AA==:")
    )
    assert alone == among == (member[5:] if last in "AQgw" else None)
