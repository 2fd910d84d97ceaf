"""Why: what lies in a department's folder must be found, unpacked and recognised by content before anyone reads it: one drop is one file, or one
member of a ZIP archive. Only `connectors.files` comes here.
"""

import hashlib
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import IO, Any
from zipfile import BadZipFile, ZipFile, ZipInfo

from schemas.errors import Terminal, Transient

CHUNK = 1 << 20
ARCHIVE_BYTES = 4 << 30
SIDE_FILES = (".ok", ".manifest.json")


@dataclass(frozen=True)
class Drop:
    """A delivered file: `name` relative to the folder (`archive.zip!member.csv` inside an archive), `path` of the file on disk."""

    name: str
    path: Path
    member: str | None = None

    @property
    def suffix(self) -> str:
        """Return the ending that tells the format, in lower case."""
        return PurePosixPath(self.name.replace("\\", "/")).suffix.lower()


def find_drops(folder: Path, options: Mapping[str, Any]) -> Iterator[Drop]:
    """Find the files of the binding's `pattern` (one or several globs below the folder), archives opened; ordered by name.

    Raises Transient files.missing when the folder is not there, Terminal connector.bad_binding, files.too_large, Transient files.incomplete.
    """
    if not folder.is_dir():
        raise Transient("files.missing", folder=folder.name, pattern="")
    given = options.get("pattern") or "*"
    patterns = [given] if isinstance(given, str) else list(given)
    if any(pattern.startswith(("/", "~")) or ".." in pattern for pattern in patterns):
        raise Terminal("connector.bad_binding", connection=folder.name, option="pattern", reason="it leaves the folder")
    paths = {path for pattern in patterns for path in folder.glob(pattern) if path.is_file()}
    for path in sorted(paths):
        name = path.relative_to(folder).as_posix()
        if path.name.endswith(_side_files(options)) or path.name.startswith((".", "~$")):
            continue
        if path.suffix.lower() == ".zip":
            yield from _members(name, path, options)
        else:
            yield Drop(name, path)


@contextmanager
def local_copy(drop: Drop) -> Iterator[Path]:
    """Give the drop's content as a file on disk: itself, or a member unpacked into a temporary folder for as long as it is read."""
    if drop.member is None:
        yield drop.path
        return
    with tempfile.TemporaryDirectory(prefix="hutong-drop-") as folder:
        path = Path(folder) / f"member{drop.suffix}"
        with path.open("wb") as file:
            for chunk in _chunks(drop):
                file.write(chunk)
        yield path


def digest_of(drop: Drop) -> str:
    """Return the SHA-256 of the drop's content in hex: its identity, whatever its name. Raises Transient files.incomplete."""
    digest = hashlib.sha256()
    for chunk in _chunks(drop):
        digest.update(chunk)
    return digest.hexdigest()


def _chunks(drop: Drop) -> Iterator[bytes]:
    try:
        with _opened(drop) as file:
            while chunk := file.read(CHUNK):
                yield chunk
    except (BadZipFile, zlib.error, EOFError):
        raise Transient("files.incomplete", file=drop.name, reason="its archive is cut off") from None
    except (RuntimeError, NotImplementedError):
        raise Terminal("files.unreadable", file=drop.name, reason="encrypted or packed in an unknown way") from None
    except OSError as error:
        raise Transient("files.unreadable", file=drop.name, reason=type(error).__name__) from error


@contextmanager
def _opened(drop: Drop) -> Iterator[IO[bytes]]:
    if drop.member is None:
        with drop.path.open("rb") as file:
            yield file
    else:
        with ZipFile(drop.path) as archive, archive.open(drop.member) as file:
            yield file


def _members(name: str, path: Path, options: Mapping[str, Any]) -> Iterator[Drop]:
    try:
        with ZipFile(path) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    except (BadZipFile, EOFError):
        raise Transient("files.incomplete", file=name, reason="its archive is cut off") from None
    limit = int(options.get("archive_bytes") or ARCHIVE_BYTES)
    if sum(entry.file_size for entry in entries) > limit:
        raise Terminal("files.too_large", file=name, limit=limit)
    for entry in sorted(entries, key=_member_name):
        member = _member_name(entry)
        if fnmatch(member, options.get("members") or "*") and not member.startswith("__MACOSX/"):
            yield Drop(f"{name}!{member}", path, entry.filename)


def _member_name(entry: ZipInfo) -> str:
    """Return a member's name; archives made on Chinese Windows name members in GBK without saying so."""
    if entry.flag_bits & 0x800:
        return entry.filename
    try:
        return entry.filename.encode("cp437").decode("gb18030")
    except UnicodeError:
        return entry.filename


def _side_files(options: Mapping[str, Any]) -> tuple[str, ...]:
    marker = options.get("marker")
    return (*SIDE_FILES, marker) if isinstance(marker, str) else SIDE_FILES
