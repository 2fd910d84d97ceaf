"""Why: that somebody was told must be provable later. A recall's notice to one application: a canonical document with the hub's detached signature, its
digest entered in the evidence log. Called by the desk `recall` alone.
"""

import base64
import hashlib
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from exchange_api.evidence.canonical import canonical_json
from exchange_api.evidence.ledger import Entry, new_receipt_id, record
from exchange_api.signing import Signer
from schemas.tables.recall import Recall, RecallReceipt, RecallRecipient

FORMAT = "hutong-recall/1"
NAMED = 1_000
"""Receipts a notice names itself; GET /v1/recalls/{id} pages through all of them."""
WHAT_TO_DO = {
    "zh": "请停止使用所列回执中的上述信息项，就同一主体重新查询，复核已据此办理的事项，并确认收到本通知。",
    "en": "Stop using these items of the receipts named, ask again for the same subjects, look again at what was decided by them, and acknowledge this notice.",
}


def sign_notice(session: Session, signer: Signer, recall: Recall, recipient: RecallRecipient) -> None:
    """Write the recipient's notice, sign it and enter its digest in the log, all in the caller's transaction."""
    spelled = canonical_json(_notice(session, recall, recipient))
    signature = base64.b64encode(signer.sign(spelled)).decode()
    entry = Entry(
        id=new_receipt_id(),
        at=datetime.now(UTC),
        kind="action",
        application_id=recipient.application_id,
        library=recall.library,
        facts={
            "action": "recall_notice", "recall": recall.id, "batch": recall.batch_id, "keyid": signer.keyid,
            "sha256": hashlib.sha256(spelled).hexdigest(), "signature": signature,
        },
    )  # fmt: skip
    record(session, [entry])
    recipient.notice, recipient.signature, recipient.keyid = spelled.decode(), signature, signer.keyid
    recipient.notice_receipt = UUID(entry.id)


def _notice(session: Session, recall: Recall, recipient: RecallRecipient) -> dict[str, Any]:
    receipts = session.scalars(
        select(RecallReceipt.receipt)
        .where(RecallReceipt.recall_id == recall.id, RecallReceipt.application_id == recipient.application_id)
        .order_by(RecallReceipt.receipt)
        .limit(NAMED)
    )
    return {
        "format": FORMAT,
        "recall": recall.id,
        "cause": "batch_retracted" if recall.retraction_id is not None else "value_corrected",
        "application": recipient.application_id,
        "library": recall.library,
        "batch": recall.batch_id,
        "resource": recall.resource_id,
        "department": recall.department_id,
        "reason": recall.reason,
        "attributes": list(recipient.attributes),
        "receipts": [str(one) for one in receipts],
        "receipts_total": recipient.receipts,
        "subjects_total": recipient.subjects,
        "first_received_at": _time(recipient.first_received_at),
        "last_received_at": _time(recipient.last_received_at),
        "what_to_do": WHAT_TO_DO,
        "acknowledge_by": recall.due_date.isoformat(),
        "issued_at": _time(datetime.now(UTC)),
    }


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
