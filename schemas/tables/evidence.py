"""Why: the evidence every answer leaves behind: hub keys, insert-only entries and the Merkle log over them. Written by exchange_api.evidence and keys only.

Entries, leaves, checkpoints, cosignatures, stamps and retirements refuse UPDATE, DELETE and TRUNCATE for everybody, by trigger. A new entry queues itself for
the sequencer by trigger, so that the exchange role needs nothing but INSERT and SELECT on `entries`. No column holds personal data.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import DDL, CheckConstraint, Computed, Identity, Index, SmallInteger, event, text
from sqlalchemy.orm import Mapped, mapped_column

from schemas.tables.base import Base, tell_changes
from schemas.tables.evidence_months import MONTHS


class SigningKey(Base):
    """A key the hub signs with: public part and period, kept for ever. `keyid` is the RFC 7638 thumbprint."""

    __tablename__ = "signing_keys"
    __table_args__ = (
        CheckConstraint("state IN ('next', 'active', 'retired', 'revoked')", name="state"),
        {"schema": "evidence"},
    )

    keyid: Mapped[str] = mapped_column(primary_key=True)
    algorithm: Mapped[str]
    public_jwk: Mapped[dict[str, Any]]
    state: Mapped[str]
    created_at: Mapped[datetime]
    not_before: Mapped[datetime | None] = mapped_column(comment="First moment of use; none while the key is next.")
    not_after: Mapped[datetime | None] = mapped_column(comment="End of use, by retirement or revocation.")


class Entry(Base):
    """One entry per answer: `document` is the canonical JSON that the log commits to, the other columns serve look-ups."""

    __tablename__ = "entries"
    # a month has its own unique indexes on (keyid, nonce) and (keyid, request_id) of answers: see evidence_months
    __table_args__ = (
        # an application's team looks for what it was refused; answers, which are many, have no place in it
        Index("ix_entries_refused", "application_id", "id", postgresql_where=text("kind IN ('refusal', 'error') AND application_id IS NOT NULL")),
        {"schema": "evidence", "postgresql_partition_by": "RANGE (id)"},
    )  # fmt: skip

    id: Mapped[UUID] = mapped_column(primary_key=True, comment="Receipt id, UUID version 7.")
    at: Mapped[datetime]
    kind: Mapped[str]
    application_id: Mapped[str | None]
    keyid: Mapped[str | None]
    nonce: Mapped[str | None] = mapped_column(comment="Set only when the signature was good: the replay guard.")
    request_id: Mapped[str | None]
    grant_id: Mapped[str | None] = mapped_column(index=True)
    library: Mapped[str | None]
    status: Mapped[int | None] = mapped_column(SmallInteger)
    code: Mapped[str | None]
    document: Mapped[bytes]
    leaf_hash: Mapped[bytes] = mapped_column(
        Computed(r"sha256('\x00'::bytea || document)", persisted=True), comment="RFC 6962 leaf hash."
    )


class PendingEntry(Base):
    """The sequencer's inbox, filled by trigger: entries not yet in the log."""

    __tablename__ = "pending"
    __table_args__ = ({"schema": "evidence"},)

    position: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    entry_id: Mapped[UUID]
    leaf_hash: Mapped[bytes]


class Leaf(Base):
    """Where in the log an entry stands."""

    __tablename__ = "leaves"
    __table_args__ = ({"schema": "evidence"},)

    index: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    entry_id: Mapped[UUID] = mapped_column(unique=True)
    leaf_hash: Mapped[bytes]


class Tile(Base):
    """A C2SP tile: up to 256 hashes of 32 bytes. It grows at its end, so every partial tile ever published is a prefix of it."""

    __tablename__ = "tiles"
    __table_args__ = ({"schema": "evidence"},)

    level: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    index: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    hashes: Mapped[bytes]


class Checkpoint(Base):
    """A signed C2SP checkpoint. The size is the key: two checkpoints of one size cannot be."""

    __tablename__ = "checkpoints"
    __table_args__ = ({"schema": "evidence"},)

    size: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    previous: Mapped[int] = mapped_column(
        server_default="0", comment="Size of the checkpoint before; 0 for the first: a missing row is named."
    )
    root: Mapped[bytes]
    keyid: Mapped[str]
    signed_at: Mapped[datetime]
    note: Mapped[str] = mapped_column(comment="The signed note, verbatim.")


