"""Why: systems that still call as the national platform taught them (standard headers rid, sid, rtime, sign) are let in by a door of their own, for a time.
Written by the desk `legacy.doors` of exchange_api alone. The shared secret is sealed under a key that never enters the database.
"""

from datetime import date, datetime

from sqlalchemy import ForeignKey, func, text
from sqlalchemy.orm import Mapped, mapped_column

from schemas.tables.base import Base

_SCHEMA = {"schema": "exchange"}


class LegacyDoor(Base):
    """旧式接入: one application may ask with a shared secret until a day. `secret`: sealed (signing.sealed)."""

    __tablename__ = "legacy_doors"
    __table_args__ = _SCHEMA

    application_id: Mapped[str] = mapped_column(ForeignKey("exchange.applications.id"), primary_key=True)
    rid: Mapped[str] = mapped_column(unique=True)
    secret: Mapped[bytes]
    is_on: Mapped[bool] = mapped_column(server_default=text("true"))
    valid_until: Mapped[date]
    reason: Mapped[str]
    opened_by: Mapped[str]
    opened_at: Mapped[datetime] = mapped_column(server_default=func.now())
    renewed_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]


class LegacyService(Base):
    """One service id the application knows, the grant it stands for here, and the member of the body that names whom it asks about."""

    __tablename__ = "legacy_services"
    __table_args__ = _SCHEMA

    application_id: Mapped[str] = mapped_column(ForeignKey("exchange.legacy_doors.application_id"), primary_key=True)
    sid: Mapped[str] = mapped_column(primary_key=True)
    grant_id: Mapped[str] = mapped_column(ForeignKey("exchange.grants.id"))
    parameter: Mapped[str] = mapped_column(server_default="subjects")
