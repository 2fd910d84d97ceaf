"""Why: the authority lets an application system into testing and, when it behaves, into production. In testing it has made-up grants only, in production
real ones only, so that neither can be taken for the other. Called by `hutong sandbox` and the portal.
"""

from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from exchange_api import applications
from exchange_api.actors import Actor
from exchange_api.sandbox import trial_keys
from schemas.errors import Invalid
from schemas.tables.exchange import Grant
from schemas.tables.sandbox import Sandbox


def open_sandbox(session: Session, actor: Actor, application_id: str) -> Sandbox:
    """Put an application into testing; doing it again changes nothing.

    Raises Denied `case.role_needed`; Invalid `application.unknown`, `sandbox.in_production` (it holds real grants, or was promoted).
    """
    actor.require("authority")
    applications.get(session, application_id)
    found = session.get(Sandbox, application_id, with_for_update=True)
    if found is None:
        held = session.scalar(select(Grant.id).where(Grant.application_id == application_id).limit(1))
        if held is not None:
            raise Invalid("sandbox.in_production", application=application_id)
        found = Sandbox(application_id=application_id, opened_by=actor.id)
        session.add(found)
        session.flush()
        session.refresh(found)
    elif found.ended_at is not None:
        raise Invalid("sandbox.in_production", application=application_id)
    return found


def promote(session: Session, actor: Actor, application_id: str) -> Sandbox:
    """Let an application into production: its made-up grants end at once, real ones may be used from now on. Doing it again changes nothing.

    Raises Denied `case.role_needed`, Invalid `sandbox.unknown`.
    """
    actor.require("authority")
    found = session.get(Sandbox, application_id, with_for_update=True)
    if found is None:
        raise Invalid("sandbox.unknown", application=application_id)
    if found.ended_at is None:
        found.ended_at, found.ended_by = datetime.now(UTC), actor.id
        trial_keys.end_all(session, application_id)
        session.flush()
    return found
