"""Why: whoever was handed a value may doubt it, and whoever said it must answer within the legal days: correct it, or refuse with a reason.

The desk of objections (校核): applications come by the counter, officers by the portal (both through
`doubting`), or by the command line; `settle` closes what was corrected or ruled since.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from catalog import deadlines
from exchange_api.actors import Actor, Step, system
from exchange_api.cases import next_number
from exchange_api.objections import doubted, objection_cases
from exchange_api.objections.doubted import Doubted
from exchange_api.objections.objection_cases import get, move
from schemas.calendar import today
from schemas.errors import Denied, Invalid
from schemas.tables.landing import Batch
from schemas.tables.objections import LIVE_STATES, REFUSAL_REASONS, Objection
from schemas.tables.rulings import Ruling

RULE = "correction_verify"


@dataclass(frozen=True)
class Doubt:
    """What an objector says: what it should be, where he knows; why; and what he has to show for it."""

    reason: str
    claimed: str | None = None
    evidence: str = ""


@dataclass(frozen=True)
class Over:
    """What is objected over: the application and the receipt that handed it the value; its question's id, none when an officer of its department objects."""

    application_id: str
    request_id: str | None
    receipt: UUID


def raise_objection(
    session: Session, actor: Actor, value: Doubted, doubt: Doubt, over: Over | None = None
) -> Objection:
    """Open an objection and put it to the value's source, due by the rule; while one over the same value is open, that one is returned.

    Raises Terminal `deadline.no_rule`.
    """
    number = next_number(session, "YY", "objections")  # one after the other from here, so that two at once meet
    before = _asked_before(session, value, over) if over and over.request_id else None
    if found := before or _live(session, actor, value, over):
        return found
    due = deadlines.due_date(session, RULE, today())
    named = (
        {"application_id": over.application_id, "request_id": over.request_id, "receipt": over.receipt} if over else {}
    )
    objection = Objection(
        id=number, department_id=actor.department_id, library=value.library, subject=value.subject, record_key=value.record_key,
        attribute=value.attribute, value=value.value, claimed=doubt.claimed, reason=doubt.reason, evidence=doubt.evidence,
        source_department_id=value.department_id, source_resource_id=value.resource_id, source_batch_id=value.batch_id,
        state="open", raised_by=actor.id, due_date=due.date, is_provisional=due.provisional, is_value_changed=False, **named,
    )  # fmt: skip
    session.add(objection)
    session.flush()
    objection_cases.note_event(session, actor, objection, Step("raise"), states=(None, "open"))
    objection_cases.tell(session, objection, "objection.raised", {value.department_id} - actor.knowing)
    return objection


def raise_by_officer(
    session: Session, actor: Actor, place: tuple[str, str, str | None], attribute: str, doubt: Doubt
) -> Objection:
    """Open an officer's objection to what a library says now. place: library, key, entry where a subject has several. Raises as `doubted.find`."""
    value = doubted.find(session, place, attribute, (datetime.now(UTC), ()))
    return raise_objection(session, actor, value, doubt)


def promise(session: Session, actor: Actor, objection_id: str, note: str | None = None) -> Objection:
    """Say that the source will correct the value; it closes by itself when a merged batch does. Raises as `correct`."""
    objection = _mine(session, actor, objection_id)
    move(session, actor, objection, Step("promise", note))
    settle(session, objection)
    return objection


def correct(session: Session, actor: Actor, objection_id: str, batch_id: str, note: str | None = None) -> Objection:
    """Name the merged batch that corrected the value.

    Raises Invalid `objection.not_corrected`, `objection.unknown`, `case.wrong_state`; Denied `case.not_yours`, `case.role_needed`.
    """
    objection = _mine(session, actor, objection_id)
    _require_possible(objection, "correct")
    value, batch, since = doubted.say_now(session, objection.library, objection.record_key, objection.attribute)
    found = session.get(Batch, batch_id)
    if value == objection.value or batch != batch_id or found is None or found.state != "merged":
        raise Invalid("objection.not_corrected", objection=objection_id, batch=batch_id)
    _changed(objection, since)
    objection.corrected_by_batch_id = batch_id
    move(session, actor, objection, Step("correct", note, {"batch": batch_id}))
    return objection


