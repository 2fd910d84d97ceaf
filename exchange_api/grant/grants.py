"""Why: what was agreed is exactly what the API gives. A grant per library comes of a demand's confirmed items;
three flags suspend it, each lifted only by its owner. What it stands on is kept by `bases`.

The tables announce every change themselves (`schemas.tables.base.tell_changes`), so that all API workers drop what they cached within a second.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from exchange_api.actors import Actor
from exchange_api.cases import next_number
from exchange_api.grant import bases
from schemas.bound import is_attribute
from schemas.calendar import today
from schemas.errors import Denied, Invalid
from schemas.resource import ResourceDocument
from schemas.tables.directory import ResourceVersion
from schemas.tables.exchange import Application, Demand, DemandItem, Grant, GrantItem, SupplyAnswer, SupplyTask

Side = Literal["consumer", "provider", "platform"]
YEAR = timedelta(days=365)


def release(session: Session, demand: Demand) -> list[Grant]:
    """Make the grants of an answered demand: one per library, with every confirmed item in its confirmed form."""
    confirmed = session.execute(
        select(SupplyAnswer, ResourceVersion)
        .join(DemandItem, DemandItem.id == SupplyAnswer.demand_item_id)
        .join(ResourceVersion, ResourceVersion.id == SupplyAnswer.resource_version_id)
        .where(DemandItem.demand_id == demand.id, SupplyAnswer.state == "confirmed")
        .order_by(SupplyAnswer.id)
    ).all()
    made: dict[str, Grant] = {}
    for answer, version in confirmed:
        document = ResourceDocument.model_validate(version.document)
        attribute = document.item(str(answer.item_id)).attribute
        library = str(document.library)
        if library not in made:
            made[library] = _new_grant(session, demand, library)
        if attribute and is_attribute(attribute):
            session.merge(
                GrantItem(
                    grant_id=made[library].id, attribute=attribute, form=answer.form, resource_version_id=version.id,
                    item_id=str(answer.item_id), supply_answer_id=answer.id,
                )
            )  # fmt: skip
    session.flush()
    bases.settle(session, Grant.id.in_([grant.id for grant in made.values()]))
    return list(made.values())


def get(session: Session, grant_id: str) -> Grant:
    """Return a grant, locked for this transaction. Raises Invalid `grant.unknown`."""
    found = session.scalar(select(Grant).where(Grant.id == grant_id).with_for_update())
    if found is None:
        raise Invalid("grant.unknown", grant=grant_id)
    return found


def find(session: Session, *, department_id: str | None = None, demand_id: str | None = None) -> list[Grant]:
    """Return grants that a department uses, or that came of one demand."""
    query = select(Grant).order_by(Grant.id)
    if department_id:
        query = query.join(Application, Application.id == Grant.application_id).where(
            Application.department_id == department_id
        )
    if demand_id:
        query = query.where(Grant.demand_id == demand_id)
    return list(session.scalars(query))


def items(session: Session, grant_id: str) -> list[GrantItem]:
    """Return a grant's attributes with their forms."""
    query = select(GrantItem).where(GrantItem.grant_id == grant_id).order_by(GrantItem.attribute)
    return list(session.scalars(query))


def suspend(session: Session, actor: Actor, grant_id: str) -> None:
    """Suspend a grant as the side the actor stands on; effective everywhere within a second. Raises Denied `case.not_yours`."""
    _flag(session, actor, grant_id, value=True)


def resume(session: Session, actor: Actor, grant_id: str) -> None:
    """Lift the suspension of the actor's own side; the others' stay. The platform's grants what still has a base and drops the rest.

    Raises Denied `case.not_yours`, Invalid `grant.no_base` when nothing of it has.
    """
    if _flag(session, actor, grant_id, value=False) == "platform":
        bases.drop_lost(session, actor, get(session, grant_id))


def revoke(session: Session, actor: Actor, grant_id: str) -> None:
    """End a grant for good; only the authority may. Raises Denied `case.role_needed`."""
    actor.require("authority")
    get(session, grant_id).state = "revoked"
    session.flush()


def follow(session: Session, resource_ids: Iterable[str]) -> list[str]:
    """Bring grants along after versions of these resources took effect or were withdrawn; return the grants that were suspended.

    What the published version still offers is granted on that version from now on. A grant with an item that is gone, feeds another attribute or
    may no longer be shared loses its base: the platform suspends it with a notice. Doing it again changes nothing.
    """
    return bases.settle(session, ResourceVersion.resource_id.in_(list(resource_ids)))


def _flag(session: Session, actor: Actor, grant_id: str, *, value: bool) -> Side:
    grant = get(session, grant_id)
    side = _side(session, actor, grant)
    setattr(grant, f"suspended_by_{side}", value)
    session.flush()
    return side


def _side(session: Session, actor: Actor, grant: Grant) -> Side:
    if "authority" in actor.roles:
        return "platform"
    if session.get_one(Application, grant.application_id).department_id == actor.department_id:
        return "consumer"
    providers = session.scalars(
        select(SupplyTask.department_id)
        .join(SupplyAnswer, SupplyAnswer.task_id == SupplyTask.id)
        .join(GrantItem, GrantItem.supply_answer_id == SupplyAnswer.id)
        .where(GrantItem.grant_id == grant.id)
    )
    if actor.department_id in set(providers):
        return "provider"
    raise Denied("case.not_yours", case=grant.id)


def _new_grant(session: Session, demand: Demand, library: str) -> Grant:
    grant = Grant(
        id=next_number(session, "SQ", "grants"), demand_id=demand.id, application_id=str(demand.application_id),
        library=library, service_item_id=demand.service_item_id, state="active", quota_per_day=demand.volume_per_day,
        valid_from=today(), valid_until=demand.valid_until or today() + YEAR,
    )  # fmt: skip
    session.add(grant)
    session.flush()
    return grant
