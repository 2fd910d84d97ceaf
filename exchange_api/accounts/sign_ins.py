"""Why: who sits there. A sign-in passes its stages (password or the bureau's identity provider, second factor, a password of one's own) and counts for
nothing before the last; at each stage it gets a new id. Called by `officers` and the portal.

A cookie is kept as its SHA-256, so a stolen table opens no door. Five wrong passwords or codes lock an account for a quarter of an hour.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pydantic import Field
from sqlalchemy import bindparam, delete, select
from sqlalchemy.orm import Session

from exchange_api.accounts import delegations, passwords, second_factor, trail
from exchange_api.accounts.trail import Deed
from exchange_api.actors import Actor
from schemas.settings import HutongSettings
from schemas.tables.departments import Department
from schemas.tables.operations import Officer, OfficerSession

STAGES = ("second_factor", "enrol", "password", "full")
_STAGE_MINUTES = 15
_TOUCH_EVERY = timedelta(minutes=1)  # `seen_at` is not rewritten by every click
_HOLDER = (
    select(OfficerSession, Officer, Department.name)
    .join(Officer, Officer.id == OfficerSession.officer_id)
    .join(Department, Department.id == Officer.department_id)
    .where(OfficerSession.id == bindparam("id"))
)
"""Who holds a cookie: asked at every click, so it is one question."""


class OfficerSettings(HutongSettings):
    """How long a sign-in lasts, how many one officer may have, and when an account is locked."""

    portal_idle_minutes: int = Field(
        default=30, gt=0, description="Minutes without a click after which an officer is signed out."
    )
    portal_session_hours: int = Field(
        default=10, gt=0, description="Hours after which an officer has to sign in again in any case."
    )
    portal_failures: int = Field(default=5, gt=0, description="Wrong passwords in a row that lock an account.")
    portal_lock_minutes: int = Field(default=15, gt=0, description="Minutes an account stays locked.")
    portal_sessions: int = Field(
        default=5, gt=0, description="Sign-ins one officer may have at a time; one more ends the oldest."
    )


@dataclass(frozen=True)
class SignedIn:
    """Who sits there: the officer, what he may act as, the words for the page head, and the token that his forms carry. stands_for: the name of the colleague
    in whose place he acts.
    """

    actor: Actor
    name: str
    department_name: str
    language: str
    csrf_token: str
    stands_for: str | None = None


@dataclass(frozen=True)
class Begun:
    """A sign-in on its way: the officer, and what is asked of him next."""

    officer: Officer
    kept: OfficerSession

    @property
    def stage(self) -> str:
        """Return what is asked for now, one of STAGES."""
        return self.kept.stage


def sign_in(session: Session, officer_id: str, password: str, browser: str | None = None) -> str | None:
    """Return the cookie of a new sign-in, or None. The caller commits either way: a wrong password counts.

    Unknown name, wrong password, disabled and locked account look and last the same, so that nobody learns who exists.
    """
    officer = session.scalar(select(Officer).where(Officer.id == officer_id).with_for_update())
    fits = passwords.fits(officer.password_hash if officer else passwords.nobody(), password)
    if officer is None:
        trail.note(session, Deed(None, "sign_in", "officer.unknown"))
        return None
    if refused := "officer.locked" if is_locked(officer) else "officer.disabled" if officer.is_disabled else None:
        trail.note(session, Deed(acting(officer), "sign_in", refused))
        return None
    if not fits:
        fail(session, officer, "sign_in")
        return None
    return begin(session, officer, "password", browser)


def begin(session: Session, officer: Officer, way: str, browser: str | None = None, *, is_strong: bool = False) -> str:
    """Return the cookie of an officer's new sign-in, at the first stage that is left. is_strong: the second factor was given elsewhere."""
    if officer.factor_secret is None:
        officer.failed_attempts = 0  # else a right password would give five new tries at the code
    officer.locked_until = None
    session.execute(delete(OfficerSession).where(OfficerSession.expires_at < datetime.now(UTC)))
    kept = OfficerSession(officer_id=officer.id, way=way, browser=(browser or "")[:200] or None)
    return _open(session, officer, kept, _next(officer, way, "enrol" if is_strong else ""))


def begun(session: Session, cookie: str | None) -> Begun | None:
    """Return the sign-in on its way that this cookie holds, None when there is none or it took too long."""
    found = session.get(OfficerSession, digest(cookie), with_for_update=True) if cookie else None
    if found is None or found.stage == "full" or found.expires_at <= datetime.now(UTC):
        return None
    officer = session.get_one(Officer, found.officer_id, with_for_update=True)
    return None if officer.is_disabled or is_locked(officer) else Begun(officer, found)


def go_on(session: Session, on_its_way: Begun) -> str:
    """Take a sign-in to its next stage: the old id is gone, the cookie of the new one is returned."""
    officer, old = on_its_way.officer, on_its_way.kept
    officer.failed_attempts = 0
    fresh = OfficerSession(officer_id=officer.id, way=old.way, browser=old.browser)
    session.delete(old)
    session.flush()
    return _open(session, officer, fresh, _next(officer, old.way, old.stage))


