"""Why: a claim is what one source says of one record: (key, source) → values, asserted at, batch. Here a unit of a batch becomes claims: new ones are
added, changed ones replace the source's former word, withdrawn ones leave; what stood before goes to past claims. Called by `libraries.merging.merge`.

A null in a newer claim takes the source's older value back: the claim is replaced whole.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
import pyarrow as pa
from sqlalchemy.orm import Session

from libraries import sql, wire
from schemas.library import Library, library

COPY_ROWS = 65_536
RULING = 0
"""The source number of a steward's rulings; resources are numbered from 1. The batch of a ruling's claim is the ruling's id, negative."""


@dataclass(frozen=True)
class Assertion:
    """Who says it (the resource's number), in which batch (its number), when, of which library."""

    library: str
    source: int
    batch: int
    asserted_at: datetime

    @property
    def spec(self) -> Library:
        """Return the library's definition."""
        return library(self.library)

    @property
    def words(self) -> dict[str, str]:
        """Return the placeholders of this library's statements, with this source and batch as literals."""
        return {**sql.words(self.library), "source": str(self.source), "batch": str(self.batch)}


def has_claims(session: Session, assertion: Assertion) -> bool:
    """Tell whether the source ever merged a batch into this library; if not, none of its claims need be looked for."""
    return bool(sql.run(session, _EVER, assertion.words).scalar())


_EVER = """
    SELECT EXISTS (SELECT FROM landing.batches b JOIN directory.resources r ON r.id = b.resource_id
                   WHERE r.number = {source} AND b.state IN ('merged', 'retracted'))
        OR EXISTS (SELECT FROM {claims} WHERE source = {source})
"""

_STAGE = """
    CREATE TEMP TABLE incoming ON COMMIT DROP AS SELECT {record}, effective_from, row_hash FROM {claims} WITH NO DATA;
    CREATE TEMP TABLE gone ON COMMIT DROP AS SELECT {key} FROM {claims} WITH NO DATA;
    CREATE TEMP TABLE touched ON COMMIT DROP AS SELECT {key} FROM {claims} WITH NO DATA
"""


# Indexed, because the planner may believe a source to have hardly any claims when it just got its first thousands, and loop over what is staged.
_INDEX = "CREATE UNIQUE INDEX ON incoming ({key}); CREATE INDEX ON gone ({key}); ANALYZE incoming ({key})"


def stage(session: Session, assertion: Assertion, rows: Any, gone: Any) -> None:
    """Put a unit's rows and withdrawn keys before the server: temporary tables `incoming` and `gone` that end with the transaction."""
    for statement in _STAGE.split(";"):
        sql.run(session, statement, assertion.words)
    copy_rows(session, "incoming", rows)
    copy_rows(session, "gone", pa.table({assertion.spec.key: gone}))
    for statement in _INDEX.split(";"):
        sql.run(session, statement, assertion.words)


def copy_rows(session: Session, target: str, rows: Any) -> None:
    """Copy an Arrow table into the columns of the same names and types (`wire.encode`), inside the session's transaction.

    Raises Terminal `merge.refused`, Transient `merge.interrupted`: the server's own words would quote the row, so they go no further.
    """
    if not rows.num_rows:
        return
    raw = session.connection().connection.driver_connection
    assert raw is not None
    try:
        with raw.cursor().copy(f"COPY {target} ({', '.join(rows.column_names)}) FROM STDIN (FORMAT binary)") as copy:
            copy.write(wire.HEAD)
            for batch in rows.to_batches(max_chunksize=COPY_ROWS):
                copy.write(wire.encode(batch))
            copy.write(wire.TAIL)
    except psycopg.Error as error:
        raise sql.failure(target, error.sqlstate) from None


