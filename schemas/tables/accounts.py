"""Why: who stands in for whom, and what every officer did. Written by `exchange_api.accounts`.

The trail is what the evidence log holds of officers' deeds, in columns that can be searched: each line has the id of its entry, and like it refuses UPDATE,
DELETE and TRUNCATE for everybody, by trigger.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import DDL, CheckConstraint, ForeignKey, Identity, Index, event, func
from sqlalchemy.orm import Mapped, mapped_column

from schemas.tables.base import Base


class Delegation(Base):
    """代理: while `officer_id` is away, `deputy_id` of the same department may act in his place; it ends by itself."""

    __tablename__ = "delegations"
    __table_args__ = (
        CheckConstraint("officer_id <> deputy_id", name="another"),
        CheckConstraint("valid_until > valid_from", name="period"),
        Index("ix_delegations_deputy_id", "deputy_id"),
        Index("ix_delegations_officer_id", "officer_id"),
        {"schema": "operations"},
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    officer_id: Mapped[str] = mapped_column(ForeignKey("operations.officers.id"))
    deputy_id: Mapped[str] = mapped_column(ForeignKey("operations.officers.id"))
    valid_from: Mapped[datetime]
    valid_until: Mapped[datetime]
    reason: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    revoked_at: Mapped[datetime | None]


class TrailLine(Base):
    """One deed of an officer, or one try to sign in. `id` is its evidence entry's: UUID version 7, in order of time. No personal data but
    the officer's id.
    """

    __tablename__ = "trail"
    __table_args__ = (
        Index("ix_trail_officer_id", "officer_id", "id"),
        Index("ix_trail_department_id", "department_id", "id"),
        Index("ix_trail_action", "action", "id"),
        Index("ix_trail_cases", "cases", postgresql_using="gin"),
        {"schema": "operations"},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    officer_id: Mapped[str | None]
    in_place_of: Mapped[str | None]
    department_id: Mapped[str | None]
    roles: Mapped[list[str]]
    action: Mapped[str]
    outcome: Mapped[str]
    cases: Mapped[list[str]]


_KEEP = """
CREATE OR REPLACE FUNCTION operations.forbid_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'operations.%% is insert-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege'; END $$
"""
_KEEP_ON = """
CREATE OR REPLACE TRIGGER insert_only BEFORE UPDATE OR DELETE OR TRUNCATE ON operations.trail
FOR EACH STATEMENT EXECUTE FUNCTION operations.forbid_change()
"""
for _statement in (_KEEP, _KEEP_ON):
    event.listen(TrailLine.__table__, "after_create", DDL(_statement))  # type: ignore[no-untyped-call]
