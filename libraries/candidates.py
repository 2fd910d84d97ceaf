"""Why: what a batch says, made ready for the merge in Arrow, where it is cheapest: canonical values, keys, hashes, and the split into hash partitions.
The database then sees only rows that are new or changed, sorted by key. Called by `libraries.merging` alone.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from libraries.claims import KnownClaims
from libraries.fingerprint import hash_column, hash_rows
from libraries.landing import ROW, Folder, groups_of, read_group
from schemas.errors import Terminal
from schemas.library import Library

PARTITIONS = 8
SMALL = 50_000  # fewer rows than this are one unit of work: eight small transactions would cost more than they win
_SCALE = 10  # digits kept after the point; the city's money counts in 万元 to the cent, six digits


@dataclass(frozen=True)
class Candidates:
    """All good rows of a batch: key, a register's subject, the attributes the source delivers; and for each row its hashes."""

    table: Any
    key_hash: Any
    row_hash: Any
    duplicates: int

    def __len__(self) -> int:
        return int(self.table.num_rows)


@dataclass(frozen=True)
class Unit:
    """One transaction's work: the rows to assert, sorted by key, their row hashes as last column; the keys to withdraw; the partitions it holds."""

    partitions: tuple[int, ...]
    rows: Any
    gone: Any


def read_candidates(folder: Folder, spec: Library) -> Candidates:
    """Read a batch's checked files; of rows with one key the last stays. Raises Terminal `merge.key_missing`, `merge.unfit_value`."""
    with ThreadPoolExecutor(2) as pool:
        pieces = list(pool.map(lambda group: _prepare(read_group(folder, *group), spec), groups_of(folder, "checked")))
    if not pieces:
        return Candidates(
            pa.table({spec.key: pa.array([], pa.string())}), np.empty(0, np.uint64), np.empty(0, np.int64), 0
        )
    table = pa.concat_tables([piece[0] for piece in pieces], promote_options="default").combine_chunks()
    key_hash = np.concatenate([piece[1] for piece in pieces])
    row_hash = np.concatenate([piece[2] for piece in pieces])
    return _latest(table, key_hash, row_hash, spec)


def units_of(candidates: Candidates, known: KnownClaims | None, spec: Library) -> Iterator[Unit]:
    """Yield the units of work; with `known` (a full snapshot) only what differs from it, and the keys that are gone."""
    alike = _unchanged(candidates, known) if known is not None else np.zeros(len(candidates), bool)
    gone = _gone(candidates, known) if known is not None else None
    wanted = np.flatnonzero(~alike)
    gone_hash = hash_column(gone) if gone is not None and len(gone) else np.empty(0, np.uint64)
    if len(wanted) + len(gone_hash) < SMALL:
        if len(wanted) or len(gone_hash):
            yield _unit(tuple(range(PARTITIONS)), candidates, wanted, gone, spec)
        return
    part, gone_part = partition_of(candidates.key_hash[wanted]), partition_of(gone_hash)
    for number in range(PARTITIONS):
        leaving = gone.filter(pa.array(gone_part == number)) if gone is not None and len(gone) else None
        yield _unit((number,), candidates, wanted[part == number], leaving, spec)


def partition_of(key_hash: Any) -> Any:
    """Return the hash partition of each key: the three highest bits of its hash."""
    return (key_hash >> np.uint64(61)).astype(np.int8)


def _unit(partitions: tuple[int, ...], candidates: Candidates, index: Any, gone: Any, spec: Library) -> Unit:
    keys = (
        candidates.table[spec.key].combine_chunks().take(pa.array(index)) if len(index) else pa.array([], pa.string())
    )
    index = index[np.asarray(pc.sort_indices(keys))]
    rows = candidates.table.take(pa.array(index)).append_column("row_hash", pa.array(candidates.row_hash[index]))
    for attribute in spec.attributes:
        if attribute.type == "number" and attribute.id in rows.column_names:
            place = rows.column_names.index(attribute.id)
            rows = rows.set_column(place, attribute.id, rows[attribute.id].cast(pa.decimal128(38, _SCALE)))
    return Unit(partitions, rows, gone if gone is not None else pa.array([], pa.string()))


