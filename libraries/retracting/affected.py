"""Why: taking a batch back concerns only the records it left its mark on. Which they are, and what the source's claim of each was before the mark: read from
the claims and past claims that bear the number of a void batch. Called by `retract` alone.

`affected` is a temporary table of keys, each with the moment from which on its source must be heard again.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.csv as pa_csv
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from libraries import sql

Numbers = NDArray[np.int64]
NOBODY = 0
"""The batch number of no claim at all; batches are numbered from 1."""

_FIND = """
    CREATE TEMP TABLE affected ON COMMIT DROP AS
    SELECT {key}, min(point) AS point FROM (
        SELECT m.{key}, min(v.point) AS point FROM (
            SELECT {key}, batch AS mark FROM {claims} WHERE source = {source}
            UNION ALL SELECT {key}, batch FROM {past_claims} WHERE source = {source}
            UNION ALL SELECT {key}, superseded_by_batch FROM {past_claims} WHERE source = {source}) m
        JOIN unnest(CAST(:numbers AS integer[]), CAST(:points AS timestamptz[])) AS v (number, point) ON v.number = m.mark
        GROUP BY m.{key} HAVING bool_or(v.number = {batch}) OR min(v.point) < :merged_at
        UNION ALL
        SELECT {key} COLLATE "C", point FROM unnest(CAST(:keys AS text[]), CAST(:moments AS timestamptz[])) AS r ({key}, point)) x
    GROUP BY {key}
"""
_COLUMNS = ("batch", "row_hash", "asserted_at")
_LINES = """
    COPY (
        WITH line AS (
            SELECT a.{key}, p.version, p.batch, p.row_hash, p.asserted_at
            FROM affected a JOIN {past_claims} p ON p.{key} = a.{key} AND p.source = {source}
            WHERE p.recorded_at <= a.point AND p.superseded_at > a.point
            UNION ALL
            SELECT a.{key}, c.version, c.batch, c.row_hash, c.asserted_at
            FROM affected a JOIN {claims} c ON c.{key} = a.{key} AND c.source = {source} WHERE c.recorded_at <= a.point),
        before AS (SELECT DISTINCT ON ({key}) * FROM line ORDER BY {key}, version DESC)
        SELECT a.{key}, {point}, COALESCE(b.version, 0), COALESCE(b.batch, 0), COALESCE(b.row_hash, 0), COALESCE({b_said}, 0),
            COALESCE(c.batch, 0), COALESCE(c.row_hash, 0), COALESCE({c_said}, 0)
        FROM affected a LEFT JOIN before b USING ({key})
        LEFT JOIN {claims} c ON c.{key} = a.{key} AND c.source = {source}
        ORDER BY a.{key}
    ) TO STDOUT (FORMAT csv)
"""
_NAMES = ("key", "point", "version", *_COLUMNS, *(f"now_{name}" for name in _COLUMNS))
_MICROSECONDS = "(EXTRACT(EPOCH FROM {}) * 1000000)::bigint"


@dataclass(frozen=True)
class Claims:
    """What a source says of each affected key, a row each: batch (NOBODY: nothing), row hash, asserted at (microseconds since 1970)."""

    batch: Numbers
    row_hash: Numbers
    asserted_at: Numbers


@dataclass(frozen=True)
class Affected:
    """The affected keys in order; of each the moment to hear from, the claim of before (with its version) and the claim of now."""

    keys: Any
    point: Numbers
    version: Numbers
    before: Claims
    now: Claims

    def __len__(self) -> int:
        return len(self.keys)


def find(
    session: Session,
    words: dict[str, str],
    marks: dict[int, datetime],
    merged_at: datetime,
    revived: Sequence[tuple[str, datetime]],
) -> Affected:
    """Find what a batch touched, the numbers in `words`; and what void batches did whose marks are older than its merge, since it may have hidden behind
    them. revived: keys to be heard again besides, each with its moment.
    """
    values = {"numbers": [*marks], "points": [*marks.values()], "merged_at": merged_at}
    values |= {"keys": [key for key, _ in revived], "moments": [moment for _, moment in revived]}
    sql.run(session, _FIND, words, **values)
    sql.run(session, "CREATE UNIQUE INDEX ON affected ({key})", words)
    sql.run(session, "ANALYZE affected", words)
    table = _read(session, words)
    numbers = {name: np.asarray(table[name].combine_chunks()) for name in _NAMES if name != "key"}
    claims = [Claims(*(numbers[f"{lead}{name}"] for name in _COLUMNS)) for lead in ("", "now_")]
    return Affected(table["key"].combine_chunks(), numbers["point"], numbers["version"], *claims)


def microseconds(moment: datetime) -> int:
    """Return a moment as the numbers here count it."""
    return int(pa.scalar(moment, pa.timestamp("us", "UTC")).value)


def _read(session: Session, words: dict[str, str]) -> Any:
    said = {f"{one}_said": _MICROSECONDS.format(f"{one}.asserted_at") for one in ("b", "c")}
    statement = _LINES.format_map({**words, **said, "point": _MICROSECONDS.format("a.point")})
    driver = session.connection().connection.driver_connection
    assert driver is not None
    content = io.BytesIO()
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            for piece in copy:
                content.write(piece)
    except psycopg.Error as error:
        raise sql.failure(words["claims"], error.sqlstate) from None
    types = {name: pa.string() if name == "key" else pa.int64() for name in _NAMES}
    if not content.tell():
        return pa.schema(types.items()).empty_table()
    content.seek(0)
    return pa_csv.read_csv(
        content,
        pa_csv.ReadOptions(column_names=list(_NAMES)),
        pa_csv.ParseOptions(newlines_in_values=True),
        pa_csv.ConvertOptions(column_types=types, strings_can_be_null=False),
    )
