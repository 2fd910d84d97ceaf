"""Why: that a department's table and what the hub holds of it are the same must be provable later too. Written by `reconcile` alone; figures
only, no key and no value.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Identity, Index, func
from sqlalchemy.orm import Mapped, mapped_column

from schemas.tables.base import Base


class Reconciliation(Base):
    """对账: one comparison of a source with what landed of it, up to a batch."""

    __tablename__ = "reconciliations"
    __table_args__ = (Index("ix_reconciliations_resource_id", "resource_id", "finished_at"), {"schema": "landing"})

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    resource_id: Mapped[str] = mapped_column(ForeignKey("directory.resources.id"))
    batch_id: Mapped[str] = mapped_column(ForeignKey("landing.batches.id"))
    method: Mapped[str]  # digests, counts, rows, files
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime] = mapped_column(server_default=func.now())
    source_rows: Mapped[int | None]
    landed_rows: Mapped[int]
    missing: Mapped[int]
    extra: Mapped[int]
    different: Mapped[int]
    facts: Mapped[dict[str, Any]]  # ranges looked at, rows read, columns left out, whether the list is whole
