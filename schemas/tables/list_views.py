"""Why: an officer reads a list every day and chooses once which of its columns he wants. Written by `exchange_api.portal.list_views` alone."""

from sqlalchemy import CheckConstraint, ForeignKey, text
from sqlalchemy.orm import Mapped, mapped_column

from schemas.tables.base import Base


class ListView(Base):
    """One officer's choice for one list: its columns by key (empty: those the list shows by itself) and how many rows stand on a page."""

    __tablename__ = "list_views"
    __table_args__ = (CheckConstraint("size between 1 and 200", name="size"), {"schema": "operations"})

    officer_id: Mapped[str] = mapped_column(ForeignKey("operations.officers.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    columns: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))
    size: Mapped[int] = mapped_column(server_default="20")
