"""Why: the matching learns words from what providers confirm, but never silently. What is proposed as a synonym of a data element, how often it was seen, and
what the authority decided. Written by `exchange_api.matching.proposals` alone; never holds personal data.
"""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Identity, UniqueConstraint, func
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from schemas.tables.base import Base

PROPOSAL_STATES = ("proposed", "accepted", "declined")


class SynonymProposal(Base):
    """同义词建议: demanders wrote `text` and providers answered with an item of the element. `seen`: in how many demands, less those where it was not meant."""

    __tablename__ = "synonym_proposals"
    __table_args__ = (
        UniqueConstraint("element_id", "text"),
        CheckConstraint(f"state in {PROPOSAL_STATES}", name="state"),
        {"schema": "exchange"},
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    element_id: Mapped[str] = mapped_column(ForeignKey("directory.data_elements.id"))
    text: Mapped[str]
    seen: Mapped[int]
    demands: Mapped[list[str]] = mapped_column(server_default=sql("'{}'"))
    state: Mapped[str] = mapped_column(server_default="proposed")
    decided_by: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    why: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
