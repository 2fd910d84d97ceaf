"""Why: a grant that nobody looks at again stands for ever. Provider or authority say that it is still right, and how long it goes on; the department that uses
it may ask for that, and never decides it. Called by portal, commands, and `grant_upkeep` for the days.
"""

from datetime import date, timedelta

from sqlalchemy.orm import Session

from exchange_api.actors import Actor, Step
from exchange_api.grant import grants, life
from exchange_api.grant.settings import GrantSettings
from schemas.calendar import today
from schemas.errors import Denied, Invalid
from schemas.tables.exchange import Grant


def recertify(session: Session, actor: Actor, grant_id: str, why: str | None = None) -> Grant:
    """Say that a grant is still right, for another period from today. Raises Denied `case.not_yours`, `case.role_needed`; Invalid `case.wrong_state`."""
    grant = grants.get(session, grant_id)
    life.require_giver(session, actor, grant)
    life.require_living(grant, "recertify")
    grant.certified_until = today() + timedelta(days=GrantSettings().grant_certified_days)
    until = grant.certified_until.isoformat()
    life.note(session, actor, grant, Step("recertify", why, {"until": until}))
    life.tell(session, grant, "grant.recertified", {"until": until})
    return grant


def ask_renewal(session: Session, actor: Actor, grant_id: str, until: date, why: str) -> None:
    """Ask provider and authority to let a grant go on, as the department that uses it.

    Raises Denied `case.not_yours`; Invalid `grant.until_past`, `case.wrong_state`.
    """
    grant = grants.get(session, grant_id)
    if life.side_of(session, actor, grant) != "consumer":
        raise Denied("case.not_yours", case=grant.id)
    life.require_living(grant, "ask_renewal")
    _require_later(grant, until)
    life.note(session, actor, grant, Step("ask_renewal", why, {"until": until.isoformat()}))
    facts = {"until": until.isoformat(), "why": why}
    life.tell(session, grant, "grant.renewal_asked", facts, life.givers(session, grant))


def prolong(session: Session, actor: Actor, grant_id: str, until: date, why: str | None = None) -> Grant:
    """Let a grant go on until a later day, as a provider or the authority. Raises as `ask_renewal`."""
    grant = grants.get(session, grant_id)
    life.require_giver(session, actor, grant)
    life.require_living(grant, "prolong")
    _require_later(grant, until)
    grant.valid_until = until
    life.note(session, actor, grant, Step("prolong", why, {"until": until.isoformat()}))
    life.tell(session, grant, "grant.prolonged", {"until": until.isoformat()})
    return grant


def _require_later(grant: Grant, until: date) -> None:
    if until <= max(grant.valid_until, today()):
        raise Invalid("grant.until_past", grant=grant.id, until=until, now=grant.valid_until)
