"""Why: what a source said must stay as it was said, so that checking, replay and audit can always go back to it: immutable Parquet files and a
manifest written last, on any pyarrow filesystem. `libraries.ingest`, `screening` and `merging` find a batch's files here.

    <landing>/<resource>/<batch>/landed/part-NNNNN.parquet    as delivered, columns named by item, `_row` numbers the rows (see `LandedFile.offset`)
                                /slices/plan.json, NNNNN.json  key ranges of a big table, and what each left behind
                                /malformed.json               lines that fit no header, word for word
                                /manifest.json                counts, SHA-256, schema fingerprint, watermark: its presence says "landed"
                                /checked/part-NNNNN.parquet   the good rows, normalised and typed
                                /quality/                     the suite, the verdict and its page
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.fs as fs
import pyarrow.parquet as pq

from libraries.storage import appearing, open_root
from schemas.errors import Terminal

ROW = "_row"
GROUP_ROWS = 65_536


@dataclass(frozen=True)
class Folder:
    """One batch's folder on the landing filesystem."""

    filesystem: Any
    path: str

    def at(self, *parts: str) -> str:
        """Return the path of something in the folder."""
        return "/".join((self.path, *parts))

    def files(self, part: str) -> list[str]:
        """Return the paths of one part's Parquet files ("landed", "checked"), by name."""
        found = self.filesystem.get_file_info(fs.FileSelector(self.at(part), allow_not_found=True))
        return sorted(info.path for info in found if info.path.endswith(".parquet"))

    def clear(self, part: str) -> None:
        """Remove one part of the folder and make it anew, empty."""
        if self.filesystem.get_file_info(self.at(part)).type != fs.FileType.NotFound:
            self.filesystem.delete_dir(self.at(part))
        self.filesystem.create_dir(self.at(part), recursive=True)

    def remove(self, name: str) -> None:
        """Remove one file if it is there."""
        if self.filesystem.get_file_info(self.at(name)).type == fs.FileType.File:
            self.filesystem.delete_file(self.at(name))

    def offset_of(self, path: str) -> int:
        """Return what must be added to the `_row` that a landed file keeps; 0 for every other file."""
        return self._offsets.get(path, 0)

    @cached_property
    def _offsets(self) -> dict[str, int]:
        manifest = read_manifest(self)
        return {self.at(file.name): file.offset for file in manifest.files} if manifest else {}

    def write(self, content: bytes, *parts: str) -> None:
        """Write a file whole or not at all."""
        with (
            appearing(self.filesystem, self.at(*parts)) as path,
            self.filesystem.open_output_stream(path) as stream,
        ):
            stream.write(content)

    def read(self, *parts: str) -> bytes | None:
        """Return a file's content, None when it is not there."""
        if self.filesystem.get_file_info(self.at(*parts)).type != fs.FileType.File:
            return None
        with self.filesystem.open_input_stream(self.at(*parts)) as stream:
            return bytes(stream.read())


@dataclass(frozen=True)
class LandedFile:
    """One Parquet file of a batch and the piece of the source it holds. offset: how many rows come before those it numbers from 1, because a slice
    cannot know while it lands.
    """

    name: str
    rows: int
    sha256: str
    source: str | None = None
    source_digest: str | None = None
    offset: int = 0


@dataclass(frozen=True)
class Manifest:
    """What landed: written after every file, so that a batch with a manifest is whole. `schema`: item → Arrow type as delivered."""

    batch: str
    resource: str
    version: str
    rows: int
    files: list[LandedFile]
    schema: dict[str, str]
    fingerprint: str
    watermark: str | None = None
    refused: list[dict[str, Any]] = field(default_factory=list)
    malformed: int = 0


def folder_of(path: str) -> Folder:
    """Return the folder of a batch by its `landing.batches.path` (relative to the landing root)."""
    return Folder(open_root(), path)


def fingerprint_of(schema: Mapping[str, str]) -> str:
    """Return a short identity of the delivered columns and types."""
    return hashlib.sha256(json.dumps(dict(sorted(schema.items()))).encode()).hexdigest()[:16]


