"""Why: a department says itself where its notices go. Ways are added, changed, tried and removed here, by its own officers alone. Called by
`hutong notices` and pages.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from exchange_api.actors import Actor
from exchange_api.noticing import calling, mailing, sending
from exchange_api.noticing.bundles import Bundle
from schemas.errors import Denied, Invalid, Language
from schemas.tables.notice_ways import CHANNELS, MODES, NoticeWay
from schemas.tables.operations import Notice, Officer


@dataclass(frozen=True)
class WayForm:
    """What is asked of a way: keys are patterns such as `demand.*`; digest_hour counts in China's day; officer_id: whose own it is."""

    channel: str
    address: str
    language: Language = "zh"
    keys: tuple[str, ...] = ("*",)
    mode: Literal["immediate", "digest", "off"] | str = "immediate"
    digest_hour: int = 8
    officer_id: str | None = None


def add(session: Session, actor: Actor, department_id: str, form: WayForm) -> NoticeWay:
    """Add a way, or change the one the department has to this address. Raises Denied `case.not_yours`, Invalid `notice.address`, `notice.way_value`."""
    actor.require_department(department_id, form.channel)
    _check(session, department_id, form)
    query = select(NoticeWay).where(
        NoticeWay.department_id == department_id, NoticeWay.channel == form.channel, NoticeWay.address == form.address,
        NoticeWay.removed_at.is_(None),
    )  # fmt: skip
    way = session.scalar(query.with_for_update())
    if way is None:
        way = NoticeWay(department_id=department_id, channel=form.channel, address=form.address, created_by=actor.id)
        session.add(way)
    way.language, way.keys, way.mode, way.digest_hour = form.language, list(form.keys), form.mode, form.digest_hour
    way.officer_id = form.officer_id
    session.flush()
    return way


def find(session: Session, department_id: str | None = None) -> list[NoticeWay]:
    """Return the ways of a department, or all."""
    query = select(NoticeWay).where(NoticeWay.removed_at.is_(None)).order_by(NoticeWay.department_id, NoticeWay.id)
    return list(
        session.scalars(query if department_id is None else query.where(NoticeWay.department_id == department_id))
    )


def get(session: Session, way_id: int) -> NoticeWay:
    """Return a way that is there. Raises Invalid `notice.unknown_way`."""
    way = session.get(NoticeWay, way_id, with_for_update=True)
    if way is None or way.removed_at is not None:
        raise Invalid("notice.unknown_way", way=way_id)
    return way


def remove(session: Session, actor: Actor, way_id: int) -> NoticeWay:
    """Remove a way; what still waits for it is dropped in the next round. Raises as `get`, and Denied `case.not_yours`."""
    way = get(session, way_id)
    actor.require_department(way.department_id, str(way_id))
    way.removed_at = datetime.now(UTC)
    session.flush()
    return way


def try_out(session: Session, actor: Actor, way_id: int) -> NoticeWay:
    """Send a test notice by a way now; if it is taken, a paused way runs again. Raises as `get`, Denied `case.not_yours`, and what the channel raises."""
    way = get(session, way_id)
    actor.require_department(way.department_id, str(way_id))
    now = datetime.now(UTC)
    facts = {"way": str(way.id)}
    trial = Notice(
        id=int(now.timestamp()),
        department_id=way.department_id,
        key="notices.test",
        facts=facts,
        demand_id=None,
        created_at=now,
    )
    sending.deliver(session, Bundle(way, (trial,)))
    way.failures, way.paused_at, way.verified_at = 0, None, way.verified_at or now
    session.flush()
    return way


def _check(session: Session, department_id: str, form: WayForm) -> None:
    for name, value, possible in (
        ("channel", form.channel, CHANNELS), ("mode", form.mode, MODES), ("language", form.language, ("zh", "en")),
        ("digest_hour", form.digest_hour, range(24)), ("keys", all(_is_pattern(key) for key in form.keys) and form.keys != (), (True,)),
    ):  # fmt: skip
        if value not in possible:
            said = ", ".join(str(one) for one in possible) if name != "keys" else "demand.*, *.overdue, *"
            raise Invalid(
                "notice.way_value", name=name, value=value if name != "keys" else " ".join(form.keys), possible=said
            )
    if form.channel == "webhook":
        calling.check_address(form.address)
    elif not mailing.is_address(form.address):
        raise Invalid("notice.address")
    if form.officer_id is not None:
        officer = session.get(Officer, form.officer_id)
        if officer is None or officer.department_id != department_id:
            raise Denied("case.not_yours", case=form.officer_id)


def _is_pattern(key: str) -> bool:
    return 0 < len(key) <= 100 and all(one.isascii() and (one.isalnum() or one in "._*?") for one in key)
