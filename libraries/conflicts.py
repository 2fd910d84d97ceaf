"""Why: two sources that contradict each other on an attribute of one record are a finding of their own: who wins is settled by authority, but one of
them is wrong and should hear of it. Written for the records a merge touched, closed when the sources agree again or a steward ruled. Called by
`libraries.merging.merge` and `libraries.rejudging`.

What stands here follows from the claims and rulings of now alone. A conflict is open while sources say different things and no ruling in force has seen
all of them: a ruling closes it, a further value said later opens it again (and the ruling stays in force).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
from sqlalchemy import text
from sqlalchemy.orm import Session

from libraries import sql
from libraries.claims import RULING, Assertion, copy_rows
from libraries.disputing.grading import Voice, grade
from libraries.golden import UNRANKED, rank_of

GRADED_AT_ONCE = 10_000
_FIND = """
    CREATE TEMP TABLE contested ON COMMIT DROP AS
    SELECT {key}, unnest(array_remove(ARRAY[{contradicted}], NULL)) AS attribute
    FROM touched JOIN {claims} c USING ({key}) WHERE c.source <> {ruling} GROUP BY {key} HAVING count(*) > 1
"""
_DISPUTE = """
    CREATE TEMP TABLE disputed ON COMMIT DROP AS
    WITH spoken AS MATERIALIZED (
        SELECT x.{key} AS record_key, x.attribute, c.source, c.batch, c.asserted_at, CASE x.attribute {values} END AS value
        FROM contested x JOIN {claims} c USING ({key}) WHERE c.source <> {ruling}),
    said AS (
        SELECT c.record_key, c.attribute,
            jsonb_agg(jsonb_build_object('source', c.source, 'value', c.value, 'batch', c.batch) {ranked}) AS claims,
            array_agg(COALESCE(r.rank, {unranked}) {ranked}) AS ranks,
            array_agg(EXTRACT(EPOCH FROM c.asserted_at)::double precision {ranked}) AS said_at
        FROM spoken c
        LEFT JOIN unnest(CAST(:attributes AS text[]), CAST(:sources AS integer[]), CAST(:ranks AS integer[])) AS r (attribute, source, rank)
            ON r.attribute = c.attribute AND r.source = c.source
        WHERE c.value IS NOT NULL GROUP BY c.record_key, c.attribute)
    SELECT s.*, r.id AS ruling FROM said s
    LEFT JOIN library.rulings r ON r.library = :library AND r.record_key = s.record_key AND r.attribute = s.attribute
        AND r.withdrawn_at IS NULL
        AND NOT EXISTS (SELECT FROM jsonb_array_elements(s.claims) AS told WHERE NOT r.seen @> (told -> 'value'))
"""
_RANKED = "ORDER BY COALESCE(r.rank, {unranked}), date_trunc('milliseconds', c.asserted_at) DESC, c.source"
_DROP_KNOWN = """
    DELETE FROM disputed d USING library.conflicts k
    WHERE k.library = :library AND k.record_key = d.record_key AND k.attribute = d.attribute AND k.claims = d.claims
        AND k.ruling IS NOT DISTINCT FROM d.ruling AND (k.closed_at IS NULL) = (d.ruling IS NULL)
"""
_READ = "SELECT record_key, attribute, claims, ranks, said_at FROM disputed"
_STAGE = "CREATE TEMP TABLE graded (record_key text, attribute text, kind text, score smallint) ON COMMIT DROP"
_OPEN = """
    INSERT INTO library.conflicts AS known
        (library, record_key, attribute, claims, kind, score, ruling, found_at, changed_at, closed_at)
    SELECT :library, d.record_key, d.attribute, d.claims, g.kind, g.score, d.ruling, :now, :now, CASE WHEN d.ruling IS NOT NULL THEN :now END
    FROM disputed d JOIN graded g USING (record_key, attribute)
    ON CONFLICT (library, record_key, attribute) DO UPDATE SET
        claims = excluded.claims, kind = excluded.kind, score = excluded.score, ruling = excluded.ruling, changed_at = excluded.changed_at,
        closed_at = CASE WHEN excluded.ruling = known.ruling THEN known.closed_at ELSE excluded.closed_at END,
        found_at = CASE WHEN known.closed_at IS NULL OR known.ruling IS NOT NULL THEN known.found_at ELSE excluded.found_at END
    RETURNING ruling IS NULL AS is_open
