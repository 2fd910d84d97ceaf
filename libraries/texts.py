"""Why: text columns are judged and repaired as the bytes Arrow keeps, at memory speed; the few ways of looking at those bytes are here.
Called by the modules that normalise and check.
"""

from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Flags: TypeAlias = NDArray[np.bool_]
Bytes: TypeAlias = NDArray[np.uint8]

_POWERS = np.random.default_rng(20_170_628).integers(1, 2**63, 8192, dtype=np.uint64) | np.uint64(1)


def plain(values: Any) -> Any:
    """Return any column as one string array of 32-bit offsets; an empty text is a missing value."""
    array = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    if not pa.types.is_string(array.type):
        array = array.cast(pa.string())
    empty = np.diff(offsets_of(array)) == 0
    if np.count_nonzero(empty) > array.null_count:
        array = _with_nulls(array, ~empty)
    return array


def offsets_of(texts: Any) -> NDArray[np.int32]:
    """Return the n + 1 offsets into `text_bytes` of a string array."""
    buffer = texts.buffers()[1]
    if buffer is None or not len(texts):
        return np.zeros(len(texts) + 1, np.int32)
    return np.frombuffer(buffer, np.int32)[texts.offset : texts.offset + len(texts) + 1]


def text_bytes(texts: Any) -> Bytes:
    """Return the bytes that a string array's offsets point into."""
    buffer = texts.buffers()[2]
    return np.empty(0, np.uint8) if buffer is None else np.frombuffer(buffer, np.uint8)


def from_bytes(data: Bytes, offsets: NDArray[np.int32], like: Any) -> Any:
    """Return a string array from bytes and offsets, null where `like` is."""
    validity = None
    if like.null_count:
        validity = pa.py_buffer(np.packbits(present(like), bitorder="little"))
    buffers = [validity, pa.py_buffer(np.ascontiguousarray(offsets)), pa.py_buffer(np.ascontiguousarray(data))]
    return pa.Array.from_buffers(pa.string(), len(like), buffers)


def present(values: Any) -> Flags:
    """Return which values are not null."""
    if not values.null_count:
        return np.ones(len(values), np.bool_)
    return np.asarray(values.is_valid().to_numpy(zero_copy_only=False), np.bool_)


def flags(values: Any) -> Flags:
    """Return an Arrow boolean array as numpy; null is False."""
    filled = values.fill_null(False) if values.null_count else values
    filled = filled.combine_chunks() if isinstance(filled, pa.ChunkedArray) else filled
    return np.asarray(filled.to_numpy(zero_copy_only=False), np.bool_)


def hashes_of(texts: Any) -> NDArray[np.uint64]:
    """Return a 64-bit hash per text; equal texts have equal hashes, and the caller verifies the few that meet by accident."""
    offsets = offsets_of(texts).astype(np.int64)
    lengths = np.diff(offsets)
    data = text_bytes(texts)[offsets[0] : offsets[-1]]
    if not len(data):
        return np.zeros(len(texts), np.uint64)
    starts = offsets[:-1] - offsets[0]
    places = np.arange(len(data), dtype=np.int64) - np.repeat(starts, lengths)
    parts = (data.astype(np.uint64) + np.uint64(1)) * _POWERS.take(places, mode="wrap")
    found = np.zeros(len(texts), np.uint64)
    filled = lengths > 0
    found[filled] = np.add.reduceat(parts, starts[filled])
    found ^= found >> np.uint64(32)
    found *= np.uint64(0x9E3779B97F4A7C15)
    return found ^ (found >> np.uint64(29))


def _with_nulls(texts: Any, kept: Flags) -> Any:
    validity = pa.py_buffer(np.packbits(kept, bitorder="little"))
    offsets = pa.py_buffer(np.ascontiguousarray(offsets_of(texts)))
    return pa.Array.from_buffers(pa.string(), len(texts), [validity, offsets, texts.buffers()[2]])
