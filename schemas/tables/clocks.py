"""Why: a case's clock runs by law. What runs, by which rule, since when, how long it stood still, until when; and every change of that with who and why.
Written by `exchange_api.clocks` alone.
"""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from schemas.tables.base import Base

CLOCK_STATES = ("running", "paused", "met", "cancelled")
EXTENSION_STATES = ("asked", "granted", "declined", "lapsed")
_RUNNING = text("state in ('running', 'paused')")


class CaseClock(Base):
    """期限: one period that somebody owes. `case`: what it hangs on: a demand, a task, a dispute (their numbers), or `answer:<id>` for a promised item. The
    rule is copied as it stood, so that a later change of the rule table moves nothing that runs.
    """

    __tablename__ = "case_clocks"
    __table_args__ = (
        CheckConstraint(f"state in {CLOCK_STATES}", name="state"),
        Index("uq_case_clocks_running", "case", "demand_id", "rule_key", unique=True, postgresql_where=_RUNNING),
        Index("ix_case_clocks_demand_id", "demand_id"),
        Index("ix_case_clocks_due_date", "due_date", postgresql_where=_RUNNING),
        {"schema": "exchange"},
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    case: Mapped[str]
    demand_id: Mapped[str] = mapped_column(ForeignKey("exchange.demands.id"))
    department_id: Mapped[str] = mapped_column(ForeignKey("directory.departments.id"))  # who owes the step
    rule_key: Mapped[str]
    jurisdiction: Mapped[str]
    day_type: Mapped[str]
    days: Mapped[int]
    extension_limit: Mapped[int] = mapped_column(server_default="0")  # what the rule allows
    extension_approver: Mapped[str | None]  # the role that may consent
    extension_days: Mapped[int] = mapped_column(server_default="0")  # what was granted
    paused_days: Mapped[int] = mapped_column(server_default="0")  # the sum of its pauses, in the rule's kind of days
    basis: Mapped[str]
    state: Mapped[str] = mapped_column(server_default="running")
    started_on: Mapped[date]
    paused_on: Mapped[date | None]
    due_date: Mapped[date]
    is_provisional: Mapped[bool] = mapped_column(server_default=text("false"))
    stopped_on: Mapped[date | None]
    reminded: Mapped[str] = mapped_column(server_default="green")  # worst lamp somebody was told of; `supervised` last


class ClockPause(Base):
    """暂停: one time a clock stood still. Days after `paused_on` up to `resumed_on` are not counted; an open one has no end."""

    __tablename__ = "clock_pauses"
    __table_args__ = (
        CheckConstraint("resumed_on >= paused_on", name="order"),
        Index("uq_clock_pauses_open", "clock_id", unique=True, postgresql_where=text("resumed_on is null")),
        Index("ix_clock_pauses_clock_id", "clock_id", "id"),
        {"schema": "exchange"},
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    clock_id: Mapped[int] = mapped_column(ForeignKey("exchange.case_clocks.id"))
    paused_on: Mapped[date]
    resumed_on: Mapped[date | None]
    why: Mapped[str | None]


class ClockExtension(Base):
    """延期: more days asked for by whoever owes the step, and what the authority said. At most one is open, at most one is granted."""

    __tablename__ = "clock_extensions"
    __table_args__ = (
        CheckConstraint(f"state in {EXTENSION_STATES}", name="state"),
        CheckConstraint("days > 0", name="days"),
        Index("uq_clock_extensions_live", "clock_id", unique=True, postgresql_where=text("state in ('asked', 'granted')")),
        {"schema": "exchange"},
    )  # fmt: skip

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    clock_id: Mapped[int] = mapped_column(ForeignKey("exchange.case_clocks.id"), index=True)
    days: Mapped[int]
    why: Mapped[str]
    state: Mapped[str] = mapped_column(server_default="asked")
    asked_by: Mapped[str]
    asked_at: Mapped[datetime] = mapped_column(server_default=func.now())
    decided_by: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    decision: Mapped[str | None]  # the words with it


class ClockEvent(Base):
    """One change of a clock: started, paused, resumed, extended, recomputed, reminded, escalated, stopped."""

    __tablename__ = "clock_events"
    __table_args__ = (Index("ix_clock_events_clock_id", "clock_id", "id"), {"schema": "exchange"})

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    clock_id: Mapped[int] = mapped_column(ForeignKey("exchange.case_clocks.id"))
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    actor: Mapped[str]
    in_place_of: Mapped[str | None]
    action: Mapped[str]
    from_due: Mapped[date | None]
    to_due: Mapped[date | None]
    note: Mapped[str | None]
