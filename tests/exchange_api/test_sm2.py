"""SM2 beside Ed25519: the system's library against the standard and against openssl, a second label that disturbs nobody, and receipts that name both."""

import base64
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import http_message_signatures as library
import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from http_message_signatures import algorithms
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from exchange_api.evidence.keyring import ensure_active_key, revoke_key, roll_key
from exchange_api.evidence.ledger import Entry, answer_of, new_receipt_id, question_of, record
from exchange_api.evidence.receipt import compose_receipt, verify_receipt
from exchange_api.evidence.receipts import require_document
from exchange_api.evidence.second_check import told_by_second
from exchange_api.evidence.sequencer import sequence_once
from exchange_api.keeping.privates import KeyOrder
from exchange_api.keys import active_signer, create_key, jwks, log_signer
from exchange_api.signing import (
    Request,
    Response,
    SoftwareSigner,
    libcrypto,
    public_key_from_jwk,
    sign_request,
    sign_response,
    sm2,
    thumbprint,
    verify_response,
)
from exchange_api.signing.responses import second_keyid, verify_second_signature
from exchange_api.signing.second import PairedSigner
from exchange_api.signing.sm2 import Sm2Signer, sm2_key_from_jwk
from schemas.errors import Denied, Invalid, Transient
from schemas.tables.evidence import Entry as EntryRow
from schemas.tables.evidence import SigningKey

pytestmark = pytest.mark.skipif(
    not shutil.which("openssl"), reason="needs the openssl command: apt-get install openssl"
)
SIGNER = Sm2Signer.generate()
DISTID = "distid:1234567812345678"


def _openssl(*arguments: str, folder: Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["openssl", *arguments], cwd=folder, capture_output=True, check=False)


def _der(raw: bytes) -> bytes:
    return encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))


def test_openssl_accepts_what_is_signed_here(tmp_path: Path) -> None:
    (tmp_path / "key.pub").write_bytes(SIGNER.public.pem())
    (tmp_path / "text").write_bytes("数据共享".encode())
    (tmp_path / "sig").write_bytes(_der(SIGNER.sign("数据共享".encode())))
    verify = ("pkeyutl", "-verify", "-pubin", "-inkey", "key.pub", "-rawin", "-digest", "sm3", "-sigfile", "sig")
    assert _openssl(*verify, "-in", "text", "-pkeyopt", DISTID, folder=tmp_path).returncode == 0
    assert _openssl(*verify, "-in", "text", "-pkeyopt", "distid:other", folder=tmp_path).returncode != 0
    (tmp_path / "text").write_bytes("数据开放".encode())
    assert _openssl(*verify, "-in", "text", "-pkeyopt", DISTID, folder=tmp_path).returncode != 0


def test_what_openssl_signs_is_accepted_here_and_its_keys_are_read(tmp_path: Path) -> None:
    assert _openssl("genpkey", "-algorithm", "SM2", "-out", "key.pem", folder=tmp_path).returncode == 0
    (tmp_path / "text").write_bytes(b"message digest")
    sign = ("pkeyutl", "-sign", "-inkey", "key.pem", "-rawin", "-digest", "sm3", "-in", "text", "-out", "sig")
    assert _openssl(*sign, "-pkeyopt", DISTID, folder=tmp_path).returncode == 0
    key = Sm2Signer.from_pem((tmp_path / "key.pem").read_bytes()).public
    r, s = _parts((tmp_path / "sig").read_bytes())
    assert key.verify(r + s, b"message digest")
    assert not key.verify(s + r, b"message digest")


def _parts(der: bytes) -> tuple[bytes, bytes]:
    r, s = decode_dss_signature(der)
    return r.to_bytes(32, "big"), s.to_bytes(32, "big")


