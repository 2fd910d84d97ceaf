"""Why: what belongs to a demand beside its form: files that prove its basis, and what a provider asked and was told. Written by `exchange_api.demand` alone."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, LargeBinary, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from schemas.tables.base import Base

INFORMATION_STATES = ("asked", "told", "dropped")


class Attachment(Base):
    """附件: one file of a demand. It lies in the database, not beside it: it is written, copied and removed with its case, or not at all."""

    __tablename__ = "attachments"
    __table_args__ = (
        UniqueConstraint("demand_id", "sha256"),
        CheckConstraint("size = octet_length(content)", name="size"),
        {"schema": "exchange"},
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    demand_id: Mapped[str] = mapped_column(ForeignKey("exchange.demands.id"))
    name: Mapped[str]  # cleaned: no path, no control characters, ends as its kind does
    media_type: Mapped[str]  # by its first bytes, never as claimed
    size: Mapped[int]
    sha256: Mapped[str]
    content: Mapped[bytes] = mapped_column(LargeBinary(), deferred=True)
    added_by: Mapped[str]
    added_at: Mapped[datetime] = mapped_column(server_default=func.now())


class InformationRequest(Base):
    """补充说明: what a provider (or the authority in its place) must know before it can answer; its clock stands still until it is told."""

    __tablename__ = "information_requests"
    __table_args__ = (
        CheckConstraint(f"state in {INFORMATION_STATES}", name="state"),
        Index("ix_information_requests_demand_id", "demand_id", "task_id"),
        {"schema": "exchange"},
    )

    id: Mapped[str] = mapped_column(primary_key=True)  # BC-<year>-<six digits>
    task_id: Mapped[str] = mapped_column(ForeignKey("exchange.supply_tasks.id"))
    demand_id: Mapped[str] = mapped_column(ForeignKey("exchange.demands.id"))
    department_id: Mapped[str] = mapped_column(ForeignKey("directory.departments.id"))  # who asks
    question: Mapped[str]
    asked_by: Mapped[str]
    asked_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    answer: Mapped[str | None]
    told_by: Mapped[str | None]
    state: Mapped[str] = mapped_column(server_default=text("'asked'"))
    ended_at: Mapped[datetime | None]
