"""Why: a report shows more than scores: how the hub was used, what kept its day, what stands still. Counted with the week and kept with it, so that the
page of a past week never asks a million entries again. Called by `snapshots` alone.
"""

from typing import Any

from sqlalchemy import bindparam, text
from sqlalchemy.orm import Session
from sqlalchemy.types import Uuid

from exchange_api.supervision import concerns
from exchange_api.supervision.inputs import Inputs
from exchange_api.supervision.weeks import Week

_HOURS = text("""
SELECT extract(hour FROM e.at AT TIME ZONE 'Asia/Shanghai')::int AS hour, count(*) FILTER (WHERE e.kind = 'answer') AS answers,
    count(*) FILTER (WHERE e.kind = 'refusal') AS refusals
FROM evidence.entries e WHERE e.id >= :first_id AND e.id < :beyond_id AND e.kind IN ('answer', 'refusal') GROUP BY 1 ORDER BY 1
""").bindparams(bindparam("first_id", type_=Uuid()), bindparam("beyond_id", type_=Uuid()))
_QUOTA = text("""
SELECT u.grant_id, sum(u.subjects)::int AS used, (g.quota_per_day * 7)::int AS quota, max(round(100.0 * u.subjects / greatest(g.quota_per_day, 1)))::int AS peak
FROM exchange.grant_use u JOIN exchange.grants g ON g.id = u.grant_id WHERE u.day BETWEEN :first AND :last
GROUP BY u.grant_id, g.quota_per_day ORDER BY peak DESC, u.grant_id LIMIT 20
""")
_DEADLINES = text("""
SELECT c.rule_key, count(*) FILTER (WHERE c.stopped_on BETWEEN :first AND :last AND c.stopped_on <= c.due_date) AS kept,
    count(*) FILTER (WHERE c.stopped_on BETWEEN :first AND :last AND c.stopped_on > c.due_date) AS late,
    count(*) FILTER (WHERE c.due_date <= :last AND (c.stopped_on IS NULL OR c.stopped_on > :last)) AS open_late
FROM exchange.case_clocks c WHERE c.state <> 'cancelled' AND c.started_on <= :last
    AND (c.stopped_on BETWEEN :first AND :last OR (c.due_date <= :last AND (c.stopped_on IS NULL OR c.stopped_on > :last)))
GROUP BY 1 ORDER BY 1
""")
_BATCHES = text("""
SELECT b.state, count(*)::int AS batches, coalesce(sum(b.rows_in), 0)::bigint AS rows_in, coalesce(sum(b.rows_quarantined), 0)::bigint AS held
FROM landing.batches b WHERE b.created_at >= :begin AND b.created_at < :beyond GROUP BY 1 ORDER BY 1
""")
_CASES = text("""
SELECT count(*) FILTER (WHERE d.submitted_at >= :begin AND d.submitted_at < :beyond)::int AS submitted,
    (SELECT count(*) FROM exchange.grants g WHERE g.created_at >= :begin AND g.created_at < :beyond)::int AS granted,
    (SELECT count(*) FROM exchange.disputes z WHERE z.raised_at >= :begin AND z.raised_at < :beyond)::int AS disputes,
    (SELECT count(*) FROM exchange.objections o WHERE o.raised_at >= :begin AND o.raised_at < :beyond)::int AS objections
FROM exchange.demands d
""")
LISTED = 20
"""Cases a report lists of each concern; the rest is a number."""


def find(session: Session, week: Week, found: Inputs) -> dict[str, Any]:
    """Return what a week's report shows beside scores: plain lists and numbers."""
    known = week.bounds()
    days, moments = ({name: known[name] for name in names} for names in (("first", "last"), ("begin", "beyond")))
    hours = {
        row.hour: (row.answers, row.refusals)
        for row in session.execute(_HOURS, {name: known[name] for name in ("first_id", "beyond_id")})
    }
    return {
        "totals": dict(session.execute(_CASES, moments).mappings().one()),
        "hours": [[hour, *hours.get(hour, (0, 0))] for hour in range(24)],
        "quota": [list(row) for row in session.execute(_QUOTA, days)],
        "deadlines": [list(row) for row in session.execute(_DEADLINES, days)],
        "batches": [list(row) for row in session.execute(_BATCHES, moments)],
        "concerns": {key: _listed(session, key) for key in concerns.QUERIES},
        "materials": _materials(found),
    }


def _listed(session: Session, key: str) -> dict[str, Any]:
    total, rows = concerns.find(session, key, limit=LISTED)
    return {"total": total, "rows": [one.as_json() for one in rows]}


def _materials(found: Inputs) -> list[dict[str, Any]]:
    return [
        {"department": department_id, "service": case.id, "names": case.facts["asked"]}
        for department_id in sorted(found)
        for case in found[department_id].get("reuse", [])
        if case.facts.get("asked")
    ]