"""
_CLOSE = """
    UPDATE library.conflicts k SET closed_at = COALESCE(k.closed_at, :now), ruling = NULL, changed_at = :now FROM touched t
    WHERE k.library = :library AND k.record_key = t.{key} AND (k.closed_at IS NULL OR k.ruling IS NOT NULL)
        AND NOT EXISTS (SELECT FROM contested x WHERE x.{key} = t.{key} AND x.attribute = k.attribute)
"""


@dataclass(frozen=True)
class Contradictions:
    """How many contradictions a unit found or saw changed, and how many it closed."""

    found: int
    closed: int


def record_conflicts(
    session: Session, assertion: Assertion, departments: Mapping[int, str], now: datetime
) -> Contradictions:
    """Record and close contradictions of the keys in `touched`; values that are equal as numbers or dates do not contradict."""
    if len(departments) < 2:
        return Contradictions(0, 0)
    spec = assertion.spec
    cases = (f"CASE WHEN min({a}) <> max({a}) THEN '{a}' END" for a in spec.attribute_ids)
    words = {**assertion.words, "contradicted": ", ".join(cases), "unranked": str(UNRANKED), "ruling": str(RULING)}
    words["ranked"] = _RANKED.format_map(words)
    words["values"] = " ".join(f"WHEN '{a}' THEN to_jsonb(c.{a})" for a in spec.attribute_ids)
    contested = sql.run(session, _FIND, words).rowcount
    sql.run(session, "ANALYZE contested", words)
    found, ruled = _record(session, assertion, departments, (words, now)) if contested else (0, 0)
    closed = sql.run(session, _CLOSE, words, library=spec.library, now=now).rowcount
    return Contradictions(found, ruled + closed)


def _record(
    session: Session, assertion: Assertion, departments: Mapping[int, str], said: tuple[dict[str, str], datetime]
) -> tuple[int, int]:
    """Write down what is new or changed among the contested, graded; return how many are open and how many a ruling closes."""
    words, now = said
    name = assertion.library
    ranked = [
        (attribute.id, source, rank_of(department, attribute.authority))
        for attribute in assertion.spec.attributes
        for source, department in departments.items()
        if department in attribute.authority
    ]
    attributes, sources, ranks = ([row[n] for row in ranked] for n in range(3))
    sql.run(session, _DISPUTE, words, library=name, attributes=attributes, sources=sources, ranks=ranks)
    sql.run(session, "ANALYZE disputed (record_key, attribute)", words)
    sql.run(session, _DROP_KNOWN, words, library=name)
    sql.run(session, _STAGE, words)
    _grade(session, assertion)
    sql.run(session, "ANALYZE graded", words)
    written = sql.run(session, _OPEN, words, library=name, now=now).scalars().all()
    return written.count(True), written.count(False)


def _grade(session: Session, assertion: Assertion) -> None:
    """Put kind and score of all disputed values into `graded`, a bounded number of them at once."""
    found = session.execute(text(_READ), execution_options={"yield_per": GRADED_AT_ONCE})  # a cursor of the server's
    for rows in found.partitions():
        copy_rows(session, "graded", _graded(assertion, rows))


def _graded(assertion: Assertion, rows: Sequence[Any]) -> Any:
    attribute_of = {attribute.id: attribute for attribute in assertion.spec.attributes}
    grades = [
        grade(
            attribute_of[row.attribute],
            [Voice(claim["value"], *rest) for claim, *rest in zip(row.claims, row.ranks, row.said_at, strict=True)],
        )
        for row in rows
    ]
    return pa.table(
        {
            "record_key": pa.array([row.record_key for row in rows], pa.string()),
            "attribute": pa.array([row.attribute for row in rows], pa.string()),
            "kind": pa.array([kind for kind, _ in grades], pa.string()),
            "score": pa.array([score for _, score in grades], pa.int16()),
        }
    )