def write_part(folder: Folder, name: str, batches: Iterator[pa.RecordBatch]) -> int:
    """Write batches of one schema as `name` (path below the folder), in row groups of about GROUP_ROWS; return the rows.

    The file appears under its name only when it is whole. No batch, no file.
    """
    rows, writer = 0, None
    with appearing(folder.filesystem, folder.at(name)) as path, ExitStack() as stack:
        for table in _grouped(batches):
            writer = writer or stack.enter_context(
                pq.ParquetWriter(path, table.schema, filesystem=folder.filesystem, **_encoding(table, "snappy"))
            )
            writer.write_table(table, row_group_size=2 * GROUP_ROWS)
            rows += table.num_rows
    return rows


def write_table(folder: Folder, name: str, table: pa.Table) -> None:
    """Write one table as `name` (path below the folder), fast to write and to read again: a step's work, not an archive."""
    with appearing(folder.filesystem, folder.at(name)) as path:
        pq.write_table(table, path, filesystem=folder.filesystem, **_encoding(table, "lz4"))


def groups_of(folder: Folder, part: str) -> Iterator[tuple[str, int]]:
    """Yield (path, row group) of every row group of one part, in row order."""
    for path in folder.files(part):
        with folder.filesystem.open_input_file(path) as source:
            count = pq.ParquetFile(source).num_row_groups
        for group in range(count):
            yield path, group


def rows_in(folder: Folder, path: str, group: int) -> int:
    """Return how many rows a row group holds."""
    with folder.filesystem.open_input_file(path) as source:
        return int(pq.ParquetFile(source).metadata.row_group(group).num_rows)


def read_group(folder: Folder, path: str, group: int, columns: list[str] | None = None) -> pa.Table:
    """Return one row group, or some columns of it (those that are there); `_row` numbers the batch's rows, whichever slice they came in."""
    with folder.filesystem.open_input_file(path) as source:
        table = pq.ParquetFile(source).read_row_group(group, columns=columns).combine_chunks()
    place, offset = table.schema.get_field_index(ROW), folder.offset_of(path)
    return table.set_column(place, ROW, pc.add(table.column(place), offset)) if offset and place >= 0 else table


def digest_of(folder: Folder, name: str) -> str:
    """Return the SHA-256 of a file of the folder, in hex."""
    digest = hashlib.sha256()
    with folder.filesystem.open_input_stream(folder.at(name)) as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def write_manifest(folder: Folder, manifest: Manifest) -> None:
    """Say that the batch is whole. Nothing of it is written after this."""
    folder.write(json.dumps(asdict(manifest), ensure_ascii=False, indent=1).encode(), "manifest.json")


def read_manifest(folder: Folder) -> Manifest | None:
    """Return the manifest of a batch, None when landing did not end."""
    content = folder.read("manifest.json")
    if content is None:
        return None
    values = json.loads(content)
    return Manifest(**{**values, "files": [LandedFile(**file) for file in values["files"]]})


def as_facts(manifest: Manifest) -> dict[str, Any]:
    """Return the manifest as the batch's row keeps it."""
    return asdict(manifest)


def require_undamaged(folder: Folder, batch_id: str) -> None:
    """Hold every landed file against the manifest. Raises Terminal `landing.damaged`."""
    manifest = read_manifest(folder)
    if manifest is None:
        raise Terminal("landing.damaged", batch=batch_id, file="manifest.json")
    for file in manifest.files:
        if file.rows and (
            folder.at(file.name) not in folder.files("landed") or digest_of(folder, file.name) != file.sha256
        ):
            raise Terminal("landing.damaged", batch=batch_id, file=file.name)


def _encoding(table: pa.Table, compression: str) -> dict[str, Any]:
    """Return Parquet options: dictionaries only where values repeat (a key's dictionary costs more than the column; measured 0.60 → 0.27 s a million rows)."""
    head = table.slice(0, 2000)
    repeating = [name for name in table.column_names if len(pc.unique(head.column(name))) * 2 < max(head.num_rows, 1)]
    return {"use_dictionary": repeating or False, "compression": compression, "write_statistics": False}


def _grouped(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Gather small batches (REST pages) until a row group is worth it."""
    held: list[pa.RecordBatch] = []
    for batch in batches:
        held.append(batch)
        if sum(part.num_rows for part in held) >= GROUP_ROWS:
            yield pa.Table.from_batches(held)
            held = []
    if held:
        yield pa.Table.from_batches(held)
