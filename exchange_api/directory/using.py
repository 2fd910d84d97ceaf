"""Why: who uses a resource decides how carefully it is changed. Counts living grants by department. Reads only. Called by the pages of the directory."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from exchange_api.actors import Actor
from exchange_api.grant import life
from schemas.tables.departments import Department
from schemas.tables.directory import ResourceVersion
from schemas.tables.exchange import Application, Grant, GrantItem

_KNOWING = frozenset({"authority", "auditor", "steward"})


@dataclass(frozen=True)
class User:
    """One department that uses a resource, by how many living grants."""

    department_id: str
    name: str
    grants: int


def users(session: Session, actor: Actor, resource_id: str, owner: str) -> list[User]:
    """Return the departments that use a resource, most grants first: all for its owner and for who oversees, else the officer's own."""
    query = (
        select(Department.id, Department.short_name, func.count(Grant.id.distinct()))
        .select_from(Grant)
        .join(Application, Application.id == Grant.application_id)
        .join(Department, Department.id == Application.department_id)
        .where(Grant.id.in_(_on(resource_id)), Grant.state.in_(life.LIVING))
        .group_by(Department.id, Department.short_name)
        .order_by(func.count(Grant.id.distinct()).desc(), Department.id)
    )
    if actor.department_id != owner and not actor.roles & _KNOWING:
        query = query.where(Department.id == actor.department_id)
    return [User(*row) for row in session.execute(query)]


def titles(session: Session, resource_ids: Collection[str]) -> dict[str, str]:
    """Return the names of published resources by id."""
    query = select(ResourceVersion.resource_id, ResourceVersion.document["name"].astext)
    wanted = ResourceVersion.resource_id.in_(resource_ids), ResourceVersion.state == "published"
    return {row[0]: row[1] for row in session.execute(query.where(*wanted))}


def _on(resource_id: str) -> Select[str]:
    versions = select(ResourceVersion.id).where(ResourceVersion.resource_id == resource_id)
    return select(GrantItem.grant_id).where(GrantItem.resource_version_id.in_(versions))
