"""Why: what was declared and what is done are held together day by day: volume, hours, one subject looked up again and again, refusals, no use at all.
A finding is told to all sides; a grave one suspends. The rules with their numbers are `use_rules.yml`. Called by `grant_upkeep` and by `hutong grant use`.

Evidence holds keyed hashes of subjects only: who was looked up is not known here. Its entries are found by their ids, which begin with the time
(UUID version 7).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from importlib.resources import files
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from exchange_api.actors import Step, system
from exchange_api.grant import flags, life, quota_requests
from exchange_api.grant.terms import parse_hours
from schemas import yaml_data
from schemas.calendar import CHINA
from schemas.tables.exchange import Demand, Grant, GrantUse
from schemas.tables.grant_life import GrantEvent

_OF_DAY = "e.id >= :first AND e.id < :beyond AND e.grant_id = ANY(:grants)"
_BY_HOUR = f"""
SELECT e.grant_id, extract(hour FROM e.at AT TIME ZONE 'Asia/Shanghai')::int AS hour,
    count(*) FILTER (WHERE e.kind = 'answer' AND e.code IS NULL) AS answers, count(*) FILTER (WHERE e.kind = 'refusal') AS refusals
FROM evidence.entries e WHERE {_OF_DAY} GROUP BY 1, 2
"""  # noqa: S608 - our own words
_ONE_SUBJECT = f"""
SELECT grant_id, max(times) AS times FROM (
    SELECT e.grant_id, subject, count(*) AS times
    FROM evidence.entries e, jsonb_array_elements_text(convert_from(e.document, 'UTF8')::jsonb -> 'subjects') AS subject
    WHERE {_OF_DAY} AND e.kind = 'answer' AND e.code IS NULL GROUP BY 1, 2) AS counted GROUP BY 1
"""  # noqa: S608 - our own words


@dataclass(frozen=True)
class Rule:
    """One rule of use_rules.yml."""

    key: str
    measure: str
    above: float
    least: int
    suspends: bool
    zh: str
    en: str


@dataclass(frozen=True)
class DayOfUse:
    """What was done through a grant on one day, beside what was declared. outside_hours: share of the answers; one_subject: most look-ups of one."""

    day: date
    subjects: int
    answers: int
    declared: int
    outside_hours: float
    one_subject: int
    refusals: int
    idle_days: int

    @property
    def volume_ratio(self) -> float:
        """Return how many times the declared volume was used."""
        return self.subjects / self.declared


@cache
def rules() -> tuple[Rule, ...]:
    """Return the rules, in the file's order."""
    words = files("exchange_api.grant").joinpath("use_rules.yml").read_text("utf-8")
    return TypeAdapter(tuple[Rule, ...]).validate_python(yaml_data.parse(words))


def find(session: Session, living: Sequence[Grant], day: date) -> dict[str, DayOfUse]:
    """Return what was done through these grants on a day in China."""
    ids = [grant.id for grant in living]
    named = {"grants": ids, **_span(day)}
    hours: dict[str, list[Any]] = {}
    for row in session.execute(text(_BY_HOUR), named):
        hours.setdefault(row.grant_id, []).append(row)
    repeated = {row.grant_id: int(row.times) for row in session.execute(text(_ONE_SUBJECT), named)}
    used, last = _used(session, ids, day), _last_days(session, living)
    found = {}
    for grant in living:
        rows = hours.get(grant.id, [])
        answers = sum(row.answers for row in rows)
        found[grant.id] = DayOfUse(
            day=day, subjects=used.get(grant.id, 0), answers=answers, declared=_declared(session, grant, day),
            outside_hours=_outside(session, grant, rows) / answers if answers else 0.0, one_subject=repeated.get(grant.id, 0),
            refusals=sum(row.refusals for row in rows), idle_days=(day - last[grant.id]).days,
        )  # fmt: skip
    return found


def judge(session: Session, living: Sequence[Grant], day: date) -> tuple[list[str], list[str]]:
    """Note every rule that a grant's day broke, once a day, tell all sides, and suspend for the grave ones; return findings and suspended grants.

    A grant that lies unused is said to be so once, until it is used again.
    """
    found, suspended = [], []
    days = find(session, living, day) if living else {}
    for grant in living:
        broken = [rule for rule in rules() if _is_broken(days[grant.id], rule)]
        if not broken:
            continue
        session.refresh(grant, with_for_update=True)  # only now: an officer who suspends must not wait for the counting
        for rule in broken:
            if grant.state != "active" or _is_known(session, grant, rule, days[grant.id]):
                continue
            _note(session, grant, rule, days[grant.id])
            found.append(f"{grant.id} use.{rule.key}")
            actor, flag = system(life.parties(session, grant).consumer), ("platform", f"use.{rule.key}")
            if rule.suspends and flags.put(session, actor, grant, flag, f"{rule.zh} / {rule.en}"):
                suspended.append(grant.id)
    return found, suspended


