"""Why: what happens to a grant after it was given: why it is suspended, every step with who and why, wishes for more quota, checks of its health. Written by
`exchange_api.grant` alone.
"""

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from schemas.tables.base import Base, tell_changes

_SCHEMA = {"schema": "exchange"}
SIDES = ("consumer", "provider", "platform")
QUOTA_STATES = ("asked", "approved", "declined", "lapsed")
QUOTA_ORIGINS = ("overrun", "consumer")


class GrantFlag(Base):
    """暂停: one reason why a grant is suspended, by one side. The side's flag on the grant stands as long as one of its reasons does."""

    __tablename__ = "grant_flags"
    __table_args__ = (CheckConstraint(f"side in {SIDES}", name="side"), _SCHEMA)

    grant_id: Mapped[str] = mapped_column(ForeignKey("exchange.grants.id"), primary_key=True)
    side: Mapped[str] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(primary_key=True)  # ordered, base.*, use.*
    since: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    by: Mapped[str]
    why: Mapped[str | None]


class GrantEvent(Base):
    """One step of a grant's life: who, when, why, from which state to which."""

    __tablename__ = "grant_events"
    __table_args__ = (Index("ix_grant_events_grant_id", "grant_id", "id"), _SCHEMA)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    grant_id: Mapped[str] = mapped_column(ForeignKey("exchange.grants.id"))
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    actor: Mapped[str]
    department_id: Mapped[str | None]
    action: Mapped[str]
    from_state: Mapped[str | None]
    to_state: Mapped[str | None]
    code: Mapped[str | None]
    note: Mapped[str | None]
    facts: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))


class QuotaRequest(Base):
    """加量申请: more than the day's quota is wanted, by the consumer beforehand or by the first refusal over it."""

    __tablename__ = "quota_requests"
    __table_args__ = (
        CheckConstraint(f"state in {QUOTA_STATES}", name="state"),
        CheckConstraint(f"origin in {QUOTA_ORIGINS}", name="origin"),
        # a day's overrun asks once, whatever was decided
        Index("uq_quota_requests_overrun", "grant_id", "day", unique=True, postgresql_where=text("origin = 'overrun'")),
        Index("ix_quota_requests_grant_id", "grant_id", "day"),
        _SCHEMA,
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    grant_id: Mapped[str] = mapped_column(ForeignKey("exchange.grants.id"))
    day: Mapped[date]  # the first day on which more is wanted, in China
    origin: Mapped[str]
    wanted: Mapped[int | None]  # subjects a day; none: nobody said how many
    state: Mapped[str] = mapped_column(server_default="asked")
    asked_by: Mapped[str]
    asked_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    why: Mapped[str | None]
    quota: Mapped[int | None]  # what was approved: subjects a day
    until: Mapped[date | None]  # the last day on which it holds
    decided_by: Mapped[str | None]
    decided_at: Mapped[datetime | None]


class GrantCheck(Base):
    """体检: one question really asked through a grant, step by step."""

    __tablename__ = "grant_checks"
    __table_args__ = (Index("ix_grant_checks_grant_id", "grant_id", "id"), _SCHEMA)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    grant_id: Mapped[str] = mapped_column(ForeignKey("exchange.grants.id"))
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    by: Mapped[str]
    is_good: Mapped[bool]
    steps: Mapped[list[dict[str, Any]]]
    receipt: Mapped[str]  # the evidence entry that says it was a check


tell_changes(QuotaRequest)
