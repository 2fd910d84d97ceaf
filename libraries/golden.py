"""Why: the winning word. A golden record takes each attribute from the claim with the highest authority that has a value; ties go to the most recent
assertion, then to the lower source number, so that the order in which sources arrive never matters. Called by `libraries.merging.merge` after the claims.

The order is one number per claim and authority list: a steward's ruling before all, rank of the department, then recency in milliseconds, then source; the
smallest with a value wins. A record with one claim needs none of this: its claim is the golden record. A ruling decides between sources: where no source
knows the record any more there is none, and the ruling waits in case one comes back.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
from sqlalchemy.orm import Session

from libraries import sql, wire
from libraries.claims import RULING, Assertion, constant, copy_rows, moment
from libraries.history import KEEP, NEXT_MOMENT, NEXT_VERSION
from schemas.library import Library

UNRANKED = 63  # departments the authority list does not name come after all it names
_ORDER = (
    "(({rank})::bigint << 57) | ((4398046511103 - (EXTRACT(EPOCH FROM c.asserted_at) * 1000)::bigint) << 15) | c.source"
)


@dataclass(frozen=True)
class Judged:
    """How many golden records a unit added, changed and removed."""

    added: int
    changed: int
    removed: int


def rank_of(department: str, authority: tuple[str, ...]) -> int:
    """Return a department's place in an authority list, 0 first; UNRANKED when it is not named."""
    return authority.index(department) if department in authority else UNRANKED


def order_of(authority: tuple[str, ...], departments: Mapping[int, str]) -> str:
    """Return the SQL number that orders the claims `c` for one authority list: rulings first, then rank, recency, source; smallest wins."""
    ranked = [(source, rank_of(department, authority)) for source, department in sorted(departments.items())]
    cases = " ".join(
        f"WHEN {source} THEN {rank + 1}" for source, rank in ranked if source != RULING and rank != UNRANKED
    )
    cases = f"WHEN {RULING} THEN 0 {cases}" if RULING in departments else cases
    return _ORDER.format(rank=f"CASE c.source {cases} ELSE {UNRANKED} END" if cases else str(UNRANKED))


_PREPARE = "CREATE TEMP TABLE verdict ON COMMIT DROP AS SELECT {record}, sources, batches FROM {golden} WITH NO DATA"
_TOUCH = """
    INSERT INTO touched
    SELECT i.{key} FROM incoming i
    CROSS JOIN LATERAL (SELECT FROM {claims} c WHERE c.{key} = i.{key} AND c.source <> {source} LIMIT 1) AS other
    UNION ALL SELECT {key} FROM gone
"""
_SOLE = """
    INSERT INTO verdict ({record}, sources, batches) SELECT {i_record}, {own_sources}, {own_batches} FROM incoming i
    WHERE NOT EXISTS (SELECT FROM touched t WHERE t.{key} = i.{key})
"""
_JUDGE = """
    WITH spoken AS MATERIALIZED (SELECT c.*, {orders} FROM touched JOIN {claims} c USING ({key})),
    best AS (SELECT {key}, {best} FROM spoken GROUP BY {key} HAVING max(source) > {ruling})
    INSERT INTO verdict ({record}, sources, batches)
    SELECT {key}, {chosen}, ARRAY[{sources}]::smallint[], ARRAY[{batches}]::integer[]
    FROM spoken JOIN best USING ({key}) GROUP BY {key}, {best_names}
"""
_CHANGE = """
    WITH moved AS (
        UPDATE {golden} g SET {set_body}, sources = i.sources, batches = i.batches, version = g.version + 1,
            recorded_at = GREATEST(:now, g.recorded_at)
        FROM verdict i
        WHERE g.{key} = i.{key} AND ({g_body}, g.sources, g.batches) IS DISTINCT FROM ({i_body}, i.sources, i.batches)
        RETURNING old.*)
"""
_ADD = """
    INSERT INTO {golden} ({record}, sources, batches, version, recorded_at)
    SELECT {i_record}, i.sources, i.batches, {first_version}, {first_moment} FROM verdict i
    WHERE NOT EXISTS (SELECT FROM {golden} g WHERE g.{key} = i.{key})
    ON CONFLICT ({key}) DO NOTHING
"""
_REMOVE = """
    WITH moved AS (
        DELETE FROM {golden} g USING gone i
        WHERE g.{key} = i.{key} AND NOT EXISTS (SELECT FROM {claims} c WHERE c.{key} = i.{key} AND c.source <> {ruling})
        RETURNING g.*)
"""


