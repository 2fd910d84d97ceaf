"""Why: merges believe stored row hashes instead of values; one that is wrong would let a change pass unseen. All claims stream through Arrow, hashed again,
a record batch at a time. Called by `libraries.auditing.check`.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

from libraries import sql
from libraries.auditing.found import EXAMPLES
from libraries.fingerprint import hash_rows
from libraries.merging.candidates import canonical
from schemas.bound import EFFECTIVE_FROM
from schemas.database import StreamCut, streaming
from schemas.errors import Transient
from schemas.library import Library, library

_CLAIMS = "SELECT {key}, row_hash, {values} FROM {claims}"


def check(name: str, seen: Callable[[int], None]) -> tuple[int, int, list[str]]:
    """Hash every claim of a library again; return how many were looked at, how many are wrong, and the keys of the first wrong ones.

    seen: told how many more were looked at. A row's hash is of this row alone, so this needs no part in the checks' snapshot.
    Raises Transient `merge.interrupted`.
    """
    words = {**sql.words(name), "values": _values(library(name))}
    looked, wrong, examples = 0, 0, list[str]()
    try:
        with streaming("reader") as cursor:
            cursor.execute(_CLAIMS.format_map(words))
            for batch in cursor.fetch_record_batch():
                differing = batch.column(0).filter(pa.array(_differs(batch, library(name))))
                looked, wrong = looked + batch.num_rows, wrong + len(differing)
                examples += differing.slice(0, EXAMPLES - len(examples)).to_pylist()
                seen(batch.num_rows)
    except StreamCut as error:
        raise Transient("merge.interrupted", table=words["claims"], state=error.state) from error
    return looked, wrong, examples


def _values(spec: Library) -> str:
    kinds = _kinds(spec)
    return ", ".join(f"{c}::text" if kinds[c] == "number" else c for c in kinds)


def _kinds(spec: Library) -> dict[str, str]:
    """Return what a row hash is made of, with its types: the columns beside the key, and the effective day."""
    kinds = {attribute.id: str(attribute.type) for attribute in spec.attributes}
    return {**{c: kinds.get(c, "text") for c in sql.body_columns(spec)}, EFFECTIVE_FROM: "date"}


def _differs(batch: Any, spec: Library) -> Any:
    columns = {}
    for place, (name, kind) in enumerate(_kinds(spec).items(), 2):
        column = batch.column(place)
        if kind == "number":
            column = column.cast(pa.decimal128(38, 10))
        columns[name] = canonical(column, name, kind)
    return hash_rows(columns, batch.num_rows) != np.asarray(batch.column(1))