def fail(session: Session, officer: Officer, action: str) -> None:
    """Count one failure; the last one allowed locks the account and ends what is on its way."""
    settings = OfficerSettings()
    officer.failed_attempts += 1
    outcome = "officer.password_wrong" if action == "sign_in" else "officer.code_wrong"
    trail.note(session, Deed(acting(officer), action, outcome))
    if officer.failed_attempts >= settings.portal_failures:
        officer.failed_attempts = 0
        officer.locked_until = datetime.now(UTC) + timedelta(minutes=settings.portal_lock_minutes)
        session.execute(
            delete(OfficerSession).where(OfficerSession.officer_id == officer.id, OfficerSession.stage != "full")
        )
        trail.note(session, Deed(acting(officer), "lock"))


def current(session: Session, cookie: str | None) -> SignedIn | None:
    """Return who holds this cookie; None when nobody does, a stage is left, or he was away too long."""
    holder = session.execute(_HOLDER, {"id": digest(cookie)}).one_or_none() if cookie else None
    if holder is None or holder[0].stage != "full":
        return None
    (found, officer, department), now = holder, datetime.now(UTC)
    idle = timedelta(minutes=OfficerSettings().portal_idle_minutes)
    if found.expires_at <= now or found.seen_at + idle <= now or officer.is_disabled:
        session.delete(found)
        return None
    if found.seen_at + _TOUCH_EVERY <= now:
        found.seen_at = now
    absent = delegations.holding(session, officer, found.in_place_of) if found.in_place_of else None
    name = absent.name if absent else None
    actor = Actor(officer.id, officer.department_id, frozenset(officer.roles), absent.id if absent else None)
    return SignedIn(actor, officer.name, department, officer.language, found.csrf_token, name)


def way_of(session: Session, cookie: str | None) -> str | None:
    """Return how the sign-in of this cookie came: password or oidc; None when there is none."""
    return session.scalar(select(OfficerSession.way).where(OfficerSession.id == digest(cookie))) if cookie else None


def sign_out(session: Session, cookie: str | None) -> None:
    """End the sign-in of this cookie."""
    if cookie:
        session.execute(delete(OfficerSession).where(OfficerSession.id == digest(cookie)))


def of(session: Session, officer_id: str) -> list[OfficerSession]:
    """Return an officer's sign-ins that still hold, the latest used first."""
    idle = datetime.now(UTC) - timedelta(minutes=OfficerSettings().portal_idle_minutes)
    query = select(OfficerSession).where(OfficerSession.officer_id == officer_id, OfficerSession.stage == "full")
    alive = query.where(OfficerSession.expires_at > datetime.now(UTC), OfficerSession.seen_at > idle)
    return list(session.scalars(alive.order_by(OfficerSession.seen_at.desc())))


def end_all(session: Session, officer_id: str, but: str | None = None) -> None:
    """End every sign-in of an officer, except the one of the cookie `but`."""
    ended = delete(OfficerSession).where(OfficerSession.officer_id == officer_id)
    session.execute(ended.where(OfficerSession.id != digest(but)) if but else ended)


def is_locked(officer: Officer) -> bool:
    """Return whether an account is locked now."""
    return officer.locked_until is not None and officer.locked_until > datetime.now(UTC)


def acting(officer: Officer) -> Actor:
    """Return an officer as one who acts."""
    return Actor(officer.id, officer.department_id, frozenset(officer.roles))


def digest(cookie: str) -> str:
    """Return the id under which a cookie's sign-in is kept."""
    return hashlib.sha256(cookie.encode()).hexdigest()


def _next(officer: Officer, way: str, done: str) -> str:
    """Return the first stage that is left after `done`."""
    if done not in ("second_factor", "enrol", "password"):
        if officer.factor_secret is not None:
            return "second_factor"
        if second_factor.is_needed(officer):
            return "enrol"
    if done != "password" and way == "password" and passwords.is_to_be_changed(officer):
        return "password"
    return "full"


def _open(session: Session, officer: Officer, kept: OfficerSession, stage: str) -> str:
    cookie, now, settings = secrets.token_urlsafe(32), datetime.now(UTC), OfficerSettings()
    lasting = timedelta(hours=settings.portal_session_hours) if stage == "full" else timedelta(minutes=_STAGE_MINUTES)
    kept.id, kept.csrf_token, kept.stage = digest(cookie), secrets.token_urlsafe(24), stage
    kept.created_at, kept.seen_at, kept.expires_at = now, now, now + lasting
    if stage == "enrol":
        kept.draft_secret = second_factor.draft(officer.id)
    session.add(kept)
    session.flush()
    if stage == "full":
        _end_oldest(session, officer.id, settings.portal_sessions)
    trail.note(session, Deed(acting(officer), "sign_in" if stage == "full" else f"sign_in.{stage}"))
    return cookie


def _end_oldest(session: Session, officer_id: str, most: int) -> None:
    query = select(OfficerSession.id).where(OfficerSession.officer_id == officer_id, OfficerSession.stage == "full")
    beyond = session.scalars(query.order_by(OfficerSession.created_at.desc()).offset(most)).all()
    if beyond:
        session.execute(delete(OfficerSession).where(OfficerSession.id.in_(beyond)))
