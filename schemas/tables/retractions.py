"""Why: a batch that should never have been believed. What was taken back, why, by whom, and which records it touched; recalls start from here.
Written by `libraries.retracting` alone.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Identity, Text, func, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from schemas.tables.base import Base


class Retraction(Base):
    """撤回批次: one batch taken back. `counts`: what it did to claims and golden records."""

    __tablename__ = "retractions"
    __table_args__ = ({"schema": "library"},)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    batch_id: Mapped[str] = mapped_column(ForeignKey("landing.batches.id"), unique=True)
    library: Mapped[str]
    reason: Mapped[str]
    retracted_by: Mapped[str]
    retracted_at: Mapped[datetime] = mapped_column(server_default=func.now())
    counts: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))


class RetractedRecord(Base):
    """A record whose golden values came in part from a retracted batch, when it was taken back or ever before: whose recipients must hear of it.

    `attributes`: those whose value came from the batch; `changed`: those of them that now say something else, or nothing; `is_current`: False when the
    hub had given the batch's values up already before it was taken back, so that only earlier answers bear them.
    """

    __tablename__ = "retracted_records"
    __table_args__ = ({"schema": "library"},)

    retraction_id: Mapped[int] = mapped_column(ForeignKey("library.retractions.id"), primary_key=True)
    record_key: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str]
    attributes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    changed: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    is_current: Mapped[bool] = mapped_column(server_default=text("true"))
