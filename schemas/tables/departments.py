"""Why: who exists. Departments, the names they bore, what reforms did to them, and names nobody could place yet. Written by the catalog storey alone."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Identity, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from schemas.tables.base import Base, tell_changes

_SCHEMA = {"schema": "directory"}
DEPARTMENT_STATES = ("active", "proposed", "dissolved")


class Department(Base):
    """部门: demander and provider. `proposed`: a name that came with a directory and waits to be placed; it can publish nothing."""

    __tablename__ = "departments"
    __table_args__ = (CheckConstraint(f"state in {DEPARTMENT_STATES}", name="state"), _SCHEMA)

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    short_name: Mapped[str]
    former_names: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))
    uscc: Mapped[str | None] = mapped_column(unique=True)
    division_code: Mapped[str | None]
    parent_id: Mapped[str | None] = mapped_column(ForeignKey("directory.departments.id"))
    sharing_office: Mapped[str | None]
    contact: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    state: Mapped[str] = mapped_column(server_default="active")
    valid_from: Mapped[date | None]
    valid_to: Mapped[date | None]


class DepartmentName(Base):
    """A name a department bears or bore, and when; `source` says who told."""

    __tablename__ = "department_names"
    __table_args__ = (
        UniqueConstraint("department_id", "name", "valid_from", postgresql_nulls_not_distinct=True),
        _SCHEMA,
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    department_id: Mapped[str] = mapped_column(ForeignKey("directory.departments.id"), index=True)
    name: Mapped[str]
    valid_from: Mapped[date | None]
    valid_to: Mapped[date | None]
    source: Mapped[str] = mapped_column(server_default="")


class DepartmentChange(Base):
    """机构改革: a rename, merger, split, founding or dissolution with its day and basis. Applied on its day, at once when that has passed."""

    __tablename__ = "department_changes"
    __table_args__ = (
        CheckConstraint("kind in ('rename', 'merge', 'split', 'found', 'dissolve')", name="kind"),
        _SCHEMA,
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    kind: Mapped[str]
    effective_on: Mapped[date]
    from_ids: Mapped[list[str]]
    to_ids: Mapped[list[str]]
    details: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    basis: Mapped[str]
    recorded_by: Mapped[str]
    recorded_at: Mapped[datetime] = mapped_column(server_default=func.now())
    applied_at: Mapped[datetime | None]


class Suggestion(Base):
    """待核对: what the hub would guess and a person decides. One open row per kind and given text; `candidates` are ranked with reasons."""

    __tablename__ = "suggestions"
    __table_args__ = (
        UniqueConstraint("kind", "given"),
        CheckConstraint("state in ('open', 'accepted', 'rejected')", name="state"),
        _SCHEMA,
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    kind: Mapped[str]  # department_name | element | synonym
    given: Mapped[str]
    places: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))
    candidates: Mapped[list[dict[str, Any]]] = mapped_column(server_default=text("'[]'"))
    state: Mapped[str] = mapped_column(server_default="open")
    decision: Mapped[str | None]
    decided_by: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


tell_changes(Department)  # a grant loses its base when its department is dissolved
