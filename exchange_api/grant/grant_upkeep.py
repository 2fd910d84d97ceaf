"""Why: time ends what nobody looks at. Grants expire, lie unused, want to be certified again, lose what they stand on; wishes for more lapse; use is held
against what was declared. One function does what is due, one transaction a grant, so that an interrupt loses nothing and doing it again changes nothing.

Called hourly by the DAG `desks` and by `hutong grant upkeep`.
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from exchange_api.actors import Step, system
from exchange_api.grant import foundations, grants, life, quota_requests, use
from exchange_api.grant.settings import GrantSettings
from schemas.calendar import CHINA
from schemas.database import transaction
from schemas.tables.exchange import Grant

FIRST_HOURS = 3  # of a day in which the day before is looked at once more


@dataclass
class Kept:
    """What was due: grants by what was done to them, and requests that were made or lapsed."""

    expired: list[str] = field(default_factory=list)
    warned: list[str] = field(default_factory=list)
    suspended: list[str] = field(default_factory=list)
    resumed: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    lapsed: list[int] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)


def keep_all(now: datetime | None = None) -> Kept:
    """Do what is due for every grant, each step durable for itself."""
    done, moment = Kept(), now or datetime.now(UTC)
    with transaction("exchange") as session:
        hold(session, done)
    with transaction("exchange") as session:
        keep_quotas(session, moment, done)
    with transaction("exchange") as session:
        living = living_ids(session)
    for grant_id in living:
        with transaction("exchange") as session:
            keep_one(session, grant_id, moment, done)
    with transaction("exchange") as session:
        watch(session, moment, done)
    return done


def keep_grants(session: Session, now: datetime | None = None) -> Kept:
    """Do what is due for every grant in the caller's transaction; doing it again changes nothing."""
    done, moment = Kept(), now or datetime.now(UTC)
    hold(session, done)
    keep_quotas(session, moment, done)
    for grant_id in living_ids(session):
        keep_one(session, grant_id, moment, done)
    watch(session, moment, done)
    return done


def hold(session: Session, done: Kept) -> None:
    """Suspend what lost its base, let go on what has it back."""
    suspended, resumed = foundations.hold(session)
    done.suspended += suspended
    done.resumed += resumed


def keep_quotas(session: Session, now: datetime, done: Kept) -> None:
    """Make up the requests that a worker could not make at once, and let those of past days lapse."""
    day = now.astimezone(CHINA).date()
    for grant_id in use.overrun_on(session, day):
        if session.get(Grant, grant_id) and quota_requests.note_overrun(session, grant_id, day):
            done.asked.append(grant_id)
    done.lapsed += quota_requests.lapse(session, day)


def living_ids(session: Session) -> list[str]:
    """Return the numbers of all active grants."""
    return list(session.scalars(select(Grant.id).where(Grant.state == "active").order_by(Grant.id)))


def keep_one(session: Session, grant_id: str, now: datetime, done: Kept) -> None:
    """End one grant whose period, certificate or use has ended, or warn of it. What ends for other than its period was warned of, long enough before."""
    grant, day = grants.get(session, grant_id), now.astimezone(CHINA).date()
    if grant.state != "active":
        return
    if grant.valid_until < day:
        _expire(session, grant, "有效期届满 / its period ended", done)
        return
    settings = GrantSettings()
    unused_until = use.last_used(session, grant) + timedelta(days=settings.grant_unused_days)
    ends = [("warn_unused", unused_until, "长期未使用 / not used")]
    if grant.certified_until is not None:
        ends.append(("ask_certification", grant.certified_until, "未按期复核 / not certified again"))
    for action, end, why in ends:
        if day <= end - timedelta(days=settings.grant_notice_days):
            continue
        told_on = _told_on(session, grant, action, end)
        if told_on is None:
            _warn(session, grant, action, (max(end, day + timedelta(days=settings.grant_notice_days)), end, now))
            done.warned.append(grant.id)
        elif day > end and day >= told_on + timedelta(days=settings.grant_notice_days):
            _expire(session, grant, why, done)
            return


def watch(session: Session, now: datetime, done: Kept) -> None:
    """Hold the day's use against what was declared; in a day's first hours the day before once more, for what came after the last look."""
    local = now.astimezone(CHINA)
    living = list(session.scalars(select(Grant).where(Grant.state == "active").order_by(Grant.id)))
    days = [local.date() - timedelta(days=1)] if local.hour < FIRST_HOURS else []
    for day in (*days, local.date()):
        findings, suspended = use.judge(session, living, day)
        done.findings += findings
        done.suspended += suspended


def _told_on(session: Session, grant: Grant, action: str, end: date) -> date | None:
    """Return on which day this very end was told of; one that moved since was not told of yet."""
    event = life.last(session, grant.id, action)
    if event is None or event.facts["end"] != end.isoformat():
        return None
    return date.fromisoformat(event.facts["told"])


def _warn(session: Session, grant: Grant, action: str, days: tuple[date, date, datetime]) -> None:
    until, end, now = days
    actor = system(life.parties(session, grant).consumer)
    facts = {"end": end.isoformat(), "told": now.astimezone(CHINA).date().isoformat()}
    life.note(session, actor, grant, Step(action, facts=facts))
    key = "grant.unused" if action == "warn_unused" else "grant.certify_due"
    life.tell(session, grant, key, {"until": until.isoformat()}, life.everybody(session, grant))


def _expire(session: Session, grant: Grant, why: str, done: Kept) -> None:
    life.move(session, system(life.parties(session, grant).consumer), grant, Step("expire", why))
    done.expired.append(grant.id)
