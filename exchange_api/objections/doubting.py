"""Why: a value is doubted over the receipt that handed it out, by whoever was handed it: the application system itself, or an officer of its department at
the portal. One way for both, so that what is checked, refused, told and kept is the same. Called by `objection_counter` and by pages.

Another's receipt is as unknown as none.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from exchange_api.actors import Actor
from exchange_api.evidence import ledger
from exchange_api.grant.rows import compile_rows
from exchange_api.grant.terms import RowRule
from exchange_api.objections import doubted, objections
from exchange_api.objections.objections import Doubt, Over
from schemas.errors import Denied
from schemas.messages.exchange import ObjectionForm
from schemas.tables.evidence import Entry
from schemas.tables.exchange import Application, CaseEvent, Grant, GrantItem
from schemas.tables.objections import Objection

OFFICER = "demander"
"""The role that doubts values at the portal: who uses what was handed out."""


@dataclass(frozen=True)
class Objector:
    """Who objects: as whom the desk knows him, the applications whose receipts are his, the key of subjects' hashes, and his question's id if it has one."""

    actor: Actor
    applications: Collection[str]
    secret: bytes
    request_id: str | None = None


@dataclass(frozen=True)
class Handed:
    """What a receipt handed out, as its officer may read it: nothing of whom it was about. attributes: what its grant shows, or showed."""

    receipt: str
    at: datetime
    application_id: str
    grant_id: str
    library: str
    attributes: frozenset[str]


def object_to(session: Session, objector: Objector, form: ObjectionForm) -> Objection:
    """Open an objection, or return the one already open over the same value of the same receipt.

    Raises Denied `objection.receipt_unknown`, `objection.not_in_receipt`, and what `doubted.find` raises.
    """
    entry = _own_receipt(session, objector.applications, form.receipt)
    document = json.loads(entry.document)
    library_name = str(entry.library)
    is_subject = ledger.subject_hash(objector.secret, library_name, form.subject) in document["subjects"]
    if not is_subject or form.attribute not in _shown(session, str(entry.grant_id)):
        raise Denied("objection.not_in_receipt", receipt=form.receipt, attribute=form.attribute)
    place = library_name, form.subject, form.entry
    admits = compile_rows([RowRule.model_validate(rule) for rule in session.get_one(Grant, entry.grant_id).rows])
    if admits is not None and not doubted.was_seen(session, place, entry.at, admits):
        # an objection would tell by whom it is answered that there is a record
        raise Denied("objection.not_in_receipt", receipt=form.receipt, attribute=form.attribute)
    value = doubted.find(session, place, form.attribute, (entry.at, document["batches"]))
    over = Over(str(entry.application_id), objector.request_id, entry.id)
    doubt = Doubt(form.reason, form.claimed, form.evidence)
    return objections.raise_objection(session, objector.actor, value, doubt, over)


def object_as_officer(session: Session, actor: Actor, secret: bytes, form: ObjectionForm) -> Objection:
    """Do the same for an officer of the application's department, and leave the evidence that an application's question leaves.

    Raises Denied `case.role_needed`, and as `object_to`.
    """
    actor.require(OFFICER)
    found = object_to(session, Objector(actor, _own_applications(session, actor), secret), form)
    said = {"action": "objection_raise", "by": actor.id, "department": actor.department_id, "case": found.id}
    entry = ledger.Entry(
        id=ledger.new_receipt_id(), at=datetime.now(UTC), kind="action", library=found.library, facts={**said, **actor.place, **facts(found)}
    )  # fmt: skip
    ledger.record(session, [entry])
    return found


def handed(session: Session, actor: Actor, receipt: str) -> Handed:
    """Return what a receipt of the officer's department handed out. Raises Denied `objection.receipt_unknown`, `case.role_needed`."""
    actor.require(OFFICER)
    entry = _own_receipt(session, _own_applications(session, actor), receipt)
    attributes = _shown(session, str(entry.grant_id))
    if not attributes:  # a made-up grant of the sandbox
        raise Denied("objection.receipt_unknown", receipt=receipt)
    return Handed(
        str(entry.id), entry.at, str(entry.application_id), str(entry.grant_id), str(entry.library), frozenset(attributes)
    )  # fmt: skip


def facts(found: Objection) -> dict[str, Any]:
    """Return what evidence says of an objection: plain ids and states."""
    return {
        "objection": found.id,
        "state": found.state,
        "receipt_doubted": str(found.receipt),
        "attribute": found.attribute,
    }


def _own_receipt(session: Session, applications: Collection[str], receipt: str) -> Entry:
    number = _number(receipt)
    found = session.get(Entry, number) if number else None
    is_answer = found is not None and found.kind == "answer" and found.code in (None, "repeated")
    if found is None or not is_answer or found.application_id not in applications or found.grant_id is None:
        raise Denied("objection.receipt_unknown", receipt=receipt if number else "…")  # might be anything
    return found


def _number(receipt: str) -> UUID | None:
    try:
        return UUID(receipt)
    except ValueError:
        return None


def _own_applications(session: Session, actor: Actor) -> frozenset[str]:
    own = select(Application.id).where(Application.department_id == actor.department_id)
    return frozenset(session.scalars(own))


def _shown(session: Session, grant_id: str) -> set[str]:
    """Return what a grant shows, and what it showed before items lost their base."""
    narrowed = select(CaseEvent.facts["items"]).where(
        CaseEvent.action == "narrow_grant", CaseEvent.facts["grant"].as_string() == grant_id
    )
    now = session.scalars(select(GrantItem.attribute).where(GrantItem.grant_id == grant_id))
    return {*now, *(item for items in session.scalars(narrowed) for item in items)}
