"""Why: sources without types of their own (JSON, spreadsheets, SQLite) must come out as the same Arrow columns every time and lose nothing on the
way. The connectors of this storey build their columns here.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa

from schemas.errors import Terminal


class FloatText(float):
    """A JSON number that remembers how it was written, so that 3.10 stays 3.10."""

    text: str

    def __new__(cls, text: str) -> "FloatText":
        """Read a JSON number."""
        made = super().__new__(cls, text)
        made.text = text
        return made


def parse_json(text: str | bytes) -> Any:
    """Parse JSON keeping every number's own spelling. Raises json.JSONDecodeError, UnicodeDecodeError."""
    return json.loads(text, parse_float=FloatText)


def text_of(value: Any) -> str | None:
    """Return a value as text: None stays None, scalars as written, anything else as JSON."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, FloatText):
        return value.text
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict | list | tuple):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def column_of(name: str, values: Sequence[Any], type: pa.DataType) -> pa.Array:
    """Build one Arrow column; text columns take any value as text. Raises Terminal connector.bad_value naming the column."""
    try:
        return pa.array(values, type=type)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        if pa.types.is_string(type):
            return pa.array([text_of(value) for value in values], type=type)
        raise Terminal("connector.bad_value", column=name, type=str(type)) from None


def batch_of_columns(columns: Iterable[Sequence[Any]], schema: pa.Schema) -> pa.RecordBatch:
    """Build a record batch from one sequence of values per column."""
    arrays = [column_of(field.name, values, field.type) for field, values in zip(schema, columns, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def batch_of_records(records: Sequence[Mapping[str, Any]], schema: pa.Schema) -> pa.RecordBatch:
    """Build a record batch of text columns from JSON objects; a missing field is null."""
    return batch_of_columns(([text_of(record.get(name)) for record in records] for name in schema.names), schema)


def text_schema(names: Iterable[str]) -> pa.Schema:
    """Return a schema of text columns."""
    return pa.schema([pa.field(name, pa.string()) for name in names])


def refuse_new_columns(records: Iterable[Mapping[str, Any]], known: set[str], connection: str) -> None:
    """Raise Terminal connector.unexpected_column when a record carries a field the first records did not have: nothing is dropped in silence."""
    for record in records:
        if not record.keys() <= known:
            raise Terminal(
                "connector.unexpected_column", connection=connection, column=sorted(record.keys() - known)[0]
            )
