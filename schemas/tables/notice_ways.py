"""Why: officers do not sit before the portal all day. Where a department's notices go besides, and what became of each. Written by
`exchange_api.noticing` alone.
"""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from schemas.tables.base import Base

_SCHEMA = {"schema": "operations"}
CHANNELS = ("email", "webhook")
MODES = ("immediate", "digest", "off")
DELIVERY_STATES = ("waiting", "sent", "failed", "dropped")


class NoticeWay(Base):
    """通知方式: where notices of one department, or of one of its officers, go. `keys`: which ones, as patterns of their keys; `digest_hour`: the hour of
    China's day of the daily digest, on working days. `failures`: in a row; too many pause it. A removed way stays, for what was sent by it.
    """

    __tablename__ = "notice_ways"
    __table_args__ = (
        CheckConstraint(f"channel in {CHANNELS}", name="channel"),
        CheckConstraint(f"mode in {MODES}", name="mode"),
        CheckConstraint("language in ('zh', 'en')", name="language"),
        CheckConstraint("digest_hour between 0 and 23", name="digest_hour"),
        Index(
            "uq_notice_ways_address", "department_id", "channel", "address", unique=True,
            postgresql_where=text("removed_at IS NULL"),
        ),
        _SCHEMA,
    )  # fmt: skip

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    department_id: Mapped[str] = mapped_column(ForeignKey("directory.departments.id"))
    officer_id: Mapped[str | None] = mapped_column(ForeignKey("operations.officers.id"))
    channel: Mapped[str]
    address: Mapped[str]
    language: Mapped[str] = mapped_column(server_default="zh")
    keys: Mapped[list[str]] = mapped_column(server_default=text("'{*}'"))
    mode: Mapped[str] = mapped_column(server_default="immediate")
    digest_hour: Mapped[int] = mapped_column(server_default="8")
    failures: Mapped[int] = mapped_column(server_default="0")
    verified_at: Mapped[datetime | None]  # when it first took a message
    paused_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    created_by: Mapped[str]
    removed_at: Mapped[datetime | None]


class NoticeDelivery(Base):
    """One notice on one way. `digest_day`: the digest it belongs to. `last_error`: a code and a number of the other side's answer, never its words."""

    __tablename__ = "notice_deliveries"
    __table_args__ = (
        CheckConstraint(f"state in {DELIVERY_STATES}", name="state"),
        UniqueConstraint("notice_id", "way_id"),
        Index("ix_notice_deliveries_due", "way_id", "next_at", postgresql_where=text("state = 'waiting'")),
        _SCHEMA,
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    notice_id: Mapped[int] = mapped_column(ForeignKey("operations.notices.id"))
    way_id: Mapped[int] = mapped_column(ForeignKey("operations.notice_ways.id"))
    state: Mapped[str] = mapped_column(server_default="waiting")
    attempts: Mapped[int] = mapped_column(server_default="0")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    next_at: Mapped[datetime]
    digest_day: Mapped[date | None]
    last_error: Mapped[str | None]
    ended_at: Mapped[datetime | None]
