"""Why: which application systems are in testing: they are answered from made-up records alone. Written by the desk `exchange_api.sandbox.desk`."""

from datetime import datetime

from sqlalchemy import ForeignKey, Identity, func
from sqlalchemy.orm import Mapped, mapped_column

from schemas.tables.base import Base, tell_changes


class Sandbox(Base):
    """测试环境: an application in testing while `ended_at` is null. `number` stands in the ids of its made-up grants."""

    __tablename__ = "sandboxes"
    __table_args__ = ({"schema": "exchange"},)

    application_id: Mapped[str] = mapped_column(ForeignKey("exchange.applications.id"), primary_key=True)
    number: Mapped[int] = mapped_column(Identity(), unique=True)
    opened_by: Mapped[str]
    opened_at: Mapped[datetime] = mapped_column(server_default=func.now())
    ended_by: Mapped[str | None]
    ended_at: Mapped[datetime | None]


tell_changes(Sandbox)
