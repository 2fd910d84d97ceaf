"""Why: a copied disk or backup must not hold usable private keys, so they are sealed under a key-encryption key (KEK) that lies elsewhere: in a file on
another volume, or in Vault/OpenBao. `files` asks here for the KEK of this installation; `hutong keys kek` makes the file.
"""

import os
import secrets
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import Field

from schemas.errors import Invalid, Transient
from schemas.settings import HutongSettings

SIZE, NONCE = 32, 12


class KekSettings(HutongSettings):
    """Where the key-encryption key comes from; none of these: secrets lie plain (mode 0600)."""

    kek_file: Path | None = Field(
        default=None, description="File of 32 bytes that seals the keys folder; not below it, mode 0600."
    )
    vault_addr: str = Field(default="", description="Address of Vault or OpenBao, e.g. https://vault.city:8200.")
    vault_token_file: Path | None = Field(default=None, description="File with the token for Vault, read at each use.")
    vault_key: str = Field(default="hutong", description="Name of the transit key that seals the keys folder.")
    vault_mount: str = Field(default="transit", description="Where the transit engine is mounted.")
    vault_namespace: str = Field(default="", description="Vault namespace, when there is one.")
    vault_ca_file: Path | None = Field(default=None, description="Certificates that Vault's is checked against.")
    vault_seconds: float = Field(default=5.0, gt=0, le=60, description="Longest wait for Vault, in seconds.")


class KeyEncryptionKey(Protocol):
    """Wraps the data key of one sealed secret."""

    @property
    def name(self) -> str:
        """Return the name that sealed files carry, so that a wrong KEK is told from a damaged file."""
        ...

    def wrap(self, key: bytes) -> str:
        """Return the data key wrapped; what it is for is bound by the secret's own seal. Raises Transient key.kek_unreachable."""
        ...

    def unwrap(self, wrapped: str) -> bytes:
        """Return the data key. Raises ValueError when it was not wrapped so, Transient key.kek_unreachable."""
        ...


class FileKek:
    """A key-encryption key read from a file."""

    def __init__(self, key: bytes) -> None:
        self._aead = AESGCM(key)
        self.name = f"file:{sha256(b'hutong-kek/1' + key).hexdigest()[:16]}"

    @classmethod
    def read(cls, path: Path) -> "FileKek":
        """Read the file; raises Transient key.kek_malformed when it is not there, not 32 bytes, or open to others."""
        try:
            key, mode = path.read_bytes(), path.stat().st_mode
        except OSError as missing:
            raise Transient("key.kek_malformed", path=path, reason=missing.strerror or "unreadable") from missing
        if len(key) != SIZE:
            raise Transient("key.kek_malformed", path=path, reason=f"{len(key)} bytes, not {SIZE}")
        if mode & 0o077:
            raise Transient("key.kek_malformed", path=path, reason=f"mode {mode & 0o777:04o}, not 0600")
        return cls(key)

    def wrap(self, key: bytes) -> str:
        """Return nonce and AES-256-GCM ciphertext in hex."""
        nonce = secrets.token_bytes(NONCE)
        return (nonce + self._aead.encrypt(nonce, key, None)).hex()

    def unwrap(self, wrapped: str) -> bytes:
        """Return the data key; ValueError when it does not open."""
        raw = bytes.fromhex(wrapped)
        try:
            return self._aead.decrypt(raw[:NONCE], raw[NONCE:], None)
        except InvalidTag as wrong:
            raise ValueError("the wrapped key does not open") from wrong


def current_kek(settings: KekSettings | None = None) -> KeyEncryptionKey | None:
    """Return this installation's key-encryption key, or None when secrets lie plain. Raises Transient key.kek_malformed."""
    found = settings or KekSettings()
    if found.kek_file is not None:
        return FileKek.read(found.kek_file)
    if found.vault_addr:
        from exchange_api.keeping.vault import VaultKek  # costs an HTTP client: only who has a Vault pays

        return VaultKek(found)
    return None


def make_kek_file(path: Path, keys_folder: Path, *, is_beside: bool = False) -> FileKek:
    """Make a KEK file of 32 random bytes, mode 0600. Raises Invalid key.kek_exists, and key.kek_beside when it would lie with the keys it seals."""
    if not is_beside and lies_beside(path, keys_folder):
        raise Invalid("key.kek_beside", path=path, folder=keys_folder)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as there:
        raise Invalid("key.kek_exists", path=path) from there
    with os.fdopen(handle, "wb") as file:
        file.write(secrets.token_bytes(SIZE))
        file.flush()
        os.fsync(file.fileno())
    return FileKek.read(path)


def lies_beside(path: Path, keys_folder: Path) -> bool:
    """Say whether a KEK file lies where one copy of a folder takes both it and the keys: below the keys folder, or in the folder above."""
    parent = path.resolve().parent
    return parent == keys_folder.resolve().parent or parent.is_relative_to(keys_folder.resolve())
