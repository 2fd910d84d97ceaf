"""Why: the hub's side of a reconciliation: what a source is held to have said, which is its landed rows, not what repairs and rules made of them. Twenty
bytes and the key a row, ordered by key, so that the tally of any range is two look-ups. `libraries.comparing.reconcile` comes here.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from connectors.digests import Span, Tally, canonical, is_orderable, row_digests
from libraries import landing
from libraries.fingerprint import hash_column

_LOW = np.uint64(0xFFFFFFFF)
Stretch = tuple[int, int]  # places of ordered rows, from and up to


@dataclass(frozen=True)
class Bound:
    """How a source's columns are looked at: those digested, those of the key, in the order of the source."""

    digested: tuple[str, ...]
    key: tuple[str, ...]


@dataclass(frozen=True)
class Keyed:
    """Rows by their whole key as text, each with its digest."""

    keys: Any
    digests: NDArray[np.uint64]

    def __len__(self) -> int:
        return len(self.digests)

    def taken(self, places: Any) -> "Keyed":
        """Return some of the rows."""
        return Keyed(self.keys.take(pa.array(places)), self.digests[places])


def keyed(columns: Callable[[str], Any], bound: Bound, rows: int) -> Keyed:
    """Return rows given by a function column → Arrow array."""
    digests = row_digests([columns(name) for name in bound.digested], rows)
    parts = [canonical(columns(name)) for name in bound.key]
    keys = parts[0] if len(parts) == 1 else pc.binary_join_element_wise(*parts, pa.scalar("/"))
    return Keyed(keys, digests)


def joined(parts: Sequence[Keyed]) -> Keyed:
    """Return all rows of several parts."""
    keys = pa.chunked_array([part.keys for part in parts], pa.string()).combine_chunks()
    return Keyed(_one(keys), np.concatenate([np.empty(0, np.uint64), *(part.digests for part in parts)]))


class LandedSums:
    """All landed rows of a source, ordered by the first key column; rows without that key come last and are counted apart."""

    def __init__(self, rows: Keyed, first: Any) -> None:
        order = np.asarray(pc.sort_indices(first)) if is_orderable(first.type) else np.arange(len(rows))
        self.rows, self.first = rows.taken(order), first.take(pa.array(order))
        self.unkeyed = first.null_count if is_orderable(first.type) else 0
        self._high = np.concatenate([[np.uint64(0)], np.cumsum(self.rows.digests >> np.uint64(32), dtype=np.uint64)])
        self._low = np.concatenate([[np.uint64(0)], np.cumsum(self.rows.digests & _LOW, dtype=np.uint64)])
        changes = np.asarray(
            pc.not_equal(self.first[1:], self.first[:-1]).fill_null(True).to_numpy(zero_copy_only=False), np.bool_
        )
        self._starts = np.flatnonzero(np.concatenate([[True], changes])) if len(rows) else np.empty(0, np.int64)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def everything(self) -> Stretch:
        """Return the stretch of all rows that have a key."""
        return 0, len(self) - self.unkeyed

    def tally(self, stretch: Stretch) -> Tally:
        """Return rows and sums of a stretch."""
        low, high = stretch
        return Tally(high - low, int(self._high[high] - self._high[low]), int(self._low[high] - self._low[low]))

    def parted(self, stretch: Stretch, span: Span, pieces: int) -> list[tuple[Stretch, Span]]:
        """Return a stretch and its span of keys in at most so many pieces, which begin where a key begins; one piece where it cannot be parted."""
        low, high = stretch
        wanted = np.linspace(low, high, pieces + 1)[1:-1].astype(np.int64)
        edges = (
            np.unique(self._starts[np.searchsorted(self._starts, wanted, side="right") - 1])
            if len(self._starts)
            else wanted[:0]
        )
        edges = edges[(edges > low) & (edges < high)]
        places = [low, *edges.tolist(), high]
        lowest, highest = span or (None, None)
        keys = [lowest, *self.first.take(pa.array(edges)).to_pylist(), highest]
        return [((places[n], places[n + 1]), (keys[n], keys[n + 1])) for n in range(len(places) - 1)]


def read_landed(paths: Sequence[str], bound: Bound, items: dict[str, str], is_increment: bool) -> LandedSums:
    """Read the landed files of batches (their paths, oldest first). items: column → item. Of an increment's rows the last one of a key counts."""
    parts, firsts = [], []
    for path in paths:
        for table in _tables(path, {items[name] for name in (*bound.digested, *bound.key)}):
            found = {name: _column(table, items[name]) for name in (*bound.digested, *bound.key)}
            parts.append(keyed(found.__getitem__, bound, table.num_rows))
            firsts.append(found[bound.key[0]])
    first = _one(pa.chunked_array(_alike(firsts)).combine_chunks()) if firsts else pa.array([], pa.string())
    rows = joined(parts)
    if is_increment and len(rows):
        places = _last_of_each(rows.keys)
        rows, first = rows.taken(places), first.take(pa.array(places))
    return LandedSums(rows, first)


def _tables(path: str, items: set[str]) -> Iterator[Any]:
    folder = landing.folder_of(path)
    for file, group in landing.groups_of(folder, "landed"):
        yield landing.read_group(folder, file, group, sorted(items))


def _column(table: Any, item: str) -> Any:
    if item not in table.column_names:
        return pa.nulls(table.num_rows, pa.string())
    return _one(table.column(item).combine_chunks())


def _alike(columns: list[Any]) -> list[Any]:
    """Return the parts of one column in one type: batches before a drift may have had another."""
    if len({part.type for part in columns}) == 1:
        return columns
    return [part.cast(pa.string()) for part in columns]


def _one(values: Any) -> Any:
    if isinstance(values, pa.ChunkedArray):  # an empty chunked array stays one
        return pa.concat_arrays(values.chunks) if values.num_chunks else pa.array([], values.type)
    return values


def _last_of_each(keys: Any) -> NDArray[np.int64]:
    hashes = hash_column(keys)
    order = np.argsort(hashes, kind="stable")
    is_last = np.append(hashes[order][1:] != hashes[order][:-1], True)
    return np.sort(order[is_last])
