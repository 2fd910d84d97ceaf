"""Why: deliveries come packed (ZIP, TAR, gzip), named in GBK without saying so, cut off in mid-copy, and sometimes made to burst whoever unpacks them.
An archive is unpacked once, in one pass, into files on disk that nothing in it can name. Only `connectors.drops` comes here.
"""

import gzip
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import Any
from zipfile import BadZipFile, ZipFile, ZipInfo

from connectors.transport import CHUNK, Readable
from schemas.errors import Terminal, Transient

ARCHIVE_BYTES = 4 << 30
MEMBERS = 100_000
TARS = (".tar", ".tar.gz", ".tgz")
Members = Iterator[tuple[str, Readable]]


def is_archive(name: str) -> bool:
    """Say whether a file is packed, by its ending."""
    return name.lower().endswith((".zip", ".gz", *TARS))


def unpack(path: Path, name: str, folder: Path, options: Mapping[str, Any]) -> list[tuple[str, Path]]:
    """Unpack the members that the binding's glob `members` means into `folder`; return (name in the archive, file), ordered by name.

    Raises Transient files.incomplete for an archive that is cut off or damaged, files.no_space;
    Terminal files.too_large beyond `archive_bytes`, files.unreadable for an encrypted one.
    """
    left = int(options.get("archive_bytes") or ARCHIVE_BYTES)
    found: list[tuple[str, Path]] = []
    with _named_errors(name):
        if not path.stat().st_size:
            raise Transient("files.incomplete", file=name, reason="it is empty")
        for member, file in _members(path, name):
            if _is_wanted(member, options):
                target = folder / f"{len(found):06d}{PurePosixPath(member).suffix.lower()}"
                left -= copy(file, target, left + 1)
                found.append((member, target))
            if left < 0 or len(found) > MEMBERS:
                raise Terminal("files.too_large", file=name, limit=options.get("archive_bytes") or ARCHIVE_BYTES)
    return sorted(found)


def copy(source: Readable, target: Path, limit: int | None = None) -> int:
    """Copy a stream to a new file, `limit` bytes at most, and return how many. Raises Transient files.no_space."""
    count = 0
    with target.open("wb") as out:
        while data := source.read(CHUNK if limit is None else min(CHUNK, limit - count)):
            try:
                out.write(data)
            except OSError as error:
                raise Transient("files.no_space", folder=target.parent.name, reason=type(error).__name__) from error
            count += len(data)
    return count


def _is_wanted(member: str, options: Mapping[str, Any]) -> bool:
    hidden = member.startswith("__MACOSX/") or PurePosixPath(member).name.startswith("._")
    return not hidden and fnmatch(member, options.get("members") or "*")


def _members(path: Path, name: str) -> Members:
    if name.lower().endswith(".zip"):
        return _of_zip(path)
    if name.lower().endswith(TARS):
        return _of_tar(path, name)
    return _of_gzip(path, name)


def _of_zip(path: Path) -> Members:
    with ZipFile(path) as archive:
        for entry in archive.infolist():
            if not entry.is_dir():
                with archive.open(entry) as file:
                    yield _zip_name(entry), file


def _of_tar(path: Path, name: str) -> Members:
    if name.lower().endswith(".tar"):
        _require_end(path, name)
    with tarfile.open(path, "r|*", bufsize=CHUNK) as archive:
        for entry in archive:
            file = archive.extractfile(entry) if entry.isfile() else None
            if file is not None:
                yield _tar_name(entry.name), file


def _of_gzip(path: Path, name: str) -> Members:
    with gzip.open(path) as file:
        yield PurePosixPath(name).name[: -len(".gz")], file


def _require_end(path: Path, name: str) -> None:
    """Refuse a TAR without its closing empty block: cut off between two members, it would look whole."""
    with path.open("rb") as file:
        file.seek(max(0, file.seek(0, 2) - tarfile.BLOCKSIZE))
        if file.read() != bytes(tarfile.BLOCKSIZE):
            raise Transient("files.incomplete", file=name, reason="its archive is cut off")


def _zip_name(entry: ZipInfo) -> str:
    """Return a member's name; archives made on Chinese Windows name members in GBK without saying so."""
    if entry.flag_bits & 0x800:
        return entry.filename
    try:
        return entry.filename.encode("cp437").decode("gb18030")
    except UnicodeError:
        return entry.filename


def _tar_name(name: str) -> str:
    """Return a member's name; bytes that are no UTF-8, which tarfile keeps as lone surrogates, are GBK."""
    raw = name.encode("utf-8", "surrogateescape")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("gb18030", "replace")


@contextmanager
def _named_errors(name: str) -> Iterator[None]:
    try:
        yield
    except (BadZipFile, tarfile.ReadError, gzip.BadGzipFile, zlib.error, EOFError):
        raise Transient("files.incomplete", file=name, reason="its archive is cut off") from None
    except (RuntimeError, NotImplementedError):
        raise Terminal("files.unreadable", file=name, reason="encrypted or packed in an unknown way") from None
    except OSError as error:
        raise Transient("files.unreadable", file=name, reason=type(error).__name__) from error
