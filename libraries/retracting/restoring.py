"""Why: the source's claims become what is left to say, in a few statements whatever their number. A claim that goes or changes is kept among the past ones,
ended by the retraction: its number, negative, stands where else a batch's does. Called by `retract` alone.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
from sqlalchemy.orm import Session

from libraries import claims, sql
from libraries.claims import Assertion
from libraries.landing import ROW
from libraries.merging.candidates import ROW_HASH
from libraries.merging.units import fitted
from libraries.retracting.affected import NOBODY, Affected, Numbers
from libraries.retracting.remaining import Words
from libraries.sql import CLAIM_COLUMNS

_STAGE = """
    CREATE TEMP TABLE restored ON COMMIT DROP AS SELECT {claim} FROM {claims} WITH NO DATA;
    CREATE TEMP TABLE emptied ON COMMIT DROP AS SELECT {key} FROM {claims} WITH NO DATA;
    CREATE TEMP TABLE former ON COMMIT DROP AS SELECT {key}, version FROM {claims} WITH NO DATA
"""
_FORMER = """
    INSERT INTO restored ({claim})
    SELECT {claim} FROM former JOIN {past_claims} USING ({key}, version) WHERE source = {source}
    UNION ALL SELECT {claim} FROM former JOIN {claims} USING ({key}, version) WHERE source = {source}
"""
_INDEX = "CREATE UNIQUE INDEX ON restored ({key}); CREATE UNIQUE INDEX ON emptied ({key}); ANALYZE restored ({key}); ANALYZE emptied"
_PAST = "INSERT INTO {past_claims} ({claim}, superseded_at, superseded_by_batch) SELECT {claim}, :now, {ended_by} FROM moved"
_CHANGE = """
    WITH moved AS (
        UPDATE {claims} c SET {set_body}, {set_claim}, version = c.version + 1, recorded_at = GREATEST(:now, c.recorded_at)
        FROM restored i WHERE c.{key} = i.{key} AND c.source = {source}
        RETURNING old.*)
"""
_ADD = """
    INSERT INTO {claims} ({claim})
    SELECT {i_record}, {i_claim} FROM restored i
    WHERE NOT EXISTS (SELECT FROM {claims} c WHERE c.{key} = i.{key} AND c.source = {source})
"""
_REMOVE = """
    WITH moved AS (
        DELETE FROM {claims} c USING emptied i WHERE c.{key} = i.{key} AND c.source = {source} RETURNING c.*)
"""
_NEXT = "1 + COALESCE((SELECT max(p.version) FROM {past_claims} p WHERE p.{key} = i.{key} AND p.source = {source}), 0)"
_SAID = ("row_hash", "batch", "asserted_at", "effective_from")


@dataclass(frozen=True)
class Restored:
    """What became of the source's claims: withdrawn, restored (come back, or said by another batch), unchanged."""

    withdrawn: int
    restored: int
    unchanged: int


def restore(
    session: Session, assertion: Assertion, found: tuple[Affected, Words], retraction: int, now: datetime
) -> Restored:
    """Make the claims of the affected keys what `found` says is left of them. retraction: its id, of a dry run any."""
    affected, left = found
    words = {**assertion.words, "ended_by": str(-retraction)}
    changed = left.changed(affected.now)
    _stage(session, words, affected, left, changed)
    _copy_rows(session, assertion, left, changed)
    sql.run(session, _FORMER, words)
    for statement in _INDEX.split(";"):
        sql.run(session, statement, words)
    words["set_claim"] = ", ".join(f"{column} = i.{column}" for column in _SAID)
    special = {"version": _NEXT.format_map(words), "recorded_at": ":now"}
    words["i_claim"] = ", ".join(special.get(column, f"i.{column}") for column in CLAIM_COLUMNS)
    restored = sql.run(session, _CHANGE + _PAST, words, now=now).rowcount
    withdrawn = sql.run(session, _REMOVE + _PAST, words, now=now).rowcount
    restored += sql.run(session, _ADD, words, now=now).rowcount
    return Restored(withdrawn, restored, len(affected) - int(changed.sum()))


def _stage(session: Session, words: dict[str, str], affected: Affected, left: Words, changed: Any) -> None:
    """Stage the keys nothing is left of, and those whose claim of before comes back."""
    for statement in _STAGE.split(";"):
        sql.run(session, statement, words)
    emptied = changed & (left.claims.batch == NOBODY)
    claims.copy_rows(session, "emptied", pa.table({words["key"]: affected.keys.filter(pa.array(emptied))}))
    former = changed & (left.claims.batch != NOBODY) & (left.place < 0)
    versions = pa.array(affected.version[former].astype(np.int32))
    claims.copy_rows(
        session, "former", pa.table({words["key"]: affected.keys.filter(pa.array(former)), "version": versions})
    )
    sql.run(session, "ANALYZE former", words)


def _copy_rows(session: Session, assertion: Assertion, left: Words, changed: Any) -> None:
    """Stage the claims that later batches now make."""
    rows, places = left.taken(changed)
    if rows is None:
        return
    rows = fitted(rows, assertion.spec).drop_columns([ROW, ROW_HASH])
    kept: dict[str, tuple[Numbers, Any]] = {
        "row_hash": (left.claims.row_hash, pa.int64()), "batch": (left.claims.batch, pa.int32()),
        "asserted_at": (left.claims.asserted_at, pa.timestamp("us", "UTC")),
    }  # fmt: skip
    for name, (numbers, kind) in kept.items():
        values = pa.array(numbers[places])
        rows = rows.append_column(name, values.cast(kind))
    source = pa.scalar(assertion.source, pa.int16())
    claims.copy_rows(session, "restored", claims.constant(rows, source=source))
