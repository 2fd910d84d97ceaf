"""Why: what an officer is writing must outlive a closed window. The fields of a form as they stood last, his alone, until the form is sent or thrown away.
Written by `exchange_api.portal.drafts` alone.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, func
from sqlalchemy.orm import Mapped, mapped_column

from schemas.tables.base import Base


class FormDraft(Base):
    """One form of one officer: `form` names it (`demand`, `task`), `key` its case (`new` before there is one); `fields` are name and text, in order."""

    __tablename__ = "form_drafts"
    __table_args__ = ({"schema": "operations"},)

    officer_id: Mapped[str] = mapped_column(ForeignKey("operations.officers.id", ondelete="CASCADE"), primary_key=True)
    form: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    fields: Mapped[list[dict[str, Any]]]
    saved_at: Mapped[datetime] = mapped_column(server_default=func.now())
