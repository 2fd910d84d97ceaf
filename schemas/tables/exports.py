"""Why: what was asked for in bulk, how far its files are, and what was signed of them; and from when on a library's history is whole, without which neither an
export nor a change feed can go back. Written by the room `exports` of exchange_api alone; no personal data.
"""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from schemas.tables.base import Base

EXPORT_STATES = ("waiting", "building", "ready", "failed", "stopped", "cancelled", "expired")
FORMATS = ("parquet", "ndjson")


class Export(Base):
    """批量导出: what one application asked for in bulk under one grant."""

    __tablename__ = "exports"
    __table_args__ = (
        CheckConstraint(f"state in {EXPORT_STATES}", name="state"),
        CheckConstraint(f"format in {FORMATS}", name="format"),
        UniqueConstraint("application_id", "request_id"),
        Index("ix_exports_grant_id", "grant_id", "asked_at"),
        Index("ix_exports_state", "state", postgresql_where=text("state IN ('waiting', 'building')")),
        {"schema": "exchange"},
    )

    id: Mapped[str] = mapped_column(primary_key=True)  # DC-<year>-<six digits>
    grant_id: Mapped[str] = mapped_column(ForeignKey("exchange.grants.id"))
    application_id: Mapped[str] = mapped_column(ForeignKey("exchange.applications.id"))
    request_id: Mapped[str]
    asked_digest: Mapped[str]  # of what was asked: the same request id with another wish is refused
    asked_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    library: Mapped[str]
    service_item_id: Mapped[str]
    case_number: Mapped[str | None]
    format: Mapped[str]
    items: Mapped[dict[str, Any]]  # attribute → form, as granted when it was asked for
    rows: Mapped[list[dict[str, Any]]] = mapped_column(server_default=text("'[]'"))
    known_at: Mapped[datetime]
    as_of: Mapped[date | None]
    state: Mapped[str] = mapped_column(server_default="waiting")
    code: Mapped[str | None]  # why it failed or was stopped
    rows_expected: Mapped[int | None]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    cleared_at: Mapped[datetime | None]  # its files are gone
    batches: Mapped[list[str] | None]  # whose values stand in its files: by these a recall finds it
    manifest: Mapped[str | None]  # canonical JSON, byte for byte what was signed
    signature: Mapped[str | None]  # JWS (RFC 7515), detached
    keyid: Mapped[str | None]
    manifest_receipt: Mapped[UUID | None]  # evidence entry that holds the manifest's digest and signature


class ExportFile(Base):
    """One file that is whole. last_key: where the next one begins (an identifier, so it never leaves the database)."""

    __tablename__ = "export_files"
    __table_args__ = ({"schema": "exchange"},)

    export_id: Mapped[str] = mapped_column(ForeignKey("exchange.exports.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    rows: Mapped[int]
    bytes: Mapped[int]
    sha256: Mapped[str]
    last_key: Mapped[str | None]
    is_last: Mapped[bool]
    written_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class ExportEvent(Base):
    """One step of an export: who, when, from which state to which."""

    __tablename__ = "export_events"
    __table_args__ = (Index("ix_export_events_export_id", "export_id", "id"), {"schema": "exchange"})

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    export_id: Mapped[str] = mapped_column(ForeignKey("exchange.exports.id", ondelete="CASCADE"))
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    actor: Mapped[str]
    action: Mapped[str]
    from_state: Mapped[str | None]
    to_state: Mapped[str]


class HistoryFloor(Base):
    """From which moment on a library's history is whole. Whoever shortens history says so here in the same transaction; no row: it is whole."""

    __tablename__ = "history_floors"
    __table_args__ = ({"schema": "library"},)

    library: Mapped[str] = mapped_column(primary_key=True)
    complete_from: Mapped[datetime]
    reason: Mapped[str]
    set_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
