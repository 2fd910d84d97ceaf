"""Why: an application that cannot sign yet may ask with a shared secret, until a day and for named grants alone. Opening a door is a decision somebody takes
for a reason, the authority hears of it, and evidence keeps every step. Called by `hutong applications legacy`; the caller's transaction makes it durable.
"""

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from catalog import notices
from exchange_api import applications
from exchange_api.actors import Actor
from exchange_api.evidence.ledger import Entry, new_receipt_id, record
from exchange_api.keys import keys_folder
from exchange_api.signing.sealed import seal
from schemas.calendar import today
from schemas.errors import Invalid
from schemas.tables.exchange import Application, Grant
from schemas.tables.legacy import LegacyDoor, LegacyService
from schemas.tables.operations import Officer

LONGEST = timedelta(days=366)
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_CITIZEN_ID = re.compile(r"(?<!\d)\d{17}[\dXx](?!\d)")
_PARAMETER = re.compile(r"[a-z][a-z0-9_]{0,63}")
_TAKEN = ("items", "case")
"""Members of a body that mean something else."""


@dataclass(frozen=True)
class Opening:
    """What a door is opened for. services: service id as the application knows it → (grant, member of the body that names whom it asks about)."""

    rid: str
    services: Mapping[str, tuple[str, str]]
    valid_until: date
    reason: str


def open_door(session: Session, actor: Actor, application_id: str, wanted: Opening) -> tuple[LegacyDoor, str | None]:
    """Let an application ask with a shared secret; returns the door and its secret, which is told this once. A door that is open already gets the wanted
    services and end and keeps its secret (None).

    Raises Denied `case.not_yours`; Invalid `application.unknown`, `legacy.malformed`, `legacy.period`, `legacy.rid_taken`, `legacy.grant_unknown`,
    `legacy.reason_needed`.
    """
    application = _own(session, actor, application_id)
    _check(session, application_id, wanted)
    door = session.get(LegacyDoor, application_id, with_for_update=True)
    secret = None
    if door is None or not door.is_on or door.rid != wanted.rid:
        secret, door = _begin(session, actor, application_id, wanted, door)
    door.valid_until, door.reason = wanted.valid_until, wanted.reason.strip()
    session.flush()
    session.execute(delete(LegacyService).where(LegacyService.application_id == application_id))
    for sid, (grant_id, parameter) in wanted.services.items():
        session.add(LegacyService(application_id=application_id, sid=sid, grant_id=grant_id, parameter=parameter))
    _note(session, actor, application, door, "on")
    return door, secret


def renew(
    session: Session, actor: Actor, application_id: str, valid_until: date | None = None
) -> tuple[LegacyDoor, str]:
    """Give an open door a new secret, and a new end when one is named; the old secret is worthless at once. Raises as `open_door`, and `legacy.unknown`."""
    application = _own(session, actor, application_id)
    door = find(session, application_id, is_locked=True)
    if not door.is_on:
        raise Invalid("legacy.unknown", application=application_id)
    if valid_until is not None:
        _check_period(valid_until)
        door.valid_until = valid_until
    secret = secrets.token_urlsafe(32)
    door.secret, door.renewed_at = seal(secret, application_id, keys_folder()), datetime.now(UTC)
    _note(session, actor, application, door, "renewed")
    return door, secret


def close(session: Session, actor: Actor, application_id: str) -> LegacyDoor:
    """Shut a door at once; doing it again changes nothing. Raises Denied `case.not_yours`, Invalid `application.unknown`, `legacy.unknown`."""
    application = _own(session, actor, application_id)
    door = find(session, application_id, is_locked=True)
    if door.is_on:
        door.is_on, door.closed_at = False, datetime.now(UTC)
        _note(session, actor, application, door, "off")
    return door


def find(session: Session, application_id: str, *, is_locked: bool = False) -> LegacyDoor:
    """Return an application's door, open or not. Raises Invalid `legacy.unknown`."""
    door = session.get(LegacyDoor, application_id, with_for_update=is_locked or None)
    if door is None:
        raise Invalid("legacy.unknown", application=application_id)
    return door


def rid_of(session: Session, application_id: str) -> str:
    """Return the requester id of an application's door, or the application's id while it has none."""
    door = session.get(LegacyDoor, application_id)
    return door.rid if door else application_id


def services_of(session: Session, application_id: str) -> Sequence[LegacyService]:
    """Return what may be asked through a door, by service id."""
    wanted = select(LegacyService).where(LegacyService.application_id == application_id)
    return session.scalars(wanted.order_by(LegacyService.sid)).all()


def _own(session: Session, actor: Actor, application_id: str) -> Application:
    application = applications.get(session, application_id)
    if "authority" not in actor.roles:
        actor.require_department(application.department_id, application_id)
    return application


def _begin(
    session: Session, actor: Actor, application_id: str, wanted: Opening, door: LegacyDoor | None
) -> tuple[str, LegacyDoor]:
    secret = secrets.token_urlsafe(32)
    if door is None:
        door = LegacyDoor(application_id=application_id)
        session.add(door)
    door.rid, door.secret, door.is_on = wanted.rid, seal(secret, application_id, keys_folder()), True
    door.opened_by, door.opened_at, door.closed_at = actor.id, datetime.now(UTC), None
    return secret, door


def _check(session: Session, application_id: str, wanted: Opening) -> None:
    for name in (wanted.rid, *wanted.services):
        if not _ID.fullmatch(name) or _CITIZEN_ID.search(name):
            raise Invalid("legacy.malformed", part="rid, sid")
    for grant_id, parameter in wanted.services.values():
        if not _PARAMETER.fullmatch(parameter) or parameter in _TAKEN:
            raise Invalid("legacy.malformed", part="parameter")
        grant = session.get(Grant, grant_id)
        if grant is None or grant.application_id != application_id:
            raise Invalid("legacy.grant_unknown", grant=grant_id, application=application_id)
    if not wanted.services or not wanted.reason.strip():
        raise Invalid("legacy.reason_needed")
    _check_period(wanted.valid_until)
    other = session.scalar(select(LegacyDoor.application_id).where(LegacyDoor.rid == wanted.rid))
    if other not in (None, application_id):
        raise Invalid("legacy.rid_taken", rid=wanted.rid)


def _check_period(valid_until: date) -> None:
    last = today() + LONGEST
    if not today() <= valid_until <= last:
        raise Invalid("legacy.period", until=valid_until, last=last)


def _note(session: Session, actor: Actor, application: Application, door: LegacyDoor, state: str) -> None:
    """Enter the step in the log, and tell the authority and the application's department."""
    until = door.valid_until.isoformat()
    facts = {"legacy_door": application.id, "state": state, "rid": door.rid, "valid_until": until, "actor": actor.id}
    session.flush()
    entry = Entry(id=new_receipt_id(), at=datetime.now(UTC), kind="action", application_id=application.id, facts=facts)
    record(session, [entry])
    authorities = session.scalars(select(Officer.department_id).where(Officer.roles.contains(["authority"])).distinct())
    for department_id in sorted({application.department_id, *authorities}):
        notices.notify(session, department_id, f"legacy.{state}", {"application": application.name, "until": until})
