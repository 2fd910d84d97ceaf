"""Why: what was told must go out once on every way, whoever crashes when. Notices are put into the outbox (`spread`), taken out by one sender at a time per
way (`claim`), and end there (`end`, `put_off`). Called by `sending`; each function works in the caller's transaction.

Notices are found by `spread_at`, not by a cursor over ids: a long transaction commits a low id late, and a cursor would have passed it.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from fnmatch import fnmatchcase

from pydantic import Field
from sqlalchemy import ColumnElement, exists, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from catalog import deadlines, notices
from exchange_api.noticing.bundles import Bundle
from exchange_api.noticing.kinds import kind_of
from exchange_api.states import DELIVERY
from schemas.calendar import CHINA, WorkingCalendar
from schemas.settings import HutongSettings
from schemas.tables.notice_ways import NoticeDelivery, NoticeWay
from schemas.tables.operations import Notice, Officer

OWN_KIND = "notices"
"""Notices about ways of notices stay in the portal: a broken way would otherwise tell of itself for ever."""
LONGEST_WAIT = timedelta(hours=6)
AT_ONCE = 500


class OutboxSettings(HutongSettings):
    """How patient the outbox is."""

    notice_attempts: int = Field(
        default=12, gt=0, description="Attempts after which a notice that is put off has failed."
    )
    notice_pause_after: int = Field(
        default=20, gt=0, description="Failures in a row after which a way of notices is paused."
    )
    notice_keep_days: int = Field(
        default=14, gt=0, description="Days after which a notice that still waits is dropped."
    )


@dataclass(frozen=True)
class Taken:
    """What one sender has taken from the outbox: the way is locked until his transaction ends."""

    way: NoticeWay
    deliveries: tuple[NoticeDelivery, ...]
    bundle: Bundle | None


def spread(session: Session, now: datetime, limit: int = AT_ONCE) -> int:
    """Put notices nobody has put there yet into the outbox of every way that wants them, and return how many were looked at."""
    fresh = select(Notice).where(Notice.spread_at.is_(None)).order_by(Notice.id).limit(limit)
    found = list(session.scalars(fresh.with_for_update(skip_locked=True)))
    days = deadlines.calendar(session)
    ways = _ways(session, {one.department_id for one in found})
    for notice in found:
        notice.spread_at = now
        for way in ways:
            if _wants(way, notice):
                _put(session, way, notice, _digest_day(way, now, days))
    session.flush()
    return len(found)


def claim(session: Session, now: datetime, resting: Collection[int], channels: Collection[str]) -> Taken | None:
    """Lock the next way on which something is due and take what goes out together; None when nothing is left to this sender.

    A bundle of None: another sender was quicker. `resting`: ways not to be tried again in this round.
    """
    query = select(NoticeWay).where(
        _live(), NoticeWay.channel.in_(channels), NoticeWay.id.not_in(resting), exists().where(_due(now))
    )
    locked = query.order_by(NoticeWay.id).limit(1).with_for_update(key_share=True, skip_locked=True, of=NoticeWay)
    way = session.scalar(locked.execution_options(populate_existing=True))
    if way is None:
        return None
    # a new statement sees what the last holder of the lock has sent
    due = session.scalars(
        select(NoticeDelivery)
        .where(_due(now), NoticeDelivery.way_id == way.id)
        .order_by(NoticeDelivery.notice_id)
        .limit(AT_ONCE)
    ).all()
    if not due:
        return Taken(way, (), None)
    day = due[0].digest_day
    together = tuple(one for one in due if one.digest_day == day) if day is not None else (due[0],)
    told = session.scalars(select(Notice).where(Notice.id.in_([one.notice_id for one in together])).order_by(Notice.id))
    return Taken(way, together, Bundle(way, tuple(told), day))


def end(session: Session, taken: Taken, action: str, now: datetime, error: str | None = None) -> None:
    """Let deliveries reach an end: send, fail or drop. What failed is told in the portal."""
    for one in taken.deliveries:
        one.state = DELIVERY.after(str(one.id), one.state, action)
        one.attempts += action != "drop"
        one.ended_at, one.last_error = now, error
    way = taken.way
    if action == "send":
        way.failures, way.verified_at = 0, way.verified_at or now
    if action == "fail":
        _tell(session, way, "notices.failed", count=len(taken.deliveries), why=error or "-")
        _count_failure(session, way, now)
    session.flush()


def put_off(session: Session, taken: Taken, now: datetime, error: str, *, is_ways_fault: bool) -> None:
    """Try again later, each time after twice the pause up to six hours; after the last attempt it has failed."""
    if max(one.attempts for one in taken.deliveries) + 1 >= OutboxSettings().notice_attempts:
        end(session, taken, "fail", now, error)
        return
    for one in taken.deliveries:
        one.next_at = now + min(LONGEST_WAIT, timedelta(minutes=2**one.attempts))
        one.attempts, one.last_error = one.attempts + 1, error
    if is_ways_fault:
        _count_failure(session, taken.way, now)
    session.flush()


def drop_stale(session: Session, now: datetime) -> int:
    """Drop what has waited too long, and what waits for ways that were removed or switched off; what grew too old is told in the portal."""
    oldest = now - timedelta(days=OutboxSettings().notice_keep_days)
    query = (
        select(NoticeDelivery, NoticeWay)
        .join(NoticeWay, NoticeWay.id == NoticeDelivery.way_id)
        .where(NoticeDelivery.state == "waiting")
        .where(or_(NoticeDelivery.created_at < oldest, NoticeWay.removed_at.is_not(None), NoticeWay.mode == "off"))
        .order_by(NoticeWay.id, NoticeDelivery.id)
        .limit(AT_ONCE)
        .with_for_update(of=NoticeDelivery, skip_locked=True)
    )
    stale: dict[int, Taken] = {}
    for delivery, way in session.execute(query):
        before = stale.get(way.id)
        stale[way.id] = Taken(way, (*(before.deliveries if before else ()), delivery), None)
    for taken in stale.values():
        end(session, taken, "drop", now)
        if taken.way.removed_at is None and taken.way.mode != "off":
            _tell(session, taken.way, "notices.dropped", count=len(taken.deliveries))
    session.flush()
    return sum(len(taken.deliveries) for taken in stale.values())


def _live() -> ColumnElement[bool]:
    return NoticeWay.removed_at.is_(None) & NoticeWay.paused_at.is_(None) & (NoticeWay.mode != "off")


def _due(now: datetime) -> ColumnElement[bool]:
    return (
        (NoticeDelivery.way_id == NoticeWay.id) & (NoticeDelivery.state == "waiting") & (NoticeDelivery.next_at <= now)
    )


def _ways(session: Session, departments: Collection[str]) -> list[NoticeWay]:
    """Ways of these departments; an officer's own only while he serves there."""
    query = select(NoticeWay).where(
        NoticeWay.department_id.in_(departments), NoticeWay.removed_at.is_(None), NoticeWay.mode != "off"
    )
    serves = exists().where(Officer.id == NoticeWay.officer_id, Officer.department_id == NoticeWay.department_id)
    return list(session.scalars(query.where(or_(NoticeWay.officer_id.is_(None), serves)).order_by(NoticeWay.id)))


