"""Why: what the database says of the hub: its tables, its roles' rights, the signing key, the log's writer, the calendar, notices, grants, archiving.
Called by `hutong.commands.doctor`.
"""

import time
from datetime import timedelta
from uuid import UUID

from sqlalchemy import func, or_, select, text
from sqlalchemy.orm import Session

from catalog import deadlines
from exchange_api.grant.foundations import CODES
from exchange_api.grant.settings import GrantSettings
from exchange_api.keys import active_signer
from exchange_api.watching.settings import WatchSettings
from hutong.doctor import evidence
from hutong.doctor.checks import Check, Found, ok
from schemas.calendar import today
from schemas.database import engine, transaction
from schemas.migrations import current, newest
from schemas.tables.exchange import Grant
from schemas.tables.grant_life import GrantFlag
from schemas.tables.notice_ways import NoticeDelivery

RIGHTS = (
    ("hutong_exchange", "evidence.entries", "INSERT", True),
    ("hutong_exchange", "evidence.entries", "UPDATE", False),
    ("hutong_exchange", "evidence.entries", "DELETE", False),
    ("hutong_exchange", "evidence.leaves", "INSERT", False),
    ("hutong_exchange", "exchange.grants", "UPDATE", True),
    ("hutong_exchange", "directory.resource_versions", "UPDATE", False),
    ("hutong_directory", "directory.resource_versions", "UPDATE", True),
    ("hutong_directory", "evidence.entries", "INSERT", False),
    ("hutong_sequencer", "evidence.leaves", "INSERT", True),
    ("hutong_sequencer", "evidence.leaves", "DELETE", False),
    ("hutong_sequencer", "evidence.subject_entries", "INSERT", True),
    ("hutong_ingest", "exchange.grants", "UPDATE", False),
    ("hutong_reader", "exchange.grants", "UPDATE", False),
)
"""What each role must be allowed, and must not be."""
_ALLOWED = "SELECT has_table_privilege(:role, :table, :right)"
NOVEMBER = 11
STUCK = timedelta(hours=1)


def reach() -> Found:
    """Reach the database, and compare its tables with this version's."""
    with transaction("owner") as session:
        version = str(session.scalar(text("SHOW server_version"))).split(" ")[0]
    found, wanted = current(engine()), newest()
    if found != wanted:
        return Found(
            "fail",
            "数据库结构不是当前版本",
            "the tables are not of this version",
            "运行 hutong migrate。",
            "Run hutong migrate.",
        )
    return ok(f"PostgreSQL {version}，结构为当前版本", f"PostgreSQL {version}, tables of this version")


def rights() -> Found:
    """Hold the roles against what each may and may not."""
    wrong = []
    with transaction("owner") as session:
        for role, table, right, is_wanted in RIGHTS:
            is_allowed = bool(session.scalar(text(_ALLOWED), {"role": role, "table": table, "right": right}))
            if is_allowed != is_wanted:
                wrong.append(f"{role} {'+' if is_allowed else '-'}{right} {table}")
    if wrong:
        named = ", ".join(wrong)
        return Found(
            "fail",
            f"数据库角色权限不符：{named}",
            f"roles with wrong rights: {named}",
            "按 0001_roles.sql 恢复权限。",
            "Set them as 0001_roles.sql does.",
        )
    return ok("数据库角色权限相符", "roles have the rights they need and no others")


def signing_key() -> Found:
    """Find the active signing key, and open it."""
    with transaction("reader") as session:
        keyid = active_signer(session).keyid
    return ok(f"签名密钥 {keyid[:12]}… 在用", f"signing key {keyid[:12]}… in use")


def sequencer() -> Found:
    """Look at how long the oldest entry waits for the log."""
    with transaction("reader") as session:
        oldest: UUID | None = session.scalar(text("SELECT entry_id FROM evidence.pending ORDER BY position LIMIT 1"))
    lag = 0.0 if oldest is None else max(0.0, time.time() - (oldest.int >> 80) / 1000)
    if lag > WatchSettings().sequencer_lag_s:
        return Found(
            "fail",
            f"存证定序落后 {lag:,.0f} 秒",
            f"the log is {lag:,.0f} seconds behind",
            "查看 hutong logs sequencer；只需一个 hutong sequencer 在运行。",
            "See hutong logs sequencer; one hutong sequencer must run.",
        )
    return ok(f"存证定序落后 {lag:.1f} 秒", f"the log is {lag:.1f} seconds behind")


