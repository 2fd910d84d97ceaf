"""Why: folders of delivered files (CSV, XLSX, Parquet, NDJSON; packed or not; on disk, SFTP or S3) as Arrow batches: half-written files are refused
by name, the same content under another name is taken once. Opened through `connectors.base.open_connector`.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

from connectors.arrival import require_arrived, require_declared, require_rows
from connectors.base import Connection, Connector, Slice, bounded
from connectors.delimited import DelimitedDocument
from connectors.document import Document, MalformedRow
from connectors.drops import Drop, Drops, digest_of
from connectors.lines import LinesDocument
from connectors.parquet import ParquetDocument
from connectors.spreadsheet import SpreadsheetDocument
from connectors.transport import Entry, open_transport
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
    marker, settle_seconds, members, archive_bytes, spool_bytes, timeout_seconds, and those of the format.

    duplicates: (name, same as) of files left out because their content is known. incomplete: (name, reason) of files skipped. malformed: rows
    kept out while reading.
    """

    def __init__(self, source: Mapping[str, Any], connection: Connection) -> None:
        super().__init__(source, connection)
        self.duplicates: list[tuple[str, str]] = []
        self.incomplete: list[tuple[str, str]] = []
        self.malformed: list[MalformedRow] = []
        self._transport = transport = open_transport(connection, source)
        self._drops = Drops(transport, lambda entry, path: require_declared(transport, entry, path))
        self._schema: pa.Schema | None = None

    def describe(self) -> pa.Schema:
        """Return the columns of the first planned file, else of the last by name. Raises Transient files.missing when there is none."""
        if self._schema is not None:
            return self._schema
        for entry in reversed(self._drops.find()):
            for drop in self._drops.open(entry)[-1:]:
                return self._document(drop).schema()
        pattern = self.source.get("pattern", "*")
        raise Transient("files.missing", folder=self._transport.folder, pattern=pattern)

    def slices(self, since: Any | None = None, count: int = 1) -> list[Slice]:  # noqa: ARG002 — one file is one slice
        """Plan one slice per new file. since: SHA-256 digests already landed, or a mapping of them to the names they came by.

        Raises Transient files.incomplete, files.missing; Terminal files.header_differs, files.unknown_format, files.encoding, files.bad_header;
        and what reaching the place raises.
        """
        self.duplicates, self.incomplete, self._schema = [], [], None
        seen: dict[str, str] = dict(since) if isinstance(since, Mapping) else dict.fromkeys(since or (), "")
        first: tuple[str, set[str]] | None = None
        planned: list[Slice] = []
        for entry in self._drops.find():
            for drop, digest in self._new(entry, seen):
                schema = self._whole(drop)
                if schema is not None:
                    first = first or (drop.name, set(schema.names))
                    self._require_same(first, drop.name, set(schema.names))
                    self._schema = self._schema or schema
                    seen[digest] = drop.name
                    planned.append(Slice(f"{drop.name}#{digest}", name=drop.name, digest=digest))
        return planned

    def read(self, piece: Slice) -> Iterator[pa.RecordBatch]:
        """Stream a file's rows. Raises Transient files.changed, files.incomplete; Terminal files.malformed_row, connector.missing_column."""
        return bounded(self._rows(piece), self.batch_rows)

    def _rows(self, piece: Slice) -> Iterator[pa.RecordBatch]:
        drop = self._planned(piece)
        document = self._document(drop)
        names, count = self.selected(document.schema()).names, 0
        for batch in document.batches():
            count += batch.num_rows
            yield batch.select(names)
        self.malformed += document.malformed
        if not drop.is_member:
            require_rows(self._transport, drop, count + len(document.malformed))
            self._drops.close(drop.entry)

    def _planned(self, piece: Slice) -> Drop:
        """Return the drop a slice was planned for, as it was then. Raises Transient files.changed."""
        entry = self._transport.look(str(piece.name).partition("!")[0])
        drops = self._drops.open(entry) if entry is not None else []
        drop = next((drop for drop in drops if drop.name == piece.name), None)
        if drop is None or digest_of(drop.path) != piece.digest:
            raise Transient("files.changed", file=piece.name)
        return drop

    def _new(self, entry: Entry, seen: dict[str, str]) -> Iterator[tuple[Drop, str]]:
        """Yield what is new in a delivery with its digest; what is known is noted. One that has not arrived yields nothing where it may wait."""
        known = self._drops.known(entry)
        if known and all(digest in seen for digest in known.values()):
            for name, digest in known.items():
                self._note_duplicate(name, seen[digest])
            return
        digests = self._digests(entry)
        self._drops.remember(entry, {drop.name: digest for drop, digest in digests})
        for drop, digest in digests:
            if digest in seen:
                self._note_duplicate(drop.name, seen[digest])
            else:
                yield drop, digest

    def _digests(self, entry: Entry) -> list[tuple[Drop, str]]:
        try:
            if self._transport.path_of(entry.name) is None:
                require_arrived(self._transport, entry)  # before it is fetched in vain
            return [(drop, digest_of(drop.path)) for drop in self._drops.open(entry)]
        except Transient as error:
            self._wait_for(entry.name, error)
            return []

    def _whole(self, drop: Drop) -> pa.Schema | None:
        """Return the columns of a file that is whole; None for one that the binding allows to skip until it is."""
        try:
            require_arrived(self._transport, drop.entry)
            document = self._document(drop)
            document.require_whole()
            return document.schema()
        except Transient as error:
            self._wait_for(drop.name, error)
            return None

    def _wait_for(self, name: str, error: Transient) -> None:
        """Note a file that has not fully arrived where the binding lets it wait; else raise the error."""
        if self.source.get("incomplete") != "skip" or error.code != "files.incomplete":
            raise error
        self.incomplete.append((name, str(error.facts["reason"])))

    def _note_duplicate(self, name: str, same_as: str) -> None:
        if same_as and same_as != name:
            self.duplicates.append((name, same_as))

    def _require_same(self, first: tuple[str, set[str]], name: str, names: set[str]) -> None:
        if names != first[1]:
            raise Terminal(
                "files.header_differs", file=name, other=first[0], columns=", ".join(sorted(names ^ first[1]))
            )

    def _document(self, drop: Drop) -> Document:
        suffix = f".{self.source['format']}" if self.source.get("format") else drop.suffix
        if suffix not in FORMATS:
            raise Terminal("files.unknown_format", file=drop.name, known=" ".join(FORMATS))
        return FORMATS[suffix](drop.name, drop.path, self.source)
