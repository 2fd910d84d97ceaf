"""Why: from a batch or a grant to every answer it led to, at once, though a million entries lie in the log. An entry names its grant and its batches; here
the sequencer notes them after the entry stands in the log, so that no answer pays for it. Written by `evidence.paths` alone; all of it can be made again
from the entries, and none of it is personal.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Identity, Index, Integer, SmallInteger, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from schemas.tables.base import Base
from schemas.tables.exchange import Demand, GrantItem
from schemas.tables.objections import Objection


class TracePath(Base):
    """What one application was answered under one grant: of one batch, or (batch '') whatever it was, refusals too. `entries`: how many."""

    __tablename__ = "paths"
    __table_args__ = (
        UniqueConstraint("grant_id", "batch", "application_id"),
        Index("ix_paths_batch", "batch"),
        {"schema": "evidence"},
    )

    id: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True)
    grant_id: Mapped[str]
    batch: Mapped[str]
    application_id: Mapped[str]
    entries: Mapped[int]
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]


class PathEntry(Base):
    """One entry on a path; ids of version 7 stand in the order of time."""

    __tablename__ = "path_entries"
    __table_args__ = ({"schema": "evidence"},)

    path_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    entry_id: Mapped[UUID] = mapped_column(primary_key=True)


class PathMark(Base):
    """How many leaves of the log were noted; one row."""

    __tablename__ = "path_mark"
    __table_args__ = ({"schema": "evidence"},)

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    size: Mapped[int]


# walked from the other end than their desks do
Index("ix_grant_items_resource_version_id", GrantItem.resource_version_id)
Index("ix_objections_receipt", Objection.receipt)
Index("ix_demands_service_item_id", Demand.service_item_id)