def _wants(way: NoticeWay, notice: Notice) -> bool:
    is_its = way.department_id == notice.department_id and way.created_at <= notice.created_at
    return is_its and kind_of(notice.key) != OWN_KIND and matches(notice.key, way.keys)


def matches(key: str, patterns: Iterable[str]) -> bool:
    """Say whether a key fits one of the patterns, e.g. `demand.*`."""
    return any(fnmatchcase(key, pattern) for pattern in patterns)


def _digest_day(way: NoticeWay, now: datetime, days: WorkingCalendar) -> date | None:
    """Return the day of the next digest: today if its hour has not struck and it is a working day."""
    if way.mode != "digest":
        return None
    here = now.astimezone(CHINA)
    if here.hour < way.digest_hour and days.is_working_day(here.date()):
        return here.date()
    return days.add_working_days(here.date(), 1).date


def _put(session: Session, way: NoticeWay, notice: Notice, day: date | None) -> None:
    due = notice.created_at if day is None else datetime.combine(day, time(way.digest_hour), CHINA)
    row = {"notice_id": notice.id, "way_id": way.id, "next_at": due, "digest_day": day}
    session.execute(insert(NoticeDelivery).values(row).on_conflict_do_nothing())


def _count_failure(session: Session, way: NoticeWay, now: datetime) -> None:
    way.failures += 1
    if way.failures >= OutboxSettings().notice_pause_after and way.paused_at is None:
        way.paused_at = now
        _tell(session, way, "notices.way_paused", count=way.failures)


def _tell(session: Session, way: NoticeWay, key: str, *, count: int, why: str = "-") -> None:
    facts = {"way": str(way.id), "channel": way.channel, "count": str(count), "why": why}
    notices.notify(session, way.department_id, key, facts)
