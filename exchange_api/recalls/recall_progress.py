"""Why: a recall is done only when everyone who was told wrong has acted; here is how far each came. Called by the command line and pages; it only reads."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from schemas.calendar import today
from schemas.tables.recall import Recall, RecallRecipient, RecallSubject


@dataclass(frozen=True)
class Standing:
    """One recall and how many of its recipients stand where."""

    recall: str
    resource: str
    reason: str
    due: date
    recipients: int
    notified: int
    acknowledged: int
    done: int
    overdue: int


@dataclass(frozen=True)
class Progress:
    """One recipient: what it received and how far it came."""

    application: str
    state: str
    is_overdue: bool
    receipts: int
    subjects: int
    asked_again: int
    attributes: tuple[str, ...]
    first_received_at: datetime
    last_received_at: datetime


def find(session: Session, *, live: bool = True, limit: int = 50) -> list[Standing]:
    """Return recalls, the newest first, with their recipients counted by state; `live`: only those not closed."""
    state, counted = RecallRecipient.state, func.count(RecallRecipient.application_id)
    is_late = (state == "notified") & (Recall.due_date < today())
    query = select(
        Recall.id, Recall.resource_id, Recall.reason, Recall.due_date, counted,
        *(counted.filter(state == name) for name in ("notified", "acknowledged", "done")), counted.filter(is_late),
    ).outerjoin(RecallRecipient, RecallRecipient.recall_id == Recall.id)  # fmt: skip
    if live:
        query = query.where(Recall.closed_at.is_(None))
    rows = session.execute(query.group_by(Recall.id).order_by(Recall.id.desc()).limit(limit))
    return [Standing(*tuple(row)) for row in rows]


def of_recipients(session: Session, recall: Recall) -> list[Progress]:
    """Return every recipient of a recall by application."""
    again = (
        select(func.count())
        .where(
            RecallSubject.recall_id == recall.id,
            RecallSubject.application_id == RecallRecipient.application_id,
            RecallSubject.asked_again_at.is_not(None),
        )
        .scalar_subquery()
    )
    query = select(RecallRecipient, again).where(RecallRecipient.recall_id == recall.id)
    return [
        Progress(
            one.application_id, one.state, one.state == "notified" and recall.due_date < today(), one.receipts, one.subjects,
            count, tuple(one.attributes), one.first_received_at, one.last_received_at,
        )
        for one, count in session.execute(query.order_by(RecallRecipient.application_id))
    ]  # fmt: skip
