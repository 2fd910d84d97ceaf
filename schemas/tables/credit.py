"""Why: a penalty that was changed or revoked must leave publication within days, so each such change is a clock. Written by `libraries.credit` alone."""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from schemas.tables.base import Base


class CreditWithdrawal(Base):
    """撤回期限: one penalty and the day its decision fell; over when it is withdrawn, or when its source no longer says that it fell (`moot`).

    department_id: who is told; None when neither the deciding nor the delivering department is known. told: the last lamp the department was told of.
    """

    __tablename__ = "credit_withdrawals"
    __table_args__ = (
        CheckConstraint("outcome in ('withdrawn', 'moot')", name="outcome"),
        CheckConstraint("told in ('green', 'yellow', 'red')", name="told"),
        Index("ix_credit_withdrawals_open", "due_date", postgresql_where=text("outcome IS NULL")),
        {"schema": "library"},
    )

    entry: Mapped[str] = mapped_column(primary_key=True)
    changed_on: Mapped[date] = mapped_column(primary_key=True)
    department_id: Mapped[str | None]
    due_date: Mapped[date]
    is_provisional: Mapped[bool] = mapped_column(server_default=text("false"))
    opened_at: Mapped[datetime] = mapped_column(server_default=func.now())
    told: Mapped[str | None]
    outcome: Mapped[str | None]
    ended_on: Mapped[date | None]  # the day it was withdrawn, by its source's word or else the day the hub learned it
