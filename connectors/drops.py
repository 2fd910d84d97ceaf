"""Why: what a department delivered must lie on this machine's disk, unpacked and recognised by content, before anyone reads it: one drop is one file,
or one member of an archive. Whatever comes from elsewhere is fetched once, as a stream, and goes when it was read. Only `connectors.files` comes here.
"""

import hashlib
import json
import os
import shutil
import tempfile
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pydantic import Field

from connectors.archives import copy, is_archive, unpack
from connectors.transport import CHUNK, Entry, Transport, patterns_of
from schemas.errors import Transient
from schemas.settings import HomeSettings, HutongSettings

SPOOL_BYTES = 8 << 30
TRUST_SECONDS = 60  # a file changed this recently may change again within the same second and keep its size
LEFTOVER_SECONDS = 86_400
SIDE_FILES = (".ok", ".manifest.json")
UNFINISHED = (".part", ".filepart", ".tmp", ".uploading", ".crdownload")


class SpoolSettings(HutongSettings):
    """Where fetched and unpacked files lie while they are read."""

    spool: Path | None = Field(
        default=None,
        description="Folder for files fetched from SFTP or object storage, or unpacked, while they are read; default <var>/spool.",
    )


@dataclass(frozen=True)
class Drop:
    """A delivered file: `name` as delivered (`archive.zip!member.csv` inside an archive), `path` on this machine's disk, `entry` it came as."""

    name: str
    path: Path
    entry: Entry

    @property
    def suffix(self) -> str:
        """Return the ending that tells the format, in lower case."""
        return PurePosixPath(self.name.replace("\\", "/")).suffix.lower()

    @property
    def is_member(self) -> bool:
        """Say whether it lies inside an archive."""
        return self.name != self.entry.name


class Drops:
    """The deliveries of one binding. Keeps about `spool_bytes` fetched or unpacked bytes, and forgets what was read or does not fit.

    accept: told every delivery and where it lies before it is unpacked; it may refuse by raising.
    """

    def __init__(self, transport: Transport, accept: Callable[[Entry, Path], None]) -> None:
        self.transport, self._accept = transport, accept
        self._options = transport.options
        self._limit = int(self._options.get("spool_bytes") or SPOOL_BYTES)
        self._kept: dict[Entry, list[Drop]] = {}
        self._folder: Path | None = None

    def find(self) -> list[Entry]:
        """Return the files of the binding's `pattern`, ordered by name, without markers, side files and those still being written.

        Raises Transient files.missing when the folder is not there, Terminal connector.bad_binding, and what the transport raises.
        """
        found = self.transport.find(patterns_of(self._options, self.transport.connection.id))
        return sorted((entry for entry in found if self._is_delivery(entry.name)), key=lambda entry: entry.name)

    def open(self, entry: Entry) -> list[Drop]:
        """Fetch and unpack a delivery unless it lies here already; return what is in it, ordered by name.

        Raises Transient files.incomplete (cut off, or still growing), files.no_space, what `accept` raises; Terminal files.too_large, files.unreadable.
        """
        if entry not in self._kept:
            path = self.transport.path_of(entry.name) or self._fetched(entry)
            self._accept(entry, path)
            self._kept[entry] = (
                self._unpacked(entry, path) if is_archive(entry.name) else [Drop(entry.name, path, entry)]
            )
            self._make_room(entry)
        return self._kept[entry]

    def close(self, entry: Entry) -> None:
        """Forget a delivery that was read."""
        self._kept.pop(entry, None)
        if self._folder is not None:
            shutil.rmtree(self._folder_of(entry), ignore_errors=True)

    def known(self, entry: Entry) -> dict[str, str]:
        """Return drop name → digest of a delivery that was looked at before and has not changed since; empty when it must be fetched to know."""
        note = self._note(entry)
        if note is None or not note.is_file():
            return {}
        with suppress(ValueError):
            found: dict[str, str] = json.loads(note.read_text("utf-8"))
            return found
        return {}

    def remember(self, entry: Entry, digests: dict[str, str]) -> None:
        """Keep the digests of a delivery, so that the next run need not fetch it again to see that it is known."""
        note = self._note(entry)
        if note is not None and digests and time.time() - entry.modified > TRUST_SECONDS:
            note.parent.mkdir(parents=True, exist_ok=True)
            temporary = note.with_suffix(f".{os.getpid()}")
            temporary.write_text(json.dumps(digests, ensure_ascii=False), "utf-8")
            temporary.replace(note)

    def _note(self, entry: Entry) -> Path | None:
        """Return where the digests of a delivery are noted; a file on local disk is simply read again."""
        if self.transport.path_of(entry.name) is not None:
            return None
        given = self.transport.connection
        identity = (given.kind, given.address, self.transport.folder, entry.name, entry.size, entry.modified)
        return _spool() / "known" / f"{hashlib.sha256(repr(identity).encode()).hexdigest()}.json"

    def _fetched(self, entry: Entry) -> Path:
        path = self._folder_of(entry) / f"file{PurePosixPath(entry.name).suffix.lower()}"
        path.parent.mkdir(parents=True, exist_ok=True)
        with self.transport.open(entry.name) as file:
            size = copy(file, path)
        if size != entry.size or self.transport.look(entry.name) != entry:
            raise Transient("files.incomplete", file=entry.name, reason="it changed while it was fetched")
        return path

    def _unpacked(self, entry: Entry, path: Path) -> list[Drop]:
        folder = self._folder_of(entry) / "members"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        found = unpack(path, entry.name, folder, self._options)
        if path.is_relative_to(self._folder_of(entry)):
            path.unlink()  # the fetched archive itself is no longer needed
        return [Drop(f"{entry.name}!{member}", file, entry) for member, file in found]

    def _make_room(self, newest: Entry) -> None:
        for entry in list(self._kept):
            if entry is newest or sum(self._size(one) for one in self._kept) <= self._limit:
                return
            self.close(entry)

    def _size(self, entry: Entry) -> int:
        paths = [drop.path for drop in self._kept[entry]]
        return sum(path.stat().st_size for path in paths if self._folder and path.is_relative_to(self._folder))

    def _folder_of(self, entry: Entry) -> Path:
        if self._folder is None:
            _sweep()
            self._folder = Path(tempfile.mkdtemp(prefix=f"drops-{os.getpid()}-", dir=_spool()))
            weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        return self._folder / hashlib.sha256(entry.name.encode()).hexdigest()

    def _is_delivery(self, name: str) -> bool:
        marker = self._options.get("marker")
        aside = (*SIDE_FILES, *UNFINISHED, *([marker] if isinstance(marker, str) else []))
        return not name.endswith(aside) and not PurePosixPath(name).name.startswith((".", "~$"))


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file in hex: its identity, whatever its name. Raises Transient files.unreadable."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
    except OSError as error:
        raise Transient("files.unreadable", file=path.name, reason=type(error).__name__) from error
    return digest.hexdigest()


def _spool() -> Path:
    folder = SpoolSettings().spool or HomeSettings().var / "spool"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def _sweep() -> None:
    """Remove what processes that were killed left behind a day ago or earlier."""
    for folder in _leftovers():
        shutil.rmtree(folder, ignore_errors=True)


def _leftovers() -> Iterator[Path]:
    for folder in _spool().glob("drops-*"):
        with suppress(OSError):
            if time.time() - folder.stat().st_mtime > LEFTOVER_SECONDS:
                yield folder
