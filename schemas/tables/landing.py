"""Why: what came in. Batches with their states, every rule's result, quarantined rows with all their reasons. Written by the libraries storey alone."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Double, ForeignKey, Identity, Index, Integer, func, text
from sqlalchemy.orm import Mapped, mapped_column

from schemas.tables.base import Base

BATCH_STATES = ("planned", "landed", "checked", "merged", "rejected", "retracted")


class Batch(Base):
    """批次: one collection of one resource. Its id is fixed by resource and run, so a retry finds its own traces;
    `number` is its short form in golden records.
    """

    __tablename__ = "batches"
    __table_args__ = (
        CheckConstraint(f"state in {BATCH_STATES}", name="state"),
        Index("ix_batches_resource_id_created_at", "resource_id", "created_at"),
        {"schema": "landing"},
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(Integer, Identity(), unique=True)
    resource_id: Mapped[str] = mapped_column(ForeignKey("directory.resources.id"))
    resource_version_id: Mapped[str] = mapped_column(ForeignKey("directory.resource_versions.id"))
    run_id: Mapped[str]
    state: Mapped[str] = mapped_column(server_default="planned")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    landed_at: Mapped[datetime | None]
    checked_at: Mapped[datetime | None]
    merged_at: Mapped[datetime | None]
    path: Mapped[str | None]
    manifest: Mapped[dict[str, Any] | None]
    watermark: Mapped[str | None]
    rows_in: Mapped[int | None]
    rows_good: Mapped[int | None]
    rows_quarantined: Mapped[int | None]
    repairs: Mapped[dict[str, Any] | None]  # normalisation → how many values it changed
    score: Mapped[float | None] = mapped_column(Double)
    error_code: Mapped[str | None]
    error_facts: Mapped[dict[str, Any] | None]


class RuleResult(Base):
    """One rule's result over one batch: the trend of quality."""

    __tablename__ = "rule_results"
    __table_args__ = ({"schema": "landing"},)

    batch_id: Mapped[str] = mapped_column(ForeignKey("landing.batches.id"), primary_key=True)
    rule: Mapped[str] = mapped_column(primary_key=True)
    indicator: Mapped[str]
    scope: Mapped[str]
    evaluated: Mapped[int]
    failed: Mapped[int]


class QuarantinedRow(Base):
    """A bad row as it came, with every reason; it leaves only by replay (`released_at`, `released_by_batch_id`)."""

    __tablename__ = "quarantined_rows"
    __table_args__ = (Index("ix_quarantined_rows_batch_id", "batch_id"), {"schema": "landing"})

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    batch_id: Mapped[str] = mapped_column(ForeignKey("landing.batches.id"))
    row_number: Mapped[int]
    record_key: Mapped[str | None]
    reasons: Mapped[list[str]]
    values: Mapped[dict[str, Any]]
    held_at: Mapped[datetime] = mapped_column(server_default=func.now())
    released_at: Mapped[datetime | None]
    released_by_batch_id: Mapped[str | None]


class RefusedFile(Base):
    """A file that was seen and not taken (half-written, the same again), so that nothing is dropped in silence."""

    __tablename__ = "refused_files"
    __table_args__ = (
        Index("uq_refused_files", "resource_id", "name", "digest", "code", unique=True),
        {"schema": "landing"},
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    resource_id: Mapped[str] = mapped_column(ForeignKey("directory.resources.id"))
    batch_id: Mapped[str | None]
    name: Mapped[str]
    digest: Mapped[str] = mapped_column(server_default=text("''"))
    code: Mapped[str]
    facts: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    seen_at: Mapped[datetime] = mapped_column(server_default=func.now())
