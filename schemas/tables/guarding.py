"""Why: what keeps the machine interface from being abused, and what lets the authority say who looked at whom: addresses applications may ask from, keyed
hashes of protected subjects, what detectors found, and the way from a subject to its evidence entries. Written by `exchange_api.guarding`, the last by
`exchange_api.evidence.subjects`. Subjects stand here as keyed hashes only, as in the entries themselves.
"""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Double, ForeignKey, Identity, Index, SmallInteger, func
from sqlalchemy.orm import Mapped, mapped_column

from schemas.tables.base import Base, tell_changes

_SCHEMA = {"schema": "exchange"}
LEVELS = ("alert", "case")


class ApplicationNetwork(Base):
    """允许地址: from where an application may ask, in CIDR spelling. An application without a row may ask from anywhere."""

    __tablename__ = "application_networks"
    __table_args__ = _SCHEMA

    application_id: Mapped[str] = mapped_column(ForeignKey("exchange.applications.id"), primary_key=True)
    networks: Mapped[list[str]]
    set_by: Mapped[str]
    set_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class ProtectedSubject(Base):
    """受保护对象: one subject of one library whose look-ups are told to the authority, or (level `case`) need the number of a case."""

    __tablename__ = "protected_subjects"
    __table_args__ = (CheckConstraint(f"level in {LEVELS}", name="level"), _SCHEMA)

    subject_hash: Mapped[str] = mapped_column(primary_key=True, comment="Keyed hash, as in evidence entries.")
    library: Mapped[str]
    level: Mapped[str]
    until: Mapped[date | None]  # the last day of protection, in China
    added_by: Mapped[str]
    added_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class GuardFinding(Base):
    """异常发现: what a detector saw an application do through a grant: a count above a limit, nobody's name. `review`: what the authority said of it."""

    __tablename__ = "guard_findings"
    __table_args__ = (
        CheckConstraint("review in ('abuse', 'false_alarm')", name="review"),
        Index("ix_guard_findings_grant_id", "grant_id", "rule", "at"),
        _SCHEMA,
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    rule: Mapped[str]
    application_id: Mapped[str] = mapped_column(ForeignKey("exchange.applications.id"))
    grant_id: Mapped[str] = mapped_column(ForeignKey("exchange.grants.id"))
    measured: Mapped[float] = mapped_column(Double)
    above: Mapped[float] = mapped_column(Double)
    receipt: Mapped[UUID]  # of the question at which it was seen
    has_suspended: Mapped[bool]
    review: Mapped[str | None]
    reviewed_by: Mapped[str | None]
    reviewed_at: Mapped[datetime | None]


class SubjectEntry(Base):
    """That an evidence entry names a subject: asked for, whatever came of it. Noted by the sequencer after the entry stands in the log."""

    __tablename__ = "subject_entries"
    __table_args__ = ({"schema": "evidence"},)

    subject_hash: Mapped[bytes] = mapped_column(primary_key=True, comment="The 32 bytes of the keyed hash.")
    entry_id: Mapped[UUID] = mapped_column(primary_key=True)


class SubjectMark(Base):
    """How many leaves of the log were noted; one row."""

    __tablename__ = "subject_mark"
    __table_args__ = ({"schema": "evidence"},)

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    size: Mapped[int]


for _model in (ApplicationNetwork, ProtectedSubject):
    tell_changes(_model)
