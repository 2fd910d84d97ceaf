"""Why: what the authority must see without being told: what is overdue, refused, never answered, unused, over-used, and what detectors found. Each is
one statement that pages in the database. Called by pages and `report_facts`.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from schemas.calendar import today

_OVERDUE = """
SELECT c.department_id, 'clock' AS kind, c.id::text AS id, c.demand_id, NULL AS grant_id, c.rule_key AS what, c.due_date AS day,
    CASE WHEN c.reminded = 'supervised' THEN 'supervised' ELSE '' END AS mark
FROM exchange.case_clocks c WHERE c.state = 'running' AND c.due_date < :today
"""
_REFUSED = """
SELECT t.department_id, 'answer' AS kind, a.id::text AS id, i.demand_id, NULL AS grant_id, i.name AS what,
    (a.answered_at AT TIME ZONE 'Asia/Shanghai')::date AS day, coalesce(a.ground ->> 'kind', '') AS mark
FROM exchange.supply_answers a JOIN exchange.supply_tasks t ON t.id = a.task_id JOIN exchange.demand_items i ON i.id = a.demand_item_id
WHERE a.state = 'refused' AND a.answered_at >= CAST(:today AS date) - 90
"""
_NEVER_ANSWERED = """
SELECT t.department_id, 'task' AS kind, t.id, s.demand_id, NULL AS grant_id, t.rule_key AS what, t.due_date AS day, '' AS mark
FROM exchange.supply_tasks t JOIN exchange.task_demands s ON s.task_id = t.id
WHERE t.state = 'open' AND s.state = 'open' AND t.due_date < :today
    AND NOT EXISTS (SELECT FROM exchange.supply_answers a WHERE a.task_id = t.id AND a.answered_at IS NOT NULL)
"""
_UNUSED = """
SELECT p.department_id, 'grant' AS kind, g.id, g.demand_id, g.id AS grant_id, g.library AS what,
    coalesce((SELECT max(u.day) FROM exchange.grant_use u WHERE u.grant_id = g.id), g.valid_from) AS day, '' AS mark
FROM exchange.grants g JOIN exchange.applications p ON p.id = g.application_id
WHERE g.state = 'active' AND g.valid_from < CAST(:today AS date) - 30
    AND NOT EXISTS (SELECT FROM exchange.grant_use u WHERE u.grant_id = g.id AND u.day >= CAST(:today AS date) - 30)
"""
_OVER_USED = """
SELECT p.department_id, 'grant' AS kind, g.id, g.demand_id, g.id AS grant_id, g.library AS what, max(u.day) AS day,
    max(round(100.0 * u.subjects / greatest(g.quota_per_day, 1)))::int::text || '%' AS mark
FROM (
    SELECT u.grant_id, u.day, u.subjects FROM exchange.grant_use u JOIN exchange.grants g ON g.id = u.grant_id
    WHERE u.day >= CAST(:today AS date) - 30 AND u.subjects >= g.quota_per_day
    UNION SELECT u.grant_id, u.day, u.subjects FROM exchange.quota_requests w JOIN exchange.grant_use u ON u.grant_id = w.grant_id AND u.day = w.day
    WHERE w.origin = 'overrun' AND w.day >= CAST(:today AS date) - 30) u
JOIN exchange.grants g ON g.id = u.grant_id JOIN exchange.applications p ON p.id = g.application_id
GROUP BY p.department_id, g.id
"""
_FINDINGS = """
SELECT p.department_id, 'finding' AS kind, f.id::text AS id, NULL AS demand_id, f.grant_id, f.rule AS what,
    (f.at AT TIME ZONE 'Asia/Shanghai')::date AS day, coalesce(f.review, '') AS mark
FROM exchange.guard_findings f JOIN exchange.applications p ON p.id = f.application_id WHERE f.at >= CAST(:today AS date) - 90
"""
QUERIES = {
    "overdue": _OVERDUE,
    "never_answered": _NEVER_ANSWERED,
    "refused": _REFUSED,
    "unused": _UNUSED,
    "over_used": _OVER_USED,
    "findings": _FINDINGS,
}
"""Concern → statement with :today. Days back: refused and findings 90; unused and over-used 30."""
_NEWEST_FIRST = ("refused", "over_used", "findings")


@dataclass(frozen=True)
class Concern:
    """One thing to look at: who answers for it, what it is, since when. mark: supervised, a ground, a share of the quota, a review."""

    department_id: str
    kind: str
    id: str
    demand_id: str | None
    grant_id: str | None
    what: str
    day: date
    mark: str

    def as_json(self) -> dict[str, Any]:
        """Return it as a report keeps it."""
        return {**vars(self), "day": self.day.isoformat()}


def find(
    session: Session, key: str, *, department_id: str | None = None, limit: int = 20, offset: int = 0
) -> tuple[int, list[Concern]]:
    """Return how many there are and one page of them: the longest overdue first, elsewhere the newest."""
    order = "day DESC, id" if key in _NEWEST_FIRST else "day, id"
    where = "WHERE department_id = :department" if department_id else ""
    known = {"today": today(), "limit": limit, "offset": offset, "department": department_id}
    listed = f"SELECT *, count(*) OVER () AS total FROM ({QUERIES[key]}) x {where}"  # noqa: S608 - our own words
    paged = text(f"{listed} ORDER BY {order} LIMIT :limit OFFSET :offset")
    rows = (
        session.execute(paged, {name: value for name, value in known.items() if name != "department" or department_id})
        .mappings()
        .all()
    )
    found = [Concern(**{name: value for name, value in row.items() if name != "total"}) for row in rows]
    return (int(rows[0]["total"]) if rows else 0), found


def count(session: Session) -> dict[str, int]:
    """Return how many there are of each."""
    parts = ", ".join(f"(SELECT count(*) FROM ({query}) x) AS {key}" for key, query in QUERIES.items())  # noqa: S608 - our own words
    return dict(session.execute(text(f"SELECT {parts}"), {"today": today()}).mappings().one())
