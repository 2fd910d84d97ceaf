"""Why: who uses a resource decides how carefully it is changed or withdrawn. Counts living grants by department, and names what a withdrawal ends.
Reads only. Called by the pages of the directory.
"""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from exchange_api.actors import Actor
from exchange_api.grant import life
from schemas.tables.departments import Department
from schemas.tables.directory import ResourceVersion
from schemas.tables.exchange import Application, Demand, DemandItem, Grant, GrantItem, SupplyAnswer

_KNOWING = frozenset({"authority", "auditor", "steward"})
_ENDED = ("closed", "withdrawn", "refused")


@dataclass(frozen=True)
class User:
    """One department that uses a resource, by how many living grants."""

    department_id: str
    name: str
    grants: int


@dataclass(frozen=True)
class Loss:
    """What a withdrawal ends: living grants (number, application, department), and demands under way that were answered by the resource."""

    grants: list[tuple[str, str, str]]
    demands: int


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


def loss(session: Session, resource_id: str) -> Loss:
    """Return what ends or must be asked for anew when the published version is withdrawn."""
    held = (
        select(Grant.id, Application.name, Department.short_name)
        .join(Application, Application.id == Grant.application_id)
        .join(Department, Department.id == Application.department_id)
        .where(Grant.id.in_(_on(resource_id)), Grant.state.in_(life.LIVING))
        .order_by(Grant.id)
    )
    answered = (
        select(func.count(DemandItem.demand_id.distinct()))
        .select_from(SupplyAnswer)
        .join(DemandItem, DemandItem.id == SupplyAnswer.demand_item_id)
        .join(Demand, Demand.id == DemandItem.demand_id)
        .join(ResourceVersion, ResourceVersion.id == SupplyAnswer.resource_version_id)
        .where(ResourceVersion.resource_id == resource_id, Demand.state.not_in(_ENDED))
    )
    found = [(row[0], row[1], row[2]) for row in session.execute(held)]
    return Loss(found, session.scalar(answered) or 0)


def titles(session: Session, resource_ids: Collection[str]) -> dict[str, str]:
    """Return the names of published resources by id."""
    query = select(ResourceVersion.resource_id, ResourceVersion.document["name"].astext)
    wanted = ResourceVersion.resource_id.in_(resource_ids), ResourceVersion.state == "published"
    return {row[0]: row[1] for row in session.execute(query.where(*wanted))}


def _on(resource_id: str) -> Select[str]:
    versions = select(ResourceVersion.id).where(ResourceVersion.resource_id == resource_id)
    return select(GrantItem.grant_id).where(GrantItem.resource_version_id.in_(versions))
