"""Why: a desk must not stand still while its officer is away, and nobody should lend his password for it. An officer names a colleague of the same
department with the same roles, from when until when and why; the colleague acts in his place, under his own name. Called by `sign_ins` and the page of one's
own account.

Duties stay separate over both (`Actor.ids`); it ends by itself, or when either is disabled, moved or given other roles.
"""

from datetime import UTC, datetime, timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from catalog import notices
from exchange_api.actors import Actor
from schemas.errors import Denied, Invalid
from schemas.tables.accounts import Delegation
from schemas.tables.operations import Officer, OfficerSession

LONGEST = timedelta(days=92)
MOST_REASON = 500
Period = tuple[datetime, datetime]


def colleagues(session: Session, officer_id: str) -> list[Officer]:
    """Return who may stand in for an officer: of his department, with his roles, not disabled."""
    officer = session.get_one(Officer, officer_id)
    near = select(Officer).where(Officer.department_id == officer.department_id, Officer.is_disabled.is_(False))
    return [one for one in session.scalars(near.order_by(Officer.id)) if _are_alike(officer, one)]


def begin(session: Session, actor: Actor, deputy_id: str, period: Period, reason: str) -> Delegation:
    """Let a colleague act in the actor's place; both and their department are told.

    Raises Invalid `delegation.not_alike`, `.bad_period`, `.reason_needed`, `.overlaps`; Denied `delegation.own_hand` for one who himself acts for another.
    """
    if actor.in_place_of:
        raise Denied("delegation.own_hand")
    officer = session.get_one(Officer, actor.id, with_for_update=True)
    deputy = session.get(Officer, deputy_id)
    if deputy is None or not _are_alike(officer, deputy):
        raise Invalid("delegation.not_alike", officer=deputy_id)
    since, until = period
    if not since < until or until <= datetime.now(UTC) or until - since > LONGEST:
        raise Invalid("delegation.bad_period", days=LONGEST.days)
    if not (why := reason.strip()[:MOST_REASON]):
        raise Invalid("delegation.reason_needed")
    if any(one.valid_from < until and since < one.valid_until for one in by(session, actor.id)):
        raise Invalid("delegation.overlaps")
    made = Delegation(officer_id=officer.id, deputy_id=deputy.id, valid_from=since, valid_until=until, reason=why)
    session.add(made)
    session.flush()
    _tell(session, officer, deputy, "delegation.begun", made)
    return made


def revoke(session: Session, actor: Actor, delegation_id: int) -> None:
    """End a delegation before its time, by whoever gave it. Raises Denied `case.not_yours`, Invalid `delegation.over`."""
    found = session.get(Delegation, delegation_id, with_for_update=True)
    if found is None or found.officer_id != actor.id or actor.in_place_of:
        raise Denied("case.not_yours", case=str(delegation_id))
    if found.revoked_at or found.valid_until <= datetime.now(UTC):
        raise Invalid("delegation.over")
    found.revoked_at = datetime.now(UTC)
    officer, deputy = session.get_one(Officer, found.officer_id), session.get_one(Officer, found.deputy_id)
    _tell(session, officer, deputy, "delegation.revoked", found)


def by(session: Session, officer_id: str) -> list[Delegation]:
    """Return the delegations an officer gave or was given that are not over, the next to end first."""
    open_ones = select(Delegation).where(Delegation.revoked_at.is_(None), Delegation.valid_until > datetime.now(UTC))
    mine = open_ones.where(Delegation.officer_id == officer_id)
    return list(session.scalars(mine.order_by(Delegation.valid_until, Delegation.id)))


def to(session: Session, deputy_id: str) -> list[tuple[Delegation, Officer]]:
    """Return whom an officer may act for at this moment."""
    now = datetime.now(UTC)
    held = select(Delegation, Officer).join(Officer, Officer.id == Delegation.officer_id)
    held = held.where(Delegation.deputy_id == deputy_id, Delegation.revoked_at.is_(None))
    held = held.where(Delegation.valid_from <= now, Delegation.valid_until > now)
    deputy = session.get_one(Officer, deputy_id)
    return [
        (one, officer) for one, officer in session.execute(held.order_by(Delegation.id)) if _are_alike(officer, deputy)
    ]


def holding(session: Session, deputy: Officer, officer_id: str) -> Officer | None:
    """Return the colleague a deputy stands in for, or None when that is over."""
    return next((officer for _, officer in to(session, deputy.id) if officer.id == officer_id), None)


def act_for(session: Session, actor: Actor, kept_id: str, officer_id: str | None) -> None:
    """Act in a colleague's place from now on in this sign-in, or (None) in one's own name again. Raises Denied `delegation.none`."""
    if officer_id and holding(session, session.get_one(Officer, actor.id), officer_id) is None:
        raise Denied("delegation.none", officer=officer_id)
    session.get_one(OfficerSession, kept_id).in_place_of = officer_id or None


def end_of(session: Session, officer_id: str) -> None:
    """End whatever an officer gave or was given: he was disabled, moved, or has other roles now."""
    mine = or_(Delegation.officer_id == officer_id, Delegation.deputy_id == officer_id)
    for one in session.scalars(select(Delegation).where(mine, Delegation.revoked_at.is_(None))):
        one.revoked_at = datetime.now(UTC)


def _are_alike(officer: Officer, deputy: Officer) -> bool:
    is_another = officer.id != deputy.id and not officer.is_disabled and not deputy.is_disabled
    return is_another and officer.department_id == deputy.department_id and set(officer.roles) == set(deputy.roles)


def _tell(session: Session, officer: Officer, deputy: Officer, key: str, one: Delegation) -> None:
    facts = {"officer": officer.id, "deputy": deputy.id, "until": one.valid_until.date().isoformat()}
    notices.notify(session, officer.department_id, key, facts)
