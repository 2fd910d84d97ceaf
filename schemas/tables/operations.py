"""Why: the hub's own people and messages: officers, their sessions, notices. Written by the desks and the portal."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Identity, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from schemas.tables.base import Base

_SCHEMA = {"schema": "operations"}


class Officer(Base):
    """经办人: acts for one department, in the roles that `exchange_api.officers.ROLES` lists."""

    __tablename__ = "officers"
    __table_args__ = _SCHEMA

    id: Mapped[str] = mapped_column(primary_key=True)  # login name
    name: Mapped[str]
    department_id: Mapped[str] = mapped_column(ForeignKey("directory.departments.id"))
    roles: Mapped[list[str]]
    password_hash: Mapped[str]
    language: Mapped[str] = mapped_column(server_default="zh")
    failed_attempts: Mapped[int] = mapped_column(server_default="0")
    locked_until: Mapped[datetime | None]


class OfficerSession(Base):
    """A sign-in; `id` is the SHA-256 of the cookie, which itself is never stored."""

    __tablename__ = "officer_sessions"
    __table_args__ = _SCHEMA

    id: Mapped[str] = mapped_column(primary_key=True)
    officer_id: Mapped[str] = mapped_column(ForeignKey("operations.officers.id"))
    csrf_token: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    seen_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]


class Notice(Base):
    """通知: what a department's officers are told; `key` names the words, `facts` fill them. `spread_at`: when it was put into the outbox of the department's
    ways (`schemas.tables.notice_ways`), at once where it has none.
    """

    __tablename__ = "notices"
    __table_args__ = (
        Index("ix_notices_department_id_created_at", "department_id", "created_at"),
        Index("ix_notices_unread", "department_id", postgresql_where=text("read_at IS NULL")),
        Index("ix_notices_unspread", "id", postgresql_where=text("spread_at IS NULL")),
        _SCHEMA,
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    department_id: Mapped[str] = mapped_column(ForeignKey("directory.departments.id"))
    key: Mapped[str]
    facts: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    demand_id: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    read_at: Mapped[datetime | None]
    spread_at: Mapped[datetime | None]


class StewardRule(Base):
    """A steward's own rule of one resource, beside those of its directory version: in force for batches planned after it was added, until retired."""

    __tablename__ = "steward_rules"
    __table_args__ = (Index("uq_steward_rules", "resource_id", "rule", unique=True), _SCHEMA)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    resource_id: Mapped[str] = mapped_column(ForeignKey("directory.resources.id"))
    rule: Mapped[str]
    body: Mapped[dict[str, Any]]  # a schemas.resource.Check
    reason: Mapped[str]
    added_by: Mapped[str]
    added_at: Mapped[datetime] = mapped_column(server_default=func.now())
    retired_by: Mapped[str | None]
    retired_at: Mapped[datetime | None]
    retired_reason: Mapped[str | None]
