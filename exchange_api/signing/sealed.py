"""Why: a shared secret must be known again to check what was made with it, so it cannot be kept as a digest: it is sealed (AES-256-GCM) under a key in the
hub's keys folder, which never enters the database. A stolen database holds no usable secret. Called by the room `legacy`.
"""

import contextlib
import os
import secrets
from functools import cache
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

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
        _make(path)
    try:
        return _read(path)
    except OSError as missing:
        raise Transient("key.none_active", folder=str(folder)) from missing


@cache
def _read(path: Path) -> bytes:
    return path.read_bytes()


def _make(path: Path) -> None:
    """Write the key whole or not at all; of two who write at once the first wins."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{_NAME}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(secrets.token_bytes(32))
        file.flush()
        os.fsync(file.fileno())
    with contextlib.suppress(FileExistsError):
        path.hardlink_to(draft)
    draft.unlink()
