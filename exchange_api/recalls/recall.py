"""Why: what was handed out wrong must be called back. A retracted batch, or a value corrected after an objection, becomes a recall: every application that
received an affected value is found in the evidence, told under the hub's signature, acknowledges, and asks again.

Called by the command line, the hourly upkeep and the counter (`/v1/recalls`). A recall opens in one transaction, once: crashing anywhere leaves nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from catalog import deadlines, notices
from exchange_api.cases import next_number
from exchange_api.keys import active_signer, keys_folder
from exchange_api.recalls import recipients
from exchange_api.recalls.recall_notices import sign_notice
from exchange_api.recalls.recipients import Wrong
from schemas.calendar import today
from schemas.errors import Invalid
from schemas.tables.directory import Resource
from schemas.tables.exchange import Application
from schemas.tables.landing import Batch
from schemas.tables.objections import Objection
from schemas.tables.recall import Recall, RecallEvent, RecallRecipient
from schemas.tables.retractions import RetractedRecord, Retraction

# action → {from state: to state}
TRANSITIONS: dict[str, dict[str, str]] = {
    "notify": {"open": "notified"},
    "acknowledge": {"notified": "acknowledged"},
    "finish": {"acknowledged": "done"},
}
RULE = "recall_acknowledge"

Key = tuple[str, Sequence[str], bool]


@dataclass(frozen=True)
class _Cause:
    """Why something is recalled: the row to be made, and the records affected."""

    facts: dict[str, Any]
    wrong: Wrong


def open_recall(session: Session, retraction_id: int, folder: Path | None = None) -> Recall:
    """Open the recall of a retracted batch and notify everyone who received an affected value; an open one is returned as it is.

    Raises Invalid `recall.no_retraction`, Transient `key.none_active`, Terminal `deadline.no_rule`.
    """
    _hold(session, f"retraction {retraction_id}")
    if found := session.scalar(select(Recall).where(Recall.retraction_id == retraction_id)):
        return found
    return _open(session, _cause_of(session, retraction_id=retraction_id), folder or keys_folder())


def open_correction(session: Session, objection_id: str, folder: Path | None = None) -> Recall:
    """Open the recall of a value that was corrected after an objection; an open one is returned as it is. Raises as `open_recall`."""
    _hold(session, f"objection {objection_id}")
    if found := session.scalar(select(Recall).where(Recall.objection_id == objection_id)):
        return found
    return _open(session, _cause_of(session, objection_id=objection_id), folder or keys_folder())


def find(session: Session, recall_id: str) -> Recall:
    """Return a recall. Raises Invalid `recall.unknown`."""
    if found := session.get(Recall, recall_id):
        return found
    raise Invalid("recall.unknown", recall=recall_id)


def collect(session: Session, recall: Recall, wrong: Wrong, folder: Path) -> None:
    """Find who received affected values from `wrong.since` on and add them; what is there already stays. Once per transaction."""
    recipients.prepare(session)
    recipients.affect(session, folder, recall.library, _affected(session, recall))
    recipients.find(session, wrong)
    for statement in _TAKE:
        session.execute(text(statement), {"recall": recall.id})
    session.expire_all()


def wrong_of(session: Session, recall: Recall) -> Wrong:
    """Return what a recall is about, as evidence is searched for it."""
    return _cause_of(session, retraction_id=recall.retraction_id, objection_id=recall.objection_id).wrong


def notify(session: Session, recall: Recall, folder: Path) -> None:
    """Sign a notice for every recipient without one, and tell the officers of its department."""
    waiting = recipients_of(session, recall.id, state="open")
    if not waiting:
        return
    signer = active_signer(session, folder)
    for recipient in waiting:
        sign_notice(session, signer, recall, recipient)
        recipient.notified_at = datetime.now(UTC)
        move(session, recipient, "notify", "system")
        facts = {
            "recall": recall.id, "library": recall.library, "resource": recall.resource_id, "receipts": recipient.receipts,
            "application": recipient.application_id, "due": recall.due_date.isoformat(),
        }  # fmt: skip
        notices.notify(session, department_of(session, recipient), "recall.notified", facts)


def recipients_of(session: Session, recall_id: str, state: str | None = None) -> list[RecallRecipient]:
    """Return a recall's recipients by application, of one state or all."""
    query = select(RecallRecipient).where(RecallRecipient.recall_id == recall_id)
    if state:
        query = query.where(RecallRecipient.state == state)
    return list(session.scalars(query.order_by(RecallRecipient.application_id)))


def unfinished(session: Session, recall_id: str) -> bool:
    """Say whether any recipient still has something to do."""
    return any(one.state != "done" for one in recipients_of(session, recall_id))


def move(session: Session, recipient: RecallRecipient, action: str, actor: str) -> None:
    """Take one step of the table and leave its trace. Raises Invalid `case.wrong_state`."""
    to_state = TRANSITIONS[action].get(recipient.state)
    if to_state is None:
        possible = ", ".join(one for one, ways in TRANSITIONS.items() if recipient.state in ways)
        raise Invalid(
            "case.wrong_state", case=recipient.recall_id, state=recipient.state, action=action, possible=possible or "-"
        )
    from_state, recipient.state = recipient.state, to_state
    if to_state == "done":
        recipient.done_at = datetime.now(UTC)
    session.add(
        RecallEvent(
            recall_id=recipient.recall_id, application_id=recipient.application_id, actor=actor, action=action,
            from_state=from_state, to_state=to_state,
        )
    )  # fmt: skip
    session.flush()
    if to_state == "done":
        _tell_done(session, recipient)


