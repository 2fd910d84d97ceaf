"""Why: what exists. Resources with their immutable versions, the steps of their review, who acknowledged a breaking one, and the directory's revisions.
Written by the catalog storey alone.
"""

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
    select,
    text,
)
from sqlalchemy.orm import Mapped, column_property, mapped_column

from schemas.tables.base import Base, tell_changes

_SCHEMA = {"schema": "directory"}
VERSION_STATES = ("draft", "office_review", "authority_review", "scheduled", "published", "superseded", "withdrawn")
OPEN_STATES = ("draft", "office_review", "authority_review", "scheduled")


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
        CheckConstraint(f"state in {VERSION_STATES}", name="state"),
        Index(
            "uq_resource_versions_one_published",
            "resource_id",
            unique=True,
            postgresql_where=text("state = 'published'"),
        ),
        Index(
            "uq_resource_versions_one_open",
            "resource_id",
            unique=True,
            postgresql_where=text("state in ('draft', 'office_review', 'authority_review', 'scheduled')"),
        ),
        Index("ix_resource_versions_code", text("(document ->> 'code')")),
        Index(
            "ix_resource_versions_collected",
            "resource_id",
            postgresql_where=text("state = 'published' AND jsonb_typeof(document -> 'source') = 'object'"),
        ),
        Index("ix_resource_versions_more_codes", text("(document -> 'more_codes')"), postgresql_using="gin"),
        _SCHEMA,
    )

    id: Mapped[str] = mapped_column(primary_key=True)  # <resource>@<version>
    resource_id: Mapped[str] = mapped_column(ForeignKey("directory.resources.id"))
    version: Mapped[int]
    state: Mapped[str] = mapped_column(server_default="draft")
    document: Mapped[dict[str, Any]]
    digest: Mapped[str]
    change: Mapped[str | None]  # against the version before: first, none, compatible, breaking
    created_by: Mapped[str] = mapped_column(server_default="")
    due_date: Mapped[date | None]  # of the review it waits for
    effective_at: Mapped[datetime | None]  # when a scheduled version takes effect
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    published_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    # whose it is today: reforms move resources, while a published document goes on saying who published it
    department_id: Mapped[str] = column_property(
        select(Resource.department_id).where(Resource.id == resource_id).correlate_except(Resource).scalar_subquery()
    )


class ResourceEvent(Base):
    """One step of a version's review: who, when, why, from which state to which."""

    __tablename__ = "resource_events"
    __table_args__ = (Index("ix_resource_events_version_id", "version_id", "id"), _SCHEMA)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    version_id: Mapped[str] = mapped_column(ForeignKey("directory.resource_versions.id"))
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    actor: Mapped[str]
    department_id: Mapped[str | None]
    action: Mapped[str]
    from_state: Mapped[str | None]
    to_state: Mapped[str]
    note: Mapped[str | None]
    facts: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))


class Acknowledgement(Base):
    """知悉: one case that a breaking version touches (grant, demand, pipeline), and when its department said that it knows."""

    __tablename__ = "acknowledgements"
    __table_args__ = (CheckConstraint("kind in ('grant', 'demand', 'pipeline')", name="kind"), _SCHEMA)

    version_id: Mapped[str] = mapped_column(ForeignKey("directory.resource_versions.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    case_id: Mapped[str] = mapped_column(primary_key=True)
    department_id: Mapped[str] = mapped_column(ForeignKey("directory.departments.id"), index=True)
    acknowledged_at: Mapped[datetime | None]
    acknowledged_by: Mapped[str | None]


class Revision(Base):
    """One state of the published directory: its number and digest name the snapshot that readers hold."""

    __tablename__ = "revisions"
    __table_args__ = _SCHEMA

    number: Mapped[int] = mapped_column(Identity(), primary_key=True)
    digest: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


tell_changes(Revision)
event.listen(
    ResourceVersion.__table__,
    "after_create",
    DDL(  # type: ignore[no-untyped-call]
        """
        CREATE FUNCTION directory.keep_published_versions() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF OLD.state IN ('scheduled', 'published', 'superseded', 'withdrawn') AND (TG_OP = 'DELETE' OR NEW.document IS DISTINCT FROM OLD.document
                OR NEW.digest <> OLD.digest OR NEW.state IN ('draft', 'office_review', 'authority_review')) THEN
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
