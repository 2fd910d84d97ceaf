"""Why: what came in. Batches with their states, every rule's result, quarantined rows with all their reasons. Written by the libraries storey alone."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, Double, ForeignKey, Identity, Index, Integer, func, text
from sqlalchemy.orm import Mapped, mapped_column

from schemas.tables.base import Base

BATCH_STATES = ("planned", "landed", "checked", "merged", "rejected", "retracted")
SUPERSEDED_HOW = ("right", "again", "gone", "attempt", "retracted", "waived")
TICKET_STATES = ("open", "answered", "closed")


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
    merging_at: Mapped[
        datetime | None
    ]  # when its merge first began: by the database's clock, as everything in the libraries
    merged_at: Mapped[datetime | None]
    retracted_at: Mapped[datetime | None]
    path: Mapped[str | None]
    manifest: Mapped[dict[str, Any] | None]
    watermark: Mapped[str | None]
    period: Mapped[dict[str, Any] | None]  # {"start", "end"} of a back-fill
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
    facts: Mapped[dict[str, Any] | None]  # of a guard: the figures outside, and what they may be


class ItemProfile(Base):
    """What the values of one item look like in one batch: what guards hold the next batches against. No values but codes of the item's own table."""

    __tablename__ = "item_profiles"
    __table_args__ = ({"schema": "landing"},)

    batch_id: Mapped[str] = mapped_column(ForeignKey("landing.batches.id"), primary_key=True)
    item: Mapped[str] = mapped_column(primary_key=True)
    rows: Mapped[int]
    nulls: Mapped[int]
    sampled: Mapped[int]  # values among the sampled rows
    different: Mapped[int]  # different ones among those
    mean_length: Mapped[float | None] = mapped_column(Double)  # of sampled values, bytes of UTF-8
    length_spread: Mapped[float | None] = mapped_column(Double)  # standard deviation
    mean_number: Mapped[float | None] = mapped_column(Double)
    number_spread: Mapped[float | None] = mapped_column(Double)
    codes: Mapped[dict[str, Any] | None]  # code → sampled rows that have it


class QuarantinedRow(Base):
    """A bad row as it came, with every reason. It waits until it is released (mended and replayed) or superseded (`superseded_how`: a later batch brought
    the key right, brought it wrong again, or no longer holds it; the row is itself a failed attempt at mending another; its batch was taken back; or a
    steward left it out). No row is ever deleted.
    """

    __tablename__ = "quarantined_rows"
    __table_args__ = (
        CheckConstraint(f"superseded_how in {SUPERSEDED_HOW}", name="superseded_how"),
        CheckConstraint("released_at is null or superseded_at is null", name="one_end"),
        Index("ix_quarantined_rows_batch_id", "batch_id"),
        Index(
            "ix_quarantined_rows_waiting",
            "batch_id",
            postgresql_where=text("released_at IS NULL AND superseded_at IS NULL"),
        ),
        {"schema": "landing"},
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    batch_id: Mapped[str] = mapped_column(ForeignKey("landing.batches.id"))
    row_number: Mapped[int]
    record_key: Mapped[str | None]
    reasons: Mapped[list[str]]
    values: Mapped[dict[str, Any]]
    held_at: Mapped[datetime] = mapped_column(server_default=func.now())
    waiting_since: Mapped[datetime] = mapped_column(server_default=func.now())  # earlier than held_at when held again
    replay_batch_id: Mapped[str | None]  # the last batch that took it along mended, its row there, and what was in it
    replay_row: Mapped[int | None]
    replay_digest: Mapped[str | None]
    released_at: Mapped[datetime | None]
    released_by_batch_id: Mapped[str | None]
    superseded_at: Mapped[datetime | None]
    superseded_by_batch_id: Mapped[str | None]
    superseded_how: Mapped[str | None]


class Ticket(Base):
    """数据质量工单: one fault of one resource, put to its department: the rows that wait for this reason, and until when. Closed when none is left."""

    __tablename__ = "tickets"
    __table_args__ = (
        CheckConstraint(f"state in {TICKET_STATES}", name="state"),
        Index("uq_tickets_live", "resource_id", "reason", unique=True, postgresql_where=text("state <> 'closed'")),
        {"schema": "landing"},
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    resource_id: Mapped[str] = mapped_column(ForeignKey("directory.resources.id"))
    department_id: Mapped[str]
    batch_id: Mapped[str]  # the last one that held rows for this reason
    reason: Mapped[str]
    rows: Mapped[int]
    state: Mapped[str] = mapped_column(server_default="open")
    opened_at: Mapped[datetime] = mapped_column(server_default=func.now())
    due_date: Mapped[date | None]
    answered_at: Mapped[datetime | None]
    answer: Mapped[str | None]
    closed_at: Mapped[datetime | None]


class Pause(Base):
    """暂停归集: nothing is taken from the resource's source until it is resumed; whoever paused it said why."""

    __tablename__ = "pauses"
    __table_args__ = ({"schema": "landing"},)

    resource_id: Mapped[str] = mapped_column(ForeignKey("directory.resources.id"), primary_key=True)
    reason: Mapped[str] = mapped_column(server_default=text("''"))
    paused_at: Mapped[datetime] = mapped_column(server_default=func.now())


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
