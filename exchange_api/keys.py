"""Why: the hub's own signing keys and their life: next → active → retired → revoked. Private parts are 0600 PEM files in one folder, public parts
with their period are rows that stay for ever, because signatures outlive keys. `evidence.keyring` takes each step and records it as an entry;
delivery asks for `active_signer`, the router for `jwks`. Parsing of anybody's public keys is re-exported from `signing` for `auth`.
"""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from exchange_api.signing import (
    Jwk,
    PublicKey,
    SoftwareSigner,
    public_key_from_jwk,
    public_key_from_pem,
    thumbprint,
)
from exchange_api.signing.folder import KeySettings, keys_folder
from schemas.errors import Denied, Transient
from schemas.tables.evidence import SigningKey

__all__ = [
    "KeySettings",
    "PublicKey",
    "SoftwareSigner",
    "active_signer",
    "create_key",
    "jwks",
    "keys_folder",
    "move_key",
    "public_key_from_jwk",
    "public_key_from_pem",
    "thumbprint",
]

_STEPS = {"next": ("active", "revoked"), "active": ("retired", "revoked"), "retired": ("revoked",), "revoked": ()}


def create_key(session: Session, folder: Path | None = None) -> SigningKey:
    """Make an Ed25519 key in state `next`: the private file first (0600), then the public row. Returns the row."""
    signer = SoftwareSigner.generate("ed25519")
    place = folder or keys_folder()
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(place / f"{signer.keyid}.pem", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(signer.pem())
        file.flush()
        os.fsync(file.fileno())
    row = SigningKey(
        keyid=signer.keyid,
        algorithm=signer.algorithm,
        public_jwk=signer.public.jwk,
        state="next",
        created_at=datetime.now(UTC),
    )
    session.add(row)
    session.flush()
    return row


def move_key(session: Session, keyid: str, state: str, at: datetime | None = None) -> SigningKey:
    """Take a key one step on in its life, stamping its period; raises Denied key.state for a step that does not exist."""
    row = session.get(SigningKey, keyid, with_for_update=True)
    if row is None or state not in _STEPS[row.state]:
        raise Denied("key.state", keyid=keyid, state="unknown" if row is None else row.state, wanted=state)
    moment = at or datetime.now(UTC)
    if state == "active":
        row.not_before = moment
    elif row.not_after is None:
        row.not_after = moment
    row.state = state
    session.flush()
    return row


def active_signer(session: Session, folder: Path | None = None) -> SoftwareSigner:
    """Return the signer of the newest active key; raises Transient key.none_active when there is none or its file is gone.

    Cheap enough for start-up and each roll, not for each answer: keep the result.
    """
    place = folder or keys_folder()
    newest = select(SigningKey).where(SigningKey.state == "active").order_by(SigningKey.not_before.desc()).limit(1)
    row = session.scalars(newest).first()
    path = place / f"{row.keyid}.pem" if row else place
    if row is None or not path.is_file():
        raise Transient("key.none_active", folder=str(place))
    return SoftwareSigner.from_pem(path.read_bytes(), row.keyid)


def jwks(session: Session) -> dict[str, list[Jwk]]:
    """Return the RFC 7517 key set of every key the hub ever had, with state and period (Unix seconds) under `hutong:` names."""
    rows = session.scalars(select(SigningKey).order_by(SigningKey.created_at, SigningKey.keyid))
    return {"keys": [_published(row) for row in rows]}


def _published(row: SigningKey) -> Jwk:
    published: dict[str, Any] = {
        **row.public_jwk,
        "kid": row.keyid,
        "use": "sig",
        "alg": "Ed25519",
        "hutong:state": row.state,
    }
    for name, moment in (("hutong:not_before", row.not_before), ("hutong:not_after", row.not_after)):
        if moment is not None:
            published[name] = int(moment.timestamp())
    return published
