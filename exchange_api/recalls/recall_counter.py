"""Why: what application systems do with recalls: see theirs, read the signed notice, acknowledge it. Another's recall is as unknown as none.
Called by `counter` in one transaction per question; only what the caller itself received is ever told.
"""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from exchange_api.asked import Asked, Told
from exchange_api.recalls import recall
from schemas.errors import Denied, Invalid
from schemas.messages.exchange import Acknowledgement
from schemas.tables.recall import Recall, RecallReceipt, RecallRecipient, RecallSubject

PAGE = 500


def told_list(session: Session, asked: Asked) -> Told:
    """Answer GET /v1/recalls: the caller's recalls, newest first, from the one after `after` on."""
    query = select(RecallRecipient).where(RecallRecipient.application_id == asked.application_id)
    query = query.where(RecallRecipient.notified_at.is_not(None))
    if asked.after:
        query = query.where(RecallRecipient.recall_id < asked.after)
    found = session.scalars(query.order_by(RecallRecipient.recall_id.desc()).limit(PAGE)).all()
    document = {"recalls": [_short(session, one) for one in found]}
    return Told(document | _next(found, found[-1].recall_id if found else ""))


def told_one(session: Session, asked: Asked) -> Told:
    """Answer GET /v1/recalls/{recall}: the notice as signed, where it stands, and every affected receipt, a page at a time."""
    mine = _mine(session, asked)
    query = select(RecallReceipt).where(
        RecallReceipt.recall_id == mine.recall_id, RecallReceipt.application_id == asked.application_id
    )
    if asked.after:
        query = query.where(RecallReceipt.receipt > _receipt(asked.after))
    found = session.scalars(query.order_by(RecallReceipt.receipt).limit(PAGE)).all()
    document = _short(session, mine) | {
        "notice": json.loads(mine.notice or "{}"),
        "signed": {
            "text": mine.notice, "signature": mine.signature, "keyid": mine.keyid, "evidence": str(mine.notice_receipt),
        },
        "receipts": [{"receipt": str(one.receipt), "at": _time(one.at), "subjects": one.subjects} for one in found],
    }  # fmt: skip
    return Told(
        document | _next(found, str(found[-1].receipt) if found else ""),
        {"recall": mine.recall_id},
        _library(session, mine),
    )


def acknowledge(session: Session, asked: Asked) -> Told:
    """Answer POST /v1/recalls/{recall}/acknowledgement; the same again is the same, another outcome replaces the first until all is done."""
    said: Acknowledgement = asked.read(Acknowledgement)
    mine = _mine(session, asked)
    if mine.state == "notified":
        recall.move(session, mine, "acknowledge", asked.application_id)
        mine.acknowledged_at, mine.acknowledgement_receipt = datetime.now(UTC), UUID(asked.receipt)
    if mine.state == "acknowledged":
        mine.outcome = said.outcome
        if said.outcome == "not_kept":  # nothing is left there that could be wrong
            recall.move(session, mine, "finish", asked.application_id)
    session.flush()
    facts = {"recall": mine.recall_id, "state": mine.state, "outcome": mine.outcome}
    return Told(_short(session, mine), facts, _library(session, mine))


def _mine(session: Session, asked: Asked) -> RecallRecipient:
    found = session.get(RecallRecipient, (asked.case, asked.application_id), with_for_update=True)
    if found is None or found.notified_at is None:
        raise Denied("recall.unknown", recall=asked.case)
    return found


def _short(session: Session, mine: RecallRecipient) -> dict[str, Any]:
    found = session.get_one(Recall, mine.recall_id)
    counted = select(func.count()).where(
        RecallSubject.recall_id == mine.recall_id,
        RecallSubject.application_id == mine.application_id,
        RecallSubject.asked_again_at.is_not(None),
    )
    return {
        "recall": found.id, "library": found.library, "resource": found.resource_id, "batch": found.batch_id,
        "attributes": mine.attributes, "state": mine.state, "outcome": mine.outcome, "acknowledge_by": found.due_date.isoformat(),
        "receipts_total": mine.receipts, "subjects_total": mine.subjects, "subjects_asked_again": session.scalar(counted),
        "notified_at": _time(mine.notified_at), "acknowledged_at": _time(mine.acknowledged_at),
    }  # fmt: skip


def _library(session: Session, mine: RecallRecipient) -> str:
    return session.get_one(Recall, mine.recall_id).library


def _next(page: Any, last: str) -> dict[str, str | None]:
    return {"next": last if len(page) == PAGE else None}


def _receipt(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Invalid("request.malformed", where="the query string", reason="after= names a receipt") from None


def _time(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat(timespec="seconds") if moment else None
