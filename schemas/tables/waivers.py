"""Why: some rows can never be mended, and asking for them every night helps nobody. A steward says so with a reason, and may take it back. Written by
`libraries.holding` alone.
"""

from datetime import datetime

from sqlalchemy import ForeignKey, Identity, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from schemas.tables.base import Base


class Waiver(Base):
    """不予更正: a quarantined row is left out for good. The same row delivered again is left out too, by a waiver of its own that names the first
    (`origin_id`). Withdrawn, the row waits again.
    """

    __tablename__ = "waivers"
    __table_args__ = (
        Index("uq_waivers_in_force", "row_id", unique=True, postgresql_where=text("withdrawn_at IS NULL")),
        Index("ix_waivers_origin_id", "origin_id"),
        {"schema": "landing"},
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    row_id: Mapped[int] = mapped_column(ForeignKey("landing.quarantined_rows.id"))
    origin_id: Mapped[int | None]
    reason: Mapped[str]
    waived_by: Mapped[str]
    waived_at: Mapped[datetime] = mapped_column(server_default=func.now())
    withdrawn_by: Mapped[str | None]
    withdrawn_at: Mapped[datetime | None]
    withdrawn_reason: Mapped[str | None]
