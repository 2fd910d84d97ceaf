"""Why: what application systems do with objections: doubt a value of a receipt of theirs, follow it, take it back. Another's receipt is as unknown as none.
Called by `counter` in one transaction per question.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from exchange_api.actors import Actor
from exchange_api.asked import Asked, Told
from exchange_api.objections import doubting, objections
from exchange_api.objections.doubting import Objector
from schemas.errors import Denied
from schemas.library import library
from schemas.messages.exchange import ObjectionForm
from schemas.tables.exchange import Application
from schemas.tables.objections import Objection

PAGE = 500


def object_to(session: Session, asked: Asked) -> Told:
    """Answer POST /v1/objections: open one, or return the one already open over the same value of the same receipt.

    Raises what `doubting.object_to` raises.
    """
    form: ObjectionForm = asked.read(ObjectionForm)
    own = frozenset({asked.application_id})
    found = doubting.object_to(session, Objector(_actor(session, asked), own, asked.secret, asked.request_id), form)
    return Told(_described(found), doubting.facts(found), found.library)


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
    return Told(_described(found), doubting.facts(found), found.library)


def withdraw(session: Session, asked: Asked) -> Told:
    """Answer POST /v1/objections/{objection}/withdrawal; one already withdrawn stays so."""
    found = _mine(session, asked)
    if found.state != "withdrawn":
        objections.withdraw(session, _actor(session, asked), found.id)
    return Told(_described(found), doubting.facts(found), found.library)


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


def _time(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat(timespec="seconds") if moment else None
