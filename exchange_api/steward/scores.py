"""Why: six indicators over time, by department and by resource, of what checks left behind: a page at a time in SQL, weighed as in docs/quality.md (each
rule of an indicator counts the same, each indicator that was looked at counts the same). Called by pages of quality.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from libraries import batches
from libraries.judging import quality
from schemas.tables.landing import Batch, RuleResult

WEEKS = 12
_LAST = """
    FROM directory.resource_versions v JOIN directory.resources r ON r.id = v.resource_id JOIN directory.departments d ON d.id = r.department_id
    CROSS JOIN LATERAL (SELECT b.* FROM landing.batches b WHERE b.resource_id = v.resource_id AND b.run_id NOT LIKE 'replay:%'
        AND b.period IS NULL AND b.score IS NOT NULL ORDER BY b.created_at DESC LIMIT 1) b
    WHERE v.state = 'published' AND (CAST(:department AS text) IS NULL OR r.department_id = :department)
      AND NOT EXISTS (SELECT FROM unnest(CAST(:words AS text[])) AS w (word)
                      WHERE position(w.word IN lower(v.resource_id || ' ' || (v.document ->> 'name') || ' ' || d.short_name)) = 0)
"""
SORTS = {
    "resource": "v.resource_id",
    "department": "d.short_name",
    "score": "b.score",
    "checked": "b.checked_at",
    "held": "b.rows_quarantined",
}
MOST = 2_000
"""Batches that a chart over weeks looks at; of more, every n-th by number counts."""
_WEEKLY = text("""
    SELECT week, indicator, 100 * avg(share) AS score FROM (
        SELECT date_trunc('week', b.created_at AT TIME ZONE 'Asia/Shanghai') AS week, x.indicator, b.id,
            avg(CASE WHEN x.evaluated > 0 THEN 1 - x.failed::float8 / x.evaluated ELSE 1 END) AS share
        FROM landing.batches b JOIN directory.resources r ON r.id = b.resource_id JOIN landing.rule_results x ON x.batch_id = b.id
        WHERE b.created_at >= :since AND b.number % :step = 0 AND b.run_id NOT LIKE 'replay:%'
            AND (CAST(:department AS text) IS NULL OR r.department_id = :department)
        GROUP BY 1, 2, 3) each_batch
    GROUP BY 1, 2 ORDER BY 1
""")


@dataclass(frozen=True)
class Wanted:
    """Which resources: of one department, with these words, in which order."""

    department: str | None = None
    q: str = ""
    sort: str = ""


@dataclass(frozen=True)
class Score:
    """One resource's last checked batch: its score and indicators as checked."""

    resource: str
    name: str
    department: str
    batch: str
    score: float
    grade: str
    rows: int
    held: int
    checked_at: datetime | None
    indicators: dict[str, float]


def count(session: Session, wanted: Wanted) -> int:
    """Return how many resources have a checked batch."""
    return int(session.scalar(text(f"SELECT count(*) {_LAST}"), _named(wanted)) or 0)


def find(session: Session, wanted: Wanted, stretch: tuple[int, int | None]) -> list[Score]:
    """Return resources with their scores, worst first unless sorted otherwise. stretch: from which row, how many."""
    key, way = wanted.sort.removeprefix("-"), "DESC" if wanted.sort.startswith("-") else "ASC"
    order = f"{SORTS.get(key, 'b.score')} {way} NULLS LAST, v.resource_id"
    columns = "v.resource_id, v.document ->> 'name' AS name, d.short_name, b.id, b.score, b.rows_in, b.rows_quarantined, b.checked_at"
    statement = f"SELECT {columns} {_LAST} ORDER BY {order} LIMIT :most OFFSET :start"
    rows = session.execute(text(statement), {**_named(wanted), "start": stretch[0], "most": stretch[1]}).all()
    parts = of_batches(session, [row.id for row in rows])
    return [
        Score(
            row.resource_id, row.name, row.short_name, row.id, row.score, quality.grade_of(row.score).grade, row.rows_in or 0,
            row.rows_quarantined or 0, row.checked_at, parts.get(row.id, {}),
        )
        for row in rows
    ]  # fmt: skip


def of_batches(session: Session, ids: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return each batch's indicators, 0 to 100."""
    found: dict[str, list[RuleResult]] = {}
    for one in session.scalars(select(RuleResult).where(RuleResult.batch_id.in_(ids))):
        found.setdefault(one.batch_id, []).append(one)
    return {name: quality.indicators_of(rules) for name, rules in found.items()}


def weekly(session: Session, department: str | None, now: datetime | None = None) -> list[tuple[str, dict[str, float]]]:
    """Return the mean of each indicator over the batches of each of the last twelve weeks; of more than MOST batches an even sample."""
    found: dict[Any, dict[str, float]] = {}
    since = (now or batches.now()) - timedelta(weeks=WEEKS)
    total = session.scalar(select(func.count()).select_from(Batch).where(Batch.created_at >= since)) or 0
    named = {"since": since, "department": department, "step": 1 + total // MOST}
    for one in session.execute(_WEEKLY, named):
        found.setdefault(one.week, {})[one.indicator] = float(one.score)
    return [(f"{week:%m-%d}", scores) for week, scores in sorted(found.items())]


def by_department(session: Session, department: str | None) -> list[tuple[str, float, int]]:
    """Return each department's mean score over its resources' last batches, worst first, and how many resources that is."""
    statement = f"SELECT d.short_name, avg(b.score), count(*) {_LAST} GROUP BY 1 ORDER BY 2, 1"
    return [
        (row[0], float(row[1]), int(row[2])) for row in session.execute(text(statement), _named(Wanted(department)))
    ]


def _named(wanted: Wanted) -> dict[str, Any]:
    return {"department": wanted.department, "words": wanted.q.lower().split()[:8]}