def last_used(session: Session, grant: Grant) -> date:
    """Return the last day on which a grant was used; the day it began when it never was."""
    return _last_days(session, [grant])[grant.id]


def days_of(session: Session, grant_id: str, first: date) -> list[GrantUse]:
    """Return how much a grant was used on each day since one, the newest first; days without use have no row."""
    query = select(GrantUse).where(GrantUse.grant_id == grant_id, GrantUse.day >= first)
    return list(session.scalars(query.order_by(GrantUse.day.desc())))


def overrun_on(session: Session, day: date) -> list[str]:
    """Return the grants that were refused for their quota on a day."""
    query = text("SELECT DISTINCT grant_id FROM evidence.entries WHERE id >= :first AND id < :beyond AND code = :code")
    rows = session.scalars(query, {**_span(day), "code": "quota.exceeded"})
    return sorted(one for one in rows if one)


def _span(day: date) -> dict[str, UUID]:
    begin = datetime.combine(day, time(), CHINA)
    return {"first": _first_id(begin), "beyond": _first_id(begin + timedelta(days=1))}


def _first_id(moment: datetime) -> UUID:
    """Return the least receipt id of a moment (RFC 9562 §5.7: 48 bits of milliseconds first)."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)


def _used(session: Session, grant_ids: Sequence[str], day: date) -> dict[str, int]:
    """Return the subjects asked for on a day."""
    query = select(GrantUse).where(GrantUse.grant_id.in_(grant_ids), GrantUse.day == day)
    return {row.grant_id: row.subjects for row in session.scalars(query)}


def _last_days(session: Session, living: Sequence[Grant]) -> dict[str, date]:
    """Return the last day of use by grant; the day a grant began when it was never used."""
    query = select(GrantUse.grant_id, func.max(GrantUse.day)).where(GrantUse.grant_id.in_([one.id for one in living]))
    last = {row[0]: row[1] for row in session.execute(query.group_by(GrantUse.grant_id))}
    begun = {one.id: max(one.valid_from, one.created_at.astimezone(CHINA).date()) for one in living}
    return {grant_id: max(day, last.get(grant_id, day)) for grant_id, day in begun.items()}


def _declared(session: Session, grant: Grant, day: date) -> int:
    """Return what was declared for a day: the demand's volume, or more where more was approved."""
    return max(session.get_one(Demand, grant.demand_id).volume_per_day, quota_requests.quota_on(session, grant, day))


def _outside(session: Session, grant: Grant, rows: Sequence[Any]) -> int:
    declared = session.get_one(Demand, grant.demand_id).hours
    if declared is None:
        return 0
    first, last = parse_hours(declared)
    return sum(row.answers for row in rows if not first <= row.hour < last)


def _is_broken(done: DayOfUse, rule: Rule) -> bool:
    return bool(getattr(done, rule.measure) > rule.above and _count_of(done, rule) >= rule.least)


def _count_of(done: DayOfUse, rule: Rule) -> int:
    return done.subjects if rule.measure == "volume_ratio" else done.answers if rule.measure == "outside_hours" else 0


def _is_known(session: Session, grant: Grant, rule: Rule, done: DayOfUse) -> bool:
    query = select(GrantEvent.facts["day"].astext).where(
        GrantEvent.grant_id == grant.id, GrantEvent.action == "finding", GrantEvent.code == f"use.{rule.key}"
    )
    since = done.day - timedelta(days=done.idle_days) if rule.measure == "idle_days" else done.day
    return any(date.fromisoformat(day) >= since for day in session.scalars(query) if day)


def _note(session: Session, grant: Grant, rule: Rule, done: DayOfUse) -> None:
    measured = round(getattr(done, rule.measure), 3)
    facts = {**asdict(done), "day": done.day.isoformat(), "measured": measured, "above": rule.above}
    consumer = life.parties(session, grant).consumer
    step = Step("finding", f"{rule.zh} / {rule.en}", {"code": f"use.{rule.key}", **facts})
    life.note(session, system(consumer), grant, step)
    told = {"day": done.day.isoformat(), "why": rule.zh, "why_en": rule.en}
    life.tell(session, grant, "grant.use_finding", told, life.everybody(session, grant))