def calendar() -> Found:
    """Look whether the working days of this and, late in the year, of the next one are known."""
    day = today()
    years = (day.year, day.year + 1) if day.month >= NOVEMBER else (day.year,)
    with transaction("reader") as session:
        days = deadlines.calendar(session)
    missing = ", ".join(str(year) for year in years if not days.is_confirmed(year))
    if missing:
        return Found(
            "warn",
            f"{missing} 年工作日历未确认",
            f"the calendar of {missing} is not confirmed",
            "国务院办公厅公布后运行 hutong calendar confirm。",
            "Run hutong calendar confirm when it is published.",
        )
    return ok("工作日历已确认", "the calendar is confirmed")


def notices() -> Found:
    """Look for notices that should have left the house an hour ago."""
    with transaction("owner") as session:
        late = func.clock_timestamp() - STUCK
        query = select(func.count()).where(NoticeDelivery.state == "waiting", NoticeDelivery.next_at < late)
        stuck = session.scalar(query) or 0
    if stuck:
        return Found(
            "warn",
            f"{stuck} 条通知滞留",
            f"{stuck} notices are stuck",
            "查看 DAG notices，或运行 hutong notices send。",
            "See the DAG notices, or run hutong notices send.",
        )
    return ok("无滞留通知", "no notices are stuck")


def grants() -> Found:
    """Look for living grants that lost what they stand on."""
    with transaction("reader") as session:
        lost = _lost(session)
    if lost:
        named = ", ".join(lost[:5]) + (" …" if len(lost) > 5 else "")
        return Found(
            "warn",
            f"{len(lost)} 项授权失去依据：{named}",
            f"{len(lost)} grants lost their base: {named}",
            "逐项查看 hutong grant show。",
            "Look at each: hutong grant show.",
        )
    return ok("在用授权均有依据", "all living grants have their base")


def certifications() -> Found:
    """Look for grants whose certification or period ends soon."""
    soon = today() + timedelta(days=GrantSettings().grant_notice_days)
    with transaction("reader") as session:
        ends = or_(Grant.certified_until <= soon, Grant.valid_until <= soon)
        count = session.scalar(select(func.count()).where(Grant.state == "active", ends)) or 0
    if count:
        return Found(
            "warn",
            f"{count} 项授权将到期或待复核",
            f"{count} grants end or want certifying soon",
            "运行 hutong grant list，复核或续期。",
            "See hutong grant list; recertify or prolong.",
        )
    return ok("近期无授权到期", "no grant ends soon")


def archiving() -> Found:
    """Look whether the database keeps what a restore to any moment needs; other ways to back up are not seen."""
    with transaction("reader") as session:
        is_on = session.scalar(text("SELECT current_setting('archive_mode') <> 'off'"))
        failed = session.scalar(
            text("SELECT last_failed_time > coalesce(last_archived_time, '-infinity') FROM pg_stat_archiver")
        )
    remedy = (
        "备份数据库、landing/ 与 keys/，三者同时。",
        "Back up the database, landing/ and keys/, all three together.",
    )
    if is_on and failed:
        return Found("fail", "WAL 归档失败", "archiving of WAL fails", *remedy)
    if not is_on:
        return Found("warn", "未启用 WAL 归档", "WAL is not archived", *remedy)
    return ok("WAL 归档正常", "WAL is archived")


REACH = Check("database", "数据库", "database", reach)
CHECKS = (
    REACH,
    *(
        Check(name, zh, en, look, needs=REACH.name)
        for name, zh, en, look in (
            ("rights", "数据库角色", "roles", rights),
            ("signing_key", "签名密钥", "signing key", signing_key),
            ("sequencer", "存证定序", "sequencer", sequencer),
            ("vouching", "见证与时间戳", "witnesses and time stamps", evidence.vouching),
            ("months", "存证分区", "months of entries", evidence.ahead),
            ("calendar", "工作日历", "calendar", calendar),
            ("notices", "通知", "notices", notices),
            ("grants", "授权依据", "grants' bases", grants),
            ("certifications", "授权期限", "grants' periods", certifications),
            ("archiving", "备份", "backups", archiving),
        )
    ),
)


def _lost(session: Session) -> list[str]:
    query = select(GrantFlag.grant_id).distinct().join(Grant, Grant.id == GrantFlag.grant_id)
    query = query.where(Grant.state == "active", or_(GrantFlag.code.in_(CODES), GrantFlag.code.like("base%")))
    return list(session.scalars(query.order_by(GrantFlag.grant_id)))
