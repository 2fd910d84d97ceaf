"""Why: half of what a bulk load costs the server is reading numbers, dates and arrays back from text. Here rows leave Arrow in the server's own binary
form (PostgreSQL documentation, COPY, "Binary Format"), a whole batch of rows at once. Called by `libraries.claims` and `golden`.
"""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from libraries.texts import offsets_of, present

HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)  # signature, no flags, no extension
TAIL = b"\xff\xff"
_DAYS_TO_2000, _MICROSECONDS_TO_2000 = 10_957, 946_684_800_000_000  # the server's calendar begins there
_SCALE, _WHOLE = 10, 7  # decimals; digits of base 10,000 before the point that decimal128(38, 10) may have
_ELEMENTS = {2: 21, 4: 23}  # width in bytes → the server's number of the type (int2, int4)
Cells = NDArray[np.uint8]


def encode(rows: Any) -> Any:
    """Return the rows of a record batch as one buffer that belongs between HEAD and TAIL.

    Text, int16, int32, int64, date32, timestamp[us] and decimal128 (numeric) fit columns of their own kind and width only; pa.binary holds values in
    the server's form already.
    """
    count = rows.num_rows
    fixed = [
        np.broadcast_to(_big([rows.num_columns], 2), (count, 2))
    ]  # what has one width waits to be written together
    parts: list[Any] = []
    for column in rows.columns:
        cells = _cells(column)
        if cells is not None and not column.null_count:
            fixed += [np.broadcast_to(_big([cells.shape[1]], 4), (count, 4)), cells]
            continue
        body, is_there = column.cast(pa.binary()) if cells is None else _binary(cells), present(column)
        lengths = np.where(is_there, np.diff(offsets_of(body)), -1)
        parts.append(_binary(np.concatenate([*fixed, _big(lengths, 4)], axis=1)))
        parts.append(body if is_there.all() else pc.if_else(pa.array(is_there), body, pa.scalar(b"")))
        fixed = []
    if fixed:
        parts.append(_binary(np.concatenate(fixed, axis=1)))
    joined = pc.binary_join_element_wise(*parts, pa.scalar(b""))
    return memoryview(joined.buffers()[2])


def array_value(numbers: list[int | None], width: int) -> bytes:
    """Return an int2[] (width 2) or int4[] (width 4) value in the server's form."""
    head = b"".join(n.to_bytes(4, "big") for n in (1, int(None in numbers), _ELEMENTS[width], len(numbers), 1))
    empty = (-1).to_bytes(4, "big", signed=True)
    body = (empty if n is None else width.to_bytes(4, "big") + n.to_bytes(width, "big", signed=True) for n in numbers)
    return head + b"".join(body)


def _cells(column: Any) -> Cells | None:
    """Return the values of a column of one width as big-endian bytes, a row each; None for text and binary."""
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_binary(kind):
        return None
    if pa.types.is_date32(kind):
        return _big(_numbers(column.view(pa.int32())) - np.int32(_DAYS_TO_2000), 4)
    if pa.types.is_timestamp(kind):
        return _big(_numbers(column.view(pa.int64())) - _MICROSECONDS_TO_2000, 8)
    if pa.types.is_decimal(kind):
        return _decimals(column)
    return _big(_numbers(column), kind.bit_width // 8)


def _decimals(column: Any) -> Cells:
    """Return numeric values: how many digits of base 10,000, the place of the first, sign, decimals shown, then the digits, here always ten."""
    scaled = column.fill_null(0).cast(pa.decimal128(38, _SCALE))
    whole = pa.Array.from_buffers(pa.decimal128(38, 0), len(scaled), scaled.buffers(), offset=scaled.offset)
    texts = whole.cast(pa.string())  # no point and no exponent: a small number's text would have one
    padded = pc.utf8_lpad(pc.utf8_ltrim(texts, "-"), 38, "0")
    digits = np.frombuffer(pc.binary_join_element_wise(padded, "00", "").buffers()[2], np.uint8)
    groups = (digits - np.uint8(48)).reshape(len(column), -1, 4) @ np.array([1000, 100, 10, 1], np.int16)
    shown = np.diff(offsets_of(pc.utf8_rtrim(pc.utf8_slice_codeunits(padded, 28), "0")))
    sign = np.where(np.asarray(pc.starts_with(texts, "-").to_numpy(zero_copy_only=False)), 0x4000, 0)
    head = np.stack([np.full(len(column), _WHOLE + 3), np.full(len(column), _WHOLE - 1), sign, shown], axis=1)
    return _big(np.concatenate([head, groups], axis=1).ravel(), 2).reshape(len(column), -1)


def _numbers(column: Any) -> Any:
    return np.asarray(column.fill_null(0) if column.null_count else column)


def _big(numbers: Any, width: int) -> Cells:
    return np.asarray(numbers).astype(f">i{width}").view(np.uint8).reshape(-1, width)


def _binary(cells: Cells) -> Any:
    count, width = cells.shape
    offsets = np.arange(0, (count + 1) * width, width, dtype=np.int32)
    return pa.Array.from_buffers(
        pa.binary(), count, [None, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(cells))]
    )
