"""Why: a version's way from draft to published is one table. Here are its steps, who may take each, and the one function that takes one and leaves
who, when and why. Called by `reviews` and `acknowledgements` alone.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog import notices
from schemas.errors import Denied, Invalid
from schemas.tables.directory import Resource, ResourceEvent, ResourceVersion
from schemas.tables.operations import Officer


@dataclass(frozen=True)
class Reviewer:
    """Who acts: officer id, department, and roles; in_place_of: the colleague he stands in for. The operator of the hub and its clock stand in for any
    officer, under their own names.
    """

    id: str
    department_id: str | None
    roles: frozenset[str]
    is_operator: bool = False
    in_place_of: str | None = None


CONSOLE = Reviewer("console", None, frozenset(), is_operator=True)
CLOCK = Reviewer("system", None, frozenset(), is_operator=True)


@dataclass(frozen=True)
class Way:
    """Where a step leads and who may take it: `provider` is an officer of the resource's own department, `operator` no officer at all."""

    to_state: str
    role: str


# action → {from state: way}
TRANSITIONS: dict[str, dict[str, Way]] = {
    "submit": {"draft": Way("office_review", "provider")},
    "approve_office": {"office_review": Way("authority_review", "provider")},
    "return": {"office_review": Way("draft", "provider"), "authority_review": Way("draft", "authority")},
    "schedule": {"authority_review": Way("scheduled", "authority")},
    "publish": {
        "draft": Way("published", "operator"),
        "authority_review": Way("published", "authority"),
        "scheduled": Way("published", "authority"),
    },
    "supersede": {"published": Way("superseded", "authority")},
    "withdraw": {
        "draft": Way("withdrawn", "provider"),
        "office_review": Way("withdrawn", "provider"),
        "authority_review": Way("withdrawn", "provider"),
        "scheduled": Way("withdrawn", "authority"),
        "published": Way("withdrawn", "authority"),
    },
}
APPROVALS = ("approve_office", "schedule", "publish")


@dataclass(frozen=True)
class Step:
    """What a reviewer does to a version, and what he says of it."""

    action: str
    note: str | None = None
    facts: dict[str, Any] | None = None


def possible(state: str) -> tuple[str, ...]:
    """Return the actions the table allows from a state."""
    return tuple(action for action, ways in TRANSITIONS.items() if state in ways)


def lock(session: Session, resource_id: str) -> None:
    """Hold a resource for this transaction: its versions move one at a time. Raises Invalid `directory.unknown_resource`."""
    query = select(Resource.id).where(Resource.id == resource_id).with_for_update(key_share=True)
    if session.scalar(query) is None:
        raise Invalid("directory.unknown_resource", resource=resource_id)


def move(session: Session, reviewer: Reviewer, version: ResourceVersion, step: Step) -> None:
    """Take one step of the table and write its event; the resource must be locked.

    Raises Invalid `directory.wrong_state`, Denied `directory.role_needed`, `directory.same_officer`.
    """
    way = require(session, reviewer, version, step.action)
    from_state, version.state, version.due_date = version.state, way.to_state, None
    note(session, reviewer, version, step, from_state)


def note(session: Session, reviewer: Reviewer, version: ResourceVersion, step: Step, from_state: str | None) -> None:
    """Write the event of a step that was taken: who and for whom, when, why, from which state to the one the version is in now."""
    place = {"in_place_of": reviewer.in_place_of} if reviewer.in_place_of else {}
    session.add(
        ResourceEvent(
            version_id=version.id, at=datetime.now(UTC), actor=reviewer.id, department_id=reviewer.department_id,
            action=step.action, from_state=from_state, to_state=version.state, note=step.note, facts={**(step.facts or {}), **place},
        )
    )  # fmt: skip
    session.flush()


def require(session: Session, reviewer: Reviewer, version: ResourceVersion, action: str) -> Way:
    """Return the way of a step that this reviewer may take now. Raises as `move`."""
    way = TRANSITIONS[action].get(version.state)
    if way is None:
        raise Invalid(
            "directory.wrong_state", version=version.id, state=version.state, action=action,
            possible=", ".join(possible(version.state)) or "-",
        )  # fmt: skip
    if reviewer.is_operator:
        return way
    department = version.department_id
    if way.role not in reviewer.roles or (way.role == "provider" and reviewer.department_id != department):
        raise Denied("directory.role_needed", version=version.id, action=action, role=way.role, department=department)
    if action in APPROVALS and {reviewer.id, reviewer.in_place_of} & _whose(session, version, action):
        raise Denied("directory.same_officer", version=version.id, officer=reviewer.id)
    return way


def authorities(session: Session) -> set[str]:
    """Return the departments whose officers decide for the authority."""
    return set(session.scalars(select(Officer.department_id).where(Officer.roles.contains(["authority"])).distinct()))


def tell(session: Session, departments: set[str], key: str, version: ResourceVersion, **facts: str) -> None:
    """Tell departments of a version; `key` names the words, the resource's name and version are always among the facts."""
    known = {"resource": version.resource_id, "name": version.document["name"], "version": str(version.version)}
    for department_id in sorted(departments):
        notices.notify(session, department_id, f"version.{key}", known | facts)


def _whose(session: Session, version: ResourceVersion, action: str) -> set[str]:
    """Those who wrote or carried this version so far, or were stood in for: whoever did may not approve it (separation of duties)."""
    carried = ("save", "submit") if action == "approve_office" else ("save", "submit", "approve_office")
    hands = select(ResourceEvent.actor, ResourceEvent.facts["in_place_of"].astext)
    found = session.execute(hands.where(ResourceEvent.version_id == version.id, ResourceEvent.action.in_(carried)))
    return {version.created_by, *(hand for row in found for hand in row if hand)} - {""}
