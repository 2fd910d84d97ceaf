"""Why: what a batch says, made ready for the merge in Arrow, where it is cheapest: canonical values, keys, hashes. A batch of any size passes through row
group by row group; what stays in memory is eight bytes a row. Called by `merge` alone; `units` keeps what is new or changed.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from libraries.fingerprint import Hashes, hash_column, hash_rows
from libraries.landing import ROW, Folder, groups_of, read_group
from libraries.merging.known import Known
from schemas.bound import EFFECTIVE_FROM
from schemas.errors import Terminal
from schemas.library import Library

ROW_HASH = "row_hash"
SCALE = 10  # digits kept after the point; the city's money counts in 万元 to the cent, six digits
_SAMPLE, _WORKERS = 256, 2
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Keys:
    """The keys of a batch, read before anything else. hashes: of each row group's keys; ordered: all of them sorted; repeated: those of several rows;
    sample: some keys of every row group.
    """

    hashes: list[Hashes]
    ordered: Hashes
    repeated: Hashes
    sample: Any

    def __len__(self) -> int:
        return len(self.ordered)


def read_keys(folder: Folder, spec: Library) -> Keys:
    """Read the keys of a batch's checked files. Raises Terminal `merge.key_missing`, `merge.unfit_value`."""
    with ThreadPoolExecutor(_WORKERS) as pool:
        found = list(pool.map(partial(_keys_of, folder, spec), groups_of(folder, "checked")))
    hashes = [hashed for hashed, _ in found]
    ordered = np.sort(np.concatenate([*hashes, np.empty(0, np.uint64)]))
    repeated = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    return Keys(hashes, ordered, repeated, pa.chunked_array([keys for _, keys in found], pa.string()).combine_chunks())


def read_changed(folder: Folder, spec: Library, keys: Keys, known: Callable[[], Known] | None) -> Iterator[Any]:
    """Yield, in row order, tables of key, a register's subject, delivered attributes, effective day if delivered, row number and row hash; rows that say
    what the source is known to say are left out, but not those whose key comes again: which of them counts is not seen here. known: asked when the first
    rows are ready, so that the server can tell meanwhile. Raises as `read_keys`.
    """
    with ThreadPoolExecutor(_WORKERS) as pool:
        tables = _ahead(pool, lambda group: prepared(read_group(folder, *group), spec), groups_of(folder, "checked"))
        for hashes, table in zip(keys.hashes, tables, strict=True):
            if known is None:
                yield table
                continue
            alike = known().says(hashes, np.asarray(table[ROW_HASH]))
            if len(keys.repeated):
                alike &= ~np.isin(hashes, keys.repeated)
            yield table.filter(pa.array(~alike))


def keys_in(table: Any, spec: Library) -> Any:
    """Return the library keys of a table of checked columns; null where a part is missing. Raises Terminal `merge.unfit_value`."""
    return _key(spec, _columns(table, spec), _subject(table))[0]


def _ahead(
    pool: ThreadPoolExecutor, work: Callable[[_Item], _Result], items: Iterable[_Item], most: int = 2 * _WORKERS
) -> Iterator[_Result]:
    """Map in order, at most `most` results ahead of whoever takes them: a batch larger than memory must not pile up."""
    waiting = iter(items)
    running: list[Future[_Result]] = [pool.submit(work, item) for item in islice(waiting, most)]
    while running:
        result = running.pop(0).result()
        running += [pool.submit(work, item) for item in islice(waiting, 1)]
        yield result


def _keys_of(folder: Folder, spec: Library, group: tuple[str, int]) -> tuple[Hashes, Any]:
    wanted = {"subject", *(spec.entry.from_ if spec.entry else ())}
    table = read_group(folder, *group, columns=[*wanted])
    key, subject = _key(spec, _columns(table, spec), _subject(table))
    if missing := max(key.null_count, subject.null_count):
        raise Terminal("merge.key_missing", library=spec.library, rows=missing, key=spec.key)
    step = max(1, len(key) // _SAMPLE)
    return hash_column(key), key.take(pa.array(np.arange(0, len(key), step)))


def prepared(table: Any, spec: Library) -> Any:
    """Return canonical columns with `_row` and the row hash of checked rows. Raises Terminal `merge.unfit_value`."""
    columns, subject = _columns(table, spec), _subject(table)
    key, _ = _key(spec, columns, subject)
    body = columns if spec.key == "subject" else {"subject": subject, **columns}
    if EFFECTIVE_FROM in table.column_names:  # a changed effective day is a change
        body = {**body, EFFECTIVE_FROM: canonical(table[EFFECTIVE_FROM], EFFECTIVE_FROM, "date")}
    return pa.table({spec.key: key, **body, ROW: table[ROW], ROW_HASH: hash_rows(body, table.num_rows)})


def _columns(table: Any, spec: Library) -> dict[str, Any]:
    there = [attribute for attribute in spec.attributes if attribute.id in table.column_names]
    return {attribute.id: canonical(table[attribute.id], attribute.id, attribute.type) for attribute in there}


def _subject(table: Any) -> Any:
    return canonical(table["subject"], "subject", "text")


def _key(spec: Library, columns: dict[str, Any], subject: Any) -> tuple[Any, Any]:
    if spec.entry is None:
        return subject, subject
    return pc.binary_join_element_wise(*(columns[part] for part in spec.entry.from_), "/"), subject


def canonical(column: Any, name: str, kind: str) -> Any:
    """Return a column so that equal values are equal bytes: text, date32, and numbers as plain decimal text without idle zeros.

    Raises Terminal `merge.unfit_value`.
    """
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
        array = pc.round(array, SCALE).cast(pa.string())  # the shortest text that means this number
    elif pa.types.is_decimal(array.type) and array.type.scale > SCALE:
        array = pc.round(array, SCALE)
    text = array.cast(pa.decimal128(38, SCALE)).cast(pa.string())
    return pc.utf8_rtrim(pc.utf8_rtrim(text, "0"), ".")
