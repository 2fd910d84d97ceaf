"""Why: grants as programs see them, and each step of a grant's life as one function of the table of routes. The work is `grant.grants`'s.
Called by `routes` alone.
"""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from exchange_api.actors import Actor
from exchange_api.desk_api import sight
from exchange_api.desk_api.asked import Ask, page_of
from exchange_api.grant import grants
from schemas.messages.desk_api import GrantedItemSaid, GrantSaid, GrantShort, GrantsSaid
from schemas.tables.exchange import Grant

SIDES = ("consumer", "provider", "platform")


def listed(session: Session, actor: Actor, ask: Ask) -> GrantsSaid:
    """Return the grants the actor sees, newest first."""
    query = select(Grant).where(sight.grants(actor)).order_by(Grant.id.desc())
    if ask.page.after:
        query = query.where(Grant.id < ask.page.after)
    if ask.page.state:
        query = query.where(Grant.state == ask.page.state)
    found, further = page_of(session, query, ask.page, lambda one: str(one.id))
    return GrantsSaid(grants=[GrantShort(**_short(one)) for one in found], next=further)


def read(session: Session, actor: Actor, ask: Ask) -> GrantSaid:  # noqa: ARG001 - sight was judged before
    """Return one grant."""
    session.flush()
    grant = session.get_one(Grant, ask.ids["grant"], populate_existing=True)
    plain = {
        name: getattr(grant, name)
        for name in ("rows", "hours", "is_case_required", "quota_per_day", "subjects_per_call", "burst_per_minute", "certified_until")
    }  # fmt: skip
    items = [
        GrantedItemSaid(
            attribute=one.attribute, form=one.form, resource_version=one.resource_version_id, item_id=one.item_id
        )
        for one in grants.items(session, grant.id)
    ]
    return GrantSaid(**_short(grant), **plain, items=items)


def suspend(session: Session, actor: Actor, ask: Ask) -> GrantSaid:
    """Suspend it as the side the actor stands on."""
    grants.suspend(session, actor, ask.ids["grant"])
    return read(session, actor, ask)


def resume(session: Session, actor: Actor, ask: Ask) -> GrantSaid:
    """Lift the suspension of the actor's own side."""
    grants.resume(session, actor, ask.ids["grant"])
    return read(session, actor, ask)


def revoke(session: Session, actor: Actor, ask: Ask) -> GrantSaid:
    """End it for good."""
    grants.revoke(session, actor, ask.ids["grant"])
    return read(session, actor, ask)


def _short(grant: Grant) -> dict[str, Any]:
    return {
        "grant": grant.id, "state": grant.state, "suspended_by": [side for side in SIDES if getattr(grant, f"suspended_by_{side}")],
        "demand": grant.demand_id, "application": grant.application_id, "library": grant.library, "service_item": grant.service_item_id,
        "valid_from": grant.valid_from, "valid_until": grant.valid_until,
    }  # fmt: skip
