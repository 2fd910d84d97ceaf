"""Why: receipts from the database: what GET /v1/receipts/{id} serves, and whole receipt files for the portal. Router, portal and demo call it."""

import json
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from exchange_api.evidence.log import find_entry
from exchange_api.evidence.receipt import bare_receipt, compose_receipt
from exchange_api.evidence.voucher_checks import spell_stamp
from exchange_api.evidence.vouching_settings import VouchingSettings
from exchange_api.signing import Request, Response
from schemas.calendar import CHINA
from schemas.errors import Invalid, Transient
from schemas.tables.evidence import Entry, Leaf, Retirement

_RETIRED = select(Retirement.retired_at).where(Leaf.entry_id >= Retirement.first, Leaf.entry_id < Retirement.beyond)


def receipt_document(session: Session, entry_id: str) -> dict[str, Any] | None:
    """Return `{"entry", "proof"}` of an entry, or None when it is unknown, malformed, or not yet in the log.

    `stamp` besides where the hub has its log stamped: the token in base64, or None while it is pending.
    """
    if not _is_id(entry_id):
        return None
    found = find_entry(session, entry_id)
    if found is None:
        return None
    document = {"entry": json.loads(found.document), "proof": found.proof}
    if found.stamp is not None or VouchingSettings().tsa_url:
        document["stamp"] = spell_stamp(found.stamp)
    return document


def require_document(session: Session, entry_id: str) -> dict[str, Any]:
    """Return `receipt_document`, or raise Invalid receipt.not_found, receipt.retired when its month left the database, or Transient receipt.pending
    while the sequencer has yet to come by.
    """
    found = receipt_document(session, entry_id)
    if found is not None:
        return found
    if _is_id(entry_id):
        known = UUID(entry_id)
        if session.get(Entry, known) is not None:
            raise Transient("receipt.pending", receipt=entry_id)
        if left := session.scalar(_RETIRED.where(Leaf.entry_id == known)):
            raise Invalid("receipt.retired", receipt=entry_id, day=f"{left.astimezone(CHINA):%Y-%m-%d}")
    raise Invalid("receipt.not_found", receipt=entry_id[:64])


def build_receipt(session: Session, entry_id: str, messages: tuple[Request, Response] | None = None) -> bytes:
    """Return a receipt file: with bodies when the messages are given, else with digests only. Raises as `require_document`."""
    document = require_document(session, entry_id)
    return compose_receipt(*messages, document) if messages else bare_receipt(document)


def _is_id(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
