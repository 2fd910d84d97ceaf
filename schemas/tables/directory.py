"""Why: what exists. Departments, data elements, resources with their immutable versions, and service items. Written by the catalog storey alone."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    DDL,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    SmallInteger,
    UniqueConstraint,
    event,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from schemas.tables.base import Base

_SCHEMA = {"schema": "directory"}


class Department(Base):
    """部门: demander and provider."""

    __tablename__ = "departments"
    __table_args__ = _SCHEMA

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    short_name: Mapped[str]
    former_names: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))
    uscc: Mapped[str | None] = mapped_column(unique=True)
    division_code: Mapped[str | None]
    parent_id: Mapped[str | None] = mapped_column(ForeignKey("directory.departments.id"))
    sharing_office: Mapped[str | None]
    contact: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))


class DataElement(Base):
    """数据元: the standard meaning of one datum, with its one lead source department (一数一源)."""

    __tablename__ = "data_elements"
    __table_args__ = _SCHEMA

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    synonyms: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))
    definition: Mapped[str | None]
    type: Mapped[str]
    length: Mapped[int | None]
    code_table: Mapped[str | None]
    sensitivity: Mapped[str] = mapped_column(server_default="internal")
    lead_department_id: Mapped[str | None] = mapped_column(ForeignKey("directory.departments.id"))


class Resource(Base):
    """信息资源: the name that stays while versions come and go; `number` is its short form inside golden records."""

    __tablename__ = "resources"
    __table_args__ = _SCHEMA

    id: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(SmallInteger, Identity(), unique=True)
    department_id: Mapped[str] = mapped_column(ForeignKey("directory.departments.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class ResourceVersion(Base):
    """One version of a resource; its document never changes once published (a trigger holds that)."""

    __tablename__ = "resource_versions"
    __table_args__ = (
        UniqueConstraint("resource_id", "version"),
        CheckConstraint("state in ('draft', 'published', 'superseded', 'withdrawn')", name="state"),
        Index(
            "uq_resource_versions_one_published",
            "resource_id",
            unique=True,
            postgresql_where=text("state = 'published'"),
        ),
        Index("uq_resource_versions_one_draft", "resource_id", unique=True, postgresql_where=text("state = 'draft'")),
        _SCHEMA,
    )

    id: Mapped[str] = mapped_column(primary_key=True)  # <resource>@<version>
    resource_id: Mapped[str] = mapped_column(ForeignKey("directory.resources.id"))
    version: Mapped[int]
    state: Mapped[str] = mapped_column(server_default="draft")
    document: Mapped[dict[str, Any]]
    digest: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    published_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class ServiceItem(Base):
    """政务服务事项, with the materials it asks citizens for."""

    __tablename__ = "service_items"
    __table_args__ = _SCHEMA

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    department_id: Mapped[str] = mapped_column(ForeignKey("directory.departments.id"), index=True)
    basis: Mapped[str | None]
    materials: Mapped[list[dict[str, Any]]] = mapped_column(server_default=text("'[]'"))


class CalendarDay(Base):
    """An administrator's edit of the working-day calendar; days not here follow the published calendar."""

    __tablename__ = "calendar_days"
    __table_args__ = _SCHEMA

    day: Mapped[date] = mapped_column(primary_key=True)
    is_working: Mapped[bool]
    source: Mapped[str]


class DeadlineRule(Base):
    """期限规则: how long a step may take, where, on what legal basis, and whether that basis was confirmed."""

    __tablename__ = "deadline_rules"
    __table_args__ = _SCHEMA

    key: Mapped[str] = mapped_column(primary_key=True)
    jurisdiction: Mapped[str] = mapped_column(primary_key=True)
    effective_from: Mapped[date] = mapped_column(primary_key=True)
    effective_to: Mapped[date | None]
    day_type: Mapped[str] = mapped_column(server_default="working")
    days: Mapped[int]
    extension_days: Mapped[int] = mapped_column(server_default="0")
    extension_approver: Mapped[str | None]
    basis: Mapped[str]
    is_confirmed: Mapped[bool] = mapped_column(server_default=text("false"))


event.listen(
    ResourceVersion.__table__,
    "after_create",
    DDL(  # type: ignore[no-untyped-call]
        """
        CREATE FUNCTION directory.keep_published_versions() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF OLD.state <> 'draft' AND (TG_OP = 'DELETE' OR NEW.document IS DISTINCT FROM OLD.document
                OR NEW.digest <> OLD.digest OR NEW.state = 'draft') THEN
                RAISE EXCEPTION 'published version %% of a resource never changes', OLD.id USING ERRCODE = 'restrict_violation';
            END IF;
            IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
            RETURN NEW;
        END $$;
        CREATE TRIGGER keep_published_versions BEFORE UPDATE OR DELETE ON directory.resource_versions
            FOR EACH ROW EXECUTE FUNCTION directory.keep_published_versions();
        """
    ),
)
