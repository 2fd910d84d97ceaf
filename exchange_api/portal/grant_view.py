"""Why: what a grant's page shows and which steps it offers to whom, the desk's own rules read once.

Reads only. Called by the pages of grants and the workbench.
"""

from sqlalchemy import select
from sqlalchemy.orm import Session

from exchange_api.actors import Actor
from exchange_api.grant import flags, grants, life
from schemas.errors import Denied
from schemas.library import library
from schemas.tables.directory import ResourceVersion
from schemas.tables.exchange import Grant, GrantItem


def is_suspended(grant: Grant) -> bool:
    """Return whether any side has suspended a grant."""
    return grant.suspended_by_consumer or grant.suspended_by_provider or grant.suspended_by_platform


def tone(grant: Grant) -> str:
    """Return the demand's state whose colour fits the grant: green in use, red suspended, else grey."""
    if grant.state not in life.LIVING:
        return "closed"
    return "refused" if is_suspended(grant) else "provided"


def items(session: Session, grant: Grant) -> list[tuple[str, GrantItem, ResourceVersion]]:
    """Return the granted items with the names of their attributes and the versions they stand on."""
    known = {attribute.id: attribute.name for attribute in library(grant.library).attributes}
    query = select(GrantItem, ResourceVersion).join(
        ResourceVersion, ResourceVersion.id == GrantItem.resource_version_id
    )
    rows = session.execute(query.where(GrantItem.grant_id == grant.id).order_by(GrantItem.attribute))
    return [(known.get(item.attribute, item.attribute), item, version) for item, version in rows]


def rules(grant: Grant) -> list[tuple[str, str, str]]:
    """Return the rules on rows: the attribute's name, how it is compared, with what."""
    known = {attribute.id: attribute.name for attribute in library(grant.library).attributes}
    return [
        (known.get(row["attribute"], row["attribute"]), row["kind"], "、".join(row["values"])) for row in grant.rows
    ]


def possible(session: Session, actor: Actor, grant: Grant) -> frozenset[str]:
    """Return the steps the page offers the actor."""
    if grant.state not in life.LIVING:
        return frozenset()
    try:
        side = life.side_of(session, actor, grant)
    except Denied:
        return frozenset()
    own = {one.code for one in flags.of(session, grant.id, side)}
    may = {"health", "resume" if own else "suspend"}
    if side == "consumer":
        return frozenset(may | {"close", "renew", "quota"})
    may |= {"close", "revoke"} if side == "platform" else set()
    is_giver = actor.department_id != life.parties(session, grant).consumer
    return frozenset(may | ({"recertify", "prolong", "decide"} if is_giver else set()))


def deciding(session: Session, actor: Actor) -> list[Grant]:
    """Return the living grants that the actor decides on: as a provider or the authority, never as who uses them."""
    found = grants.find(session, provider_id=None if "authority" in actor.roles else actor.department_id)
    return [one for one in found if "decide" in possible(session, actor, one)]
