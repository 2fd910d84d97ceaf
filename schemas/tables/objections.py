"""Why: whoever was handed a value may say that it is wrong, and its source must answer. What is doubted, why, where it stands, and every step of it.
Written by the desk `objections` of exchange_api alone. What was claimed and why may name people: it is held here and never in evidence, notices or logs.
"""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from schemas.tables.base import Base

OBJECTION_STATES = ("open", "correcting", "corrected", "refused", "ruled", "withdrawn")
LIVE_STATES = ("open", "correcting")
REFUSAL_REASONS = ("value_confirmed", "other_person", "not_our_duty", "no_evidence", "in_dispute")
_LIVE = text("state in ('open', 'correcting')")


class Objection(Base):
    """校核/异议: one doubted value of one record. `value`: what the library said then; `receipt`: none when an officer objects without one."""

    __tablename__ = "objections"
    __table_args__ = (
        CheckConstraint(f"state in {OBJECTION_STATES}", name="state"),
        CheckConstraint(f"refusal in {REFUSAL_REASONS}", name="refusal"),
        Index("uq_objections_live", "receipt", "record_key", "attribute", unique=True, postgresql_where=_LIVE),
        Index(
            "uq_objections_live_of_officers", "library", "record_key", "attribute", "department_id", unique=True,
            postgresql_where=text("receipt is null and state in ('open', 'correcting')"),
        ),
        Index("uq_objections_application_id_request_id", "application_id", "request_id", unique=True),
        Index("ix_objections_source_department_id", "source_department_id", "due_date"),
        {"schema": "exchange"},
    )  # fmt: skip

    id: Mapped[str] = mapped_column(primary_key=True)  # YY-<year>-<six digits>
    department_id: Mapped[str] = mapped_column(ForeignKey("directory.departments.id"))
    application_id: Mapped[str | None] = mapped_column(ForeignKey("exchange.applications.id"))
    request_id: Mapped[str | None]
    receipt: Mapped[UUID | None]
    library: Mapped[str]
    subject: Mapped[str]
    record_key: Mapped[str]
    attribute: Mapped[str]
    value: Mapped[str | None]
    claimed: Mapped[str | None]
    reason: Mapped[str]
    evidence: Mapped[str] = mapped_column(server_default=text("''"))
    source_department_id: Mapped[str] = mapped_column(ForeignKey("directory.departments.id"))
    source_resource_id: Mapped[str | None]  # none: nobody says anything of it, or a steward ruled
    source_batch_id: Mapped[str | None]
    state: Mapped[str] = mapped_column(server_default="open")
    raised_by: Mapped[str]
    raised_at: Mapped[datetime] = mapped_column(server_default=func.now())
    due_date: Mapped[date]
    is_provisional: Mapped[bool] = mapped_column(server_default=text("false"))
    refusal: Mapped[str | None]
    corrected_by_batch_id: Mapped[str | None]
    ruling_id: Mapped[int | None]
    is_value_changed: Mapped[bool] = mapped_column(server_default=text("false"))
    corrected_at: Mapped[datetime | None]  # from then on the library says something else
    closed_at: Mapped[datetime | None]
    reminded_at: Mapped[datetime | None]
    escalated_at: Mapped[datetime | None]


class ObjectionEvent(Base):
    """One step of an objection: who, when, why, from which state to which."""

    __tablename__ = "objection_events"
    __table_args__ = (Index("ix_objection_events_objection_id", "objection_id", "id"), {"schema": "exchange"})

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    objection_id: Mapped[str] = mapped_column(ForeignKey("exchange.objections.id"))
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    actor: Mapped[str]
    department_id: Mapped[str | None]
    action: Mapped[str]
    from_state: Mapped[str | None]
    to_state: Mapped[str | None]
    note: Mapped[str | None]
    facts: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
