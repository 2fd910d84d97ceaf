"""Why: what a data steward orders at the desk (replay, retraction, ruling, comparison) may take minutes; no page waits for it. An order is written down, worked
off outside the request, and says how far it came. Written by `exchange_api.steward.orders` alone.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Identity, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from schemas.tables.base import Base

ORDER_STATES = ("proposed", "waiting", "done", "failed", "dropped")


class StewardOrder(Base):
    """数据管家的指令: one long step. `said`: what it needs, personal data perhaps; emptied when it ends. An order that a crash left waiting is done again:
    every kind of step finds its own traces. One that is only proposed waits for its sender's word.
    """

    __tablename__ = "steward_orders"
    __table_args__ = (
        CheckConstraint(f"state in {ORDER_STATES}", name="state"),
        Index("ix_steward_orders_waiting", "id", postgresql_where=text("state = 'waiting'")),
        Index("ix_steward_orders_target", "target", "id"),
        {"schema": "operations"},
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    kind: Mapped[str]
    target: Mapped[str]  # batch, resource, conflict or ruling; never a person
    reason: Mapped[str]
    said: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    state: Mapped[str] = mapped_column(server_default="waiting")
    step: Mapped[str] = mapped_column(server_default=text("''"))
    ordered_by: Mapped[str]
    department_id: Mapped[str]
    ordered_at: Mapped[datetime] = mapped_column(server_default=func.now())
    ended_at: Mapped[datetime | None]
    found: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    error_code: Mapped[str | None]
    error_facts: Mapped[dict[str, Any] | None]
