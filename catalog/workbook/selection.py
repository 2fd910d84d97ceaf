"""Why: what goes out is what the directory says now: each resource's newest version that is still in force or on its way. Called by the exports that
carry drafts too (workbook and YAML).
"""

from collections.abc import Iterator, Sequence

from sqlalchemy import Select, func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from schemas.errors import Invalid
from schemas.resource import ResourceDraft
from schemas.tables.departments import Department
from schemas.tables.directory import ResourceVersion

GONE = ("superseded", "withdrawn")


def newest_drafts(
    session: Session, resources: Sequence[str] = (), department: str | None = None
) -> Iterator[ResourceDraft]:
    """Yield the newest version of every resource, or of those asked for, by id; few at a time in memory.

    A resource goes out as its present owner's, whoever published it. Raises Invalid `directory.unknown_resource`, `.unknown_department`.
    """
    wanted = _wanted(session, resources, department)
    if resources:
        _require_known(session, resources, wanted)
    rows = session.execute(
        wanted.with_only_columns(ResourceVersion.document, ResourceVersion.department_id).execution_options(
            yield_per=200
        )
    )
    for document, owner in rows:
        yield ResourceDraft.model_validate({**document, "department": owner})


def count(session: Session, resources: Sequence[str] = (), department: str | None = None) -> int:
    """Return how many `newest_drafts` will yield."""
    inner = _wanted(session, resources, department).with_only_columns(ResourceVersion.resource_id).subquery()
    return session.scalar(select(func.count()).select_from(inner)) or 0


def _wanted(session: Session, resources: Sequence[str], department: str | None) -> Select[ResourceVersion]:
    query = (
        select(ResourceVersion)
        .where(ResourceVersion.state.not_in(GONE))
        .ext(distinct_on(ResourceVersion.resource_id))
        .order_by(ResourceVersion.resource_id, ResourceVersion.version.desc())
    )
    if resources:
        query = query.where(ResourceVersion.resource_id.in_(resources))
    if department:
        if session.get(Department, department) is None:
            raise Invalid("directory.unknown_department", department=department)
        query = query.where(ResourceVersion.department_id == department)
    return query


def _require_known(session: Session, resources: Sequence[str], wanted: Select[ResourceVersion]) -> None:
    there = set(session.scalars(wanted.with_only_columns(ResourceVersion.resource_id)))
    if missing := [one for one in resources if one not in there]:
        raise Invalid("directory.unknown_resource", resource=", ".join(missing))