def refuse(session: Session, actor: Actor, objection_id: str, reason: str, note: str | None = None) -> Objection:
    """Uphold the value on a catalogued ground. Raises Invalid `objection.reason_unknown` and as `correct`."""
    if reason not in REFUSAL_REASONS:
        raise Invalid("objection.reason_unknown", reason=reason, known=", ".join(REFUSAL_REASONS))
    objection = _mine(session, actor, objection_id)
    move(session, actor, objection, Step("refuse", note, {"reason": reason}))
    objection.refusal = reason
    session.flush()
    return objection


def withdraw(session: Session, actor: Actor, objection_id: str) -> Objection:
    """Take an objection back, as the department that raised it. Raises Denied `case.not_yours`, Invalid `objection.unknown`, `case.wrong_state`."""
    objection = get(session, objection_id)
    actor.require_department(objection.department_id, objection_id)
    move(session, actor, objection, Step("withdraw"))
    return objection


def settle(session: Session, objection: Objection) -> bool:
    """Close a live objection whose value a steward ruled on, or a merged batch changed, since it was raised; say whether it is closed now."""
    if objection.state not in LIVE_STATES:
        return True
    value, batch, since = doubted.say_now(session, objection.library, objection.record_key, objection.attribute)
    ruling = session.scalar(_rulings_on(objection))
    if value != objection.value:
        _changed(objection, since)
    hub = system(objection.source_department_id)
    if ruling is not None:
        objection.ruling_id = ruling
        move(session, hub, objection, Step("rule", facts={"ruling": ruling}))
    elif value != objection.value:
        objection.corrected_by_batch_id = batch
        move(session, hub, objection, Step("correct", facts={"batch": batch}))
    session.flush()
    return objection.state not in LIVE_STATES


def find(session: Session, department_id: str | None = None, *, live: bool = False) -> list[Objection]:
    """Return objections a department raised or must answer, or all, the most urgent first; `live`: only those that wait."""
    query = select(Objection).order_by(Objection.due_date, Objection.id)
    if department_id:
        query = query.where(
            (Objection.department_id == department_id) | (Objection.source_department_id == department_id)
        )
    return list(session.scalars(query.where(Objection.state.in_(LIVE_STATES)) if live else query))


def _live(session: Session, actor: Actor, value: Doubted, over: Over | None) -> Objection | None:
    query = select(Objection).where(
        Objection.library == value.library,
        Objection.record_key == value.record_key,
        Objection.attribute == value.attribute,
    )
    if over is None:
        query = query.where(Objection.receipt.is_(None), Objection.department_id == actor.department_id)
        return session.scalar(query.where(Objection.state.in_(LIVE_STATES)))
    query = query.where(Objection.application_id == over.application_id, Objection.receipt == over.receipt)
    return session.scalar(query.where(Objection.state.in_(LIVE_STATES)))


def _asked_before(session: Session, value: Doubted, over: Over) -> Objection | None:
    """Return the objection raised under this request id, closed or not. Raises Invalid `request_id.reused` when it was over another value."""
    found = session.scalar(
        select(Objection).where(
            Objection.application_id == over.application_id, Objection.request_id == over.request_id
        )
    )
    if found is not None and (found.receipt, found.record_key, found.attribute) != (
        over.receipt,
        value.record_key,
        value.attribute,
    ):
        raise Invalid("request_id.reused", earlier=found.id)
    return found


def _mine(session: Session, actor: Actor, objection_id: str) -> Objection:
    actor.require("provider")
    objection = get(session, objection_id)
    if objection.source_department_id != actor.department_id:
        raise Denied("case.not_yours", case=objection_id)
    return objection


def _require_possible(objection: Objection, action: str) -> None:
    if action not in (ways := objection_cases.possible(objection.state)):
        raise Invalid(
            "case.wrong_state", case=objection.id, state=objection.state, action=action, possible=", ".join(ways) or "-"
        )


def _changed(objection: Objection, since: datetime | None) -> None:
    objection.is_value_changed, objection.corrected_at = True, since or datetime.now(UTC)


def _rulings_on(objection: Objection) -> Select[int]:
    return (
        select(Ruling.id)
        .where(
            Ruling.library == objection.library, Ruling.record_key == objection.record_key,
            Ruling.attribute == objection.attribute, Ruling.withdrawn_at.is_(None), Ruling.ruled_at >= objection.raised_at,
        )
        .order_by(Ruling.id.desc())
        .limit(1)
    )  # fmt: skip