@settings(max_examples=30, deadline=None)
@given(data=st.binary(max_size=500), place=st.integers(0, 511))
def test_a_flipped_bit_of_a_signature_is_found(data: bytes, place: int) -> None:
    raw = SIGNER.sign(data)
    assert SIGNER.public.verify(raw, data)
    changed = bytearray(raw)
    changed[place // 8] ^= 1 << place % 8
    assert not SIGNER.public.verify(bytes(changed), data)
    assert not SIGNER.public.verify(raw, data + b"\0")


def test_a_key_survives_pem_and_jwk() -> None:
    jwk = SIGNER.public.jwk
    assert (jwk["kty"], jwk["crv"], thumbprint(jwk)) == ("EC", "SM2", SIGNER.keyid)
    again = Sm2Signer.from_pem(SIGNER.pem())
    assert again.keyid == SIGNER.keyid
    assert sm2_key_from_jwk(jwk).verify(again.sign(b"x"), b"x")


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("key.malformed", {"x": "A" * 43}),
        ("key.malformed", {"x": "AAAA"}),
        ("key.malformed", {"y": 7}),
        ("key.private", {"d": "A" * 43}),
        ("key.unsupported", {"crv": "P-256"}),
    ],
)
def test_bad_sm2_keys_are_refused(code: str, change: dict[str, object]) -> None:
    with pytest.raises(Invalid) as refused:
        sm2_key_from_jwk(SIGNER.public.jwk | change)
    assert refused.value.code == code


def test_other_keys_are_no_sm2_keys() -> None:
    for pem in (SoftwareSigner.generate("ecdsa-p256-sha256").pem(), SIGNER.public.pem(), b"nothing"):
        with pytest.raises(Invalid, match=r"key\.malformed"):
            Sm2Signer.from_pem(pem)


def test_an_application_cannot_ask_with_sm2_alone() -> None:
    with pytest.raises(Invalid, match=r"key\.unsupported"):
        public_key_from_jwk(SIGNER.public.jwk)


