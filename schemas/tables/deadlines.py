"""Why: clocks. The working-day calendar's edits and the periods of the law, with who entered them. Written by the catalog storey alone."""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, Identity, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from schemas.tables.base import Base

_SCHEMA = {"schema": "directory"}


class CalendarDay(Base):
    """An administrator's edit of the working-day calendar; days not here follow the published calendar."""

    __tablename__ = "calendar_days"
    __table_args__ = _SCHEMA

    day: Mapped[date] = mapped_column(primary_key=True)
    is_working: Mapped[bool]
    name: Mapped[str | None]  # of the holiday
    source: Mapped[str]
    changed_by: Mapped[str] = mapped_column(server_default="")
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now())


class CalendarYear(Base):
    """A year whose calendar the administrator entered or checked against the notice, although the package does not know it yet."""

    __tablename__ = "calendar_years"
    __table_args__ = _SCHEMA

    year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    source: Mapped[str]
    confirmed_by: Mapped[str]
    confirmed_at: Mapped[datetime] = mapped_column(server_default=func.now())


class CalendarEvent(Base):
    """One edit of the calendar: a day set or cleared, a year confirmed; by whom, by which notice."""

    __tablename__ = "calendar_events"
    __table_args__ = (Index("ix_calendar_events_year", "year", "id"), _SCHEMA)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    actor: Mapped[str]
    action: Mapped[str]  # set, clear, confirm
    year: Mapped[int]
    day: Mapped[date | None]
    is_working: Mapped[bool | None]
    source: Mapped[str]


class DeadlineRule(Base):
    """期限规则: how long a step may take, where, on what legal basis, and whether that basis was confirmed. Never altered in place: a new rule ends the
    former one the day before.
    """

    __tablename__ = "deadline_rules"
    __table_args__ = (
        CheckConstraint("day_type in ('working', 'calendar')", name="day_type"),
        CheckConstraint("days > 0 and extension_days >= 0", name="days"),
        _SCHEMA,
    )

    key: Mapped[str] = mapped_column(primary_key=True)
    jurisdiction: Mapped[str] = mapped_column(primary_key=True)
    effective_from: Mapped[date] = mapped_column(primary_key=True)
    effective_to: Mapped[date | None]
    day_type: Mapped[str] = mapped_column(server_default="working")
    days: Mapped[int]
    extension_days: Mapped[int] = mapped_column(server_default="0")
    extension_approver: Mapped[str | None]
    basis: Mapped[str]
    is_confirmed: Mapped[bool] = mapped_column(server_default=text("false"))
    confirmed_by: Mapped[str | None]
    confirmed_at: Mapped[datetime | None]
    added_by: Mapped[str | None]  # None: came with the hub
    added_at: Mapped[datetime] = mapped_column(server_default=func.now())
