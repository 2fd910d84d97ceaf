"""Why: CSV is how most departments deliver. Every column is read as text (a citizen id is not a number), at Arrow's speed and in bounded memory, and
a file cut off while it was copied is told from a whole one. Only `connectors.files` comes here.
"""

import csv
from collections.abc import Iterator
from functools import cached_property

import pyarrow as pa
import pyarrow.csv as arrow_csv

from connectors.columns import text_schema
from connectors.document import Document
from connectors.encodings import CHUNK, detect
from schemas.errors import Terminal

BLOCK_BYTES = 8 << 20
TAIL_BYTES = 1 << 20
DELIMITERS = ",\t;|"


class DelimitedDocument(Document):
    """A CSV or TSV file. Options: encoding, delimiter, header (names, for a file without a header row), malformed."""

    def schema(self) -> pa.Schema:
        """Return the header's columns, all text."""
        return text_schema(self._names)

    def require_whole(self) -> None:
        """Refuse a file that is empty, ends inside a character or a quote, or whose last line has too few fields."""
        expected = len(self._names)
        lines = self._last_lines()
        if _fields(lines[-1], self._delimiter) == expected and lines[-1].count('"') % 2 == 0:
            return
        if self._codec != "utf-16" and self._quotes() % 2:
            raise self.incomplete("it ends inside a quoted value")
        found = _fields(_last_record(lines), self._delimiter)
        if found < expected:
            raise self.incomplete(f"its last line has {found} of {expected} fields")

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Stream the rows; an unquoted empty field is null, a quoted one is empty text."""
        if not self._start[1] and not self.options.get("header"):
            return  # a header and nothing else, which Arrow takes for an error
        rejected: list[arrow_csv.InvalidRow] = []

        def keep(row: arrow_csv.InvalidRow) -> str:
            rejected.append(row)
            return "skip"

        try:
            source = pa.transcoding_input_stream(pa.OSFile(str(self.path)), self._codec, "utf-8")
            with source, self._reader(source, keep) as reader:
                for batch in reader:
                    self._reject_all(rejected)
                    yield batch
            self._reject_all(rejected)
        except UnicodeDecodeError as error:
            raise Terminal("files.encoding", file=self.name, tried=self._codec, offset=error.start) from None
        except pa.ArrowInvalid:
            self._reject_all(rejected)
            raise Terminal("files.malformed_row", file=self.name, line="?") from None

    def _reader(self, source: pa.NativeFile, keep: object) -> arrow_csv.CSVStreamingReader:
        names = self._names
        return arrow_csv.open_csv(
            source,
            # one thread: only then does Arrow know the line of a malformed row
            arrow_csv.ReadOptions(
                use_threads=False,
                block_size=BLOCK_BYTES,
                column_names=names,
                skip_rows_after_names=0 if self.options.get("header") else 1,
            ),
            arrow_csv.ParseOptions(delimiter=self._delimiter, newlines_in_values=True, invalid_row_handler=keep),
            arrow_csv.ConvertOptions(
                column_types={name: pa.string() for name in names},
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
                null_values=[""],
            ),
        )

    def _reject_all(self, rows: list[arrow_csv.InvalidRow]) -> None:
        while rows:
            row = rows.pop(0)
            self.reject(row.number, row.text)

    @cached_property
    def _codec(self) -> str:
        return detect(self.path, self.name, self.options.get("encoding"))

    @cached_property
    def _names(self) -> list[str]:
        given = self.options.get("header")
        return (
            self.header(list(given))
            if given
            else self.header(next(csv.reader([self._first_record], delimiter=self._delimiter)))
        )

    @cached_property
    def _delimiter(self) -> str:
        """Return the declared delimiter, else the candidate that splits the first line most."""
        given = self.options.get("delimiter")
        return str(given) if given else max(DELIMITERS, key=lambda sign: _fields(self._first_record, sign))

    @property
    def _first_record(self) -> str:
        return self._start[0]

    @cached_property
    def _start(self) -> tuple[str, bool]:
        """Return the first record and whether anything follows it."""
        with self.path.open(encoding=self._codec, newline="") as file:
            record = file.readline(TAIL_BYTES)
            while record.count('"') % 2 and (line := file.readline(TAIL_BYTES)):
                record += line
            follows = bool(file.read(1))
        if not record:
            raise self.incomplete("it is empty")
        return record, follows

    def _last_lines(self) -> list[str]:
        with self.path.open("rb") as file:
            mark, size = file.read(2), file.seek(0, 2)
            start = file.seek(max(0, size - TAIL_BYTES) // 2 * 2)
            tail = file.read()
        if self._codec == "utf-16":
            tail = tail if start == 0 else mark + tail
        elif start:
            tail = tail.partition(b"\n")[2]  # 0x0A is never part of a character in UTF-8 or GB18030
        return tail.decode(self._codec, "replace").rstrip("\r\n").split("\n")

    def _quotes(self) -> int:
        with self.path.open("rb") as file:
            return sum(chunk.count(b'"') for chunk in iter(lambda: file.read(CHUNK), b""))


def _fields(record: str, delimiter: str) -> int:
    return len(next(csv.reader(record.splitlines(keepends=True), delimiter=delimiter), []))


def _last_record(lines: list[str]) -> str:
    """Join the last line with those before it until every quote is closed."""
    quotes = 0
    for count, line in enumerate(reversed(lines), 1):
        quotes += line.count('"')
        if quotes % 2 == 0:
            return "\n".join(lines[-count:])
    return lines[-1]
