"""Why: a client trades its assertion for a token that lasts minutes (RFC 6749 §4.4), so that no long-lived secret is on the wire. Only its SHA-256 is kept;
client, key and roles are looked up anew at each use, so a revocation is effective at once. Called by `token_desk` and `askers`.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pydantic import Field
from sqlalchemy import delete
from sqlalchemy.orm import Session

from exchange_api.actors import Actor
from exchange_api.desk_api.assertions import Proven
from exchange_api.desk_api.scopes import SCOPES, scopes_of
from schemas.errors import Denied, Invalid
from schemas.settings import HutongSettings
from schemas.tables.officer_clients import OfficerClient, OfficerClientKey, OfficerClientToken
from schemas.tables.operations import Officer


class TokenSettings(HutongSettings):
    """How long a client's token lasts."""

    client_token_minutes: int = Field(
        default=10, gt=0, le=60, description="Minutes a client's token for the desks (POST /v1/oauth/token) lasts."
    )


@dataclass(frozen=True, slots=True)
class Issued:
    """A new token, in clear this once."""

    token: str
    scopes: list[str]
    seconds: int


@dataclass(frozen=True, slots=True)
class Held:
    """Who holds a token: the actor it stands for, the client behind it, what it may be used for."""

    actor: Actor
    client_id: str
    keyid: str
    officer_id: str | None
    scopes: frozenset[str]


def issue(session: Session, proven: Proven, scope: str, officer_id: str | None = None) -> Issued:
    """Return a new token; scope: as asked for, separated by spaces, empty for all the client may have. With `officer_id` it acts in that officer's place.

    Raises Invalid `client.scope`, Denied `client.officer`.
    """
    client = proven.client
    roles = set(client.roles)
    if officer_id is not None:
        officer = session.get(Officer, officer_id)
        if officer is None or officer.department_id != client.department_id:
            raise Denied("client.officer", client=client.id)
        roles &= set(officer.roles)
    may = scopes_of(roles)
    wanted = sorted(set(scope.split())) or may
    beyond = [one for one in wanted if one not in may]
    if beyond or not wanted:
        named = [one for one in beyond if one in SCOPES]  # what nobody knows is not repeated: it may be anything
        raise Invalid("client.scope", scope=", ".join(named) or "?", known=" ".join(may) or "-")
    token, now, settings = secrets.token_urlsafe(32), datetime.now(UTC), TokenSettings()
    lasting = timedelta(minutes=settings.client_token_minutes)
    session.execute(delete(OfficerClientToken).where(OfficerClientToken.expires_at < now))
    session.add(
        OfficerClientToken(
            id=_digest(token), client_id=client.id, keyid=proven.keyid, officer_id=officer_id, scopes=wanted, created_at=now,
            expires_at=now + lasting,
        )
    )  # fmt: skip
    session.flush()
    return Issued(token, wanted, int(lasting.total_seconds()))


def current(session: Session, token: str) -> Held | None:
    """Return who holds this token; None when nobody does, it ran out, or its client or key was revoked."""
    found = session.get(OfficerClientToken, _digest(token))
    if found is None or found.expires_at <= datetime.now(UTC):
        return None
    client, key = session.get_one(OfficerClient, found.client_id), session.get_one(OfficerClientKey, found.keyid)
    if (client.state, key.state) != ("active", "active"):
        return None
    name, roles = f"client:{client.id}", frozenset(client.roles)
    if found.officer_id is not None:
        officer = session.get_one(Officer, found.officer_id)
        if officer.department_id != client.department_id:
            return None
        name, roles = officer.id, roles & set(officer.roles)
    actor = Actor(name, client.department_id, roles)
    return Held(actor, client.id, found.keyid, found.officer_id, frozenset(found.scopes))


def end(session: Session, token: str, client_id: str) -> None:
    """Take a client's own token out of use (RFC 7009); unknown ones are out of use already."""
    found = session.get(OfficerClientToken, _digest(token))
    if found is not None and found.client_id == client_id:
        session.delete(found)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
