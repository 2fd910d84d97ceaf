"""Why: a department's own office system may sit at the desks in its officers' place (RFC 7523, private_key_jwt). Who such clients are, their keys, the tokens
they hold, and the steps already done once. Written by `exchange_api.desk_api` alone; no secret is kept: keys are public, tokens stand as their SHA-256.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, func
from sqlalchemy.orm import Mapped, mapped_column

from schemas.tables.base import Base

_SCHEMA = {"schema": "operations"}


class OfficerClient(Base):
    """经办客户端: acts for one department in the given roles, for a named officer of it where the token says so."""

    __tablename__ = "officer_clients"
    __table_args__ = (CheckConstraint("state in ('active', 'revoked')", name="state"), _SCHEMA)

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    department_id: Mapped[str] = mapped_column(ForeignKey("directory.departments.id"))
    roles: Mapped[list[str]]
    state: Mapped[str] = mapped_column(server_default="active")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    ended_at: Mapped[datetime | None]


class OfficerClientKey(Base):
    """A client's public key, bound to it and to one algorithm. `keyid` is the RFC 7638 thumbprint: the `kid` of its assertions."""

    __tablename__ = "officer_client_keys"
    __table_args__ = (CheckConstraint("state in ('active', 'revoked')", name="state"), _SCHEMA)

    keyid: Mapped[str] = mapped_column(primary_key=True)
    client_id: Mapped[str] = mapped_column(ForeignKey("operations.officer_clients.id"), index=True)
    algorithm: Mapped[str]
    public_jwk: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(server_default="active")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    ended_at: Mapped[datetime | None]


class OfficerClientAssertion(Base):
    """An assertion that was used: its `jti` is good once (RFC 7523 §3), until it would have expired anyway."""

    __tablename__ = "officer_client_assertions"
    __table_args__ = _SCHEMA

    client_id: Mapped[str] = mapped_column(ForeignKey("operations.officer_clients.id"), primary_key=True)
    jti: Mapped[str] = mapped_column(primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(index=True)


class OfficerClientToken(Base):
    """A short-lived token; `id` is its SHA-256. `officer_id`: the officer in whose place the client acts."""

    __tablename__ = "officer_client_tokens"
    __table_args__ = _SCHEMA

    id: Mapped[str] = mapped_column(primary_key=True)
    client_id: Mapped[str] = mapped_column(ForeignKey("operations.officer_clients.id"), index=True)
    keyid: Mapped[str] = mapped_column(ForeignKey("operations.officer_client_keys.keyid"))
    officer_id: Mapped[str | None] = mapped_column(ForeignKey("operations.officers.id"))
    scopes: Mapped[list[str]]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime] = mapped_column(index=True)


class DeskStep(Base):
    """A step done once: who asked under which request id, for what (digest of method, path, query and body), and what was said."""

    __tablename__ = "desk_steps"
    __table_args__ = _SCHEMA

    asker: Mapped[str] = mapped_column(primary_key=True)
    request_id: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[str]
    receipt: Mapped[str]
    document: Mapped[dict[str, Any] | None]
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp(), index=True)
