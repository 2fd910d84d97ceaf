"""Why: a department's own office system may sit at the desks (RFC 7523). Which clients there are, for which department and roles, with which public keys; the
hub never sees a private key. Called by `hutong clients`; every step enters the evidence, and a revocation is effective at the next request.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from catalog import departments
from exchange_api import officers
from exchange_api.evidence.ledger import Entry, new_receipt_id, record
from exchange_api.signing import Jwk, public_key_from_jwk, public_key_from_pem
from schemas.errors import Invalid
from schemas.tables.officer_clients import OfficerClient, OfficerClientKey, OfficerClientToken

_NAME = re.compile(r"[a-z][a-z0-9._-]{1,63}")


def register(session: Session, client_id: str, name: str, department_id: str, roles: Sequence[str]) -> OfficerClient:
    """Register a client of a department; the same again changes nothing.

    Raises Invalid `client.bad_id`, `client.exists`, `officer.unknown_role`, `officer.roles_conflict`, `directory.unknown_department`.
    """
    if not _NAME.fullmatch(client_id):
        raise Invalid("client.bad_id", client=client_id)
    officers.require_roles(list(roles))
    departments.get(session, department_id)
    wanted = (name, department_id, sorted(set(roles)), "active")
    found = session.get(OfficerClient, client_id)
    if found is None:
        found = OfficerClient(id=client_id, name=name, department_id=department_id, roles=wanted[2], state="active")
        session.add(found)
        session.flush()
        _note(session, client_id, {"state": "active", "department": department_id, "roles": ",".join(wanted[2])})
    elif (found.name, found.department_id, found.roles, found.state) != wanted:
        raise Invalid("client.exists", client=client_id)
    return found


def register_key(session: Session, client_id: str, public_key: Jwk | str | bytes) -> OfficerClientKey:
    """Register a public key (JWK or PEM; Ed25519 or P-256) of a client, bound to it and to its one algorithm; the same again changes nothing.

    Raises Invalid `client.unknown`, `client.key_taken`, `key.malformed`, `key.unsupported`, `key.private`.
    """
    client = get(session, client_id)
    key = public_key_from_jwk(public_key) if isinstance(public_key, dict) else public_key_from_pem(public_key)
    found = session.get(OfficerClientKey, key.keyid)
    if client.state != "active" or (found and (found.client_id, found.state) != (client_id, "active")):
        raise Invalid("client.key_taken", keyid=key.keyid, client=client_id)
    if found is None:
        found = OfficerClientKey(
            keyid=key.keyid, client_id=client_id, algorithm=key.algorithm, public_jwk=key.jwk, state="active"
        )
        session.add(found)
        session.flush()
        _note(session, client_id, {"caller_keyid": key.keyid, "state": "active", "jwk": key.jwk})
    return found


def revoke(session: Session, client_id: str) -> OfficerClient:
    """Take a client out of use for good, with its keys and tokens; again changes nothing. Raises Invalid `client.unknown`."""
    client = get(session, client_id)
    if client.state == "active":
        for key in keys_of(session, client_id):
            if key.state == "active":
                _end_key(session, key)
        client.state, client.ended_at = "revoked", datetime.now(UTC)
        session.execute(delete(OfficerClientToken).where(OfficerClientToken.client_id == client_id))
        session.flush()
        _note(session, client_id, {"state": "revoked"})
    return client


def revoke_key(session: Session, client_id: str, keyid: str) -> OfficerClientKey:
    """Take one key out of use for good, with the tokens it brought. Raises Invalid `client.unknown`, `client.key_unknown`."""
    get(session, client_id)
    found = session.get(OfficerClientKey, keyid, with_for_update=True)
    if found is None or found.client_id != client_id:
        raise Invalid("client.key_unknown", keyid=keyid, client=client_id)
    if found.state == "active":
        _end_key(session, found)
    return found


def get(session: Session, client_id: str) -> OfficerClient:
    """Return one client, locked for this transaction. Raises Invalid `client.unknown`."""
    found = session.get(OfficerClient, client_id, with_for_update=True)
    if found is None:
        raise Invalid("client.unknown", client=client_id)
    return found


def find(session: Session, department_id: str | None = None) -> list[OfficerClient]:
    """Return clients by id, of one department or of all."""
    query = select(OfficerClient).order_by(OfficerClient.id)
    return list(session.scalars(query.where(OfficerClient.department_id == department_id) if department_id else query))


def keys_of(session: Session, client_id: str) -> list[OfficerClientKey]:
    """Return every key a client ever had, oldest first."""
    query = select(OfficerClientKey).where(OfficerClientKey.client_id == client_id)
    return list(session.scalars(query.order_by(OfficerClientKey.created_at, OfficerClientKey.keyid)))


def _end_key(session: Session, key: OfficerClientKey) -> None:
    key.state, key.ended_at = "revoked", datetime.now(UTC)
    session.execute(delete(OfficerClientToken).where(OfficerClientToken.keyid == key.keyid))
    session.flush()
    _note(session, key.client_id, {"caller_keyid": key.keyid, "state": "revoked", "jwk": key.public_jwk})


def _note(session: Session, client_id: str, facts: dict[str, object]) -> None:
    """Enter each step in the log, so that nobody can say later that the client was another's."""
    entry = Entry(id=new_receipt_id(), at=datetime.now(UTC), kind="key", facts={"client": client_id, **facts})
    record(session, [entry])
