"""Why: who may sit at a desk. Officers and their roles; the portal and `hutong officers` call it. What an account is made of stands in `accounts`.

A password is kept as argon2id, a cookie as its SHA-256, so a stolen table opens no door.
"""

import re

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog import departments
from exchange_api.accounts import passwords, sign_ins
from exchange_api.accounts.sign_ins import OfficerSettings as OfficerSettings
from exchange_api.accounts.sign_ins import SignedIn as SignedIn
from exchange_api.accounts.sign_ins import current as current
from exchange_api.accounts.sign_ins import sign_in as sign_in
from exchange_api.accounts.sign_ins import sign_out as sign_out
from exchange_api.accounts.sign_ins import way_of as way_of
from schemas.errors import Invalid
from schemas.tables.operations import Officer

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


def add(session: Session, officer_id: str, name: str, department_id: str, roles: list[str]) -> str:
    """Register an officer and return his generated password, which is nowhere kept.

    Raises Invalid `officer.bad_name`, `.exists`, `.unknown_role`, `.roles_conflict`, `directory.unknown_department`.
    """
    require_roles(roles)
    return _register(session, officer_id, name, department_id, roles)


def add_without_roles(session: Session, officer_id: str, name: str, department_id: str) -> str:
    """Register an officer who may do nothing yet: disabled and without roles, which another administrator gives. Returns his password. Raises as `add`."""
    password = _register(session, officer_id, name, department_id, [])
    session.get_one(Officer, officer_id).is_disabled = True
    return password


def ease(session: Session, officer_id: str) -> None:
    """Let a generated password be used as it is and no second factor be asked for: accounts of the demonstration, whose passwords everybody reads."""
    session.get_one(Officer, officer_id).is_eased = True


def find(session: Session, department_id: str | None = None) -> list[Officer]:
    """Return officers by login name, of one department where given."""
    query = select(Officer).order_by(Officer.id)
    return list(session.scalars(query.where(Officer.department_id == department_id) if department_id else query))


def renew_password(session: Session, officer_id: str) -> str:
    """Give a new generated password, lift a lock and end every sign-in of the officer. Raises Invalid `officer.unknown`."""
    officer = session.get(Officer, officer_id)
    if officer is None:
        raise Invalid("officer.unknown", officer=officer_id)
    password = passwords.give(officer)
    sign_ins.end_all(session, officer_id)
    return password


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


def _register(session: Session, officer_id: str, name: str, department_id: str, roles: list[str]) -> str:
    if not _NAME.fullmatch(officer_id):
        raise Invalid("officer.bad_name", officer=officer_id)
    if session.get(Officer, officer_id):
        raise Invalid("officer.exists", officer=officer_id)
    departments.get(session, department_id)
    officer = Officer(id=officer_id, name=name, department_id=department_id, roles=sorted(set(roles)), password_hash="")
    officer.former_hashes = []
    password = passwords.give(officer)
    session.add(officer)
    session.flush()
    return password
