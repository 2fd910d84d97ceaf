"""Why: who tries the API from a page needs a key of his own for an hour, whose private part never leaves his browser. Such a key belongs to an application
in testing, is answered with made-up records alone, and stops signing by itself. Called by the portal and the desk `sandbox.desk`.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from exchange_api import applications
from exchange_api.signing import Jwk
from schemas.errors import Invalid
from schemas.tables.exchange import ApplicationKey
from schemas.tables.sandbox import Sandbox

LIFETIME = timedelta(hours=1)
MOST = 10
"""Trial keys of one application at a time; the oldest end first, so that a page that is opened over and over leaves no heap of keys."""


def register(session: Session, application_id: str, public_key: Jwk | str) -> ApplicationKey:
    """Register a public key for an hour, for an application in testing; those whose hour is over are retired on the way.

    Raises Invalid `sandbox.unknown`, `sandbox.in_production`, and as `applications.register_key`.
    """
    found = session.get(Sandbox, application_id, with_for_update=True)
    if found is None:
        raise Invalid("sandbox.unknown", application=application_id)
    if found.ended_at is not None:
        raise Invalid("sandbox.in_production", application=application_id)
    now = datetime.now(UTC)
    key = applications.register_key(session, application_id, public_key, now + LIFETIME)
    others = [one for one in _active(session, application_id) if one.keyid != key.keyid]
    for place, one in enumerate(others, 1):
        if place >= MOST or (one.expires_at and one.expires_at <= now):
            applications.end_key(session, application_id, one.keyid)
    return key


def end_all(session: Session, application_id: str) -> None:
    """Retire every trial key of an application: it is in testing no more."""
    for one in _active(session, application_id):
        applications.end_key(session, application_id, one.keyid)


def _active(session: Session, application_id: str) -> Sequence[ApplicationKey]:
    """Return the trial keys that nobody ended, the newest first."""
    wanted = select(ApplicationKey).where(
        ApplicationKey.application_id == application_id, ApplicationKey.state == "active", ApplicationKey.expires_at.is_not(None)
    )  # fmt: skip
    return session.scalars(wanted.order_by(ApplicationKey.created_at.desc(), ApplicationKey.keyid)).all()
