"""Why: each step of a hub key's life is itself an entry in the log, so that the list of keys cannot be back-dated. `hutong up` and `hutong keys` call it.

Also writes `jwks.json` beside the private keys: the trust root that `hutong verify` uses on the hub's own machine.
"""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from exchange_api.evidence.ledger import Entry, new_receipt_id, record
from exchange_api.keys import SoftwareSigner, active_signer, create_key, jwks, keys_folder, move_key
from schemas.tables.evidence import SigningKey


def ensure_active_key(session: Session, folder: Path | None = None) -> SoftwareSigner:
    """Return the active signer, making and activating a first key when the hub has none. Idempotent; needs the owner role."""
    if session.scalars(select(SigningKey).where(SigningKey.state == "active").limit(1)).first() is None:
        roll_key(session, folder)
    write_jwks(session, folder)
    return active_signer(session, folder)


def announce_key(session: Session, folder: Path | None = None) -> str:
    """Make the next key and publish it ahead of its use; return its id."""
    row = create_key(session, folder)
    _record(session, row)
    write_jwks(session, folder)
    return row.keyid


def roll_key(session: Session, folder: Path | None = None) -> str:
    """Activate the next key (made now if there is none) and retire the one before; return the new key's id."""
    ready = select(SigningKey).where(SigningKey.state == "next").order_by(SigningKey.created_at).limit(1)
    row = session.scalars(ready).first()
    keyid = row.keyid if row else announce_key(session, folder)
    now = datetime.now(UTC)
    for old in session.scalars(select(SigningKey).where(SigningKey.state == "active")).all():
        _record(session, move_key(session, old.keyid, "retired", now))
    _record(session, move_key(session, keyid, "active", now))
    write_jwks(session, folder)
    return keyid


def revoke_key(session: Session, keyid: str, folder: Path | None = None) -> None:
    """Declare a key compromised from now on; what it signed before stays good. Raises Denied key.state."""
    _record(session, move_key(session, keyid, "revoked"))
    write_jwks(session, folder)


def write_jwks(session: Session, folder: Path | None = None) -> Path:
    """Write the hub's key set to `jwks.json` in the keys folder, whole or not at all; return its path."""
    path = (folder or keys_folder()) / "jwks.json"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps(jwks(session), indent=1), "utf-8")
    draft.replace(path)
    return path


def key_period(row: SigningKey) -> dict[str, str | None]:
    """Return the moments of a key's life as its entries spell them: an audit holds the row against the newest of them."""
    moments = {name: getattr(row, name) for name in ("created_at", "not_before", "not_after")}
    return {name: moment and moment.astimezone(UTC).isoformat() for name, moment in moments.items()}


def _record(session: Session, row: SigningKey) -> None:
    facts = {"keyid": row.keyid, "state": row.state, "jwk": row.public_jwk, **key_period(row)}
    record(session, [Entry(id=new_receipt_id(), at=datetime.now(UTC), kind="key", facts=facts)])
