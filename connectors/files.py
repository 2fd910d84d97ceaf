"""Why: folders of delivered files (CSV, XLSX, Parquet, NDJSON, ZIP of these) as Arrow batches: half-written files are refused by name, the same
content under another name is taken once. Opened through `connectors.base.open_connector`.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from connectors.arrival import require_arrived, require_rows
from connectors.base import Connection, Connector, Slice, bounded
from connectors.delimited import DelimitedDocument
from connectors.document import Document, MalformedRow
from connectors.drops import Drop, digest_of, find_drops, local_copy
from connectors.lines import LinesDocument
from connectors.parquet import ParquetDocument
from connectors.spreadsheet import SpreadsheetDocument
from schemas.errors import Terminal, Transient

FORMATS: dict[str, type[Document]] = {
    ".csv": DelimitedDocument,
    ".tsv": DelimitedDocument,
    ".txt": DelimitedDocument,
    ".xlsx": SpreadsheetDocument,
    ".xlsm": SpreadsheetDocument,
    ".parquet": ParquetDocument,
    ".ndjson": LinesDocument,
    ".jsonl": LinesDocument,
}


class FilesConnector(Connector):
    """Reads `pattern` below the connection's folder. Options: format, incomplete ("refuse" or "skip"), malformed ("refuse" or "quarantine"),
    marker, settle_seconds, members, archive_bytes, and those of the format.

    duplicates: (name, same as) of files left out because their content is known. incomplete: (name, reason) of files skipped. malformed: rows
    kept out while reading.
    """

    def __init__(self, source: Mapping[str, Any], connection: Connection) -> None:
        super().__init__(source, connection)
        self.duplicates: list[tuple[str, str]] = []
        self.incomplete: list[tuple[str, str]] = []
        self.malformed: list[MalformedRow] = []
        self._planned: list[Drop] = []

    def describe(self) -> pa.Schema:
        """Return the columns of the first planned file, else of the last by name. Raises Transient files.missing when there is none."""
        drops = self._planned[:1] or list(self._drops())[-1:]
        if not drops:
            raise Transient("files.missing", folder=self._folder.name, pattern=self.source.get("pattern", "*"))
        with self._document(drops[0]) as document:
            return document.schema()

    def slices(self, since: Any | None = None, count: int = 1) -> list[Slice]:  # noqa: ARG002 — one file is one slice
        """Plan one slice per new file. since: SHA-256 digests already landed, or a mapping of them to the names they came by.

        Raises Transient files.incomplete, files.missing; Terminal files.header_differs, files.unknown_format, files.encoding, files.bad_header.
        """
        self.duplicates, self.incomplete, self._planned = [], [], []
        seen: dict[str, str] = dict(since) if isinstance(since, Mapping) else dict.fromkeys(since or (), "")
        first: tuple[str, set[str]] | None = None
        planned: list[Slice] = []
        for drop in self._drops():
            digest = digest_of(drop)
            if digest in seen:
                self._note_duplicate(drop.name, seen[digest])
            elif (names := self._whole(drop)) is not None:
                first = first or (drop.name, names)
                self._require_same(first, drop.name, names)
                seen[digest] = drop.name
                self._planned.append(drop)
                planned.append(Slice(f"{drop.name}#{digest}", name=drop.name, digest=digest))
        return planned

    def read(self, piece: Slice) -> Iterator[pa.RecordBatch]:
        """Stream a file's rows. Raises Transient files.changed, files.incomplete; Terminal files.malformed_row, connector.missing_column."""
        return bounded(self._rows(piece), self.batch_rows)

    def _rows(self, piece: Slice) -> Iterator[pa.RecordBatch]:
        drop = next((drop for drop in self._drops() if drop.name == piece.name), None)
        if drop is None or digest_of(drop) != piece.digest:
            raise Transient("files.changed", file=piece.name)
        count = 0
        with self._document(drop) as document:
            names = self.selected(document.schema()).names
            for batch in document.batches():
                count += batch.num_rows
                yield batch.select(names)
            self.malformed += document.malformed
            count += len(document.malformed)
        require_rows(drop, count)

    def _whole(self, drop: Drop) -> set[str] | None:
        """Return the column names of a file that is whole; None for one that the binding allows to skip until it is."""
        try:
            require_arrived(drop, self.source)
            with self._document(drop) as document:
                document.require_whole()
                return set(document.schema().names)
        except Transient as error:
            if self.source.get("incomplete") != "skip" or error.code != "files.incomplete":
                raise
            self.incomplete.append((drop.name, str(error.facts["reason"])))
            return None

    def _note_duplicate(self, name: str, same_as: str) -> None:
        if same_as and same_as != name:
            self.duplicates.append((name, same_as))

    def _require_same(self, first: tuple[str, set[str]], name: str, names: set[str]) -> None:
        if names != first[1]:
            raise Terminal(
                "files.header_differs", file=name, other=first[0], columns=", ".join(sorted(names ^ first[1]))
            )

    def _drops(self) -> Iterator[Drop]:
        return find_drops(self._folder, self.source)

    @property
    def _folder(self) -> Path:
        folder = self.connection.extra.get("path") or self.connection.host
        if not folder:
            raise Terminal("connector.bad_connection", connection=self.connection.id, reason="no folder (extra.path)")
        return Path(folder)

    @contextmanager
    def _document(self, drop: Drop) -> Iterator[Document]:
        suffix = f".{self.source['format']}" if self.source.get("format") else drop.suffix
        if suffix not in FORMATS:
            raise Terminal("files.unknown_format", file=drop.name, known=" ".join(FORMATS))
        with local_copy(drop) as path:
            yield FORMATS[suffix](drop.name, path, self.source)
