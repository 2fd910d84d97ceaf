"""Why: the hub of `benchmarks.portal`: a directory of any size, thousands of demands in every state with their tasks, answers, clocks, timelines and grants,
officers of every department with open sign-ins. Set down by statements, not by desks: five thousand cases would take an hour of clicks.
"""

import hashlib
import secrets
from datetime import UTC, datetime, timedelta

from sqlalchemy import text, update
from sqlalchemy.orm import Session

from benchmarks import directory_city
from catalog import deadlines, directory
from catalog.service.materials import Material
from exchange_api.evidence.keyring import ensure_active_key
from exchange_api.officers import ROLES
from schemas.database import database_url, engine, transaction
from schemas.migrations import upgrade
from schemas.tables.directory import ResourceVersion
from schemas.tables.exchange import Application, ApplicationKey
from schemas.tables.operations import Officer, OfficerSession
from schemas.tables.services import ServiceItem

DEPARTMENTS, SERVICES, ITEMS = len(directory_city.DEPARTMENTS), 400, 5
DESK, ADMINISTRATION = ("demander", "provider"), ("system_admin", "security_admin", "auditor")
# ten cases in a row: where each stands
_STATES = "{submitted,dispatched,dispatched,answered,provided,provided,accepted,closed,closed,refused}"
_CASES = f"""
INSERT INTO exchange.demands (id, department_id, application_id, service_item_id, purpose, basis, volume_per_day, valid_until, state, created_by,
    created_at, submitted_at)
SELECT 'XQ-2026-' || lpad(n::text, 6, '0'), 'd' || n % {DEPARTMENTS}, 'app' || n % {DEPARTMENTS}, 's' || n % {SERVICES}, '核验申请人条件（第' || n || '批）',
    '《政务数据共享条例》第二十条', 1000, current_date + 300, ('{_STATES}'::text[])[1 + n % 10], 'officer' || n % {DEPARTMENTS},
    now() - make_interval(hours => :demands - n), now() - make_interval(hours => :demands - n)
FROM generate_series(1, :demands) n;

INSERT INTO exchange.demand_items (demand_id, position, name)
SELECT d.id, p, '申请人事项' || p FROM exchange.demands d, generate_series(0, {ITEMS - 1}) p ORDER BY d.id, p;

INSERT INTO exchange.supply_tasks (id, department_id, need, state, created_at, due_date, rule_key, answered_at)
SELECT replace(id, 'XQ', 'GJ'), 'd' || (right(id, 6)::int * 7 + 3) % {DEPARTMENTS}, md5(id), CASE state WHEN 'dispatched' THEN 'open' ELSE 'answered' END,
    submitted_at, current_date + (right(id, 6)::int % 20 - 6), 'supply_reply', CASE state WHEN 'dispatched' THEN NULL ELSE now() END
FROM exchange.demands WHERE state <> 'submitted';

INSERT INTO exchange.task_demands (task_id, demand_id, state, joined_at)
SELECT t.id, replace(t.id, 'GJ', 'XQ'), t.state, t.created_at FROM exchange.supply_tasks t;

INSERT INTO exchange.supply_answers (task_id, demand_item_id, state, decision, resource_version_id, item_id, answered_by, answered_at)
SELECT t.id, i.id, CASE WHEN t.state = 'open' THEN 'waiting' WHEN d.state = 'refused' THEN 'refused' ELSE 'confirmed' END,
    CASE WHEN t.state = 'open' THEN NULL WHEN d.state = 'refused' THEN 'refuse' ELSE 'confirm' END,
    t.department_id || '.r' || substr(t.department_id, 2) || '@1', 'i' || i.position, 'officer', t.answered_at
FROM exchange.supply_tasks t JOIN exchange.demands d ON d.id = replace(t.id, 'GJ', 'XQ') JOIN exchange.demand_items i ON i.demand_id = d.id;

INSERT INTO exchange.case_clocks (case_, demand_id, department_id, rule_key, jurisdiction, day_type, days, basis, state, started_on, due_date, stopped_on)
SELECT t.id, d.id, t.department_id, 'supply_reply', 'national', 'working', 10, '《政务数据共享条例》第二十一条',
    CASE t.state WHEN 'open' THEN 'running' ELSE 'met' END, t.created_at::date, t.due_date, t.answered_at::date
FROM exchange.supply_tasks t JOIN exchange.demands d ON d.id = replace(t.id, 'GJ', 'XQ');

INSERT INTO exchange.case_events (demand_id, at, actor, department_id, action, from_state, to_state)
SELECT d.id, d.created_at + make_interval(mins => s.place::int), 'officer' || right(d.id, 6)::int % {DEPARTMENTS}, d.department_id, s.action, s.before, s.after
FROM exchange.demands d, (VALUES (1, 'register', NULL, 'draft'), (2, 'submit', 'draft', 'submitted'), (3, 'dispatch', 'submitted', 'dispatched'),
    (4, 'answer', 'dispatched', 'answered'), (5, 'provide', 'answered', 'provided'), (6, 'accept', 'provided', 'accepted')) s (place, action, before, after)
ORDER BY d.id, s.place;

INSERT INTO exchange.grants (id, demand_id, application_id, library, service_item_id, purpose, valid_from, valid_until, certified_until, quota_per_day)
SELECT replace(id, 'XQ', 'SQ'), id, application_id, 'population', service_item_id, purpose, current_date - 30, current_date + 300, current_date + 100, 1000
FROM exchange.demands WHERE state IN ('provided', 'accepted', 'closed');

INSERT INTO exchange.grant_items (grant_id, attribute, resource_version_id, item_id)
SELECT g.id, a.name, 'd' || p || '.r' || p || '@1', a.item
FROM exchange.grants g,
    LATERAL (SELECT (right(g.id, 6)::int * 7 + 3) % {DEPARTMENTS} AS p) s, (VALUES ('name', 'i0'), ('sex', 'i1'), ('address', 'i2')) a (name, item);

INSERT INTO exchange.grant_use (grant_id, day, subjects, calls)
SELECT g.id, current_date - n, 20 * n, 10 * n FROM exchange.grants g, generate_series(1, 30) n;

INSERT INTO operations.notices (department_id, key, facts, demand_id)
SELECT department_id, 'demand.' || state, jsonb_build_object('demand', id), id FROM exchange.demands;
"""


