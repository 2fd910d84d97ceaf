"""Why: a version's way to publication is walked by officers at their desks: each sees what concerns him, takes his step, and grants and tasks come along in the
same transaction. The table of steps is the catalog's (`catalog.review`). Called by pages of the review desk.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog import directory
from catalog.review import acknowledgements, reviews
from catalog.review import review_steps as steps
from catalog.review.affected import Case
from catalog.review.changes import Diff
from catalog.review.review_steps import Reviewer
from catalog.snapshot import write_snapshot
from exchange_api.actors import Actor
from exchange_api.grant import grants
from exchange_api.supply import supplies
from schemas.database import transaction
from schemas.errors import Denied, HutongError, Invalid
from schemas.tables.directory import OPEN_STATES, Acknowledgement, Resource, ResourceEvent, ResourceVersion

STEPS = ("submit", "approve", "return", "publish", "acknowledge", "withdraw")
_WAYS = {
    "submit": ("submit",), "approve": ("approve_office", "schedule"), "return": ("return",), "publish": ("publish",), "withdraw": ("withdraw",),
}  # fmt: skip
_OVERSEERS = frozenset({"authority", "auditor"})


@dataclass(frozen=True)
class Review:
    """One resource as the review desk shows it: its version under way (else the published, else the newest), what that changes and whom it touches as far
    as the officer may know, who was asked to acknowledge, every step so far, and the steps that are his now.
    """

    version: ResourceVersion
    diff: Diff
    cases: list[Case]
    asked: list[Acknowledgement]
    history: list[ResourceEvent]
    may: frozenset[str]
    is_insider: bool


def reviewer_of(actor: Actor) -> Reviewer:
    """Return an officer as the catalog's steps know him."""
    return Reviewer(actor.id, actor.department_id, actor.roles, in_place_of=actor.in_place_of)


def look(session: Session, actor: Actor, resource_id: str) -> Review:
    """Return a resource's review. Raises Invalid `directory.unknown_resource`; Denied `case.not_yours` to whom it does not concern."""
    version = _under_way(session, resource_id)
    asked = acknowledgements.find(session, version.id) if version.state == "scheduled" else []
    mine = [one for one in asked if one.department_id == actor.department_id]
    is_insider = version.department_id == actor.department_id or bool(actor.roles & _OVERSEERS)
    if not is_insider and not mine:
        raise Denied("case.not_yours", case=resource_id)
    is_open = version.state in OPEN_STATES
    diff = reviews.changes_of(session, version) if is_open else Diff(())
    cases = reviews.touched(session, version) if is_open else []
    return Review(
        version, diff, _seen(actor, cases), asked if is_insider else mine, reviews.history(session, resource_id) if is_insider else [],
        _possible(session, actor, version, mine), is_insider,
    )  # fmt: skip


def to_withdraw(session: Session, actor: Actor, resource_id: str, number: int | None) -> ResourceVersion:
    """Return the version that the officer may withdraw: the one named, else the one under way.

    Raises Invalid `directory.unknown_resource`, `directory.wrong_state`; Denied `case.not_yours`, `directory.role_needed`.
    """
    look(session, actor, resource_id)
    version = directory.get(session, resource_id, number) if number else _under_way(session, resource_id)
    steps.require(session, reviewer_of(actor), version, "withdraw")
    return version


@dataclass(frozen=True)
class Wish:
    """One step of STEPS that an officer wishes to take, with his words; number: the version to withdraw."""

    step: str
    words: str
    number: int | None = None


def take(
    actor: Actor, resource_id: str, wish: Wish, asked: Callable[[Session], AbstractContextManager[object]] = nullcontext
) -> ResourceVersion:
    """Take a step; grants, tasks and the snapshot follow in the same transaction. asked: may still refuse what was done, by raising.

    Raises Denied `case.not_yours`, `directory.role_needed`, `directory.same_officer`; Invalid `directory.*` as `catalog.review.reviews`.
    """
    with transaction("directory") as session:
        look(session, actor, resource_id)
        with asked(session):
            version = _taken(session, actor, resource_id, wish)
        if wish.step != "acknowledge" and version.state in ("published", "withdrawn"):
            write_snapshot(session)
        return version


def _taken(session: Session, actor: Actor, resource_id: str, wish: Wish) -> ResourceVersion:
    if wish.step == "acknowledge":
        acknowledgements.acknowledge(session, reviewer_of(actor), resource_id)
        return _under_way(session, resource_id)
    if wish.step == "withdraw":
        number = to_withdraw(session, actor, resource_id, wish.number).version
        version = reviews.withdraw_version(session, reviewer_of(actor), resource_id, wish.words, number)
    else:
        version = _DEEDS[wish.step](session, reviewer_of(actor), resource_id, wish.words)
    grants.follow(session, [resource_id])
    supplies.follow(session, [resource_id])
    return version


def _approve(session: Session, who: Reviewer, resource_id: str, words: str) -> ResourceVersion:
    by_office = reviews.current(session, resource_id).state == "office_review"
    return (reviews.approve_office if by_office else reviews.approve_authority)(
        session, who, resource_id, words or None
    )


_DEEDS: dict[str, Callable[[Session, Reviewer, str, str], ResourceVersion]] = {
    "submit": lambda session, who, it, words: reviews.submit(session, who, it, words or None), "approve": _approve, "return": reviews.return_,
    "publish": lambda session, who, it, words: reviews.publish(session, who, it, words or None),
}  # fmt: skip


def _under_way(session: Session, resource_id: str) -> ResourceVersion:
    """Return the version under way, else the published one, else the newest: read, not locked."""
    if session.get(Resource, resource_id) is None:
        raise Invalid("directory.unknown_resource", resource=resource_id)
    order = (
        ResourceVersion.state.in_(OPEN_STATES).desc(),
        (ResourceVersion.state == "published").desc(),
        ResourceVersion.version.desc(),
    )
    query = select(ResourceVersion).where(ResourceVersion.resource_id == resource_id).order_by(*order).limit(1)
    return session.scalars(query.execution_options(populate_existing=True)).one()


def _seen(actor: Actor, cases: list[Case]) -> list[Case]:
    """Return the cases an officer may know of: all for who oversees, else his department's, and what others were granted of his resources."""
    if actor.roles & _OVERSEERS:
        return cases
    return [one for one in cases if one.department_id == actor.department_id or one.kind == "grant"]


def _possible(session: Session, actor: Actor, version: ResourceVersion, mine: list[Acknowledgement]) -> frozenset[str]:
    may = {name for name, ways in _WAYS.items() if any(_is_allowed(session, actor, version, one) for one in ways)}
    if version.state != "scheduled" or acknowledgements.waiting(session, version_id=version.id):
        may.discard("publish")  # at the authority's desk approval publishes
    if any(one.acknowledged_at is None for one in mine):
        may.add("acknowledge")
    return frozenset(may)


def _is_allowed(session: Session, actor: Actor, version: ResourceVersion, action: str) -> bool:
    try:
        return bool(steps.require(session, reviewer_of(actor), version, action))
    except HutongError:
        return False
