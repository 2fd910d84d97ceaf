"""Why: the same key twice in a batch is either the same row sent twice, which is harmless, or two rows that contradict each other, of which the hub
must believe neither. Finds both among any number of rows at eight bytes a row. Only `libraries.judging.screening` comes here.

The decision: rows that are equal in every item after normalisation are dropped to the first and counted as repair `duplicate_row`; rows with one
key and different values all break the `unique` rule. A key that breaks its own rules is no key and takes no part.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from libraries.frames import Frame

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Duplicates:
    """Row numbers: `contradicting` share a key with a different row, `repeated` are copies of an earlier row."""

    contradicting: Rows
    repeated: Rows


def suspects_of(hashes: NDArray[np.uint64], is_key: NDArray[np.bool_]) -> Rows:
    """Return the numbers (from 1) of rows whose key's hash occurs twice or more among good keys."""
    ordered = np.sort(hashes[is_key])
    again = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    if not len(again):
        return np.empty(0, np.int64)
    place = np.searchsorted(again, hashes).clip(max=len(again) - 1)
    return np.flatnonzero((again[place] == hashes) & is_key) + 1


def find(suspects: Rows, frames_with: Callable[[Rows], Iterable[Frame]]) -> Duplicates:
    """Look at the suspect rows themselves, so that an accident of hashing holds nobody. frames_with: yields frames of just these rows."""
    if not len(suspects):
        return Duplicates(suspects, suspects)
    frames = list(frames_with(suspects))
    numbers = np.concatenate([frame.numbers for frame in frames])
    keys = _codes([frame.key() for frame in frames])
    rows = keys
    for item in frames[0].document.items:
        rows = _both(rows, _codes([frame.texts(item.id) for frame in frames]))
    order = np.lexsort((numbers, rows, keys))
    key, row, number = keys[order], rows[order], numbers[order]
    starts = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]]))
    is_new = np.concatenate([[True], row[1:] != row[:-1]])
    kinds = np.repeat(np.add.reduceat(is_new.astype(np.int64), starts), np.diff(np.append(starts, len(key))))
    return Duplicates(np.sort(number[kinds > 1]), np.sort(number[(kinds == 1) & ~is_new]))


def _codes(columns: list[pa.Array]) -> Rows:
    encoded = pc.dictionary_encode(pa.chunked_array(columns).combine_chunks(), null_encoding="encode")
    encoded = encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
    return np.asarray(encoded.indices.to_numpy(zero_copy_only=False), np.int64)


def _both(left: Rows, right: Rows) -> Rows:
    """Return one code per pair of codes, small enough to pair again."""
    found: Rows = np.unique(left * (int(right.max(initial=0)) + 1) + right, return_inverse=True)[1].astype(np.int64)
    return found
