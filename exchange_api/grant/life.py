"""Why: nothing happens to a grant without a trace and without word to all its sides. The one place that moves a grant by its table (`states.GRANT`), writes its
timeline and says who its sides are. Only the rooms of `grant` call it.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog import notices
from catalog.review.review_steps import authorities
from exchange_api.actors import Actor, Step
from exchange_api.states import GRANT
from schemas.errors import Denied, Invalid
from schemas.tables.directory import Resource, ResourceVersion
from schemas.tables.exchange import Application, Grant, GrantItem
from schemas.tables.grant_life import GrantEvent

LIVING = ("draft", "active")


@dataclass(frozen=True)
class Parties:
    """Whose a grant is: the department that asks, and those whose resources it stands on."""

    consumer: str
    providers: frozenset[str]

    @property
    def everyone(self) -> set[str]:
        """Return all of them."""
        return {self.consumer, *self.providers}


def parties(session: Session, grant: Grant) -> Parties:
    """Return a grant's sides as departments are now: resources and applications go with a reform."""
    providers = session.scalars(
        select(Resource.department_id)
        .join(ResourceVersion, ResourceVersion.resource_id == Resource.id)
        .join(GrantItem, GrantItem.resource_version_id == ResourceVersion.id)
        .where(GrantItem.grant_id == grant.id)
    )
    return Parties(session.get_one(Application, grant.application_id).department_id, frozenset(providers))


def side_of(session: Session, actor: Actor, grant: Grant) -> str:
    """Return the side an actor stands on: platform, consumer, provider. Raises Denied `case.not_yours`, `case.role_needed`."""
    if "authority" in actor.roles:
        return "platform"
    sides = parties(session, grant)
    if sides.consumer == actor.department_id:
        actor.require("demander")
        return "consumer"
    if actor.department_id in sides.providers:
        actor.require("provider")
        return "provider"
    raise Denied("case.not_yours", case=grant.id)


def require_giver(session: Session, actor: Actor, grant: Grant) -> None:
    """Raise Denied `case.not_yours` when the actor is the side that uses the grant: who uses it does not decide on it. Else as `side_of`."""
    consumer = parties(session, grant).consumer
    if side_of(session, actor, grant) == "consumer" or actor.department_id == consumer:
        raise Denied("case.not_yours", case=grant.id)


def require_living(grant: Grant, action: str) -> None:
    """Raise Invalid `case.wrong_state` unless the grant is a draft or active."""
    if grant.state not in LIVING:
        raise Invalid("case.wrong_state", case=grant.id, state=grant.state, action=action, possible="-")


def move(session: Session, actor: Actor, grant: Grant, step: Step) -> None:
    """Take one step of the table, leave its trace, and tell every side and the authority. Raises Invalid `case.wrong_state`."""
    to_state = GRANT.after(grant.id, grant.state, step.action)
    from_state, grant.state = grant.state, to_state
    note(session, actor, grant, step, states=(from_state, to_state))
    to = None if to_state == "active" else everybody(session, grant)
    tell(session, grant, f"grant.{to_state}", {"why": step.note or "—"}, to)


def note(
    session: Session, actor: Actor, grant: Grant, step: Step, states: tuple[str | None, str | None] = (None, None)
) -> None:
    """Write one line of the grant's timeline; a step that moves nothing has no states. The fact `code` names the reason of a machine's step."""
    facts = {**(step.facts or {}), **actor.place}
    session.add(
        GrantEvent(
            grant_id=grant.id, at=datetime.now(UTC), actor=actor.id, department_id=actor.department_id, action=step.action,
            from_state=states[0], to_state=states[1], code=facts.pop("code", None), note=step.note, facts=facts,
        )
    )  # fmt: skip
    session.flush()


def givers(session: Session, grant: Grant) -> set[str]:
    """Return the departments that decide on a grant: its providers and the authority."""
    return {*parties(session, grant).providers, *authorities(session)}


def everybody(session: Session, grant: Grant) -> set[str]:
    """Return all sides of a grant and the authority."""
    return {*parties(session, grant).everyone, *authorities(session)}


def tell(session: Session, grant: Grant, key: str, facts: dict[str, Any], to: Collection[str] | None = None) -> None:
    """Tell all sides of a grant, or the departments `to`."""
    for department_id in sorted(parties(session, grant).everyone if to is None else to):
        notices.notify(session, department_id, key, {"grant": grant.id, **facts}, grant.demand_id)
    session.flush()


def timeline(session: Session, grant_id: str) -> list[GrantEvent]:
    """Return a grant's steps, oldest first."""
    return list(session.scalars(select(GrantEvent).where(GrantEvent.grant_id == grant_id).order_by(GrantEvent.id)))


def last(session: Session, grant_id: str, action: str) -> GrantEvent | None:
    """Return the newest step of one kind, None when there was none."""
    query = select(GrantEvent).where(GrantEvent.grant_id == grant_id, GrantEvent.action == action)
    return session.scalar(query.order_by(GrantEvent.id.desc()).limit(1))
