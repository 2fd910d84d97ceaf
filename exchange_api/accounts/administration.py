"""Why: whoever could both make an account and give it power would need nobody (三员分立, GB/T 22239-2019): the system administrator makes accounts and switches
them off and on, the security administrator says what they may do, the auditor reads what both did. Called by the portal's pages of accounts.

Nobody changes himself. Each step here is one or the other administrator's, and asks for his role itself.
"""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from catalog import departments
from exchange_api import officers
from exchange_api.accounts import delegations, passwords, second_factor, sign_ins
from exchange_api.actors import Actor
from schemas.errors import Denied, Invalid
from schemas.tables.operations import Officer

SYSTEM, SECURITY = "system_admin", "security_admin"
PAGE = 20


@dataclass(frozen=True, slots=True)
class Sought:
    """What is looked for among accounts: words in name or login name, and one of their states."""

    words: str = ""
    department: str = ""
    role: str = ""
    state: str = ""
    page: int = 1


def register(session: Session, actor: Actor, officer_id: str, name: str, department_id: str) -> str:
    """Make an account that may do nothing yet, and return its password. Raises Denied `case.role_needed`, and as `officers.add_without_roles`."""
    actor.require(SYSTEM)
    return officers.add_without_roles(session, officer_id, _named(name, officer_id), department_id)


def describe(session: Session, actor: Actor, officer_id: str, name: str, department_id: str) -> None:
    """Correct name and department. Who moves takes nothing along: roles, delegations and sign-ins end, and the account is off until it has roles again."""
    officer = _other(session, actor, officer_id, SYSTEM)
    departments.get(session, department_id)
    officer.name = _named(name, officer_id)
    if department_id != officer.department_id:
        _require_not_last(session, officer)
        officer.department_id, officer.roles, officer.is_disabled = department_id, [], True
        _turn_out(session, officer)


def disable(session: Session, actor: Actor, officer_id: str) -> None:
    """Switch an account off: its sign-ins end at once, what it did stays. Raises Invalid `officer.last_administrator`."""
    officer = _other(session, actor, officer_id, SYSTEM)
    _require_not_last(session, officer)
    officer.is_disabled = True
    _turn_out(session, officer)


def enable(session: Session, actor: Actor, officer_id: str) -> None:
    """Switch an account on. Raises Invalid `officer.no_roles` while nobody has said what it may do."""
    officer = _other(session, actor, officer_id, SYSTEM)
    if not officer.roles:
        raise Invalid("officer.no_roles", officer=officer_id)
    officer.is_disabled = False


def set_roles(session: Session, actor: Actor, officer_id: str, roles: list[str]) -> None:
    """Say what an account may do; what it does now is ended, so that the next sign-in has the new roles only. Raises as `officers.require_roles`."""
    officer = _other(session, actor, officer_id, SECURITY)
    officers.require_roles(roles)
    if set(officer.roles) - set(roles):
        _require_not_last(session, officer, kept=frozenset(roles))
    officer.roles = sorted(set(roles))
    _turn_out(session, officer)


def unlock(session: Session, actor: Actor, officer_id: str) -> None:
    """Lift a lock before its time."""
    officer = _other(session, actor, officer_id, SECURITY)
    officer.failed_attempts, officer.locked_until = 0, None


def reset_password(session: Session, actor: Actor, officer_id: str) -> str:
    """Give a generated password, to be changed at the next sign-in, and end the officer's sign-ins."""
    officer = _other(session, actor, officer_id, SECURITY)
    sign_ins.end_all(session, officer_id)
    return passwords.give(officer)


def reset_factor(session: Session, actor: Actor, officer_id: str) -> None:
    """Take a second factor away that was lost with its device, and end the officer's sign-ins."""
    officer = _other(session, actor, officer_id, SECURITY)
    second_factor.remove(officer)
    sign_ins.end_all(session, officer_id)


