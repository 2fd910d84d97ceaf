"""Why: an objection is read by those it concerns: who doubted the value, who answers for it, who watches over both. What was claimed and why may name people,
so it is shown in clear to the two sides and to stewards alone, and the look is evidence. Called by pages of objections.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select, true
from sqlalchemy.orm import Session

from exchange_api.actors import Actor
from exchange_api.evidence.ledger import Entry, new_receipt_id, record, subject_hash, subject_secret
from exchange_api.objections import objection_cases
from exchange_api.tracing.kinds import looks_personal
from libraries.disputing.listing import masked, masked_key
from schemas.errors import Denied, Invalid
from schemas.library import library
from schemas.tables.departments import Department
from schemas.tables.objections import LIVE_STATES, Objection

WATCHING = frozenset({"steward", "authority", "auditor"})
RAISING = frozenset({"demander", "application"})
ROLES = (*sorted(WATCHING), *sorted(RAISING), "provider")


@dataclass(frozen=True)
class Wanted:
    """Which objections: those that wait, with these words in number or department, from which on and how many; owed: only what the actor's department
    must answer.
    """

    live: bool = True
    q: str = ""
    start: int = 0
    limit: int = 20
    owed: bool = False


@dataclass(frozen=True)
class Shown:
    """What may be shown of an objection: key and values masked, words left out, unless in clear."""

    key: str
    value: str
    claimed: str
    reason: str
    evidence: str


def count(session: Session, actor: Actor, wanted: Wanted) -> int:
    """Return how many objections the actor sees. Raises Denied `case.role_needed`."""
    return session.scalar(select(func.count()).select_from(_found(actor, wanted).subquery())) or 0


def find(session: Session, actor: Actor, wanted: Wanted) -> list[Objection]:
    """Return one stretch of the objections the actor sees, the most urgent first; closed ones newest first. Raises Denied `case.role_needed`."""
    order = (Objection.due_date, Objection.id) if wanted.live else (Objection.id.desc(),)
    return list(session.scalars(_found(actor, wanted).order_by(*order).limit(wanted.limit).offset(wanted.start)))


def require(session: Session, actor: Actor, objection_id: str) -> Objection:
    """Return an objection the actor may read; to a department one that is not there looks like another's.

    Raises Invalid `objection.unknown`; Denied `case.role_needed`, `case.not_yours`.
    """
    found = session.scalar(select(Objection).where(Objection.id == objection_id, _seen(actor)))
    if found is None and actor.roles.isdisjoint(WATCHING):
        raise Denied("case.not_yours", case=objection_id)
    if found is None:
        raise Invalid("objection.unknown", objection=objection_id)
    return found


def may(actor: Actor, objection: Objection) -> tuple[str, ...]:
    """Return what the actor may do about an objection now, of `objection_cases.TRANSITIONS`; a ruling is made where conflicts are."""
    possible = objection_cases.possible(objection.state)
    answers = ("promise", "correct", "refuse") if _answers(actor, objection) else ()
    own = (*answers, "withdraw") if _raised(actor, objection) else answers
    return tuple(action for action in own if action in possible)


def show(objection: Objection, *, in_clear: bool = False) -> Shown:
    """Return an objection as it may be shown."""
    spec = library(objection.library)
    attribute, key = spec.attribute(objection.attribute), objection.record_key

    def text(value: str | None) -> str:
        return "" if value is None else value if in_clear else masked(attribute, value)

    words = (objection.reason, objection.evidence) if in_clear else ("", "")
    return Shown(key if in_clear else masked_key(spec, key), text(objection.value), text(objection.claimed), *words)


def may_look(actor: Actor, objection: Objection) -> bool:
    """Return whether the actor may see an objection in clear: its two sides, and stewards."""
    return "steward" in actor.roles or _answers(actor, objection) or _raised(actor, objection)


def look(session: Session, actor: Actor, objection_id: str, why: str, folder: Path) -> tuple[Objection, Shown]:
    """Return an objection in clear, and note the look: the objection is its case. Raises as `require`; Denied `case.not_yours`; Invalid `access.reason`."""
    objection = require(session, actor, objection_id)
    if not may_look(actor, objection):
        raise Denied("case.not_yours", case=objection_id)
    if not why.strip() or looks_personal(why):
        raise Invalid("access.reason")
    hashed = subject_hash(subject_secret(folder), objection.library, objection.subject)
    said: dict[str, Any] = {
        "action": "objection_look", "by": actor.id, "department": actor.department_id, "reason": why, "case": objection_id,
        "library": objection.library, "in_clear": True,
    }  # fmt: skip
    entry = Entry(
        id=new_receipt_id(), at=datetime.now(UTC), kind="action", library=objection.library, subjects=(hashed,), facts=said
    )  # fmt: skip
    record(session, [entry])
    return objection, show(objection, in_clear=True)


def _answers(actor: Actor, objection: Objection) -> bool:
    return "provider" in actor.roles and objection.source_department_id == actor.department_id


def _raised(actor: Actor, objection: Objection) -> bool:
    return bool(RAISING & actor.roles) and objection.department_id == actor.department_id


def _found(actor: Actor, wanted: Wanted) -> Select[Objection]:
    states = Objection.state.in_(LIVE_STATES)
    query = select(Objection).where(_seen(actor), states if wanted.live else ~states)
    if wanted.owed:
        query = query.where(Objection.source_department_id == actor.department_id)
    for word in wanted.q.split()[:8]:
        named = select(Department.id).where(Department.short_name.icontains(word, autoescape=True))
        texts = (Objection.id.icontains(word, autoescape=True), Objection.library.icontains(word, autoescape=True))
        query = query.where(or_(*texts, Objection.department_id.in_(named), Objection.source_department_id.in_(named)))
    return query


def _seen(actor: Actor) -> ColumnElement[bool]:
    if not actor.roles.isdisjoint(WATCHING):
        return true()
    sides: list[ColumnElement[bool]] = []
    if RAISING & actor.roles:
        sides.append(Objection.department_id == actor.department_id)
    if "provider" in actor.roles:
        sides.append(Objection.source_department_id == actor.department_id)
    if not sides:
        raise Denied("case.role_needed", role="provider")
    return or_(*sides)
