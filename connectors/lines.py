"""Why: newline-delimited JSON is how application systems export; like REST answers its fields are read as text and nothing is guessed. Only
`connectors.files` comes here.
"""

import json
from collections.abc import Iterator
from functools import cached_property
from itertools import islice
from typing import Any

import pyarrow as pa

from connectors.columns import batch_of_records, parse_json, refuse_new_columns, text_schema
from connectors.document import Document
from connectors.encodings import detect

FIRST_RECORDS = 1_000
TAIL_BYTES = 1 << 20


class LinesDocument(Document):
    """An NDJSON file: one object a line; the first 1,000 say which columns there are. Options: encoding, malformed."""

    def schema(self) -> pa.Schema:
        """Return the fields of the first records, all text."""
        names = dict.fromkeys(name for _, record in islice(self._records(), FIRST_RECORDS) for name in record)
        if not names:
            raise self.incomplete("it is empty")
        return text_schema(names)

    def require_whole(self) -> None:
        """Refuse a file whose last line is not a whole JSON value."""
        with self.path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - TAIL_BYTES))
            last = file.read().rstrip().rpartition(b"\n")[2]
        if not last:
            raise self.incomplete("it is empty")
        if _parsed(last.decode(self._codec, "replace")) is None:
            raise self.incomplete("its last line is cut off")

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Stream the records; a line that is no JSON object is malformed, a field the first records lack stops the file by name."""
        schema = self.schema()
        self.malformed.clear()
        known, records = set(schema.names), self._records()
        while part := [record for _, record in islice(records, self.batch_rows)]:
            if not self.options.get("columns"):
                refuse_new_columns(part, known, self.name)
            yield batch_of_records(part, schema)

    def _records(self) -> Iterator[tuple[int, dict[str, Any]]]:
        with self.path.open(encoding=self._codec) as file:
            for number, line in enumerate(file, 1):
                record = _parsed(line)
                if isinstance(record, dict):
                    yield number, record
                elif line.strip():
                    self.reject(number, line.rstrip("\n"))

    @cached_property
    def _codec(self) -> str:
        return detect(self.path, self.name, self.options.get("encoding"))


def _parsed(line: str) -> Any:
    try:
        return parse_json(line)
    except json.JSONDecodeError:
        return None