def end_sign_ins(session: Session, actor: Actor, officer_id: str) -> None:
    """End every sign-in of an officer."""
    _other(session, actor, officer_id, SECURITY)
    sign_ins.end_all(session, officer_id)


def link(session: Session, actor: Actor, officer_id: str, identity: tuple[str, str]) -> None:
    """Link an identity (issuer, subject) of the bureau's provider to an account; an empty subject unlinks. Raises Invalid `officer.linked_elsewhere`."""
    officer = _other(session, actor, officer_id, SECURITY)
    issuer, subject = identity
    if not subject:
        officer.oidc_issuer, officer.oidc_subject = None, None
        return
    taken = select(Officer.id).where(
        Officer.oidc_issuer == issuer, Officer.oidc_subject == subject, Officer.id != officer_id
    )
    if session.scalar(taken):
        raise Invalid("officer.linked_elsewhere")
    officer.oidc_issuer, officer.oidc_subject = issuer, subject


def look(session: Session, actor: Actor, officer_id: str) -> Officer:
    """Return an account for an administrator. Raises Denied `case.role_needed`, Invalid `officer.unknown`."""
    if not actor.roles & {SYSTEM, SECURITY}:
        raise Denied("case.role_needed", role=SYSTEM)
    officer = session.get(Officer, officer_id)
    if officer is None:
        raise Invalid("officer.unknown", officer=officer_id)
    return officer


def search(session: Session, actor: Actor, sought: Sought, most: int = PAGE) -> tuple[list[Officer], int]:
    """Return one page of accounts by login name, and how many there are. Raises Denied `case.role_needed`."""
    if not actor.roles & {SYSTEM, SECURITY}:
        raise Denied("case.role_needed", role=SYSTEM)
    conditions = _conditions(sought)
    total = session.scalar(select(func.count()).select_from(Officer).where(*conditions)) or 0
    start = (max(sought.page, 1) - 1) * most
    query = select(Officer).where(*conditions).order_by(Officer.id)
    return list(session.scalars(query.offset(start).limit(most))), total


def _conditions(sought: Sought) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [
        or_(Officer.id.icontains(word, autoescape=True), Officer.name.icontains(word, autoescape=True))
        for word in sought.words.split()
    ]
    if sought.department:
        found.append(Officer.department_id == sought.department)
    if sought.role:
        found.append(Officer.roles.contains([sought.role]))
    states = {
        "disabled": Officer.is_disabled.is_(True),
        "locked": Officer.locked_until > func.now(),
        "active": Officer.is_disabled.is_(False),
    }
    return [*found, states[sought.state]] if sought.state in states else found


def _other(session: Session, actor: Actor, officer_id: str, role: str) -> Officer:
    """Return the account, locked, of somebody else than whoever acts. Raises Denied `case.role_needed`, `officer.not_oneself`, Invalid `officer.unknown`."""
    actor.require(role)
    if officer_id in actor.ids:
        raise Denied("officer.not_oneself")
    officer = session.get(Officer, officer_id, with_for_update=True)
    if officer is None:
        raise Invalid("officer.unknown", officer=officer_id)
    return officer


def _require_not_last(session: Session, officer: Officer, kept: frozenset[str] = frozenset()) -> None:
    """Refuse a step after which nobody would administer."""
    for role in {SYSTEM, SECURITY} & set(officer.roles) - kept:
        others = select(func.count()).select_from(Officer)
        others = others.where(Officer.id != officer.id, Officer.is_disabled.is_(False), Officer.roles.contains([role]))
        if not officer.is_disabled and not session.scalar(others):
            raise Invalid("officer.last_administrator", role=role)


def _turn_out(session: Session, officer: Officer) -> None:
    delegations.end_of(session, officer.id)
    sign_ins.end_all(session, officer.id)


def _named(name: str, officer_id: str) -> str:
    return " ".join(name.split())[:60] or officer_id
