"""Why: to touch only what changed, the merge compares 64-bit hashes of keys and rows instead of values. They are stored with every claim, so they must
come out the same on every machine and every run (Python's own hash does not), and be computed at memory speed. Called by `libraries.merging.candidates`.

Text is hashed over its UTF-8 bytes in little-endian words of eight, multiply-xorshift; a row's hash is the sum of its non-null columns' hashes, each
salted with its attribute's name, so that a library can gain an attribute without every stored hash becoming wrong. Not cryptographic.
"""

import hashlib
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Hashes = np.ndarray[Any, np.dtype[np.uint64]]
_PRIME = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xBF58476D1CE4E5B9)
_SAMPLE = 1000
_LOW_BYTES = np.array([(1 << (8 * n)) - 1 for n in range(9)], dtype=np.uint64)


def hash_column(column: Any) -> Hashes:
    """Return one hash per value of an Arrow string or date32 array; a null's hash means nothing."""
    if pa.types.is_date32(column.type):
        days = np.asarray(column.cast(pa.int32()).fill_null(0)).astype(np.int64).view(np.uint64)
        return _avalanche(days * _PRIME)
    if pc.count_distinct(column.slice(0, _SAMPLE)).as_py() > _SAMPLE // 10:
        return _hash_text(column)
    coded = column.dictionary_encode()  # a code column: hash each code once
    hashes: Hashes = (
        _hash_text(coded.dictionary)[np.asarray(coded.indices.fill_null(0))]
        if len(coded.dictionary)
        else np.zeros(len(column), np.uint64)
    )
    return hashes


def hash_rows(columns: dict[str, Any], rows: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return one signed 64-bit hash for each of `rows` rows of equally long Arrow string and date32 arrays, named by attribute."""
    total: Hashes = np.zeros(rows, dtype=np.uint64)
    for name, column in columns.items():
        if column.null_count == rows:
            continue
        salted = _avalanche(hash_column(column) ^ _salt(name))
        if column.null_count:
            salted[np.asarray(column.is_null().to_numpy(zero_copy_only=False))] = 0
        total += salted
    return _avalanche(total).view(np.int64)


@cache
def _salt(name: str) -> np.uint64:
    return np.uint64(int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little"))


def _hash_text(column: Any) -> Hashes:
    start, length, data = _buffers(column)
    # every position of the bytes seen as a little-endian word: one gather per eight bytes, for all rows at once
    words = np.ndarray((len(data) - 7,), dtype="<u8", buffer=data, strides=(1,))
    hashes: Hashes = length.astype(np.uint64) * _PRIME
    live: Any = slice(None)
    for position in range(0, int(length.max(initial=0)), 8):
        longer = length > position
        if not longer.all():
            live = np.flatnonzero(longer)
        word = words[start[live] + position] & _LOW_BYTES[np.minimum(length[live] - position, 8)]
        mixed = (hashes[live] ^ word) * _PRIME
        hashes[live] = mixed ^ (mixed >> np.uint64(29))
    return _avalanche(hashes)


def _buffers(column: Any) -> tuple[Any, Any, bytes]:
    """Return where each text starts, how long it is, and the bytes with room for one more word."""
    _, offsets, data = column.buffers()
    ends = np.frombuffer(offsets, dtype="<i4", count=len(column) + 1 + column.offset)[column.offset :].astype(np.int64)
    content = data.to_pybytes() if data is not None else b""
    return ends[:-1], np.diff(ends), content + bytes(8)


def _avalanche(hashes: Hashes) -> Hashes:
    mixed: Hashes = (hashes ^ (hashes >> np.uint64(30))) * _MIX
    return mixed ^ (mixed >> np.uint64(31))
