"""What delivery does, without HTTP: a signed question answered, signed and recorded."""

import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from sqlalchemy.orm import Session

from exchange_api.evidence.keyring import ensure_active_key
from exchange_api.evidence.ledger import Entry, answer_of, new_receipt_id, question_of, record
from exchange_api.signing import (
    HubSigner,
    Request,
    Response,
    SoftwareSigner,
    sign_request,
    sign_response,
    verify_request,
)

AUTHORITY = "hub.example:8443"


def ask(caller: HubSigner, body: bytes) -> Request:
    """Return a signed question."""
    headers = {"content-type": "application/json", "x-request-id": str(uuid4())}
    bare = Request("POST", AUTHORITY, "/v1/libraries/population/query", "dry-run=true", headers, body)
    return replace(bare, headers={**headers, **sign_request(bare, caller, int(time.time()))})


def answer(session: Session, request: Request, caller: SoftwareSigner, folder: Path) -> tuple[Request, Response]:
    """Verify, answer, sign, record; return both messages."""
    hub = ensure_active_key(session, folder)
    verified = verify_request(request, {caller.keyid: caller.public}.get, time.time(), {AUTHORITY})
    receipt = new_receipt_id()
    headers = {"content-type": "application/json", "x-request-id": verified.claim.request_id, "x-receipt": receipt}
    response = Response(200, headers, '{"records":[{"name":"张 \\"三\\""}]}'.encode())
    signed = sign_response(response, request, hub, int(time.time()))
    entry = Entry(
        id=receipt,
        at=datetime.now(UTC),
        kind="answer",
        keyid=verified.claim.keyid,
        nonce=verified.claim.nonce,
        request_id=verified.claim.request_id,
        purpose={"service_item": "110100-0001", "case": "2026-17"},
        library="population",
        subjects=["ab" * 32],
        request=question_of(request, verified.key.jwk, None if verified.claim.is_profile else verified.base),
        response=answer_of(response, signed),
    )
    record(session, [entry])
    return request, replace(response, headers={**headers, **signed.headers})
