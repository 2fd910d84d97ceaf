"""Why: before a batch is taken back its steward sees who was told something of it: answers, applications, grants. Called by `works` for a preview.

An answer names every batch its values came from, so what is counted are answers that name the batch: at most those that bear a value taken back; the recall
itself then counts by subject.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from exchange_api.recalls.recipients import first_id
from libraries import batches

_ANSWERED = text("""
SELECT a.id AS application, a.name, d.short_name AS department, g.id AS grant_id, count(*) AS answers, max(e.at) AS last
FROM evidence.entries e JOIN exchange.grants g ON g.id = e.grant_id JOIN exchange.applications a ON a.id = g.application_id
JOIN directory.departments d ON d.id = a.department_id
WHERE e.kind = 'answer' AND (e.code IS NULL OR e.code = 'repeated') AND e.library = :library AND e.id >= CAST(:from_id AS uuid)
    AND position(CAST(:needle AS bytea) IN e.document) > 0
GROUP BY 1, 2, 3, 4 ORDER BY count(*) DESC, g.id
""")
_STANDING = text("""
SELECT DISTINCT g.id FROM exchange.grants g JOIN exchange.grant_items i ON i.grant_id = g.id
JOIN directory.resource_versions v ON v.id = i.resource_version_id
WHERE v.resource_id = :resource AND g.state = 'active' ORDER BY 1
""")


@dataclass(frozen=True)
class Consequences:
    """Who was told something of a batch, and which grants live by its resource. recipients: application, name, department, grant, answers, last (ISO 8601)."""

    recipients: list[dict[str, Any]]
    answers: int
    grants: list[str]


def find(session: Session, batch_id: str) -> Consequences:
    """Return what taking a batch back would touch outside the libraries. Raises Invalid `landing.unknown_batch`."""
    task = batches.get(session, batch_id)
    since: datetime = task.batch.merging_at or task.batch.created_at
    needle = json.dumps(batch_id, ensure_ascii=False).encode()
    named = {"library": task.document.library, "from_id": first_id(since), "needle": needle}
    told = [
        {"application": one.application, "name": one.name, "department": one.department, "grant": one.grant_id,
         "answers": one.answers, "last": one.last.isoformat()}
        for one in session.execute(_ANSWERED, named)
    ]  # fmt: skip
    grants = list(session.scalars(_STANDING, {"resource": task.batch.resource_id}))
    return Consequences(told, sum(one["answers"] for one in told), grants)