def judge(session: Session, assertion: Assertion, departments: Mapping[int, str], now: datetime) -> Judged:
    """Make the golden records of all staged keys say what the claims now say. Afterwards `touched` holds the keys that more than one source knows."""
    words = {**assertion.words, **_own(assertion), **judging(assertion.spec, departments)}
    words["first_version"], words["first_moment"] = NEXT_VERSION.format_map(words), NEXT_MOMENT.format_map(words)
    if len(departments) > 1:
        sql.run(session, _TOUCH, words)
    else:
        sql.run(session, "INSERT INTO touched SELECT {key} FROM gone", words)
    sql.run(session, "CREATE INDEX ON touched ({key})", words)
    sql.run(session, "ANALYZE touched", words)  # without it the planner takes a full table for a small one and loops
    sql.run(session, _PREPARE, words)
    sql.run(session, _SOLE, words)
    sql.run(session, _JUDGE, words)
    sql.run(session, "CREATE UNIQUE INDEX ON verdict ({key})", words)
    sql.run(session, "ANALYZE verdict ({key})", words)
    changed = sql.run(session, _CHANGE + KEEP, words, now=now).rowcount
    added = sql.run(session, _ADD, words, now=now).rowcount
    removed = sql.run(session, _REMOVE + KEEP, words, now=now).rowcount
    return Judged(added, changed, removed)


def copy_golden(session: Session, assertion: Assertion, rows: Any, now: datetime) -> None:
    """Copy a unit's rows straight into the golden records: the quick way when no other source feeds the library and it holds nothing yet."""
    ids = assertion.spec.attribute_ids
    record = rows.select([name for name in rows.column_names if name not in ("row_hash", "effective_from")])
    delivered = [name for name in ids if name in rows.column_names]
    kinds, kind_of_row = _kinds_of(rows.select(delivered))
    for column, number, width in (("sources", assertion.source, 2), ("batches", assertion.batch, 4)):
        values = [
            wire.array_value(
                [number if a in delivered and kind >> delivered.index(a) & 1 else None for a in ids], width
            )
            for kind in kinds
        ]
        record = record.append_column(column, pa.array(values, pa.binary()).take(pa.array(kind_of_row)))
    copy_rows(session, assertion.words["golden"], constant(record, recorded_at=moment(now)))


def _kinds_of(values: Any) -> tuple[list[int], Any]:
    """Return the different ways in which rows lack values, bit n set where column n has one, and each row's place among them."""
    patterns = np.zeros(values.num_rows, np.int64)
    for place, column in enumerate(values.columns):
        patterns |= (np.asarray(column.is_valid()) if column.null_count else np.int64(1)).astype(np.int64) << place
    kinds, kind_of_row = np.unique(patterns, return_inverse=True)
    return kinds.tolist(), kind_of_row


def _own(assertion: Assertion) -> dict[str, str]:
    """Return sources and batches of a record of which `incoming i` is the only claim."""
    cases = "CASE WHEN i.{} IS NOT NULL THEN {} END"
    ids = assertion.spec.attribute_ids
    sources = ", ".join(cases.format(a, assertion.source) for a in ids)
    batches = ", ".join(cases.format(a, assertion.batch) for a in ids)
    return {"own_sources": f"ARRAY[{sources}]::smallint[]", "own_batches": f"ARRAY[{batches}]::integer[]"}


def judging(spec: Library, departments: Mapping[int, str]) -> dict[str, str]:
    """Return the words that find, per attribute, the best claim with a value, and take value, source and batch from it.

    Whom a register's entry is about only sources say: a ruling's claim has the subject too, because it must.
    """
    lists = list(dict.fromkeys([(), *(attribute.authority for attribute in spec.attributes)]))
    order = {attribute.id: f"order_{lists.index(attribute.authority)}" for attribute in spec.attributes}
    if spec.key != "subject":
        order = {"subject": "order_0", **order}
    speaks = {a: f"{a} IS NOT NULL" + (f" AND source <> {RULING}" if a == "subject" else "") for a in order}
    return {
        "ruling": str(RULING),
        "orders": ", ".join(f"{order_of(authority, departments)} AS order_{n}" for n, authority in enumerate(lists)),
        "best": ", ".join(f"min({order[a]}) FILTER (WHERE {speaks[a]}) AS best_{a}" for a in order),
        "best_names": ", ".join(f"best_{a}" for a in order),
        "chosen": ", ".join(f"max({a}) FILTER (WHERE {order[a]} = best_{a})" for a in order),
        "sources": ", ".join(f"best_{a} & 32767" for a in spec.attribute_ids),
        "batches": ", ".join(f"max(batch) FILTER (WHERE {order[a]} = best_{a})" for a in spec.attribute_ids),
    }
