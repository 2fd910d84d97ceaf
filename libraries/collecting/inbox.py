"""Why: a department without a server of its own brings its file to the hub. What it brought lies in a folder per resource, whole and once, until a batch
takes it over. `exchange_api.inbox` and `hutong inbox` put files here; `libraries.collecting.collection` reads them through the connection `inbox`.

    <inbox>/<resource>/<stem>.<first 12 of SHA-256><suffix>
"""

import hashlib
import os
import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from tempfile import NamedTemporaryFile

from pydantic import Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog import directory
from connectors.base import Connection
from schemas.errors import Invalid
from schemas.resource import ResourceDocument
from schemas.settings import HomeSettings, HutongSettings
from schemas.tables.landing import Batch

CONNECTION = "inbox"
TAKEN = ("csv", "tsv", "txt", "xlsx", "xlsm", "parquet", "ndjson", "jsonl", "zip", "gz", "tar", "tgz")
NAME_LENGTH = 80
_UNFIT = re.compile(r"[^\w.()（）-]+")
_MARK = re.compile(r"^(?P<stem>.+)\.(?P<mark>[0-9a-f]{12})(?P<suffix>(\.tar)?\.[a-z0-9]+)$")


class InboxSettings(HutongSettings):
    """Where delivered files lie, and how large one may be."""

    inbox: Path | None = Field(
        default=None,
        description="Folder of files that departments uploaded; default <var>/inbox; shared by all machines.",
    )
    inbox_file_mb: int = Field(default=64, ge=1, le=2048, description="Largest uploaded file, MiB.")


@dataclass(frozen=True)
class Received:
    """A file in the inbox: the name it lies under, size in bytes, SHA-256, when it came first."""

    resource: str
    file: str
    size: int
    sha256: str
    received_at: datetime


def connection_of(resource_id: str) -> Connection:
    """Return the connection that reads a resource's inbox; an inbox nothing came to yet is an empty one."""
    folder = _folder(resource_id)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return Connection(CONNECTION, "fs", extra={"path": str(folder)})


def require_inbox(session: Session, resource_id: str) -> ResourceDocument:
    """Return the published resource that takes uploaded files. Raises Invalid `directory.…`, `inbox.not_taken`."""
    document = directory.document_of(directory.get(session, resource_id))
    if document.source is None or (document.source.connector, document.source.connection) != ("files", CONNECTION):
        raise Invalid("inbox.not_taken", resource=resource_id)
    return document


def put(resource_id: str, name: str, content: bytes) -> Received:
    """Keep a file whole or not at all; the same file again is the same answer. Raises Invalid `inbox.bad_name`, `.empty`, `.too_large`."""
    limit = InboxSettings().inbox_file_mb
    if not content:
        raise Invalid("inbox.empty")
    if len(content) > limit << 20:
        raise Invalid("inbox.too_large", limit=limit)
    stem, suffix = clean_name(name)
    digest = hashlib.sha256(content).hexdigest()
    folder = Path(str(connection_of(resource_id).extra["path"]))
    path = folder / f"{stem}.{digest[:12]}{suffix}"
    if not path.exists():
        _write(path, content)
    found = path.stat()
    return Received(resource_id, path.name, found.st_size, digest, datetime.fromtimestamp(found.st_mtime, UTC))


def clean_name(name: str) -> tuple[str, str]:
    """Return (stem, suffix) that are safe as a file's name: no folders, no control characters, no hidden file. Raises Invalid `inbox.bad_name`."""
    plain = unicodedata.normalize("NFC", name).replace("\\", "/").rpartition("/")[2]
    path = PurePosixPath(plain)
    suffix = path.suffix.lower()
    if suffix.removeprefix(".") not in TAKEN:
        raise Invalid("inbox.bad_name", known=", ".join(TAKEN))
    stem = plain[: -len(suffix)]
    if suffix == ".gz" and stem.lower().endswith(".tar"):
        stem, suffix = stem[:-4], ".tar.gz"
    stem = _UNFIT.sub("_", stem).strip("._-")[:NAME_LENGTH]
    if not stem:
        raise Invalid("inbox.bad_name", known=", ".join(TAKEN))
    return stem, suffix


def listed(session: Session, resource_id: str) -> list[tuple[Received, str | None]]:
    """Return the resource's files, oldest first, each with the batch that took it over (None: not yet)."""
    manifests = session.execute(
        select(Batch.id, Batch.manifest)
        .where(Batch.resource_id == resource_id, Batch.manifest.is_not(None))
        .where(Batch.state != "retracted")  # what was taken back is taken again
    )
    taken = {
        str(file["source"]).partition("!")[0]: batch
        for batch, manifest in manifests
        for file in (manifest or {}).get("files", ())
        if file["source"]
    }
    paths = sorted((p for p in _folder(resource_id).glob("*") if _MARK.match(p.name)), key=lambda p: p.stat().st_mtime)
    return [(_received(resource_id, path), taken.get(path.name)) for path in paths]


def _received(resource_id: str, path: Path) -> Received:
    found = path.stat()
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Received(resource_id, path.name, found.st_size, digest, datetime.fromtimestamp(found.st_mtime, UTC))


def _write(path: Path, content: bytes) -> None:
    """Write under a name the connector passes over, force it to the disk, then give it its own; of two at once the first stays."""
    with NamedTemporaryFile(dir=path.parent, prefix=".", suffix=".part") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
        try:
            os.link(file.name, path)
        except FileExistsError:
            return
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _folder(resource_id: str) -> Path:
    root = InboxSettings().inbox or HomeSettings().var / "inbox"
    return root / resource_id
