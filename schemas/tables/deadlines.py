"""Why: clocks. The working-day calendar's edits and the periods of the law. Written by the catalog storey alone."""

from datetime import date

from sqlalchemy import text
from sqlalchemy.orm import Mapped, mapped_column

from schemas.tables.base import Base

_SCHEMA = {"schema": "directory"}


class CalendarDay(Base):
    """An administrator's edit of the working-day calendar; days not here follow the published calendar."""

    __tablename__ = "calendar_days"
    __table_args__ = _SCHEMA

    day: Mapped[date] = mapped_column(primary_key=True)
    is_working: Mapped[bool]
    source: Mapped[str]


class DeadlineRule(Base):
    """期限规则: how long a step may take, where, on what legal basis, and whether that basis was confirmed."""

    __tablename__ = "deadline_rules"
    __table_args__ = _SCHEMA

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
