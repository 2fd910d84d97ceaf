"""Why: a steward's word. What was ruled where sources contradict each other or all are wrong: a claim of its own, with its reason, and reversible.
Written by `libraries.rulings` alone.
"""

from datetime import datetime

from sqlalchemy import Identity, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from schemas.tables.base import Base


class Ruling(Base):
    """裁定: what one attribute of one record is, by a steward's word; in force until withdrawn. `value` is canonical text as in the library."""

    __tablename__ = "rulings"
    __table_args__ = (
        Index(
            "uq_rulings_live",
            "library",
            "record_key",
            "attribute",
            unique=True,
            postgresql_where=text("withdrawn_at IS NULL"),
        ),
        {"schema": "library"},
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    library: Mapped[str]
    record_key: Mapped[str]
    attribute: Mapped[str]
    value: Mapped[str]
    reason: Mapped[str]
    ruled_by: Mapped[str]
    ruled_at: Mapped[datetime] = mapped_column(server_default=func.now())
    withdrawn_by: Mapped[str | None]
    withdrawn_at: Mapped[datetime | None]
    withdrawn_reason: Mapped[str | None]
