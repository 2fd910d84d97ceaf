"""Why: who may sit at a desk. Officers, their passwords, sign-ins and lock-out; the portal and `hutong officers` call it.

A password is kept as argon2id, a cookie as its SHA-256, so a stolen table opens no door. Five wrong passwords lock an account for a quarter of an hour.
"""

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from pydantic import Field
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from catalog import departments
from exchange_api.actors import Actor
from schemas.errors import Invalid
from schemas.settings import HutongSettings
from schemas.tables.operations import Officer, OfficerSession

ROLES = (
    "demander",
    "provider",
    "steward",
    "authority",
    "auditor",
    "application",
    "system_admin",
    "security_admin",
)
_ADMINISTRATION = (
    "system_admin",
    "security_admin",
    "auditor",
)  # GB/T 22239-2019: three persons, none of whom works the desks
_CONFLICTS = (
    {"authority", "demander"},
    *({one, other} for one in _ADMINISTRATION for other in ROLES if one != other),
)
_NAME = re.compile(r"[a-z][a-z0-9._-]{1,63}")
_TOUCH_EVERY = timedelta(minutes=1)  # `seen_at` is not rewritten by every click


class OfficerSettings(HutongSettings):
    """How long a sign-in lasts, and when an account is locked."""

    portal_idle_minutes: int = Field(
        default=30, gt=0, description="Minutes without a click after which an officer is signed out."
    )
    portal_session_hours: int = Field(
        default=10, gt=0, description="Hours after which an officer has to sign in again in any case."
    )
    portal_failures: int = Field(default=5, gt=0, description="Wrong passwords in a row that lock an account.")
    portal_lock_minutes: int = Field(default=15, gt=0, description="Minutes an account stays locked.")


@dataclass(frozen=True)
class SignedIn:
    """Who sits there: the officer, what he may act as, the words for the page head, and the token that his forms carry."""

    actor: Actor
    name: str
    department_name: str
    language: str
    csrf_token: str


def add(session: Session, officer_id: str, name: str, department_id: str, roles: list[str]) -> str:
    """Register an officer and return his generated password, which is nowhere kept.

    Raises Invalid `officer.bad_name`, `.exists`, `.unknown_role`, `.roles_conflict`, `directory.unknown_department`.
    """
    if not _NAME.fullmatch(officer_id):
        raise Invalid("officer.bad_name", officer=officer_id)
    if session.get(Officer, officer_id):
        raise Invalid("officer.exists", officer=officer_id)
    require_roles(roles)
    departments.get(session, department_id)
    password = _new_password()
    session.add(
        Officer(
            id=officer_id,
            name=name,
            department_id=department_id,
            roles=sorted(set(roles)),
            password_hash=_hasher().hash(password),
        )
    )
    session.flush()
    return password


def find(session: Session, department_id: str | None = None) -> list[Officer]:
    """Return officers by login name, of one department where given."""
    query = select(Officer).order_by(Officer.id)
    return list(session.scalars(query.where(Officer.department_id == department_id) if department_id else query))


def renew_password(session: Session, officer_id: str) -> str:
    """Give a new generated password, lift a lock and end every sign-in of the officer. Raises Invalid `officer.unknown`."""
    officer = session.get(Officer, officer_id)
    if officer is None:
        raise Invalid("officer.unknown", officer=officer_id)
    password = _new_password()
    officer.password_hash, officer.failed_attempts, officer.locked_until = _hasher().hash(password), 0, None
    session.execute(delete(OfficerSession).where(OfficerSession.officer_id == officer_id))
    return password


def sign_in(session: Session, officer_id: str, password: str) -> str | None:
    """Return the cookie of a new sign-in, or None. The caller commits either way: a wrong password counts.

    Unknown name, wrong password and locked account look and last the same, so that nobody learns who exists.
    """
    officer = session.scalar(select(Officer).where(Officer.id == officer_id).with_for_update())
    fits = _fits(officer.password_hash if officer else _nobody(), password)
    now, settings = datetime.now(UTC), OfficerSettings()
    if officer is None or (officer.locked_until and officer.locked_until > now):
        return None
    if not fits:
        officer.failed_attempts += 1
        if officer.failed_attempts >= settings.portal_failures:
            officer.failed_attempts, officer.locked_until = 0, now + timedelta(minutes=settings.portal_lock_minutes)
        return None
    officer.failed_attempts, officer.locked_until = 0, None
    session.execute(delete(OfficerSession).where(OfficerSession.expires_at < now))
    cookie = secrets.token_urlsafe(32)
    end = now + timedelta(hours=settings.portal_session_hours)
    session.add(
        OfficerSession(
            id=_digest(cookie),
            officer_id=officer.id,
            csrf_token=secrets.token_urlsafe(24),
            created_at=now,
            seen_at=now,
            expires_at=end,
        )
    )
    session.flush()
    return cookie


def current(session: Session, cookie: str | None) -> SignedIn | None:
    """Return who holds this cookie; None when nobody does, or he was away too long."""
    found = session.get(OfficerSession, _digest(cookie)) if cookie else None
    if found is None:
        return None
    now = datetime.now(UTC)
    idle = timedelta(minutes=OfficerSettings().portal_idle_minutes)
    if found.expires_at <= now or found.seen_at + idle <= now:
        session.delete(found)
        return None
    if found.seen_at + _TOUCH_EVERY <= now:
        found.seen_at = now
    officer = session.get_one(Officer, found.officer_id)
    department = departments.get(session, officer.department_id)
    actor = Actor(officer.id, officer.department_id, frozenset(officer.roles))
    return SignedIn(actor, officer.name, department.name, officer.language, found.csrf_token)


def sign_out(session: Session, cookie: str | None) -> None:
    """End the sign-in of this cookie."""
    if cookie:
        session.execute(delete(OfficerSession).where(OfficerSession.id == _digest(cookie)))


def names(session: Session) -> dict[str, str]:
    """Return officers' names by login name, for timelines."""
    return {officer.id: officer.name for officer in find(session)}


def require_roles(roles: list[str]) -> None:
    """Refuse roles that nobody has, or that one and the same may not have together. Raises Invalid `officer.unknown_role`, `.roles_conflict`."""
    if not roles or (unknown := sorted(set(roles) - set(ROLES))):
        raise Invalid("officer.unknown_role", role=", ".join(unknown) if roles else "-", known=", ".join(ROLES))
    for pair in _CONFLICTS:
        if pair <= set(roles):
            raise Invalid("officer.roles_conflict", roles=", ".join(sorted(pair)))


def _new_password() -> str:
    return secrets.token_urlsafe(15)


def _digest(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()


def _fits(password_hash: str, password: str) -> bool:
    try:
        return _hasher().verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher()  # argon2id, RFC 9106 low-memory profile


@cache
def _nobody() -> str:
    """A hash that nobody's password fits: an unknown name takes as long as a wrong password."""
    return _hasher().hash(secrets.token_urlsafe(32))
