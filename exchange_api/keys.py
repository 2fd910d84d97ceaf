"""Why: the hub's own signing keys and their life: next → active → retired → revoked. Private parts lie where `keeping` put them, public parts with their
period are rows that stay for ever, because signatures outlive keys. `evidence.keyring` takes each step and records it as an entry; delivery asks for
`active_signer`, the sequencer for `log_signer`, the router for `jwks`. Parsing of anybody's public keys is re-exported from `signing` for `auth`.

Keys of one kind follow each other. Ed25519 always has one: the log's checkpoints are signed with it. Answers are signed with P-256 while such a key is
active (a token that knows no Ed25519), else with Ed25519; SM2 only ever signs beside them.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from exchange_api.keeping import privates
from exchange_api.keeping.privates import KeyOrder
from exchange_api.signing import (
    HubSigner,
    Jwk,
    PublicKey,
    SoftwareSigner,
    public_key_from_jwk,
    public_key_from_pem,
    thumbprint,
)
from exchange_api.signing.folder import KeySettings, keys_folder
from exchange_api.signing.second import PairedSigner
from schemas.errors import Denied, Transient
from schemas.tables.evidence import SigningKey

__all__ = [
    "HubSigner",
    "KeyOrder",
    "KeySettings",
    "PublicKey",
    "SoftwareSigner",
    "active_signer",
    "create_key",
    "jwks",
    "keys_folder",
    "log_signer",
    "move_key",
    "newest_active",
    "public_key_from_jwk",
    "public_key_from_pem",
    "thumbprint",
]

ED25519, P256, SM2 = "ed25519", "ecdsa-p256-sha256", "sm2-sm3"
_STEPS = {"next": ("active", "revoked"), "active": ("retired", "revoked"), "retired": ("revoked",), "revoked": ()}
_JOSE = {ED25519: "Ed25519", P256: "ES256", SM2: SM2}
"""`alg` of a published key (RFC 9864, RFC 7518); that of SM2 is a private name, for JOSE has none."""


def create_key(session: Session, folder: Path | None = None, order: KeyOrder | None = None) -> SigningKey:
    """Make a key in state `next`, Ed25519 in a file unless ordered otherwise: the private part first, then the public row. Returns the row.

    A key that a token has already is published as it is, once. Raises Transient key.token_unavailable, key.second_unavailable, key.kek_….
    """
    made = privates.make(folder or keys_folder(), order or KeyOrder())
    row = session.get(SigningKey, made.keyid)
    if row is None:
        row = SigningKey(
            keyid=made.keyid, algorithm=made.kind, public_jwk=made.jwk, state="next", created_at=datetime.now(UTC)
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


def active_signer(session: Session, folder: Path | None = None) -> HubSigner:
    """Return who signs answers: the newest active key, with an SM2 key beside it while HUTONG_SM2 is on.

    Raises Transient key.none_active when there is none or its private part is not here, key.kek_…, key.token_unavailable, key.second_unavailable.
    Cheap enough for start-up and each roll, not for each answer: keep the result.
    """
    place = folder or keys_folder()
    first = _load(newest_active(session, P256) or newest_active(session, ED25519), place)
    if not KeySettings().sm2:
        return first
    row = newest_active(session, SM2)
    if row is None:
        raise Transient("key.second_unavailable", reason="no SM2 key is active, see `hutong keys roll --sm2`")
    return PairedSigner(first, privates.load_sm2(place, row.keyid))


def log_signer(session: Session, folder: Path | None = None) -> HubSigner:
    """Return who signs the log's checkpoints: always Ed25519, which witnesses and other log tools know. Raises as `active_signer`."""
    return _load(newest_active(session, ED25519), folder or keys_folder())


def newest_active(session: Session, kind: str) -> SigningKey | None:
    """Return the newest active key of a kind."""
    wanted = select(SigningKey).where(SigningKey.state == "active", SigningKey.algorithm == kind)
    return session.scalars(wanted.order_by(SigningKey.not_before.desc()).limit(1)).first()


def jwks(session: Session) -> dict[str, list[Jwk]]:
    """Return the RFC 7517 key set of every key the hub ever had, with state and period (Unix seconds) under `hutong:` names."""
    rows = session.scalars(select(SigningKey).order_by(SigningKey.created_at, SigningKey.keyid))
    return {"keys": [_published(row) for row in rows]}


def _load(row: SigningKey | None, folder: Path) -> HubSigner:
    if row is None:
        raise Transient("key.none_active", folder=str(folder))
    return privates.load(folder, row.keyid)


def _published(row: SigningKey) -> Jwk:
    published: dict[str, Any] = {
        **row.public_jwk,
        "kid": row.keyid,
        "use": "sig",
        "alg": _JOSE[row.algorithm],
        "hutong:state": row.state,
    }
    if row.algorithm == SM2:
        published["hutong:private_alg"] = True
    for name, moment in (("hutong:not_before", row.not_before), ("hutong:not_after", row.not_after)):
        if moment is not None:
            published[name] = int(moment.timestamp())
    return published
