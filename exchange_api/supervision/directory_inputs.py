"""Why: what directory, collecting, quality and use say of a week, as statements of the same shape as in `desk_inputs`. Read by `inputs` alone.

A version counts as published at the week's end; reforms move resources, so a department answers for what is its own when the week is counted.
"""

from libraries.judging.guards import CYCLE_DAYS

_PUBLISHED = """
SELECT r.department_id, v.id AS version_id, v.resource_id, v.document, v.published_at, (v.document #>> '{sharing,type}')::int AS sharing
FROM directory.resource_versions v JOIN directory.resources r ON r.id = v.resource_id
WHERE v.published_at < :beyond AND (v.ended_at IS NULL OR v.ended_at >= :beyond) AND v.state IN ('published', 'superseded', 'withdrawn')
"""
_IS_LIVE = """
EXISTS (SELECT FROM landing.batches b WHERE b.resource_id = p.resource_id AND b.merged_at < :beyond AND (b.retracted_at IS NULL OR b.retracted_at >= :beyond))
"""
_OWN_RUN = "b.run_id NOT LIKE 'replay:%' AND b.period IS NULL"
_CYCLES = ", ".join(f"({cycle}, {days})" for cycle, days in CYCLE_DAYS.items())
_CITED = "《[^《》]{2,80}》\\s*第[〇零一二三四五六七八九十百千两0-9]{1,9}条"

