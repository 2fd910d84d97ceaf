"""Why: recalls go on by themselves. What was retracted or corrected and is not called back yet is opened; answers that were under way are found; who asked
again is noted; who stays silent past the day is told once more, and the authority with him.

Called hourly by the DAG `directory`, by `hutong recall follow` and after a retraction. One transaction per recall: an interrupt loses only the one under way.
"""

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from catalog import notices
from catalog.review.review_steps import authorities
from exchange_api.keys import keys_folder
from exchange_api.recalls import recall, recipients
from schemas.calendar import CHINA
from schemas.database import transaction
from schemas.tables.objections import Objection
from schemas.tables.recall import Recall, RecallRecipient, RecallSubject
from schemas.tables.retractions import Retraction

SETTLING = timedelta(minutes=10)
"""For so long after a recall opened, answers that were under way may still come to light; it closes after a look later than that."""


@dataclass
class Followed:
    """What was done: recalls opened, recipients that finished, recipients that were reminded as overdue."""

    opened: list[str] = field(default_factory=list)
    finished: list[str] = field(default_factory=list)
    overdue: list[str] = field(default_factory=list)


def keep_recalls(folder: Path | None = None, now: datetime | None = None) -> Followed:
    """Open what waits to be opened and follow every live recall, each in a transaction of its own; doing it again does nothing more."""
    done = Followed()
    with transaction("exchange") as session:
        retractions, objections = waiting(session)
    for retraction_id in retractions:
        with transaction("exchange") as session:
            done.opened.append(recall.open_recall(session, retraction_id, folder).id)
    for objection_id in objections:
        with transaction("exchange") as session:
            done.opened.append(recall.open_correction(session, objection_id, folder).id)
    with transaction("exchange") as session:
        live = session.scalars(select(Recall.id).where(Recall.closed_at.is_(None)).order_by(Recall.id)).all()
    for recall_id in live:
        with transaction("exchange") as session:
            follow(session, recall_id, done, folder=folder, now=now)
    return done


def waiting(session: Session) -> tuple[list[int], list[str]]:
    """Return retractions and corrected objections whose recall is not opened yet."""
    retractions = select(Retraction.id).where(~exists().where(Recall.retraction_id == Retraction.id))
    corrected = select(Objection.id).where(
        Objection.is_value_changed,
        Objection.source_batch_id.is_not(None),
        ~exists().where(Recall.objection_id == Objection.id),
        ~exists().where(Retraction.batch_id == Objection.source_batch_id),  # the whole batch is called back
    )
    return list(session.scalars(retractions.order_by(Retraction.id))), list(
        session.scalars(corrected.order_by(Objection.id))
    )


def follow(
    session: Session, recall_id: str, done: Followed, *, folder: Path | None = None, now: datetime | None = None
) -> None:
    """Bring one live recall up to date: late receipts, who asked again, who is done, who is overdue at this moment."""
    found = session.scalar(select(Recall).where(Recall.id == recall_id, Recall.closed_at.is_(None)).with_for_update())
    if found is None:
        return
    begun, place = now or datetime.now(UTC), folder or keys_folder()
    wrong = replace(recall.wrong_of(session, found), since=min(found.scanned_until, begun))
    if found.scanned_until < found.opened_at + SETTLING:
        recall.collect(session, found, wrong, place)
        recall.notify(session, found, place)
    recipients.find_asked_again(session, recall_id, wrong)
    done.finished += _finish(session, found)
    done.overdue += _press(session, found, begun.astimezone(CHINA).date())
    if begun >= found.opened_at + SETTLING and not recall.unfinished(session, recall_id):
        found.closed_at = begun
    found.scanned_until = begun
    session.flush()


def _finish(session: Session, found: Recall) -> list[str]:
    """Finish recipients that acknowledged and have asked again for everything."""
    finished = []
    for recipient in recall.recipients_of(session, found.id, state="acknowledged"):
        if not _lacks(session, recipient):
            recall.move(session, recipient, "finish", "system")
            finished.append(f"{found.id} {recipient.application_id}")
    return finished


def _lacks(session: Session, recipient: RecallRecipient) -> bool:
    still = select(RecallSubject.subject_hash).where(
        RecallSubject.recall_id == recipient.recall_id,
        RecallSubject.application_id == recipient.application_id,
        RecallSubject.asked_again_at.is_(None),
    )
    return session.scalar(still.limit(1)) is not None


def _press(session: Session, found: Recall, day: date) -> list[str]:
    """Tell the department and the authority once of a recipient that has not acknowledged by the due day."""
    if day <= found.due_date:
        return []
    pressed = []
    for recipient in recall.recipients_of(session, found.id, state="notified"):
        if recipient.escalated_at is not None:
            continue
        facts = {
            "recall": found.id, "application": recipient.application_id, "resource": found.resource_id,
            "due": found.due_date.isoformat(),
        }  # fmt: skip
        for department_id in sorted({recall.department_of(session, recipient), *authorities(session)}):
            notices.notify(session, department_id, "recall.overdue", facts)
        recipient.escalated_at = datetime.now(UTC)
        pressed.append(f"{found.id} {recipient.application_id}")
    return pressed
