"""Lines made of whole columns are byte for byte the documents that are spelled one by one, of any values."""

from typing import Any

import orjson
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from exchange_api.exports.lines import json_lines

TEXTS = st.one_of(st.none(), st.text(max_size=20), st.sampled_from(['"', "\\", "\n", "\x1f", "\x7f", "欧阳小", "null"]))
DAYS = st.one_of(st.none(), st.dates())
NUMBERS = st.one_of(
    st.none(), st.integers(-(2**53), 2**53).map(float), st.floats(allow_nan=False, allow_infinity=False)
)
SHAPES = st.sampled_from([None, '{"type":"Point","coordinates":[120.1,30.2]}'])
ROWS = st.lists(st.tuples(st.text(max_size=8), st.text(max_size=8), TEXTS, DAYS, NUMBERS, SHAPES), max_size=12)
TYPES = (pa.string(), pa.string(), pa.string(), pa.date32(), pa.float64(), pa.string())
NAMES = ("subject", "entry", "name", "born", "size", "shape")


def _alone(row: tuple[Any, ...]) -> bytes:
    subject, entry, name, born, size, shape = row
    number = int(size) if size is not None and size.is_integer() and abs(size) < 2**63 else size
    values = {"name": name, "born": born, "size": number, "shape": None if shape is None else orjson.Fragment(shape)}
    return orjson.dumps({"subject": subject, "entry": entry, "values": values}, option=orjson.OPT_APPEND_NEWLINE)


@given(ROWS)
def test_lines_of_columns_are_the_documents_spelled_one_by_one(rows: list[tuple[Any, ...]]) -> None:
    columns = [pa.array([row[n] for row in rows], kind) for n, kind in enumerate(TYPES)]
    batch = pa.RecordBatch.from_arrays(columns, names=list(NAMES))
    assert [line.encode() for line in json_lines(batch, 2, {"shape"}).to_pylist()] == [_alone(row) for row in rows]


def test_a_profile_has_no_entry_and_what_grants_nothing_has_no_values() -> None:
    batch = pa.RecordBatch.from_arrays([pa.array(["330"]), pa.array(["欧"])], names=["subject", "name"])
    assert json_lines(batch, 1).to_pylist() == ['{"subject":"330","values":{"name":"欧"}}\n']
    assert json_lines(batch.select(["subject"]), 1).to_pylist() == ['{"subject":"330","values":{}}\n']
