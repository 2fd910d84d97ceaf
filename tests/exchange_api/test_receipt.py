"""A receipt proves offline what was asked and answered; change any byte and it proves nothing."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import http_message_signatures as library
import pytest
from sqlalchemy.orm import Session

from exchange_api.evidence.keyring import ensure_active_key, revoke_key, roll_key
from exchange_api.evidence.ledger import new_receipt_id
from exchange_api.evidence.receipt import compose_receipt, drop_bodies, read_jwks, verify_receipt
from exchange_api.evidence.receipts import build_receipt, receipt_document, require_document
from exchange_api.evidence.sequencer import sequence_once
from exchange_api.keys import jwks
from exchange_api.signing import (
    Request,
    Response,
    SoftwareSigner,
    verify_response,
)
from schemas.errors import HutongError
from tests.exchange_api.answered import answer, ask

ORIGIN = "hub.example/log"
CHECKS = [
    "format",
    "request_digest",
    "request_signature",
    "response_digest",
    "response_signature",
    "binding",
    "entry",
    "inclusion",
    "checkpoint_signature",
]

Exchange = tuple[Request, Response]


@pytest.fixture
def exchange(session: Session, tmp_path: Path) -> Exchange:
    """One question answered, recorded and in a log that holds others too."""
    caller = SoftwareSigner.generate("ecdsa-p256-sha256")
    others = [answer(session, ask(caller, b"{}"), caller, tmp_path) for _ in range(5)]
    assert sequence_once(session, ensure_active_key(session, tmp_path), ORIGIN) >= len(others)
    found = answer(session, ask(caller, '{"subjects":["公民"]}'.encode()), caller, tmp_path)
    assert sequence_once(session, ensure_active_key(session, tmp_path), ORIGIN) == 1
    return found


@pytest.fixture
def receipt(session: Session, exchange: Exchange) -> bytes:
    """The receipt file of that exchange."""
    document = receipt_document(session, exchange[1].headers["x-receipt"])
    assert document is not None
    return compose_receipt(*exchange, document)


def test_a_receipt_verifies_with_the_hubs_public_keys_only(session: Session, receipt: bytes) -> None:
    report = verify_receipt(receipt, jwks(session))
    assert [check.name for check in report.checks] == CHECKS
    assert report.verified, report


def test_any_changed_byte_fails_and_names_a_part(session: Session, receipt: bytes) -> None:
    keys = jwks(session)
    for position in range(len(receipt)):
        for flip in (0x01, 0x20):
            changed = bytearray(receipt)
            changed[position] ^= flip
            report = verify_receipt(bytes(changed), keys)
            assert not report.verified, f"byte {position} of {receipt[position - 40 : position + 40]!r}"
            assert report.failed in CHECKS


def test_leaving_out_or_adding_a_byte_fails(session: Session, receipt: bytes) -> None:
    keys = jwks(session)
    for position in range(0, len(receipt), 3):
        assert not verify_receipt(receipt[:position] + receipt[position + 1 :], keys).verified
        assert not verify_receipt(receipt[:position] + b" " + receipt[position:], keys).verified
    assert not verify_receipt(receipt + b"\n", keys).verified


def _with(receipt: bytes, change: Callable[[dict[str, Any]], None]) -> bytes:
    members = json.loads(receipt)
    change(members)
    text = json.dumps(members, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.encode() + b"\n"


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (lambda m: m["request"]["body"].update(text="{}"), "request_digest"),
        (lambda m: m["request"].update(path="/v1/libraries/credit/query"), "request_signature"),
        (lambda m: m["response"]["body"].update(text='{"records":[]}'), "response_digest"),
        (lambda m: m["response"].update(status=201), "response_signature"),
        (lambda m: m["entry"].update(kind="refusal"), "inclusion"),
        (lambda m: m["entry"]["purpose"].update(case="2026-18"), "inclusion"),
        (lambda m: m["entry"]["response"].update(status=201), "entry"),
        (lambda m: m.update(proof=re.sub(r"index \d+", "index 0", m["proof"])), "inclusion"),
        (lambda m: m.update(note="trust me"), "format"),
        (lambda m: m["request"]["headers"].update({"x-added": "1"}), "entry"),
        (lambda m: m.update(proof=m["proof"] + "— witness.example AAAAAAAA\n"), "inclusion"),
    ],
)
def test_a_rewritten_part_is_named(
    session: Session,
    receipt: bytes,
    change: Callable[[dict[str, Any]], None],
    part: str,
) -> None:
    changed = _with(receipt, change)
    assert changed != receipt
    assert verify_receipt(changed, jwks(session)).failed == part


def test_another_spelling_of_the_same_json_is_refused(session: Session, receipt: bytes) -> None:
    pretty = json.dumps(json.loads(receipt), ensure_ascii=False, indent=1).encode() + b"\n"
    escaped = json.dumps(json.loads(receipt), sort_keys=True, separators=(",", ":")).encode() + b"\n"
    doubled = receipt.replace(b'{"entry":', b'{"entry":{},"entry":', 1)
    for other in (pretty, escaped, doubled):
        assert verify_receipt(other, jwks(session)).failed == "format"


def test_a_receipt_still_proves_when_bodies_were_deleted(session: Session, receipt: bytes, exchange: Exchange) -> None:
    bare = drop_bodies(receipt)
    report = verify_receipt(bare, jwks(session))
    assert report.verified
    assert "not held" in report.checks[1].detail
    assert build_receipt(session, exchange[1].headers["x-receipt"]) == bare


def test_keys_of_another_hub_prove_nothing(receipt: bytes) -> None:
    stranger = SoftwareSigner.generate()
    report = verify_receipt(receipt, {"keys": [{**stranger.public.jwk, "kid": stranger.keyid}]})
    assert not report.verified
    assert {check.name for check in report.checks if not check.ok} >= {"response_signature", "checkpoint_signature"}


def test_receipts_outlive_a_key_roll_but_not_a_revoked_checkpoint_key(
    session: Session, receipt: bytes, exchange: Exchange, tmp_path: Path
) -> None:
    old = ensure_active_key(session, tmp_path)
    roll_key(session, tmp_path)
    assert verify_receipt(receipt, jwks(session)).verified
    revoke_key(session, old.keyid, tmp_path)
    assert verify_receipt(receipt, jwks(session)).failed == "checkpoint_signature"
    sequence_once(session, ensure_active_key(session, tmp_path), ORIGIN)
    renewed = build_receipt(session, exchange[1].headers["x-receipt"], exchange)
    assert verify_receipt(renewed, jwks(session)).verified


def test_the_answer_verifies_for_its_own_question_only(session: Session, exchange: Exchange, tmp_path: Path) -> None:
    request, response = exchange
    hub = ensure_active_key(session, tmp_path)
    assert verify_response(response, request, {hub.keyid: hub.public}.get).is_bound
    other = replace(request, headers={**request.headers, "signature": ask(hub, b"{}").headers["signature"]})
    with pytest.raises(HutongError, match=r"signature\.wrong"):
        verify_response(response, other, {hub.keyid: hub.public}.get)


def test_a_receipt_not_yet_in_the_log_is_pending(session: Session, tmp_path: Path) -> None:
    caller = SoftwareSigner.generate()
    _, response = answer(session, ask(caller, b"{}"), caller, tmp_path)
    with pytest.raises(HutongError, match=r"receipt\.pending"):
        require_document(session, response.headers["x-receipt"])
    with pytest.raises(HutongError, match=r"receipt\.not_found"):
        require_document(session, new_receipt_id())
    assert receipt_document(session, "not-an-id") is None


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _places(part, (*path, name))


def test_no_strange_value_anywhere_is_believed_or_breaks_the_verifier(session: Session, receipt: bytes) -> None:
    keys, members = jwks(session), json.loads(receipt)
    for path in _places(members):
        for strange in (None, 0, -1, True, "", "x", "\n", [], [1], {}, {"x": 1}, 10**30):
            changed = json.loads(receipt)
            holder = changed
            for name in path[:-1]:
                holder = holder[name]
            if path and holder[path[-1]] == strange and type(holder[path[-1]]) is type(strange):
                continue
            if path:
                holder[path[-1]] = strange
            else:
                changed = strange
            text = json.dumps(changed, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
            report = verify_receipt(text.encode() + b"\n", keys)
            is_dropped_body = strange is None and path[-1:] == ("body",)
            assert report.verified == is_dropped_body, (path, strange)


@pytest.mark.parametrize(
    "data", [b"", b"\n", b"[]\n", b"null\n", b"\xff\xfe", b"[" * 100_000, b'{"a":1.0}\n', b'{"a":NaN}\n']
)
def test_nonsense_is_refused_as_a_file(data: bytes) -> None:
    assert verify_receipt(data, {"keys": []}).failed == "format"


def test_a_broken_trust_root_is_no_trust_root(receipt: bytes, tmp_path: Path) -> None:
    short = {"kty": "OKP", "crv": "Ed25519", "x": "AAAA", "kid": "k"}
    broken: tuple[dict[str, Any], ...] = ({}, {"keys": [{}]}, {"keys": [short]}, {"keys": ["k"]})
    for keys in broken:
        assert not verify_receipt(receipt, keys).verified
    path = tmp_path / "jwks.json"
    for text in ("", "[]", '{"keys": 1}'):
        path.write_text(text)
        with pytest.raises(HutongError, match=r"receipt\.keys_missing"):
            read_jwks(path)
    with pytest.raises(HutongError, match=r"receipt\.keys_missing"):
        read_jwks(tmp_path / "absent.json")


def test_the_verifier_needs_no_database_and_no_web_framework() -> None:
    code = (
        "import sys, exchange_api.evidence.receipt\n"
        "print([m for m in ('sqlalchemy', 'psycopg', 'asyncpg', 'requests', 'fastapi', 'http_message_signatures') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_hub_writes_the_trust_root_it_verifies_with(session: Session, receipt: bytes, tmp_path: Path) -> None:
    found, path = read_jwks(tmp_path / "jwks.json")
    assert path == tmp_path / "jwks.json"
    assert verify_receipt(receipt, found).verified
    assert found == jwks(session)


class _Message:
    """A question in the shape the general library signs."""

    def __init__(self, headers: dict[str, str]) -> None:
        self.method, self.url, self.headers = "POST", "http://hub.example:8443/v1/certificates/query", headers


def test_a_question_signed_in_another_spelling_has_a_receipt_too(session: Session, tmp_path: Path) -> None:
    caller, now = SoftwareSigner.generate(), datetime.now(UTC).replace(microsecond=0)
    message = _Message({"content-type": "application/json", "x-request-id": str(uuid4())})
    keys = library.MappingKeyResolver(public_keys={}, private_keys={caller.keyid: caller.pem()})
    library.HTTPMessageSigner(signature_algorithm=library.algorithms.ED25519, key_resolver=keys).sign(
        message,
        key_id=caller.keyid,
        created=now,
        expires=now + timedelta(seconds=60),
        nonce=new_receipt_id(),
        label="sig1",
        tag="hub-req",
        covered_component_ids=("x-request-id", "@query", "@path", "@authority", "@method", "content-type"),
        body=b"{}",
    )
    headers = {name.lower(): value for name, value in message.headers.items()}
    asked = Request("POST", "hub.example:8443", "/v1/certificates/query", "", headers, b"{}")
    request, response = answer(session, asked, caller, tmp_path)
    sequence_once(session, ensure_active_key(session, tmp_path), ORIGIN)
    data = build_receipt(session, response.headers["x-receipt"], (request, response))
    assert json.loads(data)["entry"]["request"]["base"]
    report = verify_receipt(data, jwks(session))
    assert report.verified, report
    moved = _with(data, lambda m: m["request"].update(path="/v1/certificates/verify"))
    assert verify_receipt(moved, jwks(session)).failed == "request_signature"