_DROP_UNCHANGED = """
    DELETE FROM incoming i USING {claims} c
    WHERE c.{key} = i.{key} AND c.source = {source} AND (c.row_hash = i.row_hash OR c.asserted_at > :asserted_at)
"""
_CHANGE = """
    WITH moved AS (
        UPDATE {claims} c SET {set_body}, row_hash = i.row_hash, version = c.version + 1, batch = {batch}, asserted_at = :asserted_at,
            effective_from = i.effective_from, recorded_at = GREATEST(:now, c.recorded_at)
        FROM incoming i WHERE c.{key} = i.{key} AND c.source = {source}
        RETURNING old.*)
    INSERT INTO {past_claims} ({claim}, superseded_at, superseded_by_batch) SELECT {claim}, GREATEST(:now, recorded_at), {batch} FROM moved
"""
_ADD = """
    INSERT INTO {claims} ({claim})
    SELECT {i_record}, {source}, i.row_hash, {first_version}, {batch}, :asserted_at, i.effective_from, :now FROM incoming i
"""
# asked for before anything is computed for the row: most rows of a second load are there already
_ONLY_NEW = """
    WHERE NOT EXISTS (SELECT FROM {claims} c WHERE c.{key} = i.{key} AND c.source = {source})
    ON CONFLICT ({key}, source) DO NOTHING
"""
_NEXT_VERSION = (
    "1 + COALESCE((SELECT max(p.version) FROM {past_claims} p WHERE p.{key} = i.{key} AND p.source = {source}), 0)"
)
_WITHDRAW = """
    WITH moved AS (
        DELETE FROM {claims} c USING gone i WHERE c.{key} = i.{key} AND c.source = {source} AND c.asserted_at <= :asserted_at
        RETURNING c.*)
    INSERT INTO {past_claims} ({claim}, superseded_at, superseded_by_batch) SELECT {claim}, GREATEST(:now, recorded_at), {batch} FROM moved
"""


def constant(rows: Any, **values: Any) -> Any:
    """Return an Arrow table with columns added that hold one Arrow scalar each."""
    for name, value in values.items():
        rows = rows.append_column(name, pa.repeat(value, rows.num_rows))
    return rows


def moment(when: datetime) -> Any:
    """Return a moment as the Arrow scalar that fits timestamptz."""
    return pa.scalar(when, pa.timestamp("us", "UTC"))


def copy_claims(session: Session, assertion: Assertion, rows: Any, now: datetime) -> None:
    """Copy a unit's rows straight into the claims: the quick way for a source that has none yet. rows: sorted by key, `row_hash` last."""
    source, batch = pa.scalar(assertion.source, pa.int16()), pa.scalar(assertion.batch, pa.int32())
    times = {"asserted_at": moment(assertion.asserted_at), "recorded_at": moment(now)}
    own = constant(rows, source=source, batch=batch, **times)
    copy_rows(session, assertion.words["claims"], own)


@dataclass(frozen=True)
class Asserted:
    """How many claims a unit added, changed and withdrew."""

    added: int
    changed: int
    withdrawn: int


def assert_claims(
    session: Session, assertion: Assertion, now: datetime, *, first: bool, sifted: bool = False
) -> Asserted:
    """Make the staged rows the source's claims; afterwards `incoming` holds the really new or changed ones. `first`: the source had none before;
    `sifted`: what it says already was left out before.
    """
    words, times = assertion.words, {"now": now, "asserted_at": assertion.asserted_at}
    if first:
        added = sql.run(session, _ADD, {**words, "first_version": "1"}, **times).rowcount
        return Asserted(added, 0, 0)
    words["first_version"] = _NEXT_VERSION.format_map(words)
    if not sifted:
        sql.run(session, _DROP_UNCHANGED, words, asserted_at=assertion.asserted_at)
    changed = sql.run(session, _CHANGE, words, **times).rowcount
    added = sql.run(session, _ADD + _ONLY_NEW, words, **times).rowcount
    withdrawn = sql.run(session, _WITHDRAW, words, **times).rowcount
    return Asserted(added, changed, withdrawn)
