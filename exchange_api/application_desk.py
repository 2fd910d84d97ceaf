"""Why: an application's team looks after its keys itself, and nobody else does: who steals a key's place asks in the department's name. Every step is told to
the department. Called by the portal; `applications` does the work and enters each key's step in the log.

The authority sees all applications and lets them into testing and out of it; it changes no key.
"""

import json
from typing import Any

from sqlalchemy import ColumnElement, false, or_, select, true
from sqlalchemy.orm import Session

from catalog import notices
from exchange_api import applications
from exchange_api.actors import Actor
from exchange_api.sandbox import desk, trial_keys
from schemas.errors import Denied, Invalid
from schemas.tables.exchange import Application, ApplicationKey
from schemas.tables.sandbox import Sandbox

LONGEST = 10_000  # characters of a public key


def seen(actor: Actor) -> ColumnElement[bool]:
    """Say which applications an actor sees: the authority all, an application's team its department's."""
    own = Application.department_id == actor.department_id if "application" in actor.roles else false()
    return or_(true() if "authority" in actor.roles else false(), own)


def get(session: Session, actor: Actor, application_id: str) -> Application:
    """Return an application the actor may see. Raises Denied `case.not_yours`; Invalid `application.unknown` to the authority alone."""
    found = session.scalar(select(Application).where(Application.id == application_id, seen(actor)))
    if found is not None:
        return found
    if "authority" in actor.roles:
        raise Invalid("application.unknown", application=application_id[:64])
    raise Denied("case.not_yours", case=application_id[:64])


def register_key(session: Session, actor: Actor, application_id: str, written: str) -> ApplicationKey:
    """Register a public key as it was pasted or uploaded (PEM, JWK, or a key set of one), and tell the department.

    Raises Denied `case.role_needed`, `case.not_yours`; Invalid `key.malformed`, `key.unsupported`, `key.private`, `application.key_taken`.
    """
    own = _own(session, actor, application_id)
    public = read_key(written)
    known = {one.keyid for one in applications.keys_of(session, application_id)}
    key = applications.register_key(session, application_id, public)
    if key.keyid not in known:
        _tell(session, own, "application.key_registered", {"key": key.keyid, "by": actor.id})
    return key


def register_trial_key(session: Session, actor: Actor, application_id: str, written: str) -> ApplicationKey:
    """Register a public key for an hour of trying, for an application in testing. Raises as `register_key` and Invalid `sandbox.…`."""
    _own(session, actor, application_id)
    return trial_keys.register(session, application_id, read_key(written))


def end_key(session: Session, actor: Actor, application_id: str, keyid: str, *, compromised: bool = False) -> ApplicationKey:  # fmt: skip
    """Retire a key, or revoke it when its private part leaked, and tell the department.

    Raises Denied `case.role_needed`, `case.not_yours`; Invalid `application.key_unknown`.
    """
    own = _own(session, actor, application_id)
    key = applications.end_key(session, application_id, keyid, compromised=compromised)
    _tell(session, own, f"application.key_{key.state}", {"key": keyid, "by": actor.id})
    return key


def open_sandbox(session: Session, actor: Actor, application_id: str) -> Sandbox:
    """Put an application into testing and tell its department. Raises as `sandbox.desk.open_sandbox`."""
    known = session.get(Sandbox, application_id)
    found = desk.open_sandbox(session, actor, application_id)
    if known is None:
        _tell(session, applications.get(session, application_id), "application.testing", {"by": actor.id})
    return found


def promote(session: Session, actor: Actor, application_id: str) -> Sandbox:
    """Let an application into production and tell its department. Raises as `sandbox.desk.promote`."""
    known = session.get(Sandbox, application_id)
    was_open = known is not None and known.ended_at is None
    found = desk.promote(session, actor, application_id)
    if was_open:
        _tell(session, applications.get(session, application_id), "application.production", {"by": actor.id})
    return found


def read_key(written: str) -> dict[str, Any] | str:
    """Return what was pasted as a JWK or as PEM text. Raises Invalid `key.malformed`, `key.private`: a private part is not even looked at further."""
    text = written.strip().removeprefix("\ufeff")
    if not text or len(text) > LONGEST:
        raise Invalid("key.malformed", reason="nothing, or far too much, was given")
    if "PRIVATE KEY" in text:
        raise Invalid("key.private")
    if not text.startswith("{"):
        return text
    try:
        found: Any = json.loads(text)
    except (ValueError, RecursionError):
        raise Invalid("key.malformed", reason="neither PEM nor JSON") from None
    held = found.get("keys")
    if isinstance(held, list) and len(held) == 1 and isinstance(held[0], dict):
        return dict(held[0])
    return dict(found)


def _own(session: Session, actor: Actor, application_id: str) -> Application:
    actor.require("application")
    found = session.get(Application, application_id)
    if found is None or found.department_id != actor.department_id:
        raise Denied("case.not_yours", case=application_id[:64])
    return found


def _tell(session: Session, application: Application, key: str, facts: dict[str, Any]) -> None:
    notices.notify(
        session, application.department_id, key, {"application": application.id, "name": application.name, **facts}
    )