class Cosignature(Base):
    """A witness's cosignature of a checkpoint (C2SP tlog-cosignature), beside it: a checkpoint's own row never changes."""

    __tablename__ = "cosignatures"
    __table_args__ = ({"schema": "evidence"},)

    size: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    vkey: Mapped[str] = mapped_column(primary_key=True, comment="The witness: its C2SP verifier key.")
    cosigned_at: Mapped[datetime] = mapped_column(comment="As the witness signed it; whole seconds.")
    line: Mapped[str] = mapped_column(comment="The signature line of the note, verbatim.")


class Stamp(Base):
    """A time stamp (RFC 3161) over a checkpoint's signed note; it covers every entry below that size."""

    __tablename__ = "stamps"
    __table_args__ = ({"schema": "evidence"},)

    size: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    stamped_at: Mapped[datetime] = mapped_column(comment="As the authority signed it.")
    token: Mapped[bytes] = mapped_column(comment="The TimeStampToken, DER.")


class Retirement(Base):
    """A month of entries that was archived and left the database; an entry of the log tells of it."""

    __tablename__ = "retirements"
    __table_args__ = ({"schema": "evidence"},)

    first: Mapped[UUID] = mapped_column(primary_key=True, comment="Ids from this one on left.")
    beyond: Mapped[UUID] = mapped_column(comment="Ids from this one on stayed.")
    entries: Mapped[int] = mapped_column(comment="How many left; keys' steps and retirements stayed.")
    retired_at: Mapped[datetime]


class Halt(Base):
    """Why no answer may be recorded now: while a row is here, entries of answers are refused and so nothing is handed out."""

    __tablename__ = "halts"
    __table_args__ = ({"schema": "evidence"},)

    reason: Mapped[str] = mapped_column(primary_key=True)
    since: Mapped[datetime]


_FORBID = """
CREATE OR REPLACE FUNCTION evidence.forbid_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'evidence.%% is insert-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege'; END $$
"""
_FORBID_ON = """
CREATE OR REPLACE TRIGGER insert_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION evidence.forbid_change()
"""
_QUEUE = """
CREATE OR REPLACE FUNCTION evidence.queue_entries() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
IF EXISTS (SELECT FROM evidence.halts) AND EXISTS (SELECT FROM added WHERE kind = 'answer') THEN
    RAISE EXCEPTION 'evidence is halted: %%', (SELECT string_agg(reason, ', ') FROM evidence.halts) USING ERRCODE = 'object_not_in_prerequisite_state';
END IF;
INSERT INTO evidence.pending (entry_id, leaf_hash) SELECT id, leaf_hash FROM added ORDER BY id; RETURN NULL; END $$
"""
_QUEUE_ON = """
CREATE OR REPLACE TRIGGER queue_entries AFTER INSERT ON evidence.entries REFERENCING NEW TABLE AS added
FOR EACH STATEMENT EXECUTE FUNCTION evidence.queue_entries()
"""
INSERT_ONLY: tuple[type[Base], ...] = (Entry, Leaf, Checkpoint, Cosignature, Stamp, Retirement)
"""Tables that refuse every change but INSERT."""

STATEMENTS: tuple[str, ...] = (
    *(sql for table in INSERT_ONLY for sql in (_FORBID, _FORBID_ON.format(table=f"evidence.{table.__tablename__}"))),
    _QUEUE,
    _QUEUE_ON,
    *MONTHS,
)
"""The triggers as plain SQL (with `%` doubled), for a migration that does not use `metadata.create_all`; tables must exist."""


def _listen(model: type[Base], statement: str) -> None:
    event.listen(model.__table__, "after_create", DDL(statement))  # type: ignore[no-untyped-call]


for _model in INSERT_ONLY:
    _listen(_model, _FORBID)
    _listen(_model, _FORBID_ON.format(table=f"evidence.{_model.__tablename__}"))
_listen(Entry, _QUEUE)
_listen(Entry, _QUEUE_ON)
for _statement in MONTHS:
    _listen(Entry, _statement)
tell_changes(SigningKey)
