"""Why: what application systems do with objections: doubt a value of a receipt of theirs, follow it, take it back. Another's receipt is as unknown as none.
Called by `counter` in one transaction per question.
"""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from exchange_api.actors import Actor
from exchange_api.asked import Asked, Told
from exchange_api.evidence.ledger import subject_hash
from exchange_api.grant.rows import compile_rows
from exchange_api.grant.terms import RowRule
from exchange_api.objections import doubted, objections
from exchange_api.objections.objections import Doubt, Over
from schemas.errors import Denied
from schemas.library import library
from schemas.messages.exchange import ObjectionForm
from schemas.tables.evidence import Entry
from schemas.tables.exchange import Application, CaseEvent, Grant, GrantItem
from schemas.tables.objections import Objection

PAGE = 500


def object_to(session: Session, asked: Asked) -> Told:
    """Answer POST /v1/objections: open one, or return the one already open over the same value of the same receipt.

    Raises Denied `objection.receipt_unknown`, `objection.not_in_receipt`, and what `doubted.find` raises.
    """
    form: ObjectionForm = asked.read(ObjectionForm)
    entry = _own_receipt(session, asked, form.receipt)
    document = json.loads(entry.document)
    library_name = str(entry.library)
    is_subject = subject_hash(asked.secret, library_name, form.subject) in document["subjects"]
    if not is_subject or form.attribute not in _shown(session, str(entry.grant_id)):
        raise Denied("objection.not_in_receipt", receipt=form.receipt, attribute=form.attribute)
    place = library_name, form.subject, form.entry
    admits = compile_rows([RowRule.model_validate(rule) for rule in session.get_one(Grant, entry.grant_id).rows])
    if admits is not None and not doubted.was_seen(session, place, entry.at, admits):
        # an objection would tell by whom it is answered that there is a record
        raise Denied("objection.not_in_receipt", receipt=form.receipt, attribute=form.attribute)
    value = doubted.find(session, place, form.attribute, (entry.at, document["batches"]))
    over = Over(asked.application_id, asked.request_id, entry.id)
    doubt = Doubt(form.reason, form.claimed, form.evidence)
    found = objections.raise_objection(session, _actor(session, asked), value, doubt, over)
    return Told(_described(found), _facts(found), library_name)


def told_list(session: Session, asked: Asked) -> Told:
    """Answer GET /v1/objections: the caller's objections, newest first, from the one after `after` on; no subjects."""
    query = select(Objection).where(Objection.application_id == asked.application_id)
    if asked.after:
        query = query.where(Objection.id < asked.after)
    found = session.scalars(query.order_by(Objection.id.desc()).limit(PAGE)).all()
    return Told({"objections": [_short(one) for one in found], "next": found[-1].id if len(found) == PAGE else None})


def told_one(session: Session, asked: Asked) -> Told:
    """Answer GET /v1/objections/{objection}."""
    found = _mine(session, asked)
    return Told(_described(found), _facts(found), found.library)


def withdraw(session: Session, asked: Asked) -> Told:
    """Answer POST /v1/objections/{objection}/withdrawal; one already withdrawn stays so."""
    found = _mine(session, asked)
    if found.state != "withdrawn":
        objections.withdraw(session, _actor(session, asked), found.id)
    return Told(_described(found), _facts(found), found.library)


def _own_receipt(session: Session, asked: Asked, receipt: str) -> Entry:
    found = session.get(Entry, UUID(receipt))
    is_answer = found is not None and found.kind == "answer" and found.code in (None, "repeated")
    if found is None or not is_answer or found.application_id != asked.application_id or found.grant_id is None:
        raise Denied("objection.receipt_unknown", receipt=receipt)
    return found


def _shown(session: Session, grant_id: str) -> set[str]:
    """Return what a grant shows, and what it showed before items lost their base."""
    narrowed = select(CaseEvent.facts["items"]).where(
        CaseEvent.action == "narrow_grant", CaseEvent.facts["grant"].as_string() == grant_id
    )
    now = session.scalars(select(GrantItem.attribute).where(GrantItem.grant_id == grant_id))
    return {*now, *(item for items in session.scalars(narrowed) for item in items)}


def _actor(session: Session, asked: Asked) -> Actor:
    return Actor(asked.application_id, session.get_one(Application, asked.application_id).department_id, frozenset())


def _mine(session: Session, asked: Asked) -> Objection:
    found = session.get(Objection, asked.case, with_for_update=True)
    if found is None or found.application_id != asked.application_id:
        raise Denied("objection.unknown", objection=asked.case)
    return found


def _short(found: Objection) -> dict[str, Any]:
    return {
        "objection": found.id, "receipt_doubted": str(found.receipt), "library": found.library, "attribute": found.attribute,
        "attribute_name": library(found.library).attribute(found.attribute).name, "state": found.state,
        "source_department": found.source_department_id, "raised_at": _time(found.raised_at), "due": found.due_date.isoformat(),
        "refusal": found.refusal, "corrected_by_batch": found.corrected_by_batch_id, "is_value_changed": found.is_value_changed,
        "closed_at": _time(found.closed_at),
    }  # fmt: skip


def _described(found: Objection) -> dict[str, Any]:
    own = {"subject": found.subject, "entry": None if found.record_key == found.subject else found.record_key}
    return _short(found) | own | {"claimed": found.claimed, "reason": found.reason}


def _facts(found: Objection) -> dict[str, Any]:
    return {
        "objection": found.id,
        "state": found.state,
        "receipt_doubted": str(found.receipt),
        "attribute": found.attribute,
    }


def _time(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat(timespec="seconds") if moment else None
