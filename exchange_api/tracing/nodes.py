"""Why: a node of the chain says what it is, where it stands and since when, and nothing of whom it is about: no subject, no value, no words that people wrote
freely. Called by `trace` alone.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any

from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

from exchange_api.tracing.links import KEYS


@dataclass(frozen=True)
class Node:
    """One link of the chain. `at`: since when it is there; `facts`: ids, counts, states."""

    kind: str
    id: str
    title: str
    state: str
    at: datetime | None
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ref(self) -> str:
        """Return the name by which edges and questions mean this very node."""
        return f"{self.kind}:{self.id}"


def describe(session: Session, names: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Node]:
    """Return the nodes by kind and id, asked for in one question; what is gone is left out."""
    ids: dict[str, list[str]] = {}
    for kind, node in names:
        ids.setdefault(kind, []).append(node)
    if not ids:
        return {}
    rows = session.execute(_statement(tuple(ids)), ids).mappings()
    return {(row["of_kind"], row["id"]): _node(row["of_kind"], dict(row)) for row in rows}


@cache
def _statement(kinds: tuple[str, ...]) -> TextClause:
    parts = [
        f"SELECT '{kind}' AS of_kind, t.key::text AS id, t.title, t.state, t.at, t.facts FROM ({_DESCRIBED[kind]}) t"  # noqa: S608
        f" WHERE t.key = ANY(CAST(:{kind} AS {KEYS.get(kind, 'text')}[]))"
        for kind in kinds
    ]
    return text(" UNION ALL ".join(parts))


def _node(kind: str, row: Mapping[str, Any]) -> Node:
    known = {name: value for name, value in (row["facts"] or {}).items() if value is not None}
    at: datetime | None = row["at"]
    return Node(kind, row["id"], row["title"] or row["id"], row["state"] or "", at and at.astimezone(UTC), known)


_ENTRY = """
    SELECT e.id AS key, e.application_id, e.grant_id, e.library, e.at, e.kind, e.code, e.status, l.index,
        convert_from(e.document, 'UTF8')::jsonb AS told
    FROM evidence.entries e LEFT JOIN evidence.leaves l ON l.entry_id = e.id