def _tell_done(session: Session, recipient: RecallRecipient) -> None:
    """Tell the department whose data was wrong, and the one that had received it, that this part of the recall has come to its end."""
    source = session.get_one(Recall, recipient.recall_id).department_id
    facts = {"recall": recipient.recall_id, "application": recipient.application_id}
    for department_id in sorted({source, department_of(session, recipient)}):
        notices.notify(session, department_id, "recall.done", facts)


def department_of(session: Session, recipient: RecallRecipient) -> str:
    """Return the department a recipient asks for."""
    return session.get_one(Application, recipient.application_id).department_id


_TAKE = (
    """
    INSERT INTO exchange.recall_receipts (recall_id, application_id, receipt, at, subjects)
    SELECT :recall, application_id, receipt, min(at), count(DISTINCT subject_hash) FROM received GROUP BY application_id, receipt
    ON CONFLICT DO NOTHING
    """,
    """
    INSERT INTO exchange.recall_subjects (recall_id, application_id, subject_hash)
    SELECT DISTINCT :recall, application_id, subject_hash FROM received
    ON CONFLICT DO NOTHING
    """,
    """
    INSERT INTO exchange.recall_recipients AS r
        (recall_id, application_id, receipts, subjects, attributes, first_received_at, last_received_at)
    SELECT :recall, f.application_id, count(*), (SELECT count(*) FROM exchange.recall_subjects s
            WHERE s.recall_id = :recall AND s.application_id = f.application_id),
        (SELECT array_agg(DISTINCT a ORDER BY a) FROM (SELECT DISTINCT application_id, wrong, shown FROM received) n, unnest(n.wrong) a
            WHERE n.application_id = f.application_id AND a = ANY (n.shown)),
        min(f.at), max(f.at)
    FROM exchange.recall_receipts f
    WHERE f.recall_id = :recall AND f.application_id IN (SELECT application_id FROM received) GROUP BY f.application_id
    ON CONFLICT (recall_id, application_id) DO UPDATE SET receipts = excluded.receipts, subjects = excluded.subjects,
        first_received_at = excluded.first_received_at, last_received_at = excluded.last_received_at,
        attributes = ARRAY(SELECT DISTINCT unnest(r.attributes || excluded.attributes) ORDER BY 1)
    """,
)


def _open(session: Session, cause: _Cause, folder: Path) -> Recall:
    active_signer(session, folder)  # without a key nobody can be told: better to know before everything is searched
    begun = datetime.now(UTC)
    due = deadlines.due_date(session, RULE, today())
    recall = Recall(
        id=next_number(session, "ZH", "recalls"), due_date=due.date, is_provisional=due.provisional, scanned_until=begun,
        **cause.facts,
    )  # fmt: skip
    session.add(recall)
    session.flush()
    collect(session, recall, cause.wrong, folder)
    notify(session, recall, folder)
    facts = {"recall": recall.id, "resource": recall.resource_id, "batch": recall.batch_id}
    session.add(RecallEvent(recall_id=recall.id, actor="system", action="open", facts=facts))
    session.flush()
    return recall


def _cause_of(session: Session, retraction_id: int | None = None, objection_id: str | None = None) -> _Cause:
    """Return the cause of a recall: of a retraction or of a corrected value, with where evidence of it can begin."""
    if retraction_id is not None:
        found = session.get(Retraction, retraction_id)
        if found is None:
            raise Invalid("recall.no_retraction", retraction=retraction_id)
        names = "SELECT DISTINCT unnest(attributes) FROM library.retracted_records WHERE retraction_id = :id ORDER BY 1"
        attributes = tuple(session.scalars(text(names), {"id": retraction_id}))
        facts = {"retraction_id": retraction_id, "library": found.library, "reason": found.reason}
        return _caused(session, facts, Wrong(found.library, found.batch_id, attributes, found.retracted_at))
    doubted = session.get_one(Objection, objection_id)
    facts = {"objection_id": objection_id, "library": doubted.library, "reason": f"校核更正 corrected: {doubted.id}"}
    wrong = Wrong(
        doubted.library, str(doubted.source_batch_id), (doubted.attribute,), doubted.raised_at, doubted.corrected_at
    )
    return _caused(session, facts, wrong)


def _caused(session: Session, facts: dict[str, Any], wrong: Wrong) -> _Cause:
    batch = session.get_one(Batch, wrong.batch_id)
    resource = session.get_one(Resource, batch.resource_id)
    # a batch is merged range by range: its first values could be read before it was marked merged, never before it was checked
    since = batch.checked_at or batch.landed_at or batch.created_at
    named = {"batch_id": batch.id, "resource_id": resource.id, "department_id": resource.department_id}
    return _Cause({**facts, **named}, Wrong(wrong.library, batch.id, wrong.attributes, since, wrong.until))


def _affected(session: Session, recall: Recall) -> Iterator[Key]:
    """Yield every key under which an affected record can have been asked for, with the attributes that are wrong, and whether it is the subject's."""
    if recall.retraction_id is None:
        doubted = session.get_one(Objection, recall.objection_id)
        keys = {doubted.subject, doubted.record_key}
        yield from ((key, (doubted.attribute,), key == doubted.subject) for key in keys)
        return
    query = select(RetractedRecord.record_key, RetractedRecord.subject, RetractedRecord.attributes)
    rows = session.execute(
        query.where(RetractedRecord.retraction_id == recall.retraction_id).execution_options(yield_per=5_000)
    )
    for record_key, subject, attributes in rows:
        yield from ((key, attributes, key == subject) for key in {subject, record_key})


def _hold(session: Session, cause: str) -> None:
    """Let one at a time open the recall of one cause."""
    session.execute(text("SELECT pg_advisory_xact_lock(hashtext(:key))"), {"key": f"recall of {cause}"})
