"""Why: each step of a hub key's life is itself an entry in the log, so that the list of keys cannot be back-dated. `hutong up` and `hutong keys` call it.

Also writes `jwks.json` beside the private keys: the trust root that `hutong verify` uses on the hub's own machine.
"""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from exchange_api.evidence.ledger import Entry, new_receipt_id, record
from exchange_api.keeping.privates import KeyOrder, place_of
from exchange_api.keys import (
    ED25519,
    SM2,
    HubSigner,
    KeySettings,
    active_signer,
    create_key,
    jwks,
    keys_folder,
    move_key,
    newest_active,
)
from schemas.errors import Denied
from schemas.tables.evidence import SigningKey


def ensure_active_key(session: Session, folder: Path | None = None) -> HubSigner:
    """Return the active signer, making and activating a first key of each kind that is needed. Idempotent; needs the owner role."""
    if newest_active(session, ED25519) is None:
        roll_key(session, folder)
    if KeySettings().sm2 and newest_active(session, SM2) is None:
        roll_key(session, folder, KeyOrder("sm2-sm3"))
    write_jwks(session, folder)
    return active_signer(session, folder)


def announce_key(session: Session, folder: Path | None = None, order: KeyOrder | None = None) -> str:
    """Make the next key and publish it ahead of its use; return its id. Raises as `keys.create_key`."""
    row = create_key(session, folder, order)
    if row.state == "next":
        _record(session, row, folder)
    write_jwks(session, folder)
    return row.keyid


def roll_key(
    session: Session, folder: Path | None = None, order: KeyOrder | None = None, ahead: timedelta | None = None
) -> str:
    """Activate the next key of the kind and retire the one before of that kind; return the new key's id.

    With `ahead` only a key that was published so long is used once any key is active, so that nobody meets a key unknown to him: raises Denied
    key.too_fresh with the moment. Without it a key is made on the spot when there is none.
    """
    wanted, now = order or KeyOrder(), datetime.now(UTC)
    row = _ready(session, folder or keys_folder(), wanted)
    if ahead and _is_any_active(session):
        ready_at = (row.created_at if row else now) + ahead
        if row is None or ready_at > now:
            raise Denied("key.too_fresh", ready_at=ready_at.astimezone(UTC).isoformat(timespec="seconds"))
    keyid = row.keyid if row else announce_key(session, folder, wanted)
    now = datetime.now(UTC)
    same = select(SigningKey).where(SigningKey.state == "active", SigningKey.algorithm == wanted.kind)
    for old in session.scalars(same).all():
        _record(session, move_key(session, old.keyid, "retired", now), folder)
    _record(session, move_key(session, keyid, "active", now), folder)
    write_jwks(session, folder)
    return keyid


def retire_key(session: Session, keyid: str, folder: Path | None = None) -> None:
    """Let a key sign no more, with none in its place: the way back from P-256 to Ed25519, or out of SM2. Raises Denied key.state, also for the
    Ed25519 key in use, without which no checkpoint can be signed.
    """
    newest = newest_active(session, ED25519)
    if newest is not None and newest.keyid == keyid:
        raise Denied("key.state", keyid=keyid, state="active", wanted="retired")
    _record(session, move_key(session, keyid, "retired"), folder)
    write_jwks(session, folder)


def revoke_key(session: Session, keyid: str, folder: Path | None = None) -> None:
    """Declare a key compromised from now on; what it signed before stays good. Raises Denied key.state."""
    _record(session, move_key(session, keyid, "revoked"), folder)
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


def _ready(session: Session, folder: Path, order: KeyOrder) -> SigningKey | None:
    """Return the next key of the ordered kind that was announced first, of those in the token when one there is wanted."""
    waiting = select(SigningKey).where(SigningKey.state == "next", SigningKey.algorithm == order.kind)
    for row in session.scalars(waiting.order_by(SigningKey.created_at)):
        if not order.is_token or place_of(folder, row.keyid) == "token":
            return row
    return None


def _is_any_active(session: Session) -> bool:
    return session.scalars(select(SigningKey.keyid).where(SigningKey.state == "active").limit(1)).first() is not None


def _record(session: Session, row: SigningKey, folder: Path | None) -> None:
    held = place_of(folder or keys_folder(), row.keyid)
    named = {"keyid": row.keyid, "state": row.state, "jwk": row.public_jwk, "algorithm": row.algorithm, "held": held}
    facts: dict[str, Any] = named | key_period(row)
    record(session, [Entry(id=new_receipt_id(), at=datetime.now(UTC), kind="key", facts=facts)])
