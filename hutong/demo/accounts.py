"""Why: the story can be clicked through by hand, so each of its officers gets an account and a password that are told to whoever ran it.

Called by hutong/demo/story.py. Passwords are made at run time and kept in var/demo/accounts.json, for their owner only.
"""

from pathlib import Path

from sqlalchemy.orm import Session

from exchange_api import officers
from exchange_api.actors import Actor
from hutong.embedded.home import read_json

# login → name, department, roles
OFFICERS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "housing": ("褚晓岚", "housing", ("demander",)),
    "police": ("钱卫东", "public_security", ("provider", "demander")),
    "civil": ("孙慧", "civil_affairs", ("provider", "demander")),
    "education": ("李文博", "education", ("provider", "demander")),
    "insurance": ("吴敏", "human_resources", ("provider", "demander")),
    "market": ("郑海峰", "market_regulation", ("provider", "demander")),
    "data": ("周启明", "data_bureau", ("authority",)),
    "steward": ("方静", "data_bureau", ("steward",)),
    "developer": ("何志远", "housing", ("application",)),
    "system": ("沈立", "data_bureau", ("system_admin",)),
    "security": ("龚平", "data_bureau", ("security_admin",)),
    "audit": ("魏敏", "data_bureau", ("auditor",)),
}


def ensure(session: Session, path: Path) -> dict[str, str]:
    """Register the officers that are missing and return login → password; the caller keeps them in `path` once its transaction is done."""
    known: dict[str, str] = read_json(path) or {}
    registered = {officer.id for officer in officers.find(session)}
    passwords = {}
    for login, (name, department, roles) in OFFICERS.items():
        if login not in registered:
            passwords[login] = officers.add(session, login, name, department, list(roles))
        else:
            passwords[login] = known.get(login) or officers.renew_password(session, login)
        officers.ease(session, login)  # whoever ran the demonstration is in at once: no change, no second factor
    return passwords


def told(passwords: dict[str, str]) -> list[tuple[str, str, str, str]]:
    """Return role, name, login and password of every account, so that whoever ran the demonstration finds one of each role."""
    known = [(login, *OFFICERS[login]) for login in passwords]
    return [(", ".join(roles), name, login, passwords[login]) for login, name, _, roles in known]


def actor(login: str) -> Actor:
    """Return an officer of the story at his desk."""
    _, department, roles = OFFICERS[login]
    return Actor(login, department, frozenset(roles))


def providers() -> dict[str, Actor]:
    """Return department → its providing officer."""
    return {department: actor(login) for login, (_, department, roles) in OFFICERS.items() if "provider" in roles}
