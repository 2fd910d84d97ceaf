"""Why: identifiers arrive a hundred thousand at a time, so their characters are read as byte columns straight from Arrow buffers, never row by row.

Only the modules of `schemas.identifiers` call this. A block of texts of one width becomes a matrix (width, rows) whose line `i` holds
every text's character `i`, contiguous, so that numpy's vector instructions do the work.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias, TypeVar, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from schemas.errors import Invalid

Texts: TypeAlias = "pa.Array[Any] | pa.ChunkedArray[Any]"
Cells: TypeAlias = NDArray[np.uint8]
Flags: TypeAlias = NDArray[np.bool_]

_Kind = TypeVar("_Kind", pa.BooleanArray, pa.Date32Array, pa.StringArray)
_DATA_TYPES: dict[type, pa.DataType] = {
    pa.BooleanArray: pa.bool_(),
    pa.Date32Array: pa.date32(),
    pa.StringArray: pa.string(),
}

BLOCK_ROWS = 32_768  # 18 columns of this many bytes and their sums stay in the second-level cache


def blocks(texts: Texts) -> Iterator["pa.Array[Any]"]:
    """Yield `texts` as plain string arrays of bounded length, in order; raise Invalid `identifier.not_text` for another type."""
    for chunk in texts.chunks if isinstance(texts, pa.ChunkedArray) else [texts]:
        plain = _as_plain(chunk)
        for start in range(0, len(plain), BLOCK_ROWS):
            yield plain.slice(start, BLOCK_ROWS)


def columns_of(block: "pa.Array[Any]", width: int) -> tuple[Flags, Cells]:
    """Return which rows are exactly `width` bytes long (nulls are not), and those rows' bytes as (width, rows)."""
    offsets = _offsets(block)
    lengths = np.diff(offsets)
    fits: Flags = lengths == width
    if block.null_count:
        fits &= is_present(block)
    count = int(np.count_nonzero(fits))
    data = _bytes(block)
    first = int(offsets[0])
    if int(offsets[-1]) - first == width * count:  # every other row is empty, so the wanted bytes lie side by side
        return fits, np.ascontiguousarray(data[first : first + width * count].reshape(count, width).T)
    starts = offsets[:-1][fits].astype(np.int64)
    cells = np.empty((width, count), dtype=np.uint8)
    for place in range(width):
        np.take(data, starts + place, out=cells[place])
    return fits, cells


def widths_of(block: "pa.Array[Any]") -> list[int]:
    """Return the distinct lengths in bytes of the non-null texts."""
    lengths = np.diff(_offsets(block))
    return [int(width) for width in np.unique(lengths[is_present(block)])]


def is_present(block: "pa.Array[Any]") -> Flags:
    """Return which rows are not null."""
    if not block.null_count:
        return np.ones(len(block), dtype=np.bool_)
    return np.asarray(block.is_valid().to_numpy(zero_copy_only=False), dtype=np.bool_)


def flag_texts(texts: Texts, width: int, judge: Callable[[Cells], Flags]) -> pa.BooleanArray:
    """Return, per text, whether it is `width` bytes long and `judge` accepts its columns; null stays null."""
    parts = []
    for block in blocks(texts):
        fits, cells = columns_of(block, width)
        parts.append(flags_array(block, scatter(fits, judge(cells))))
    return joined(parts, pa.BooleanArray)


def flags_array(block: "pa.Array[Any]", flags: Flags) -> "pa.Array[Any]":
    """Return `flags` as an Arrow array that is null where `block` is."""
    return pa.array(flags, mask=None if not block.null_count else ~is_present(block), type=pa.bool_())


def scatter(fits: Flags, found: NDArray[Any]) -> NDArray[Any]:
    """Return an array as long as `fits` with `found` at its true places and zero elsewhere."""
    if len(found) == len(fits):
        return found
    spread = np.zeros(len(fits), dtype=found.dtype)
    spread[fits] = found
    return spread


def characters(codes: Cells, present: Flags) -> "pa.Array[Any]":
    """Return one-character texts from ASCII codes, null where not `present`."""
    return fixed_width_texts(codes.reshape(1, -1), present)


def fixed_width_texts(cells: Cells, present: Flags | None = None) -> "pa.Array[Any]":
    """Return the texts whose columns are `cells` (width, rows), null where not `present`."""
    width, rows = cells.shape
    offsets = np.arange(0, (rows + 1) * width, width, dtype=np.int32)[: rows + 1]
    data = np.ascontiguousarray(cells.T)
    validity = None if present is None or present.all() else _buffer(np.packbits(present, bitorder="little"))
    return pa.Array.from_buffers(pa.string(), rows, [validity, _buffer(offsets), _buffer(data)])


def joined(parts: "Sequence[pa.Array[Any]]", kind: type[_Kind]) -> _Kind:
    """Return the parts as one array of class `kind`."""
    data_type = _DATA_TYPES[kind]
    whole = pa.concat_arrays([part.cast(data_type) for part in parts]) if parts else pa.array([], type=data_type)
    return cast(_Kind, whole)


def join_texts(left: "pa.Array[Any]", right: "pa.Array[Any]", separator: str) -> "pa.Array[Any]":
    """Return each left text, the separator and the right text; null where one of them is."""
    join: Any = pc.binary_join_element_wise  # its published types know no literal separator
    return cast("pa.Array[Any]", join(left.cast(pa.string()), right, separator))


def weighted_sum(values: NDArray[Any], weights: Sequence[int]) -> NDArray[np.uint16]:
    """Return, per column, the sum of values times weights; the caller sees to it that it stays below 65,536."""
    total = np.zeros(values.shape[1], dtype=np.uint16)
    for line, weight in zip(values, weights, strict=True):
        total += line.astype(np.uint16) * np.uint16(weight)
    return total


def value_table(alphabet: str) -> Cells:
    """Return a table from byte to its index in `alphabet`, 255 for any other byte."""
    table = np.full(256, 255, dtype=np.uint8)
    table[np.frombuffer(alphabet.encode("ascii"), dtype=np.uint8)] = np.arange(len(alphabet), dtype=np.uint8)
    return table


def _as_plain(chunk: "pa.Array[Any]") -> "pa.Array[Any]":
    kind = chunk.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return chunk
    inner = kind.value_type if isinstance(kind, pa.DictionaryType) else kind
    if (
        pa.types.is_null(inner)
        or pa.types.is_string_view(inner)
        or pa.types.is_string(inner)
        or pa.types.is_large_string(inner)
    ):
        return chunk.cast(pa.large_string() if pa.types.is_large_string(inner) else pa.string())
    raise Invalid("identifier.not_text", type=str(kind))


def _offsets(block: "pa.Array[Any]") -> NDArray[Any]:
    kind = "int64" if pa.types.is_large_string(block.type) else "int32"
    buffer = block.buffers()[1]
    if buffer is None or not len(block):
        return np.zeros(len(block) + 1, dtype=kind)
    return _view(buffer, kind)[block.offset : block.offset + len(block) + 1]


def _bytes(block: "pa.Array[Any]") -> Cells:
    buffer = block.buffers()[2]
    return np.empty(0, dtype=np.uint8) if buffer is None else _view(buffer, "uint8")


def _view(buffer: Any, kind: str) -> NDArray[Any]:
    return np.frombuffer(buffer, dtype=kind)


def _buffer(values: Any) -> pa.Buffer:
    return pa.py_buffer(values)
