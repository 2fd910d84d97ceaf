"""Why: one screen says which resource is late, which batch was refused and how much is held back. Reads batches against what the directory promises, a page at
a time in the database. Called by pages of pipelines; who may see what is said by `sight`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from catalog.snapshot import SCHEDULES
from exchange_api.steward.schedules import next_run
from libraries import batches
from libraries.judging import guards
from schemas.resource import Quality

WEEKS = 12
_FROM = """
    FROM directory.resource_versions v JOIN directory.resources r ON r.id = v.resource_id
    JOIN directory.departments d ON d.id = r.department_id
    LEFT JOIN landing.pauses p ON p.resource_id = v.resource_id
    WHERE v.state = 'published' AND jsonb_typeof(v.document -> 'source') = 'object'
      AND (CAST(:department AS text) IS NULL OR r.department_id = :department)
      AND (CAST(:resource AS text) IS NULL OR v.resource_id = :resource)
      AND NOT EXISTS (SELECT FROM unnest(CAST(:words AS text[])) AS w (word)
                      WHERE position(w.word IN lower(v.resource_id || ' ' || (v.document ->> 'name') || ' ' || d.short_name)) = 0)
"""
_LAST = """
    LEFT JOIN LATERAL (SELECT b.* FROM landing.batches b WHERE b.resource_id = v.resource_id AND b.run_id NOT LIKE 'replay:%'
        ORDER BY b.created_at DESC LIMIT 1) l ON true
    LEFT JOIN LATERAL (SELECT b.landed_at FROM landing.batches b WHERE b.resource_id = v.resource_id AND b.run_id NOT LIKE 'replay:%'
        AND b.period IS NULL AND b.landed_at IS NOT NULL AND b.state <> 'rejected' ORDER BY b.created_at DESC LIMIT 1) f ON true
    LEFT JOIN LATERAL (SELECT count(*) AS waiting FROM landing.batches b JOIN landing.quarantined_rows q ON q.batch_id = b.id
        WHERE b.resource_id = v.resource_id AND q.released_at IS NULL AND q.superseded_at IS NULL) h ON true
"""
_ROWS = """
    SELECT v.resource_id AS resource, v.document ->> 'name' AS name, d.short_name AS department, CAST(v.document ->> 'update_cycle' AS int) AS cycle,
        v.document -> 'quality' AS quality, v.document -> 'source' ->> 'schedule' AS schedule, v.document ->> 'library' AS library,
        p.paused_at, p.reason AS paused_for, l.id AS batch, l.state, l.created_at AS began, l.rows_in, l.rows_good, l.rows_quarantined, l.score,
        l.error_code, l.run_id, f.landed_at, h.waiting
"""
SORTS: Mapping[str, str] = {
    "resource": "v.resource_id", "name": "v.document ->> 'name'", "department": "d.short_name", "state": "l.state", "landed": "f.landed_at",
    "rows": "l.rows_in", "held": "h.waiting", "score": "l.score", "began": "l.created_at",
}  # fmt: skip
_WEEKLY = text("""
    SELECT date_trunc(:unit, b.created_at AT TIME ZONE 'Asia/Shanghai') AS since, b.state, count(*) AS batches,
        sum(b.rows_good) AS good, sum(b.rows_quarantined) AS held
    FROM landing.batches b JOIN directory.resources r ON r.id = b.resource_id
    WHERE b.created_at >= :since AND b.run_id NOT LIKE 'replay:%' AND (CAST(:resource AS text) IS NULL OR b.resource_id = :resource)
      AND (CAST(:department AS text) IS NULL OR r.department_id = :department)
    GROUP BY 1, 2 ORDER BY 1, 2
""")


@dataclass(frozen=True)
class Wanted:
    """Which pipelines: of one department, one resource, with these words, sorted by a key of SORTS (a leading "-" turns it round), which stretch of them."""

    department: str | None = None
    resource: str | None = None
    q: str = ""
    sort: str = ""
    limit: int | None = 20
    offset: int = 0


@dataclass(frozen=True)
class Pipeline:
    """One resource as it is collected: `facts` as the database told them; due: until when the next delivery has to land; lamp: green, yellow (less than a fifth
    of the term left), red (late), grey (nothing promised or nothing landed yet). next_run: when its schedule falls due next, None while it is held back.
    """

    facts: Mapping[str, Any]
    due: datetime | None
    lamp: str
    schedule: str
    next_run: datetime | None

    @property
    def comes_late(self) -> bool:
        """Return whether even the next run comes after what was promised."""
        return self.due is not None and self.next_run is not None and self.next_run > self.due


def count(session: Session, wanted: Wanted) -> int:
    """Return how many pipelines there are."""
    return int(session.scalar(text(f"SELECT count(*) {_FROM}"), _named(wanted)) or 0)


def find(session: Session, wanted: Wanted, now: datetime | None = None) -> list[Pipeline]:
    """Return one stretch of the pipelines in the order wished."""
    key, down = wanted.sort.removeprefix("-"), wanted.sort.startswith("-")
    order = f"{SORTS.get(key, 'v.resource_id')} {'DESC' if down else 'ASC'} NULLS LAST, v.resource_id"
    statement = f"{_ROWS} {_FROM.replace('WHERE v.state', _LAST + 'WHERE v.state', 1)} ORDER BY {order} LIMIT :most OFFSET :offset"
    rows = session.execute(
        text(statement), {**_named(wanted), "most": wanted.limit, "offset": wanted.offset}
    ).mappings()
    at = now or batches.now()
    return [_pipeline(dict(row), at) for row in rows]


def over_time(
    session: Session, wanted: Wanted, unit: str = "week", now: datetime | None = None
) -> list[Mapping[str, Any]]:
    """Return batches and rows by week (or "day") and state of the last twelve weeks."""
    since = (now or batches.now()) - timedelta(weeks=WEEKS)
    named = {"department": wanted.department, "resource": wanted.resource, "since": since, "unit": unit}
    return [dict(row) for row in session.execute(_WEEKLY, named).mappings()]


def _named(wanted: Wanted) -> dict[str, Any]:
    return {"department": wanted.department, "resource": wanted.resource, "words": wanted.q.lower().split()[:8]}


def _pipeline(row: Mapping[str, Any], now: datetime) -> Pipeline:
    term = guards.allowed_days(row["cycle"], Quality.model_validate(row["quality"] or {}))
    due = row["landed_at"] + timedelta(days=term) if term is not None and row["landed_at"] else None
    schedule = row["schedule"] or SCHEDULES[row["cycle"]]
    upcoming = None if row["paused_at"] else next_run(schedule, now)
    return Pipeline(row, due, _lamp(due, term, now), schedule, upcoming)


def _lamp(due: datetime | None, term: float | None, now: datetime) -> str:
    if due is None or term is None:
        return "grey"
    if now > due:
        return "red"
    return "yellow" if due - now < timedelta(days=term / 5) else "green"
