"""Why: whoever was given a value that turned out wrong must hear of it. Who received what of a retracted batch or a corrected value, what they were
told under the hub's signature, and whether they asked again. Written by the desks `recall` and `objections` of exchange_api alone; no personal data.
"""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, SmallInteger, func, text
from sqlalchemy.orm import Mapped, mapped_column

from schemas.tables.base import Base

RECIPIENT_STATES = ("open", "notified", "acknowledged", "done")


class Recall(Base):
    """召回: one retracted batch, or one value corrected after an objection, and everyone it had been handed to."""

    __tablename__ = "recalls"
    __table_args__ = (
        CheckConstraint("(retraction_id is null) <> (objection_id is null)", name="one_cause"),
        {"schema": "exchange"},
    )

    id: Mapped[str] = mapped_column(primary_key=True)  # ZH-<year>-<six digits>
    retraction_id: Mapped[int | None] = mapped_column(ForeignKey("library.retractions.id"), unique=True)
    objection_id: Mapped[str | None] = mapped_column(ForeignKey("exchange.objections.id"), unique=True)
    library: Mapped[str]
    batch_id: Mapped[str] = mapped_column(ForeignKey("landing.batches.id"))
    resource_id: Mapped[str]
    department_id: Mapped[str] = mapped_column(ForeignKey("directory.departments.id"))
    reason: Mapped[str]
    opened_at: Mapped[datetime] = mapped_column(server_default=func.now())
    due_date: Mapped[date]
    is_provisional: Mapped[bool] = mapped_column(server_default=text("false"))
    scanned_until: Mapped[datetime]  # evidence up to here was looked through
    closed_at: Mapped[datetime | None]


class RecallRecipient(Base):
    """One application that received affected values: the notice as it was signed, and how far it came."""

    __tablename__ = "recall_recipients"
    __table_args__ = (
        CheckConstraint(f"state in {RECIPIENT_STATES}", name="state"),
        Index("ix_recall_recipients_application_id", "application_id", "recall_id"),
        {"schema": "exchange"},
    )

    recall_id: Mapped[str] = mapped_column(ForeignKey("exchange.recalls.id"), primary_key=True)
    application_id: Mapped[str] = mapped_column(ForeignKey("exchange.applications.id"), primary_key=True)
    state: Mapped[str] = mapped_column(server_default="open")
    receipts: Mapped[int]
    subjects: Mapped[int]
    attributes: Mapped[list[str]]
    first_received_at: Mapped[datetime]
    last_received_at: Mapped[datetime]
    notice: Mapped[str | None]  # canonical JSON, byte for byte what was signed
    signature: Mapped[str | None]  # base64, detached
    keyid: Mapped[str | None]
    notice_receipt: Mapped[UUID | None]  # evidence entry that holds the notice's digest and signature
    notified_at: Mapped[datetime | None]
    acknowledged_at: Mapped[datetime | None]
    outcome: Mapped[str | None]
    acknowledgement_receipt: Mapped[UUID | None]
    done_at: Mapped[datetime | None]
    escalated_at: Mapped[datetime | None]


class RecallReceipt(Base):
    """One answer that handed an affected value out."""

    __tablename__ = "recall_receipts"
    __table_args__ = ({"schema": "exchange"},)

    recall_id: Mapped[str] = mapped_column(ForeignKey("exchange.recalls.id"), primary_key=True)
    application_id: Mapped[str] = mapped_column(primary_key=True)
    receipt: Mapped[UUID] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    subjects: Mapped[int] = mapped_column(SmallInteger)


class RecallSubject(Base):
    """One subject, as its keyed hash, whose affected value an application received, and since when it holds a newer answer."""

    __tablename__ = "recall_subjects"
    __table_args__ = ({"schema": "exchange"},)

    recall_id: Mapped[str] = mapped_column(ForeignKey("exchange.recalls.id"), primary_key=True)
    application_id: Mapped[str] = mapped_column(primary_key=True)
    subject_hash: Mapped[str] = mapped_column(primary_key=True)
    asked_again_at: Mapped[datetime | None]


class RecallEvent(Base):
    """One step of one recipient, or of the whole recall: who, when, from which state to which."""

    __tablename__ = "recall_events"
    __table_args__ = (Index("ix_recall_events_recall_id", "recall_id", "id"), {"schema": "exchange"})

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    recall_id: Mapped[str] = mapped_column(ForeignKey("exchange.recalls.id"))
    application_id: Mapped[str | None]
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    actor: Mapped[str]
    action: Mapped[str]
    from_state: Mapped[str | None]
    to_state: Mapped[str | None]
    facts: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
