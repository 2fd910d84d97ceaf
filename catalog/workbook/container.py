"""Why: a file that says it is a workbook may be anything: an older format, encrypted, cut off, or a few kilobytes that unpack to terabytes. Nothing
parses it before its container is known to be sound and small. Called by reading and the report; everything here streams, nothing is held.
"""

import mmap
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from pydantic import Field

from schemas.errors import Invalid
from schemas.settings import HutongSettings

MEBIBYTE = 1024 * 1024
CHUNK = 256 * 1024
OLE = bytes.fromhex("D0CF11E0A1B11AE1")  # compound file: .xls, .et, and the wrapping of a password-protected .xlsx
ENCRYPTED_FLAG = 0x1
TEXT_START = (b"<", b"\xef\xbb\xbf", b"{", b"%PDF")


class WorkbookSettings(HutongSettings):
    """How large a workbook may be."""

    workbook_file_mb: int = Field(default=100, gt=0, description="Largest workbook file taken in, in MiB.")
    workbook_inflated_mb: int = Field(
        default=768, gt=0, description="Largest sum of a workbook's unpacked parts, in MiB; guards against zip bombs."
    )


def require_sound(path: Path) -> None:
    """Refuse what is no XLSX workbook of acceptable size, by really unpacking it once without keeping anything.

    Raises Invalid `workbook.not_found`, `.too_large`, `.protected`, `.old_format`, `.not_a_workbook`, `.corrupt`, `.bomb`.
    """
    if not path.is_file():
        raise Invalid("workbook.not_found", file=str(path))
    limit = WorkbookSettings().workbook_file_mb
    if path.stat().st_size > limit * MEBIBYTE:
        size = -(-path.stat().st_size // MEBIBYTE)
        raise Invalid("workbook.too_large", file=path.name, size=size, limit=limit)
    _require_archive(path)
    try:
        _unpack_once(path)
    except (zipfile.BadZipFile, zlib.error, EOFError, struct.error, NotImplementedError, OSError) as error:
        raise Invalid("workbook.corrupt", file=path.name) from error


def parts(path: Path) -> list[str]:
    """Return the names of the parts inside a sound workbook."""
    with zipfile.ZipFile(path) as archive:
        return archive.namelist()


def part_chunks(path: Path, name: str) -> Iterator[bytes]:
    """Stream one part of a sound workbook, unpacked."""
    with zipfile.ZipFile(path) as archive, archive.open(name) as part:
        while chunk := part.read(CHUNK):
            yield chunk


def _require_archive(path: Path) -> None:
    with path.open("rb") as file:
        start = file.read(8)
    if start.startswith(OLE):
        raise Invalid("workbook.protected" if _holds_encrypted_package(path) else "workbook.old_format", file=path.name)
    if not start.startswith(b"PK"):
        is_text = any(start.startswith(mark) for mark in TEXT_START) or (start.isascii() and b"\0" not in start)
        raise Invalid("workbook.not_a_workbook" if is_text or not start else "workbook.corrupt", file=path.name)


def _holds_encrypted_package(path: Path) -> bool:
    """Tell whether a compound file wraps an encrypted workbook ([MS-OFFCRYPTO] 2.3: stream EncryptedPackage)."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find("EncryptedPackage".encode("utf-16-le")) >= 0


def _unpack_once(path: Path) -> None:
    """Count what really comes out: the sizes an archive declares may be a lie."""
    left = WorkbookSettings().workbook_inflated_mb * MEBIBYTE
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        if any(entry.flag_bits & ENCRYPTED_FLAG for entry in entries):
            raise Invalid("workbook.protected", file=path.name)
        names = [entry.filename for entry in entries]
        if "[Content_Types].xml" not in names or not any(name.startswith("xl/") for name in names):
            raise Invalid("workbook.not_a_workbook", file=path.name)
        declared = sum(entry.file_size for entry in entries)
        if declared > left or len(set(names)) != len(names):
            raise Invalid("workbook.bomb", file=path.name, limit=left // MEBIBYTE)
        for entry in entries:
            left -= _unpacked_size(archive, entry, left, path.name)


def _unpacked_size(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, limit: int, file: str) -> int:
    declared, size = entry.file_size, 0
    entry.file_size = limit + 1  # else zipfile stops at the declared size, and a parser that does not would go on
    with archive.open(entry) as part:
        while chunk := part.read(CHUNK):
            size += len(chunk)
            if size > limit or size > declared:
                raise Invalid("workbook.bomb", file=file, limit=WorkbookSettings().workbook_inflated_mb)
    return size
