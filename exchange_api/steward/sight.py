"""Why: a data steward of the hub sees every pipeline; a provider's officer those of his own department, to read. Asked by every page of the steward's desk."""

from sqlalchemy.orm import Session

from exchange_api.actors import Actor
from libraries import batches
from libraries.batches import Task
from schemas.errors import Denied, Invalid
from schemas.tables.directory import Resource


def own(actor: Actor) -> str | None:
    """Return the department the actor's sight ends at, None where it does not end. Raises Denied `case.role_needed`."""
    if "steward" in actor.roles:
        return None
    if "provider" in actor.roles:
        return actor.department_id
    raise Denied("case.role_needed", role="steward")


def require_resource(session: Session, actor: Actor, resource_id: str) -> Resource:
    """Return a resource the actor may look at. Raises Invalid `directory.unknown_resource`; Denied `case.role_needed`, `case.not_yours`."""
    within, found = own(actor), session.get(Resource, resource_id)
    if found is None:
        raise Invalid("directory.unknown_resource", resource=resource_id)
    if within is not None and found.department_id != within:
        raise Denied("case.not_yours", case=resource_id)
    return found


def require_batch(session: Session, actor: Actor, batch_id: str) -> Task:
    """Return a batch the actor may look at. Raises Invalid `landing.unknown_batch`; Denied `case.role_needed`, `case.not_yours`."""
    own(actor)
    task = batches.get(session, batch_id)
    require_resource(session, actor, task.batch.resource_id)
    return task
