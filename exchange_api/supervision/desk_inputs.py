"""Why: what the desks' own tables say of a week, as statements of one shape: department, kind and id of a case, n and d (what it adds to numerator and
denominator), facts. Read by `inputs` alone.

A clock counts in the week in which its step was done, and in every week at whose end it was overdue and open. What was cancelled is owed no longer;
what stood still at the week's end was not due.
"""

OPEN_CLOCK = """
c.due_date <= :last AND (c.stopped_on IS NULL OR c.stopped_on > :last) AND NOT EXISTS (
    SELECT FROM exchange.clock_pauses p
    WHERE p.clock_id = c.id AND p.paused_on <= :last AND (p.resumed_on IS NULL OR p.resumed_on > :last))
"""
_TIMELY = """
SELECT c.department_id, 'clock' AS kind, c.id::text AS id, (c.stopped_on <= :last AND c.stopped_on <= c.due_date IS TRUE)::int AS n, 1 AS d,
    jsonb_build_object('demand', c.demand_id, 'case', c.case, 'rule', c.rule_key, 'due', c.due_date,
        'done', CASE WHEN c.stopped_on <= :last THEN c.stopped_on END) AS facts
FROM exchange.case_clocks c
WHERE c.rule_key IN ({rules}) AND c.started_on <= :last AND c.state <> 'cancelled'
    AND ((c.state = 'met' AND c.stopped_on BETWEEN :first AND :last) OR ({open}))
"""
_ANSWERS = """
SELECT t.department_id, a.id, a.state, a.ground, i.demand_id, i.id AS item_id, i.name, t.id AS task_id,
    (a.answered_at AT TIME ZONE 'Asia/Shanghai')::date AS said_on,
    EXISTS (SELECT FROM exchange.disputed_items x JOIN exchange.disputes z ON z.id = x.dispute_id
        WHERE x.supply_answer_id = a.id AND z.state = 'sent_back') AS is_sent_back
FROM exchange.supply_answers a
JOIN exchange.supply_tasks t ON t.id = a.task_id
JOIN exchange.demand_items i ON i.id = a.demand_item_id
JOIN exchange.demands q ON q.id = i.demand_id
WHERE a.state <> 'cancelled' AND q.state <> 'withdrawn'
"""
# each of these sets is read once and joined: asked answer by answer, five thousand demands take a quarter of a minute
_NEWEST = """
SELECT b.demand_item_id, max(b.id) AS id FROM exchange.supply_answers b
WHERE b.state <> 'cancelled' AND (b.answered_at AT TIME ZONE 'Asia/Shanghai')::date <= :last GROUP BY b.demand_item_id
"""
_PROMISES = """
SELECT DISTINCT ON (c.case) c.case, c.id, c.stopped_on, c.due_date FROM exchange.case_clocks c
WHERE c.rule_key = 'provide_after_agree' AND c.state <> 'cancelled' ORDER BY c.case, c.id DESC
"""
_LATE_REPLIES = f"""
SELECT DISTINCT c.case, c.demand_id FROM exchange.case_clocks c
WHERE c.rule_key IN ('reply_unconditional', 'reply_conditional') AND c.state <> 'cancelled' AND {OPEN_CLOCK}
"""  # noqa: S608 - our own words
_SATISFIED = f"""
WITH a AS MATERIALIZED ({_ANSWERS}), newest AS MATERIALIZED ({_NEWEST}), promises AS MATERIALIZED ({_PROMISES}), late AS MATERIALIZED ({_LATE_REPLIES}),
judged AS (
    SELECT a.*, coalesce(kept.stopped_on, a.said_on) AS settled_on,
        kept.id IS NOT NULL AND kept.due_date <= :last AND (kept.stopped_on IS NULL OR kept.stopped_on > :last) AS is_promise_late,
        late.case IS NOT NULL AS is_reply_late
    FROM a LEFT JOIN promises kept ON kept.case = 'answer:' || a.id
        LEFT JOIN late ON late.case = a.task_id AND late.demand_id = a.demand_id
        LEFT JOIN newest ON newest.demand_item_id = a.item_id
    WHERE newest.id IS NULL OR newest.id <= a.id
)
SELECT a.department_id, 'answer' AS kind, a.id::text AS id, (a.state = 'confirmed' AND a.settled_on <= :last)::int AS n, 1 AS d,
    jsonb_build_object('demand', a.demand_id, 'item', a.name, 'state', a.state, 'settled', CASE WHEN a.settled_on <= :last THEN a.settled_on END) AS facts
FROM judged a
WHERE (a.state IN ('confirmed', 'declined') AND a.settled_on BETWEEN :first AND :last)
    OR (a.state = 'refused' AND a.settled_on BETWEEN :first AND :last AND (a.ground IS NULL OR a.is_sent_back))
    OR is_promise_late OR is_reply_late
"""  # noqa: S608 - our own words
_REFUSED = f"""
WITH a AS ({_ANSWERS})
SELECT a.department_id, 'answer' AS kind, a.id::text AS id, (a.ground IS NOT NULL AND NOT a.is_sent_back)::int AS n, 1 AS d,
    jsonb_build_object('demand', a.demand_id, 'item', a.name, 'ground', a.ground ->> 'kind', 'done', a.said_on) AS facts
FROM a WHERE a.state = 'refused' AND a.said_on BETWEEN :first AND :last
"""  # noqa: S608 - our own words
_OBJECTIONS = """
WITH o AS (SELECT x.*, (x.closed_at AT TIME ZONE 'Asia/Shanghai')::date AS closed_on FROM exchange.objections x
    WHERE x.state <> 'withdrawn' AND x.raised_at < :beyond)
SELECT o.source_department_id AS department_id, 'objection' AS kind, o.id, (o.closed_on <= :last AND o.closed_on <= o.due_date IS TRUE)::int AS n, 1 AS d,
    jsonb_build_object('due', o.due_date, 'done', CASE WHEN o.closed_on <= :last THEN o.closed_on END) AS facts
FROM o WHERE o.closed_on BETWEEN :first AND :last OR (o.due_date <= :last AND (o.closed_on IS NULL OR o.closed_on > :last))
"""
_ABUSE = """
SELECT p.department_id, 'finding' AS kind, f.id::text AS id, 1 AS n, 0 AS d,
    jsonb_build_object('grant', f.grant_id, 'rule', f.rule, 'done', (f.reviewed_at AT TIME ZONE 'Asia/Shanghai')::date) AS facts
FROM exchange.guard_findings f JOIN exchange.applications p ON p.id = f.application_id
WHERE f.review = 'abuse' AND f.reviewed_at >= :begin AND f.reviewed_at < :beyond
"""

QUERIES = {
    "reply_timely": _TIMELY.format(rules="'reply_unconditional', 'reply_conditional'", open=OPEN_CLOCK),
    "provide_timely": _TIMELY.format(rules="'provide_after_agree'", open=OPEN_CLOCK),
    "sat_rate": _SATISFIED,
    "refuse_valid": _REFUSED,
    "obj_timely": _OBJECTIONS,
    "sec_event": _ABUSE,
}
"""Indicator → statement with :first, :last (days in China), :begin, :beyond (moments)."""