"""
_BATCH_FACTS = (
    "'resource', b.resource_id, 'version', b.resource_version_id, 'rows_in', b.rows_in, 'rows_good', b.rows_good"
)
_DESCRIBED = {
    "service_item": """SELECT id AS key, name AS title, CASE state WHEN '1' THEN 'in_use' WHEN '2' THEN 'suspended' ELSE 'cancelled' END AS state,
        NULL::timestamptz AS at, jsonb_build_object('department', department_id) AS facts FROM directory.service_items""",
    "application": """SELECT id AS key, name AS title, '' AS state, created_at AS at, jsonb_build_object('department', department_id) AS facts
        FROM exchange.applications""",
    "demand": """SELECT d.id AS key, s.name AS title, d.state, coalesce(d.submitted_at, d.created_at) AS at,
        jsonb_build_object('department', d.department_id, 'application', d.application_id, 'items', (SELECT count(*)
        FROM exchange.demand_items i WHERE i.demand_id = d.id)) AS facts
        FROM exchange.demands d JOIN directory.service_items s ON s.id = d.service_item_id""",
    "match": """SELECT m.id AS key, m.resource_version_id || '#' || m.item_id AS title, 'rank ' || m.rank AS state,
        coalesce(d.submitted_at, d.created_at) AS at, jsonb_build_object('version', m.resource_version_id, 'item', m.item_id,
        'rank', m.rank, 'score', round(m.score::numeric, 3)::text) AS facts
        FROM exchange.matches m JOIN exchange.demand_items i ON i.id = m.demand_item_id JOIN exchange.demands d ON d.id = i.demand_id""",
    "supply_task": """SELECT t.id AS key, coalesce(p.short_name, p.name) AS title, t.state, t.created_at AS at,
        jsonb_build_object('department', t.department_id, 'due_date', t.due_date, 'decisions', (SELECT jsonb_object_agg(x.decision, x.n)
        FROM (SELECT a.decision, count(*) AS n FROM exchange.supply_answers a WHERE a.task_id = t.id AND a.decision IS NOT NULL GROUP BY 1) x)) AS facts
        FROM exchange.supply_tasks t JOIN directory.departments p ON p.id = t.department_id""",
    "dispute": """SELECT z.id AS key, coalesce(p.short_name, p.name) AS title, z.state, z.raised_at AS at,
        jsonb_build_object('department', z.department_id, 'against', z.against_id) AS facts
        FROM exchange.disputes z JOIN directory.departments p ON p.id = z.against_id""",
    "grant": """SELECT g.id AS key, s.name AS title, CASE WHEN g.state = 'active' AND (g.suspended_by_consumer OR g.suspended_by_provider
        OR g.suspended_by_platform) THEN 'suspended' ELSE g.state END AS state, g.created_at AS at,
        jsonb_build_object('application', g.application_id, 'library', g.library, 'valid_until', g.valid_until,
        'items', (SELECT jsonb_object_agg(i.attribute, i.form) FROM exchange.grant_items i WHERE i.grant_id = g.id)) AS facts
        FROM exchange.grants g JOIN directory.service_items s ON s.id = g.service_item_id""",
    "resource": """SELECT r.id AS key, (SELECT v.document ->> 'name' FROM directory.resource_versions v WHERE v.resource_id = r.id
        ORDER BY v.version DESC LIMIT 1) AS title, '' AS state, r.created_at AS at, jsonb_build_object('department', r.department_id) AS facts
        FROM directory.resources r""",
    "version": """SELECT v.id AS key, v.document ->> 'name' AS title, v.state, coalesce(v.published_at, v.created_at) AS at,
        jsonb_build_object('department', r.department_id, 'resource', v.resource_id, 'digest', v.digest) AS facts
        FROM directory.resource_versions v JOIN directory.resources r ON r.id = v.resource_id""",
    "batch": f"""SELECT b.id AS key, b.run_id AS title, b.state, b.created_at AS at, jsonb_build_object({_BATCH_FACTS},
        'rows_quarantined', b.rows_quarantined, 'error', b.error_code) AS facts FROM landing.batches b""",  # noqa: S608
    "quality": """SELECT b.id AS key, b.resource_id AS title, CASE WHEN b.checked_at IS NULL THEN 'unchecked' WHEN b.state = 'rejected'
        THEN 'rejected' ELSE 'checked' END AS state, b.checked_at AS at, jsonb_build_object('score', round(b.score::numeric, 4)::text,
        'rules', (SELECT count(*) FROM landing.rule_results x WHERE x.batch_id = b.id),
        'rules_failed', (SELECT count(*) FROM landing.rule_results x WHERE x.batch_id = b.id AND x.failed > 0)) AS facts
        FROM landing.batches b""",
    "ruling": """SELECT id AS key, library || '.' || attribute AS title, CASE WHEN withdrawn_at IS NULL THEN 'in_force' ELSE 'withdrawn' END AS state,
        ruled_at AS at, '{}'::jsonb AS facts FROM library.rulings""",
    "records": f"""SELECT e.key, e.library AS title, 'as_known' AS state, coalesce(CAST(e.told #>> '{{facts,known_at}}' AS timestamptz), e.at) AS at,
        jsonb_build_object('library', e.library, 'asked_for', jsonb_array_length(e.told -> 'subjects'), 'as_of', e.told #>> '{{facts,as_of}}',
        'versions', e.told -> 'directory_versions') AS facts FROM ({_ENTRY}) e""",  # noqa: S608
    "answer": f"""SELECT e.key, coalesce(e.library, e.told #>> '{{request,path}}') AS title,
        CASE e.kind WHEN 'answer' THEN coalesce(e.code, 'answered') ELSE e.code END AS state, e.at,
        jsonb_build_object('application', e.application_id, 'grant', e.grant_id, 'status', e.status,
        'auth', e.told #>> '{{facts,auth}}', 'repeats', e.told #>> '{{facts,repeats}}') AS facts FROM ({_ENTRY}) e""",  # noqa: S608
    "receipt": f"""SELECT e.key, e.application_id AS title, CASE WHEN e.index IS NULL THEN 'waiting' ELSE 'in_log' END AS state, e.at,
        jsonb_build_object('leaf', e.index, 'kind', e.kind) AS facts FROM ({_ENTRY}) e""",  # noqa: S608
    "objection": """SELECT id AS key, library || '.' || attribute AS title, state, raised_at AS at,
        jsonb_build_object('department', department_id, 'source', source_department_id, 'due_date', due_date) AS facts FROM exchange.objections""",
    "recall": """SELECT id AS key, resource_id AS title, CASE WHEN closed_at IS NULL THEN 'open' ELSE 'closed' END AS state, opened_at AS at,
        jsonb_build_object('library', library, 'batch', batch_id, 'due_date', due_date, 'receipts', (SELECT sum(p.receipts)
        FROM exchange.recall_recipients p WHERE p.recall_id = r.id)) AS facts FROM exchange.recalls r""",
}
