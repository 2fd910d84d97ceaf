"""Why: a step asked for twice is done once. The request id is kept in the same transaction as the step itself, with what was said: a repetition is answered
from here, whatever crashed in between. Called by `desk_counter`.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from exchange_api.signing import Request
from schemas.errors import Invalid
from schemas.tables.officer_clients import DeskStep

KEPT = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Done:
    """What was said to this request id before."""

    receipt: str
    document: dict[str, Any]


def begin(session: Session, asker: str, asked: tuple[Request, str, str]) -> Done | None:
    """Set a request id aside, or return what was done under it. asked: the request, its id, the receipt of the answer being made.

    Raises Invalid `request_id.reused` for another question. Whoever asks the same at the same moment waits here until the first is done.
    """
    request, request_id, receipt = asked
    digest = _digest(request)
    session.execute(delete(DeskStep).where(DeskStep.asker == asker, DeskStep.at < datetime.now(UTC) - KEPT))
    row = {"asker": asker, "request_id": request_id, "digest": digest, "receipt": receipt}
    kept = insert(DeskStep).values(row).on_conflict_do_nothing().returning(DeskStep.request_id)
    if session.scalar(kept) is not None:
        return None
    found = session.get_one(DeskStep, (asker, request_id))
    if found.digest != digest:
        raise Invalid("request_id.reused", earlier=found.receipt)
    return Done(found.receipt, found.document or {})


def finish(session: Session, asker: str, request_id: str, document: dict[str, Any]) -> None:
    """Keep what is said."""
    session.get_one(DeskStep, (asker, request_id)).document = document


def _digest(request: Request) -> str:
    whole = "\n".join((request.method, request.path, request.query)).encode("latin-1", "replace")
    return hashlib.sha256(whole + b"\n" + request.body).hexdigest()
