"""Why: a citizen id is corrected, a unified code re-issued, two firms become one. The records stay as the sources key them; here is written which key
followed which, so that one leads to the other both ways. Written by `libraries.identities` alone.
"""

from datetime import datetime

from sqlalchemy import CheckConstraint, Identity, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from schemas.tables.base import Base

LINK_KINDS = ("changed", "merged", "split")


class IdentityLink(Base):
    """身份变更: `to_key` followed `from_key` (变更、合并、分立); in force until withdrawn."""

    __tablename__ = "identity_links"
    __table_args__ = (
        CheckConstraint(f"kind in {LINK_KINDS}", name="kind"),
        CheckConstraint("from_key <> to_key", name="two_keys"),
        Index(
            "uq_identity_links_live",
            "library",
            "from_key",
            "to_key",
            unique=True,
            postgresql_where=text("withdrawn_at IS NULL"),
        ),
        Index("ix_identity_links_to", "library", "to_key", postgresql_where=text("withdrawn_at IS NULL")),
        {"schema": "library"},
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    library: Mapped[str]
    from_key: Mapped[str]
    to_key: Mapped[str]
    kind: Mapped[str]
    reason: Mapped[str]
    linked_by: Mapped[str]
    linked_at: Mapped[datetime] = mapped_column(server_default=func.now())
    withdrawn_by: Mapped[str | None]
    withdrawn_at: Mapped[datetime | None]
    withdrawn_reason: Mapped[str | None]
