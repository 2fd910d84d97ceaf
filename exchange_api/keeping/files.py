"""Why: every secret of the keys folder is read and written in one place: sealed when the installation has a key-encryption key, plain (0600) when it has
none, whole or not at all. Called by keys, evidence.ledger, signing.sealed and `hutong keys`.
"""

import contextlib
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

from exchange_api.keeping.envelope import Label, is_sealed, kek_of, seal, unseal
from exchange_api.keeping.kek import KeyEncryptionKey, current_kek
from schemas.errors import Transient

_PRIVATE = b"PRIVATE KEY-----"
_AGE_OF_A_CRASH_S = 60


def make(path: Path, secret: bytes) -> bool:
    """Write a new secret whole or not at all; of two who write at once the first wins (False for the other). Raises Transient key.kek_…."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    kek = current_kek()
    draft = _draft(path, seal(secret, label_of(path), kek) if kek else secret)
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        return False
    finally:
        draft.unlink()
    _sync(path.parent)
    return True


def read(path: Path) -> bytes:
    """Return a secret. OSError when there is no such file; Transient key.kek_missing, key.kek_wrong, key.kek_malformed, key.kek_unreachable."""
    data = path.read_bytes()
    return _open(path, data, current_kek()) if is_sealed(data) else data


def note(path: Path, data: bytes) -> None:
    """Write what is no secret beside the secrets, whole or not at all, over what stood there."""
    _replace(path, data)


def encrypt(folder: Path, kek: KeyEncryptionKey) -> list[Path]:
    """Seal every secret of the folder that lies plain, each by one rename; run again after a crash. Returns what was sealed now."""
    _sweep(folder)
    found = [path for path in secrets_in(folder) if not is_sealed(path.read_bytes())]
    for path in found:
        _replace(path, seal(path.read_bytes(), label_of(path), kek))
    return found


def rewrap(folder: Path, old: KeyEncryptionKey, new: KeyEncryptionKey) -> list[Path]:
    """Seal every sealed secret anew: what `old` opens goes under `new`. Files that lie under `new` by another name stay, so it can be run again.

    All is opened before anything is written. Raises Transient key.kek_wrong.
    """
    _sweep(folder)
    opened = [(path, _open(path, data, old)) for path, data in _sealed(folder) if not _is_done(data, old, new)]
    for path, secret in opened:
        _replace(path, seal(secret, label_of(path), new))
    return [path for path, _ in opened]


def secrets_in(folder: Path) -> list[Path]:
    """Return the files of the keys folder that hold secrets, sealed or not: private PEMs and `*.key`."""
    found = sorted([*folder.glob("*.pem"), *folder.glob("*.key")])
    return [path for path in found if path.suffix == ".key" or _is_private(path.read_bytes())]


def label_of(path: Path) -> Label:
    """Return what a file's secret is for: `<key id>.pem` signs, `subject.key` and `sealing.key` name their purpose."""
    return Label("signing", path.stem) if path.suffix == ".pem" else Label(path.stem, path.name)


def _is_private(data: bytes) -> bool:
    return is_sealed(data) or _PRIVATE in data


def _sealed(folder: Path) -> Iterator[tuple[Path, bytes]]:
    for path in secrets_in(folder):
        data = path.read_bytes()
        if is_sealed(data):
            yield path, data


def _is_done(data: bytes, old: KeyEncryptionKey, new: KeyEncryptionKey) -> bool:
    return old.name != new.name and kek_of(data) == new.name


def _open(path: Path, data: bytes, kek: KeyEncryptionKey | None) -> bytes:
    wanted = kek_of(data)
    if kek is None:
        raise Transient("key.kek_missing", file=path.name, kek=wanted)
    if kek.name != wanted:
        raise Transient("key.kek_wrong", file=path.name, reason=f"sealed under {wanted}, not under {kek.name}")
    try:
        return unseal(data, label_of(path), kek)
    except ValueError as wrong:
        raise Transient("key.kek_wrong", file=path.name, reason=str(wrong)) from wrong


def _replace(path: Path, data: bytes) -> None:
    """Put other bytes in a file's place: at every moment the old or the new stand there whole."""
    _draft(path, data).replace(path)
    _sync(path.parent)


def _draft(path: Path, data: bytes) -> Path:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.draft")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return draft


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sweep(folder: Path) -> None:
    """Drop what a process that was killed had half written."""
    for draft in folder.glob(".*.draft"):
        with contextlib.suppress(FileNotFoundError):
            if (
                time.time() - draft.stat().st_mtime > _AGE_OF_A_CRASH_S
            ):  # a younger one may be another process's, at work
                draft.unlink()
