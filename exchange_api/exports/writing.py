"""Why: a file that is half written must never be taken for one, and what is signed of a file is what was written. One writer per format over a stream that
counts and digests. Called by `building`.
"""

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from exchange_api.exports.lines import json_lines
from exchange_api.exports.reading import Plan
from libraries.storage import appearing, open_root

FOLDER = "exports"
_SHORT = 6
"""Characters of what is a code, of which a column holds few different ones."""


class Writer(Protocol):
    """Writes rows of one format."""

    def write(self, rows: Any) -> None:
        """Write a record batch in the plan's schema."""

    def close(self) -> None:
        """Write what ends the file."""


class Digesting(io.RawIOBase):
    """A stream that is digested on its way to a file."""

    def __init__(self, below: Any) -> None:
        self._below, self.size, self._digest = below, 0, hashlib.sha256()

    def writable(self) -> bool:
        """Say that it is written to."""
        return True

    def write(self, data: Any) -> int:
        """Write all of it."""
        self._below.write(data)
        self._digest.update(data)
        self.size += len(data)
        return len(data)

    def hexdigest(self) -> str:
        """Return the SHA-256 of what was written."""
        return self._digest.hexdigest()


class ParquetFile:
    """Parquet, compressed with zstd; a row group per batch."""

    def __init__(self, stream: Digesting, plan: Plan) -> None:
        # building a dictionary of addresses or telephone numbers costs seven times what writing them plainly does, and saves nothing
        coded = [
            attribute.id
            for attribute, _ in plan.attributes
            if attribute.code_table or (attribute.length or 99) <= _SHORT
        ]
        self._writer = pq.ParquetWriter(
            pa.PythonFile(stream, mode="w"),
            plan.schema,
            compression="zstd",
            compression_level=1,
            use_dictionary=coded or False,
        )

    def write(self, rows: Any) -> None:
        """Write a row group."""
        self._writer.write_batch(rows, row_group_size=rows.num_rows)

    def close(self) -> None:
        """Write the footer."""
        self._writer.close()


class NdjsonFile:
    """One JSON document a line: subject, entry, values; values as answers and the change feed spell them."""

    def __init__(self, stream: Digesting, plan: Plan) -> None:
        self._stream = stream
        self._lead = 1 if plan.salt is None else 2
        self._fragments = {
            name for name, form in plan.forms.items() if form == "full" and plan.spec.attribute(name).type == "geometry"
        }

    def write(self, rows: Any) -> None:
        """Write a line per row."""
        if rows.num_rows:
            lines = json_lines(rows, self._lead, self._fragments)
            self._stream.write(memoryview(lines.buffers()[2])[: pc.sum(pc.binary_length(lines)).as_py()])

    def close(self) -> None:
        """Nothing ends such a file."""


FORMATS: dict[str, type[ParquetFile] | type[NdjsonFile]] = {"parquet": ParquetFile, "ndjson": NdjsonFile}


def path_of(export_id: str, number: int, form: str) -> str:
    """Return where a file of an export lies below the landing's root."""
    return f"{FOLDER}/{export_id}/part-{number:05d}.{form}"


@contextmanager
def writing(path: str, form: str, plan: Plan) -> Iterator[tuple[Writer, Digesting]]:
    """Yield a writer and its stream; when the block ends well the file is there, whole, else there is none."""
    root = open_root()
    root.create_dir(path.rpartition("/")[0], recursive=True)
    with appearing(root, path) as temporary, root.open_output_stream(temporary) as below:
        stream = Digesting(below)
        writer = FORMATS[form](stream, plan)
        yield writer, stream
        writer.close()


def read_file(path: str) -> bytes:
    """Return the bytes of a file. Raises FileNotFoundError."""
    with open_root().open_input_stream(path) as stream:
        return bytes(stream.read())


def remove(export_id: str) -> None:
    """Delete the files of an export; none there is as good."""
    root, folder = open_root(), f"{FOLDER}/{export_id}"
    if root.get_file_info(folder).type.name == "Directory":
        root.delete_dir(folder)
