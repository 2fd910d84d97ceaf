"""Why: a steward's word. What was ruled where sources contradict each other or all are wrong: a claim of its own, with its reason, and reversible.
Written by `libraries.rulings`; the tickets that ask sources about their contradictions by `libraries.disputing.tickets`.
"""

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, Identity, Index, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from schemas.tables.base import Base

CONFLICT_TICKET_STATES = ("open", "answered", "closed")


class Ruling(Base):
    """裁定: what one attribute of one record is, by a steward's word; in force until withdrawn. `value` is canonical text as in the library; `seen` is
    what the sources had said when it was ruled or last confirmed, the ruled value included: a further value opens the conflict again.
    """

    __tablename__ = "rulings"
    __table_args__ = (
        Index(
            "uq_rulings_live",
            "library",
            "record_key",
            "attribute",
            unique=True,
            postgresql_where=text("withdrawn_at IS NULL"),
        ),
        {"schema": "library"},
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    library: Mapped[str]
    record_key: Mapped[str]
    attribute: Mapped[str]
    value: Mapped[str]
    reason: Mapped[str]
    ruled_by: Mapped[str]
    ruled_at: Mapped[datetime] = mapped_column(server_default=func.now())
    withdrawn_by: Mapped[str | None]
    withdrawn_at: Mapped[datetime | None]
    withdrawn_reason: Mapped[str | None]
    seen: Mapped[list[Any]] = mapped_column(JSONB, server_default=text("'[]'"))
    confirmed_by: Mapped[str | None]
    confirmed_at: Mapped[datetime | None]
    confirmed_reason: Mapped[str | None]


class ConflictTicket(Base):
    """核实工单: the grave contradictions on one attribute in which one department is a party, put to it until a day. Closed when none is left."""

    __tablename__ = "conflict_tickets"
    __table_args__ = (
        CheckConstraint(f"state in {CONFLICT_TICKET_STATES}", name="state"),
        Index(
            "uq_conflict_tickets_live",
            "library",
            "department_id",
            "attribute",
            unique=True,
            postgresql_where=text("state <> 'closed'"),
        ),
        {"schema": "library"},
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    library: Mapped[str]
    department_id: Mapped[str]
    attribute: Mapped[str]
    conflicts: Mapped[int]
    state: Mapped[str] = mapped_column(server_default="open")
    opened_at: Mapped[datetime] = mapped_column(server_default=func.now())
    due_date: Mapped[date | None]
    answered_at: Mapped[datetime | None]
    answer: Mapped[str | None]
    closed_at: Mapped[datetime | None]