_MOUNTED = f"""
WITH p AS ({_PUBLISHED})
SELECT p.department_id, 'resource' AS kind, p.resource_id AS id, ({_IS_LIVE})::int AS n, 1 AS d, jsonb_build_object('version', p.version_id) AS facts
FROM p WHERE p.sharing <> 3
"""  # noqa: S608 - our own words
_COVERED = f"""
WITH p AS ({_PUBLISHED}), served AS (
    SELECT v.resource_id, gi.item_id FROM exchange.grant_items gi JOIN exchange.grants g ON g.id = gi.grant_id
    JOIN directory.resource_versions v ON v.id = gi.resource_version_id
    WHERE g.state <> 'draft' AND g.valid_from <= :last AND g.valid_until >= :first AND g.created_at < :beyond GROUP BY 1, 2)
SELECT p.department_id, 'resource' AS kind, p.resource_id AS id,
    (SELECT count(*) FROM jsonb_array_elements(p.document -> 'items') i JOIN served s ON s.resource_id = p.resource_id AND s.item_id = i ->> 'id')::int AS n,
    jsonb_array_length(p.document -> 'items') AS d, jsonb_build_object('version', p.version_id) AS facts
FROM p WHERE p.sharing <> 3 AND jsonb_array_length(p.document -> 'items') > 0
"""  # noqa: S608 - our own words
_BASED = f"""
WITH p AS ({_PUBLISHED})
SELECT p.department_id, 'resource' AS kind, p.resource_id AS id, (coalesce(p.document #>> '{{sharing,condition}}', '') ~ '{_CITED}')::int AS n, 1 AS d,
    jsonb_build_object('version', p.version_id) AS facts
FROM p WHERE p.sharing = 3
"""  # noqa: S608 - our own words
_DELIVERED = f"""
WITH p AS ({_PUBLISHED}), owed AS (
    SELECT p.department_id, p.resource_id, p.published_at,
        (cycles.days + coalesce((p.document #>> '{{quality,late_days}}')::float, 0.5)) * interval '1 day' AS allowed
    FROM p JOIN (VALUES {_CYCLES}) AS cycles (cycle, days) ON cycles.cycle = (p.document ->> 'update_cycle')::int
    WHERE jsonb_typeof(p.document -> 'source') = 'object'
), came AS (
    SELECT b.resource_id, b.landed_at, lead(b.landed_at) OVER (PARTITION BY b.resource_id ORDER BY b.landed_at) AS later
    FROM landing.batches b JOIN owed USING (resource_id) WHERE b.landed_at < :beyond AND b.state <> 'rejected' AND {_OWN_RUN}
), due AS (
    SELECT o.department_id, o.resource_id, came.later - came.landed_at <= o.allowed AS is_good, coalesce(came.later, :beyond) AS at
    FROM owed o JOIN came USING (resource_id)
    WHERE came.later >= :begin OR (came.later IS NULL AND came.landed_at + o.allowed < :beyond)
    UNION ALL
    SELECT o.department_id, o.resource_id, false, :beyond FROM owed o
    WHERE o.published_at + o.allowed < :beyond AND NOT EXISTS (SELECT FROM came WHERE came.resource_id = o.resource_id)
)
SELECT department_id, 'resource' AS kind, resource_id AS id, (count(*) FILTER (WHERE is_good))::int AS n, count(*)::int AS d, '{{}}'::jsonb AS facts
FROM due GROUP BY department_id, resource_id
"""  # noqa: S608 - our own words
_QUALITY = f"""
WITH p AS ({_PUBLISHED})
SELECT p.department_id, 'resource' AS kind, p.resource_id AS id, round((b.score / 100)::numeric, 4)::float AS n, 1 AS d,
    jsonb_build_object('batch', b.id) AS facts
FROM p JOIN LATERAL (
    SELECT b.id, b.score FROM landing.batches b
    WHERE b.resource_id = p.resource_id AND b.checked_at < :beyond AND b.score IS NOT NULL AND {_OWN_RUN} ORDER BY b.number DESC LIMIT 1) b ON true
"""  # noqa: S608 - our own words
_USED = f"""
WITH p AS ({_PUBLISHED}), called AS (
    SELECT DISTINCT v.resource_id FROM exchange.grant_use u JOIN exchange.grant_items gi ON gi.grant_id = u.grant_id
    JOIN directory.resource_versions v ON v.id = gi.resource_version_id WHERE u.day BETWEEN :first AND :last AND u.calls > 0)
SELECT p.department_id, 'resource' AS kind, p.resource_id AS id, (p.resource_id IN (SELECT resource_id FROM called))::int AS n, 1 AS d,
    jsonb_build_object('version', p.version_id) AS facts
FROM p WHERE p.sharing <> 3 AND {_IS_LIVE}
"""  # noqa: S608 - our own words
_REACHED = f"""
SELECT r.department_id, 'resource' AS kind, b.resource_id AS id, (count(*) FILTER (WHERE b.landed_at IS NOT NULL))::int AS n, count(*)::int AS d,
    '{{}}'::jsonb AS facts
FROM landing.batches b JOIN directory.resources r ON r.id = b.resource_id
WHERE b.created_at >= :begin AND b.created_at < :beyond AND {_OWN_RUN} AND (b.landed_at IS NOT NULL OR b.error_code IN (
    'connector.unreachable', 'connector.timeout', 'connector.broken_off', 'connector.refused', 'rest.unavailable', 'rest.rate_limited'))
GROUP BY r.department_id, b.resource_id
"""  # noqa: S608 - our own words
_ANSWERED = """
WITH calls AS (
    SELECT e.grant_id, count(*) FILTER (WHERE e.kind = 'answer') AS good, count(*) AS all_of_them FROM evidence.entries e
    WHERE e.id >= :first_id AND e.id < :beyond_id AND e.grant_id IS NOT NULL AND (e.kind = 'error' OR (e.kind = 'answer' AND e.code IS NULL)) GROUP BY 1)
SELECT DISTINCT r.department_id, 'grant' AS kind, c.grant_id AS id, c.good::int AS n, c.all_of_them::int AS d, '{}'::jsonb AS facts
FROM calls c JOIN exchange.grant_items gi ON gi.grant_id = c.grant_id JOIN directory.resource_versions v ON v.id = gi.resource_version_id
JOIN directory.resources r ON r.id = v.resource_id
"""

QUERIES = {
    "mount_rate": _MOUNTED,
    "item_cover": _COVERED,
    "noshare_basis": _BASED,
    "data_timely": _DELIVERED,
    "q_score": _QUALITY,
    "use_rate": _USED,
    "api_avail": _REACHED,
    "api_ok": _ANSWERED,
}
"""Indicator → statement with :first, :last (days in China), :begin, :beyond (moments), :first_id, :beyond_id (of evidence entries)."""
