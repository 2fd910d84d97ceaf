"""Why: the desk of grants: made of what was agreed, suspended and lifted by its sides, ended for good. Behind it: `compiling` what was agreed becomes what the
API gives, `bases` and `foundations` what it stands on, `flags` why it is suspended, `life` its trace and who hears of it.

The tables announce every change themselves (`schemas.tables.base.tell_changes`), so that all API workers drop what they cached within a second.
"""

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from exchange_api.actors import Actor, Step
from exchange_api.grant import bases, compiling, flags, foundations, life
from schemas.errors import Invalid
from schemas.tables.directory import Resource, ResourceVersion
from schemas.tables.exchange import Application, Demand, Grant, GrantItem


def release(session: Session, demand: Demand) -> list[Grant]:
    """Return the demand's grants, made or widened by every answer confirmed since: one per library, every confirmed item in its confirmed form, under the
    terms of all its providers and within what the demand declared. Doing it again changes nothing.

    Raises Invalid `grant.hours_disjoint`, `grant.row_unknown`.
    """
    made = compiling.compile_grants(session, demand)
    session.flush()
    bases.settle(session, Grant.id.in_([grant.id for grant in made]))
    return find(session, demand_id=demand.id)


def get(session: Session, grant_id: str) -> Grant:
    """Return a grant, locked for this transaction. Raises Invalid `grant.unknown`."""
    found = session.scalar(select(Grant).where(Grant.id == grant_id).with_for_update())
    if found is None:
        raise Invalid("grant.unknown", grant=grant_id)
    return found


def find(
    session: Session, *, department_id: str | None = None, demand_id: str | None = None, provider_id: str | None = None
) -> list[Grant]:
    """Return grants that a department uses, that came of one demand, or that stand on a department's resources."""
    query = select(Grant).order_by(Grant.id)
    if department_id:
        query = query.join(Application, Application.id == Grant.application_id).where(
            Application.department_id == department_id
        )
    if demand_id:
        query = query.where(Grant.demand_id == demand_id)
    if provider_id:
        on = select(GrantItem.grant_id).join(ResourceVersion, ResourceVersion.id == GrantItem.resource_version_id)
        on = on.join(Resource, Resource.id == ResourceVersion.resource_id)
        query = query.where(Grant.id.in_(on.where(Resource.department_id == provider_id)))
    return list(session.scalars(query))


def items(session: Session, grant_id: str) -> list[GrantItem]:
    """Return a grant's attributes with their forms."""
    query = select(GrantItem).where(GrantItem.grant_id == grant_id).order_by(GrantItem.attribute)
    return list(session.scalars(query))


def suspend(session: Session, actor: Actor, grant_id: str, why: str | None = None) -> None:
    """Suspend a grant as the side the actor stands on; effective everywhere within a second.

    Raises Denied `case.not_yours`, `case.role_needed`; Invalid `grant.unknown`, `case.wrong_state`.
    """
    grant = get(session, grant_id)
    side = life.side_of(session, actor, grant)
    life.require_living(grant, "suspend")
    flags.put(session, actor, grant, (side, flags.ORDERED), why)


def resume(session: Session, actor: Actor, grant_id: str, why: str | None = None) -> None:
    """Lift the suspension of the actor's own side; the others' stay. The platform's grants what still has a base and drops the rest.

    Raises Denied `case.not_yours`, `case.role_needed`; Invalid `grant.no_base` when nothing of it has, `grant.base_missing` while a department, the service
    item or the key it stands on is gone, `case.wrong_state`.
    """
    grant = get(session, grant_id)
    side = life.side_of(session, actor, grant)
    life.require_living(grant, "resume")
    if side == "platform":
        if missing := foundations.missing_of(session, grant):
            raise Invalid("grant.base_missing", grant=grant.id, missing=", ".join(sorted(missing)))
        bases.drop_lost(session, actor, grant)
    flags.lift(session, actor, grant, (side, [one.code for one in flags.of(session, grant.id, side)]), why)


def revoke(session: Session, actor: Actor, grant_id: str, why: str | None = None) -> None:
    """End a grant for good; only the authority may. Raises Denied `case.role_needed`, Invalid `grant.unknown`, `case.wrong_state`."""
    actor.require("authority")
    life.move(session, actor, get(session, grant_id), Step("revoke", why))


def close(session: Session, actor: Actor, grant_id: str, why: str | None = None) -> None:
    """Give a grant up as the department that uses it, or as the authority. Raises Denied `case.not_yours`, Invalid `grant.unknown`, `case.wrong_state`."""
    grant = get(session, grant_id)
    if life.side_of(session, actor, grant) == "provider":
        actor.require("authority")
    life.move(session, actor, grant, Step("close", why))


def follow(session: Session, resource_ids: Iterable[str]) -> list[str]:
    """Bring grants along after versions of these resources took effect or were withdrawn; return the grants that were suspended.

    What the published version still offers is granted on that version from now on. A grant with an item that is gone, feeds another attribute or
    may no longer be shared loses its base: the platform suspends it with a notice. Doing it again changes nothing.
    """
    return bases.settle(session, ResourceVersion.resource_id.in_(list(resource_ids)))
