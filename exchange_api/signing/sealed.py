"""Why: a shared secret must be known again to check what was made with it, so it cannot be kept as a digest: it is sealed (AES-256-GCM) under a key in the
hub's keys folder, which never enters the database. A stolen database holds no usable secret. Called by the room `legacy`.
"""

import secrets
from functools import cache
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from exchange_api.keeping import files
from schemas.errors import Transient

_NAME, _NONCE = "sealing.key", 12


def seal(secret: str, owner: str, folder: Path) -> bytes:
    """Return the secret sealed for its owner; the key is made on first use, mode 0600."""
    nonce = secrets.token_bytes(_NONCE)
    return nonce + AESGCM(_key(folder, is_made=True)).encrypt(nonce, secret.encode(), owner.encode())


def unseal(sealed: bytes, owner: str, folder: Path) -> str:
    """Return a sealed secret. Raises Transient `key.none_active` when the key is gone, or another than it was sealed under for this owner."""
    try:
        return AESGCM(_key(folder, is_made=False)).decrypt(sealed[:_NONCE], sealed[_NONCE:], owner.encode()).decode()
    except InvalidTag as wrong:
        raise Transient("key.none_active", folder=str(folder)) from wrong


def _key(folder: Path, *, is_made: bool) -> bytes:
    path = folder / _NAME
    if is_made and not path.exists():
        files.make(path, secrets.token_bytes(32))
    try:
        return _read(path)
    except OSError as missing:
        raise Transient("key.none_active", folder=str(folder)) from missing


@cache
def _read(path: Path) -> bytes:
    return files.read(path)
