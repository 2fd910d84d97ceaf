"""Why: two lists that the guards go by and only the authority keeps: from where applications may ask, and whose look-ups are told. Called by `hutong guard`;
the tables announce every change, so that all workers go by it within a second. Every step enters the evidence.
"""

from collections.abc import Collection
from datetime import UTC, date, datetime
from typing import Literal

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from exchange_api.actors import Actor
from exchange_api.evidence.ledger import Entry, new_receipt_id, record, subject_hash
from exchange_api.guarding.addresses import parse_networks
from exchange_api.permit import is_subject
from schemas.errors import Invalid
from schemas.library import LIBRARIES, library
from schemas.tables.exchange import Application
from schemas.tables.guarding import ApplicationNetwork, ProtectedSubject

Level = Literal["alert", "case"]


def set_networks(session: Session, actor: Actor, application_id: str, networks: Collection[str]) -> list[str]:
    """Let an application ask from these networks only, from anywhere when there are none; return them as they stand.

    Raises Denied `case.role_needed`; Invalid `application.unknown`, `network.malformed`.
    """
    actor.require("authority")
    if session.get(Application, application_id) is None:
        raise Invalid("application.unknown", application=application_id)
    wanted = sorted({str(one) for one in parse_networks(networks)})
    row = session.get(ApplicationNetwork, application_id, with_for_update=True)
    if wanted == (row.networks if row else []):
        return wanted
    if row is not None and not wanted:
        session.delete(row)
    elif row is None:
        session.add(ApplicationNetwork(application_id=application_id, networks=wanted, set_by=actor.id))
    else:
        row.networks, row.set_by, row.set_at = wanted, actor.id, datetime.now(UTC)
    session.flush()
    facts = {"action": "application_networks", "by": actor.id, "networks": ", ".join(wanted) or "any"}
    _note(session, facts, application_id=application_id)
    return wanted


def networks(session: Session) -> list[ApplicationNetwork]:
    """Return every application with networks."""
    return list(session.scalars(select(ApplicationNetwork).order_by(ApplicationNetwork.application_id)))


def protect(
    session: Session, actor: Actor, secret: bytes, subject: str, terms: tuple[Level, date | None] = ("alert", None)
) -> list[str]:
    """Put a subject on the list in every library that knows such keys; return those libraries. terms: level, and the last day of protection.

    The number of a case is asked for by the same words as where a grant needs one: who asks is not told that the subject is on a list.
    Raises Denied `case.role_needed`, Invalid `access.subject`.
    """
    actor.require("authority")
    level, until = terms
    hashes = hashes_of(secret, subject)
    for name, one in hashes.items():
        row = session.get(ProtectedSubject, one, with_for_update=True)
        if row is None:
            session.add(ProtectedSubject(subject_hash=one, library=name, level=level, until=until, added_by=actor.id))
        else:
            row.level, row.until, row.added_by = level, until, actor.id
    session.flush()
    _note(session, {"action": "protect_subject", "by": actor.id, "level": level}, subjects=tuple(hashes.values()))
    return list(hashes)


def unprotect(session: Session, actor: Actor, secret: bytes, subject: str) -> int:
    """Take a subject off the list; return in how many libraries it stood there. Raises Denied `case.role_needed`, Invalid `access.subject`."""
    actor.require("authority")
    hashes = tuple(hashes_of(secret, subject).values())
    gone = session.scalars(
        delete(ProtectedSubject)
        .where(ProtectedSubject.subject_hash.in_(hashes))
        .returning(ProtectedSubject.subject_hash)
    ).all()
    if gone:
        _note(session, {"action": "unprotect_subject", "by": actor.id}, subjects=hashes)
    return len(gone)


def hashes_of(secret: bytes, subject: str) -> dict[str, str]:
    """Return the keyed hash of a subject in every library whose keys look like it. Raises Invalid `access.subject` when none does."""
    found = {name: subject_hash(secret, name, subject) for name in LIBRARIES if is_subject(library(name), subject)}
    if not found:
        raise Invalid("access.subject")
    return found


def _note(
    session: Session, facts: dict[str, str], *, application_id: str | None = None, subjects: tuple[str, ...] = ()
) -> None:
    entry = Entry(
        id=new_receipt_id(), at=datetime.now(UTC), kind="action", application_id=application_id, subjects=subjects, facts=facts
    )  # fmt: skip
    record(session, [entry])
