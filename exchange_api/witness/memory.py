"""Why: a witness is worth what it remembers: its key, the logs it knows, and the newest checkpoint of each that it cosigned. One folder, one process at a
time. Called by `judging`, `serving` and `hutong witness`.

`witness.json` is written whole or not at all and reaches the disk before any cosignature leaves; whoever loses it retires the key.
"""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from exchange_api.evidence.cosignature import LOG, WITNESS, VerifierKey
from exchange_api.signing import SoftwareSigner
from schemas.errors import Denied, Invalid

FORMAT = "hutong-witness/1"


@dataclass(frozen=True, slots=True)
class Seen:
    """A log as the witness knows it: keys it trusts for the origin, and the newest checkpoint it cosigned (size 0: none yet)."""

    vkeys: tuple[str, ...] = ()
    size: int = 0
    note: str = ""


@dataclass
class Memory:
    """A witness's folder, open: its key and its logs by origin."""

    folder: Path
    name: str
    signer: SoftwareSigner
    logs: dict[str, Seen] = field(default_factory=dict)

    @property
    def vkey(self) -> VerifierKey:
        """Return the key others know this witness by."""
        return VerifierKey(self.name, WITNESS, self.signer.public)

    def keep(self, origin: str, seen: Seen) -> None:
        """Put down what is known of a log, on disk before this returns."""
        logs = self.logs | {origin: seen}
        _write(self.folder, self.name, logs)
        self.logs = logs

    def trust(self, log_key: VerifierKey) -> None:
        """Know a log by one more of its keys; knowing it already changes nothing. Raises Invalid witness.key_malformed for a witness's key."""
        if log_key.type != LOG:
            raise Invalid("witness.key_malformed", key=str(log_key))
        seen = self.logs.get(log_key.name, Seen())
        self.keep(log_key.name, replace(seen, vkeys=tuple(dict.fromkeys((*seen.vkeys, str(log_key))))))

    def forget_key(self, log_key: VerifierKey) -> None:
        """Trust a log's key no longer; what was cosigned stays known."""
        seen = self.logs.get(log_key.name, Seen())
        self.keep(log_key.name, replace(seen, vkeys=tuple(one for one in seen.vkeys if one != str(log_key))))


def create(folder: Path, name: str) -> None:
    """Make a witness: a key (0600) and an empty memory. Raises Denied witness.exists where one lies already: it must never start anew."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    VerifierKey.parse(str(VerifierKey(name, WITNESS, SoftwareSigner.generate().public)))  # the name must fit a note
    try:
        handle = os.open(folder / "witness.pem", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as there:
        raise Denied("witness.exists", folder=str(folder)) from there
    with os.fdopen(handle, "wb") as file:
        file.write(SoftwareSigner.generate().pem())
        file.flush()
        os.fsync(file.fileno())
    _write(folder, name, {})


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[Memory]:
    """Open a witness for this process alone. Raises Invalid witness.none, Denied witness.taken."""
    try:
        pem = (folder / "witness.pem").read_bytes()
        found: dict[str, Any] = json.loads((folder / "witness.json").read_text("utf-8"))
        logs = {origin: Seen(tuple(one["vkeys"]), one["size"], one["note"]) for origin, one in found["logs"].items()}
        name = str(found["name"])
    except (OSError, ValueError, KeyError, TypeError) as missing:
        raise Invalid("witness.none", folder=str(folder)) from missing
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as taken:
            raise Denied("witness.taken", folder=str(folder)) from taken
        yield Memory(folder, name, SoftwareSigner.from_pem(pem), logs)


def _write(folder: Path, name: str, logs: dict[str, Seen]) -> None:
    members = {
        origin: {"vkeys": list(seen.vkeys), "size": seen.size, "note": seen.note} for origin, seen in logs.items()
    }
    draft = folder / "witness.json.draft"
    with draft.open("w", encoding="utf-8") as file:
        json.dump({"format": FORMAT, "name": name, "logs": members}, file, ensure_ascii=False, indent=1)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(folder / "witness.json")
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)  # the renaming itself must outlive a power cut
    finally:
        os.close(handle)
