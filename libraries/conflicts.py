"""Why: two sources that contradict each other on an attribute of one record are a finding of their own: who wins is settled by authority, but one of
them is wrong and should hear of it. Written for the records a merge touched, closed when the sources agree again. Called by `libraries.merging.merge`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from libraries import sql
from libraries.claims import Assertion
from libraries.golden import UNRANKED, rank_of

_FIND = """
    CREATE TEMP TABLE contested ON COMMIT DROP AS
    SELECT {key}, unnest(array_remove(ARRAY[{contradicted}], NULL)) AS attribute
    FROM touched JOIN {claims} c USING ({key}) GROUP BY {key} HAVING count(*) > 1
"""
_OPEN = """
    INSERT INTO library.conflicts AS known (library, record_key, attribute, claims, found_at)
    SELECT :library, x.{key}, x.attribute, jsonb_agg(
        jsonb_build_object('source', c.source, 'value', to_jsonb(c) -> x.attribute, 'batch', c.batch)
        ORDER BY COALESCE(r.rank, {unranked}), date_trunc('milliseconds', c.asserted_at) DESC, c.source), :now
    FROM contested x JOIN {claims} c USING ({key})
    LEFT JOIN unnest(CAST(:attributes AS text[]), CAST(:sources AS integer[]), CAST(:ranks AS integer[])) AS r (attribute, source, rank)
        ON r.attribute = x.attribute AND r.source = c.source
    WHERE to_jsonb(c) -> x.attribute <> 'null'
    GROUP BY x.{key}, x.attribute
    ON CONFLICT (library, record_key, attribute) DO UPDATE SET claims = excluded.claims, closed_at = NULL,
        found_at = CASE WHEN known.closed_at IS NULL THEN known.found_at ELSE excluded.found_at END
    WHERE known.claims <> excluded.claims OR known.closed_at IS NOT NULL
"""
_CLOSE = """
    UPDATE library.conflicts k SET closed_at = :now FROM touched t
    WHERE k.library = :library AND k.record_key = t.{key} AND k.closed_at IS NULL
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
    words = {**assertion.words, "contradicted": ", ".join(cases), "unranked": str(UNRANKED)}
    sql.run(session, _FIND, words)
    sql.run(session, "ANALYZE contested", words)
    ranked = [
        (attribute.id, source, rank_of(department, attribute.authority))
        for attribute in spec.attributes
        for source, department in departments.items()
        if department in attribute.authority
    ]
    attributes, sources, ranks = ([row[n] for row in ranked] for n in range(3))
    found = sql.run(
        session, _OPEN, words, library=spec.library, now=now, attributes=attributes, sources=sources, ranks=ranks
    ).rowcount
    closed = sql.run(session, _CLOSE, words, library=spec.library, now=now).rowcount
    return Contradictions(found, closed)