def build(resources: int, demands: int, officers: int) -> dict[str, list[str]]:
    """Fill the database that HUTONG_DATABASE_URL names; return role → cookies of signed-in officers (the desk roles: `officers` of them in all)."""
    upgrade(database_url())
    with transaction() as session:
        ensure_active_key(session)
        deadlines.seed_rules(session)
        directory_city.settle(session)
        directory.save_drafts(session, list(directory_city.drafts(resources, 20)))
        session.execute(
            update(ResourceVersion).values(state="published"), execution_options={"synchronize_session": False}
        )
        _surroundings(session)
    with transaction() as session:
        for statement in _CASES.replace("case_,", '"case",').split(";\n"):
            if statement.strip():
                session.execute(text(statement), {"demands": demands} if ":demands" in statement else {})
        cookies = _officers(session, officers)
    with engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
    return cookies


def _surroundings(session: Session) -> None:
    for number in range(SERVICES):
        materials = [
            Material(
                id=f"m{place}", name=f"申请材料{place}", source="20", items=("申请人姓名", "房屋地址", "车辆编号")
            ).model_dump(mode="json")
            for place in range(3)
        ]
        department = f"d{number % DEPARTMENTS}"
        session.add(
            ServiceItem(
                id=f"s{number}", name=f"政务服务事项{number}办理", department_id=department, materials=materials
            )
        )
    for number in range(DEPARTMENTS):
        session.add(Application(id=f"app{number}", name=f"业务系统{number}", department_id=f"d{number}"))
    session.flush()
    for number in range(DEPARTMENTS):
        session.add(
            ApplicationKey(
                keyid=secrets.token_urlsafe(32), application_id=f"app{number}", algorithm="ed25519", public_jwk={}
            )
        )


def _officers(session: Session, officers: int) -> dict[str, list[str]]:
    """Officers of every department at its desk, and one for every other role; all signed in."""
    people: list[tuple[str, str, tuple[str, ...]]] = [
        (f"officer{number}", f"d{number % DEPARTMENTS}", DESK) for number in range(officers)
    ]
    others = [role for role in ROLES if role not in DESK]
    people += [(role.replace("_", "-"), f"d{DEPARTMENTS - 7}", (role,)) for role in others]
    cookies: dict[str, list[str]] = {}
    for login, department, roles in people:
        session.add(
            Officer(id=login, name=f"经办{login}", department_id=department, roles=list(roles), password_hash="-")
        )
    session.flush()
    now = datetime.now(UTC)
    for login, _, roles in people:
        cookie = secrets.token_urlsafe(32)
        digest = hashlib.sha256(cookie.encode()).hexdigest()
        session.add(
            OfficerSession(
                id=digest,
                officer_id=login,
                csrf_token=secrets.token_urlsafe(24),
                created_at=now,
                seen_at=now,
                expires_at=now + timedelta(hours=9),
            )
        )
        cookies.setdefault("desk" if roles == DESK else roles[0], []).append(cookie)
    return cookies
