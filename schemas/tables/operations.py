"""Why: the hub's own people and messages: officers, their sessions, notices. Written by the desks and the portal."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Identity, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from schemas.tables.base import Base

_SCHEMA = {"schema": "operations"}


class Officer(Base):
    """经办人: acts for one department, in the roles that `exchange_api.officers.ROLES` lists. `is_eased`: an account of the demonstration, whose generated
    password and missing second factor open the door at once.
    """

    __tablename__ = "officers"
    __table_args__ = (
        Index("uq_officers_oidc", "oidc_issuer", "oidc_subject", unique=True),
        Index("ix_officers_department_id", "department_id"),
        _SCHEMA,
    )

    id: Mapped[str] = mapped_column(primary_key=True)  # login name
    name: Mapped[str]
    department_id: Mapped[str] = mapped_column(ForeignKey("directory.departments.id"))
    roles: Mapped[list[str]]
    password_hash: Mapped[str]
    language: Mapped[str] = mapped_column(server_default="zh")
    failed_attempts: Mapped[int] = mapped_column(server_default="0")
    locked_until: Mapped[datetime | None]
    is_disabled: Mapped[bool] = mapped_column(server_default=text("false"))
    is_eased: Mapped[bool] = mapped_column(server_default=text("false"))
    is_generated: Mapped[bool] = mapped_column(server_default=text("false"))  # the password: to be changed at first use
    password_set_at: Mapped[datetime] = mapped_column(server_default=func.now())
    former_hashes: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))  # newest first, argon2id
    factor_secret: Mapped[bytes | None]  # of the second factor (RFC 6238), sealed where there is a key-encryption key
    factor_step: Mapped[int | None]  # the last thirty seconds whose code was used: none is used twice
    recovery_hashes: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))
    oidc_issuer: Mapped[str | None]
    oidc_subject: Mapped[str | None]


class OfficerSession(Base):
    """A sign-in; `id` is the SHA-256 of the cookie, which itself is never stored. `stage`: what is still asked for; nothing opens before it is `full`."""

    __tablename__ = "officer_sessions"
    __table_args__ = (Index("ix_officer_sessions_officer_id", "officer_id"), _SCHEMA)

    id: Mapped[str] = mapped_column(primary_key=True)
    officer_id: Mapped[str] = mapped_column(ForeignKey("operations.officers.id"))
    csrf_token: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    seen_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
    stage: Mapped[str] = mapped_column(server_default="full")
    way: Mapped[str] = mapped_column(server_default="password")  # or oidc
    browser: Mapped[str | None]
    in_place_of: Mapped[str | None] = mapped_column(ForeignKey("operations.officers.id"))
    draft_secret: Mapped[bytes | None]  # of a second factor that nobody confirmed yet, sealed as above


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