@pytest.fixture
def without_sm2(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine whose library is another: nothing of that name is installed."""
    monkeypatch.setattr(libcrypto, "LIBRARIES", ("libcrypto.so.none",))
    for remembered in (libcrypto.load, sm2.require):
        remembered.cache_clear()
    yield
    for remembered in (libcrypto.load, sm2.require):
        remembered.cache_clear()


@pytest.mark.usefixtures("without_sm2")
def test_a_machine_without_the_library_refuses_to_begin() -> None:
    with pytest.raises(Transient, match=r"key\.second_unavailable"):
        Sm2Signer.generate()


def test_a_library_that_fails_the_standards_vector_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sm2, "ID", b"")  # as OpenSSL before 4.0 does when nobody gives the id
    sm2.require.cache_clear()
    try:
        with pytest.raises(Transient, match=r"vector of GB/T 32918\.5"):
            sm2.require()
    finally:
        monkeypatch.undo()
        sm2.require.cache_clear()
    sm2.require()


HUB, CALLER = SoftwareSigner.generate(), SoftwareSigner.generate()
PAIR = PairedSigner(HUB, SIGNER)


def _asked(body: bytes = b"{}") -> Request:
    headers = {"content-type": "application/json", "x-request-id": "0198c0de-0000-7000-8000-000000000001"}
    request = Request("POST", "hub.example", "/v1/libraries/population/query", "", headers, body)
    return replace(request, headers=headers | sign_request(request, CALLER, int(time.time())))


def _answered(request: Request, body: bytes = b'{"records": []}', receipt: str = "r-1") -> Response:
    headers = {
        "content-type": "application/json",
        "x-request-id": request.headers["x-request-id"],
        "x-receipt": receipt,
    }
    response = Response(200, headers, body)
    signed = sign_response(response, request, PAIR, int(time.time()))
    return replace(response, headers=headers | signed.headers)


ASKED = _asked()
ANSWERED = _answered(ASKED)


class _Message:
    def __init__(self, request: Request) -> None:
        self.method, self.url = request.method, f"http://{request.authority}{request.path}"
        self.headers = dict(request.headers)


class _Reply:
    def __init__(self, response: Response, request: Request) -> None:
        self.status_code, self.headers, self.request = response.status, dict(response.headers), _Message(request)


class _Sm2(library.HTTPSignatureAlgorithm):
    """SM2 for the general library, as an implementer would add it."""

    algorithm_id = "sm2-sm3"

    def __init__(self, public_key: bytes = b"{}", **_: object) -> None:
        self.key = sm2_key_from_jwk(json.loads(public_key))

    def sign(self, message: bytes) -> bytes:
        raise NotImplementedError

    def verify(self, signature: bytes, message: bytes) -> None:
        if not self.key.verify(signature, message):
            raise library.InvalidSignature("wrong")


def _by_library(kind: type, label: str, tag: str, request: Request, response: Response) -> str:
    keys = library.MappingKeyResolver(
        public_keys={HUB.keyid: HUB.public.pem(), SIGNER.keyid: json.dumps(SIGNER.public.jwk).encode()}, private_keys={}
    )
    verifier = library.HTTPMessageVerifier(signature_algorithm=kind, key_resolver=keys)
    (found,) = verifier.verify(_Reply(response, request), expect_tag=tag, expect_label=label, body=response.body)
    return str(found.parameters["keyid"])


def test_clients_that_know_only_the_first_signature_see_no_difference() -> None:
    request = _asked()
    response = _answered(request)
    assert _by_library(algorithms.ED25519, "hub", "hub-resp", request, response) == HUB.keyid
    assert verify_response(response, request, {HUB.keyid: HUB.public}.get).keyid == HUB.keyid
    plain = sign_response(replace(response, headers={**response.headers}), request, HUB, int(time.time()))
    assert "hub-sm2" not in plain.headers["signature-input"]


def test_the_second_signature_is_rfc_9421_too() -> None:
    request = _asked()
    assert _by_library(_Sm2, "hub-sm2", "hub-resp-sm2", request, _answered(request)) == SIGNER.keyid


def test_the_second_signature_is_checked_and_bound_to_question_and_answer() -> None:
    request = _asked()
    response, keys = _answered(request), {SIGNER.keyid: SIGNER.public}
    assert second_keyid(response) == SIGNER.keyid
    assert verify_second_signature(response, request, keys.get) is not None
    for other, asked in ((replace(response, status=404), request), (response, _asked(b"[]"))):
        with pytest.raises(Denied, match=r"signature\.wrong"):
            verify_second_signature(other, asked, keys.get)
    with pytest.raises(Denied, match=r"signature\.unknown_key"):
        verify_second_signature(response, request, lambda _: None)


@pytest.mark.parametrize(
    ("header", "old", "new"),
    [
        ("signature", ", hub-sm2=:", ", hub-sm3=:"),
        ("signature-input", 'tag="hub-resp-sm2"', 'tag="hub-resp"'),
        ("signature-input", "sm2-sm3", "sm2-sha256"),
        ("signature-input", ", hub-sm2=", ", hub-sm2=(), hub-sm2="),
    ],
)
def test_a_second_signature_in_another_form_is_refused(header: str, old: str, new: str) -> None:
    request = _asked()
    response = _answered(request)
    headers = {**response.headers, header: response.headers[header].replace(old, new)}
    with pytest.raises(Denied, match=r"signature\.malformed"):
        verify_response(replace(response, headers=headers), request, {HUB.keyid: HUB.public}.get)


def test_one_header_without_the_other_is_refused() -> None:
    request = _asked()
    response = _answered(request)
    for header in ("signature", "signature-input"):
        headers = {**response.headers, header: response.headers[header].partition(", hub-sm2")[0]}
        with pytest.raises(Denied, match=r"signature\.malformed"):
            verify_response(replace(response, headers=headers), request, {HUB.keyid: HUB.public}.get)


@pytest.fixture
def hub(session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A hub that signs twice; returns its keys folder."""
    session.query(SigningKey).delete()
    monkeypatch.setenv("HUTONG_SM2", "on")
    ensure_active_key(session, tmp_path)
    return tmp_path


def test_switched_on_the_hub_makes_publishes_and_logs_its_second_key(session: Session, hub: Path) -> None:
    signer = active_signer(session, hub)
    assert isinstance(signer, PairedSigner)
    (published,) = [key for key in jwks(session)["keys"] if key["kid"] == signer.second.keyid]
    assert (published["kty"], published["crv"], published["alg"]) == ("EC", "SM2", "sm2-sm3")
    assert published["hutong:private_alg"] is True
    assert "d" not in published
    told = [json.loads(row.document)["facts"] for row in session.query(EntryRow).filter(EntryRow.kind == "key")]
    assert [one["state"] for one in told if one.get("keyid") == signer.second.keyid] == ["next", "active"]
    assert log_signer(session, hub).keyid == signer.keyid


def test_rolling_one_kind_leaves_the_other(session: Session, hub: Path) -> None:
    before = active_signer(session, hub)
    assert isinstance(before, PairedSigner)
    second = roll_key(session, hub, KeyOrder("sm2-sm3"))
    after = active_signer(session, hub)
    assert isinstance(after, PairedSigner)
    assert (after.keyid, after.second.keyid) == (before.keyid, second)
    assert before.second.keyid != second


def test_switched_on_without_a_key_nothing_is_signed_with_less(session: Session, hub: Path) -> None:
    signer = active_signer(session, hub)
    assert isinstance(signer, PairedSigner)
    revoke_key(session, signer.second.keyid, hub)
    with pytest.raises(Transient, match=r"key\.second_unavailable"):
        active_signer(session, hub)


def test_switched_off_an_sm2_key_signs_nothing(session: Session, hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUTONG_SM2", "off")
    assert not isinstance(active_signer(session, hub), PairedSigner)


@pytest.fixture
def receipt(session: Session, hub: Path) -> bytes:
    """A receipt of an answer signed twice, from the log."""
    request, signer = _asked(), active_signer(session, hub)
    headers = {"content-type": "application/json", "x-request-id": request.headers["x-request-id"]}
    entry_id = new_receipt_id()
    response = Response(200, {**headers, "x-receipt": entry_id}, b'{"records": []}')
    signed = sign_response(response, request, signer, int(time.time()))
    entry = Entry(
        id=entry_id, at=datetime.now(UTC), kind="answer", keyid=CALLER.keyid,
        request=question_of(request, CALLER.public.jwk), response=answer_of(response, signed),
    )  # fmt: skip
    record(session, [entry])
    while sequence_once(session, log_signer(session, hub), "hub.example/log"):
        pass
    whole = replace(response, headers={**response.headers, **signed.headers})
    return compose_receipt(request, whole, require_document(session, entry_id))


def test_a_receipt_names_both_keys(session: Session, hub: Path, receipt: bytes) -> None:
    report = verify_receipt(receipt, jwks(session))
    assert report.verified, report.failed
    signer = active_signer(session, hub)
    assert isinstance(signer, PairedSigner)
    (check,) = [one for one in report.checks if one.name == "response_signature"]
    assert signer.keyid in check.detail
    assert f"by SM2 with key {signer.second.keyid}" in check.detail


def test_a_receipt_whose_second_signature_is_anothers_fails(session: Session, receipt: bytes) -> None:
    members = json.loads(receipt)
    told = members["response"]["headers"]["signature"]
    first, _, _ = told.partition(", hub-sm2=:")
    forged = f"{first}, hub-sm2=:{base64.b64encode(SIGNER.sign(b'else')).decode()}:"
    text = receipt.decode().replace(told, forged).encode()
    report = verify_receipt(text, jwks(session))
    assert report.failed == "response_signature"


def test_a_trust_root_without_the_second_key_does_not_vouch(session: Session, receipt: bytes) -> None:
    keys = {"keys": [key for key in jwks(session)["keys"] if key["alg"] != "sm2-sm3"]}
    assert verify_receipt(receipt, keys).failed == "response_signature"


@pytest.mark.usefixtures("without_sm2")
def test_a_verifier_without_sm2_says_that_it_did_not_look() -> None:
    published = {SIGNER.keyid: {**SIGNER.public.jwk, "kid": SIGNER.keyid}}
    assert "not checked" in told_by_second(ANSWERED, ASKED, published)


def test_a_key_made_where_the_folder_is_full_of_others_is_of_its_kind(session: Session, hub: Path) -> None:
    row = create_key(session, hub, KeyOrder("sm2-sm3"))
    assert Sm2Signer.from_pem((hub / f"{row.keyid}.pem").read_bytes()).keyid == row.keyid