def _prepare(table: Any, spec: Library) -> tuple[Any, Any, Any]:
    """Return canonical columns with `_row`, key hashes and row hashes of one row group."""
    columns = {
        attribute.id: _canonical(table[attribute.id], attribute.id, attribute.type)
        for attribute in spec.attributes
        if attribute.id in table.column_names
    }
    subject = _canonical(table["subject"], "subject", "text")
    if spec.key == "subject":
        key, body = subject, columns
    else:
        assert spec.entry is not None
        key, body = (
            pc.binary_join_element_wise(*(columns[part] for part in spec.entry.from_), "/"),
            {"subject": subject, **columns},
        )
    if missing := max(key.null_count, subject.null_count):
        raise Terminal("merge.key_missing", library=spec.library, rows=missing, key=spec.key)
    return pa.table({spec.key: key, **body, ROW: table[ROW]}), hash_column(key), hash_rows(body, table.num_rows)


def _canonical(column: Any, name: str, kind: str) -> Any:
    """Return a column so that equal values are equal bytes: text, date32, and numbers as plain decimal text without idle zeros."""
    try:
        array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        if kind == "date":
            return array.cast(pa.date32())
        if kind == "number":
            return _decimal_text(array)
        return array.cast(pa.string())
    except pa.ArrowInvalid as error:
        raise Terminal("merge.unfit_value", column=name, type=kind) from error


def _decimal_text(array: Any) -> Any:
    if pa.types.is_floating(array.type):
        array = pc.round(array, _SCALE).cast(pa.string())  # the shortest text that means this number
    elif pa.types.is_decimal(array.type) and array.type.scale > _SCALE:
        array = pc.round(array, _SCALE)
    text = array.cast(pa.decimal128(38, _SCALE)).cast(pa.string())
    return pc.utf8_rtrim(pc.utf8_rtrim(text, "0"), ".")


def _latest(table: Any, key_hash: Any, row_hash: Any, spec: Library) -> Candidates:
    """Keep of rows with the same key the one with the highest `_row`."""
    numbers, body = np.asarray(table[ROW]), table.drop_columns([ROW])
    ascending = np.sort(
        key_hash
    )  # keys alone sort ten times faster than with their rows' numbers, and mostly no two meet
    if not (ascending[:-1] == ascending[1:]).any():
        return Candidates(body, key_hash, row_hash, 0)
    order = np.lexsort((numbers, key_hash))
    ordered = key_hash[order]
    twin = np.flatnonzero(ordered[:-1] == ordered[1:])
    if len(twin):
        keys = table[spec.key].combine_chunks()
        same = pc.equal(keys.take(pa.array(order[twin])), keys.take(pa.array(order[twin + 1])))
        twin = twin[np.asarray(same.to_numpy(zero_copy_only=False))]
    if not len(twin):
        return Candidates(body, key_hash, row_hash, 0)
    stays = np.ones(len(key_hash), bool)
    stays[order[twin]] = False
    return Candidates(body.filter(pa.array(stays)).combine_chunks(), key_hash[stays], row_hash[stays], len(twin))


def _unchanged(candidates: Candidates, known: KnownClaims) -> Any:
    """Return for each row whether the source is already known to say exactly this."""
    if not len(known.keys):
        return np.zeros(len(candidates), bool)
    order = np.argsort(known.key_hash)
    hashes = known.key_hash[order]
    place = np.minimum(np.searchsorted(hashes, candidates.key_hash), len(hashes) - 1)
    return (hashes[place] == candidates.key_hash) & (known.row_hash[order[place]] == candidates.row_hash)


def _gone(candidates: Candidates, known: KnownClaims) -> Any:
    """Return the known keys that a full snapshot no longer holds."""
    missing = np.flatnonzero(~np.isin(known.key_hash, candidates.key_hash))
    return known.keys.take(pa.array(missing)) if len(missing) else pa.array([], pa.string())
