"""Why: a refusal may be disputed, in three steps each with its clock. What is disputed, between whom, where it stands and every step of it.
Written by the desk `exchange_api.dispute` alone.
"""

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from schemas.tables.base import Base

DISPUTE_STATES = (
    "negotiating",
    "settled",
    "adjudicating",
    "sent_back",
    "upheld",
    "escalated",
    "finally_upheld",
    "withdrawn",
)


class Dispute(Base):
    """争议: a demander against one provider's refusal of wanted items of one demand."""

    __tablename__ = "disputes"
    __table_args__ = (
        CheckConstraint(f"state in {DISPUTE_STATES}", name="state"),
        Index("ix_disputes_demand_id", "demand_id"),
        Index("ix_disputes_against_id", "against_id", "state"),
        {"schema": "exchange"},
    )

    id: Mapped[str] = mapped_column(primary_key=True)  # ZY-<year>-<six digits>
    demand_id: Mapped[str] = mapped_column(ForeignKey("exchange.demands.id"))
    department_id: Mapped[str] = mapped_column(ForeignKey("directory.departments.id"))
    against_id: Mapped[str] = mapped_column(ForeignKey("directory.departments.id"))
    reason: Mapped[str]
    state: Mapped[str] = mapped_column(server_default="negotiating")
    raised_by: Mapped[str]
    raised_at: Mapped[datetime] = mapped_column(server_default=func.now())
    appeal_until: Mapped[date | None]  # the last day on which an upheld refusal may be taken to the common superior
    document: Mapped[str | None]  # the superior's decision, by its number


class DisputedItem(Base):
    """One wanted item in dispute, and the answer that is disputed."""

    __tablename__ = "disputed_items"
    __table_args__ = {"schema": "exchange"}  # noqa: RUF012 - how SQLAlchemy reads it

    dispute_id: Mapped[str] = mapped_column(ForeignKey("exchange.disputes.id"), primary_key=True)
    demand_item_id: Mapped[int] = mapped_column(ForeignKey("exchange.demand_items.id"), primary_key=True)
    supply_answer_id: Mapped[int] = mapped_column(ForeignKey("exchange.supply_answers.id"))


class DisputeEvent(Base):
    """One step or statement of a dispute; a statement moves nothing and has no states."""

    __tablename__ = "dispute_events"
    __table_args__ = (Index("ix_dispute_events_dispute_id", "dispute_id", "id"), {"schema": "exchange"})

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    dispute_id: Mapped[str] = mapped_column(ForeignKey("exchange.disputes.id"))
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    actor: Mapped[str]
    department_id: Mapped[str]
    action: Mapped[str]
    from_state: Mapped[str | None]
    to_state: Mapped[str | None]
    note: Mapped[str | None]
    facts: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
