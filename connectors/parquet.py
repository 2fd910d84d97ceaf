"""Why: Parquet keeps its own types and its own footer, so it is read as it is; only nested values become JSON text, as everywhere in this storey.
Only `connectors.files` comes here.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.parquet as pq

from connectors.columns import column_of
from connectors.document import Document


class ParquetDocument(Document):
    """A Parquet file."""

    def schema(self) -> pa.Schema:
        """Return the file's own columns and types; nested ones as text, dictionaries as their values."""
        with self._opened() as file:
            return pa.schema([pa.field(field.name, _plain(field.type)) for field in file.schema_arrow])

    def require_whole(self) -> None:
        """Refuse a file without its footer."""
        with self._opened():
            pass

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Stream the rows, row group by row group."""
        schema = self.schema()
        with self._opened() as file:
            for batch in file.iter_batches(batch_size=self.batch_rows):
                columns = [_converted(batch.column(n), field) for n, field in enumerate(schema)]
                yield pa.RecordBatch.from_arrays(columns, schema=schema)

    @contextmanager
    def _opened(self) -> Iterator[pq.ParquetFile]:
        try:
            with pq.ParquetFile(self.path) as file:
                yield file
        except (pa.ArrowInvalid, OSError):
            raise self.incomplete("its Parquet footer or pages are damaged or missing") from None


def _plain(type: pa.DataType) -> pa.DataType:
    if pa.types.is_dictionary(type):
        return type.value_type
    return pa.string() if pa.types.is_nested(type) else type


def _converted(values: pa.Array, field: pa.Field) -> pa.Array:
    if pa.types.is_nested(values.type):
        return column_of(field.name, values.to_pylist(), field.type)
    return values if values.type == field.type else values.cast(field.type)
