"""Why: demands as programs see them: what is said of one, and each step of its way as one function of the table of routes. The work is `demand.demands`'s.
Called by `routes` alone, after role, scope and sight were judged.
"""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from exchange_api import cases
from exchange_api.actors import Actor
from exchange_api.demand import demands
from exchange_api.desk_api import sight
from exchange_api.desk_api.asked import Ask, page_of
from exchange_api.desk_api.supply_steps import answers_said, asked_said
from exchange_api.grant import grants
from exchange_api.matching import Found
from exchange_api.supply import supplies
from schemas.messages.desk_api import (
    DemandSaid,
    DemandShort,
    DemandsSaid,
    DroppedSaid,
    MatchedItem,
    MatchesSaid,
    MatchSaid,
    TimelineSaid,
    WantedItemSaid,
)
from schemas.messages.desk_papers import as_event
from schemas.tables.directory import ResourceVersion
from schemas.tables.exchange import Demand


def listed(session: Session, actor: Actor, ask: Ask) -> DemandsSaid:
    """Return the demands the actor sees, newest first."""
    query = select(Demand).where(sight.demands(actor)).order_by(Demand.id.desc())
    if ask.page.after:
        query = query.where(Demand.id < ask.page.after)
    if ask.page.state:
        query = query.where(Demand.state == ask.page.state)
    found, further = page_of(session, query, ask.page, lambda one: str(one.id))
    return DemandsSaid(demands=[DemandShort(**_short(one)) for one in found], next=further)


def read(session: Session, actor: Actor, ask: Ask) -> DemandSaid:  # noqa: ARG001 - sight was judged before
    """Return one demand."""
    return said(session, session.get_one(Demand, ask.ids["demand"], populate_existing=True))


def register(session: Session, actor: Actor, ask: Ask) -> DemandSaid:
    """Keep a new draft."""
    return said(session, demands.register(session, actor, ask.form))


def revise(session: Session, actor: Actor, ask: Ask) -> DemandSaid:
    """Replace what a draft or a returned demand says."""
    return said(session, demands.revise(session, actor, ask.ids["demand"], ask.form))


def discard(session: Session, actor: Actor, ask: Ask) -> DroppedSaid:
    """Throw a draft away."""
    demands.discard(session, actor, ask.ids["demand"])
    return DroppedSaid(demand=ask.ids["demand"])


def submit(session: Session, actor: Actor, ask: Ask) -> DemandSaid:
    """Submit a draft or a returned demand."""
    return said(session, demands.submit(session, actor, ask.ids["demand"]))


def withdraw(session: Session, actor: Actor, ask: Ask) -> DemandSaid:
    """Withdraw what was not provided yet."""
    demands.withdraw(session, actor, ask.ids["demand"], ask.form.why)
    return read(session, actor, ask)


def accept(session: Session, actor: Actor, ask: Ask) -> DemandSaid:
    """Accept what was provided."""
    demands.accept(session, actor, ask.ids["demand"])
    return read(session, actor, ask)


def send_back(session: Session, actor: Actor, ask: Ask) -> DemandSaid:
    """Return an unfit demand to its demander."""
    demands.return_to_demander(session, actor, ask.ids["demand"], ask.form.why)
    return read(session, actor, ask)


def dispatch(session: Session, actor: Actor, ask: Ask) -> DemandSaid:
    """Send a demand to the departments that match best."""
    demands.dispatch(session, actor, ask.ids["demand"])
    return read(session, actor, ask)


def matches(session: Session, actor: Actor, ask: Ask) -> MatchesSaid:  # noqa: ARG001
    """Return the kept matches of every wanted item."""
    rows = []
    for item in demands.items(session, ask.ids["demand"]):
        kept = demands.matches(session, item.id)
        named = [
            _match(session, one.rank, (one.resource_version_id, one.item_id), one.score, one.reasons) for one in kept
        ]
        rows.append(MatchedItem(item=item.id, name=item.name, matches=named))
    return MatchesSaid(items=rows)


def suggest(session: Session, actor: Actor, ask: Ask) -> MatchesSaid:  # noqa: ARG001
    """Return who has what, for items that are not registered yet."""
    wanted = list(ask.form.items)
    found = demands.suggest(session, ask.form.service_item, ask.form.purpose, wanted)
    rows = [
        MatchedItem(item=None, name=name, matches=list(_found(session, ranked)))
        for name, ranked in zip(wanted, found, strict=True)
    ]
    return MatchesSaid(items=rows)


def timeline(session: Session, actor: Actor, ask: Ask) -> TimelineSaid:  # noqa: ARG001
    """Return every step of a demand's way."""
    number = ask.ids["demand"]
    events = [as_event(one) for one in cases.timeline(session, number)]
    return TimelineSaid(demand=number, events=events)


def said(session: Session, demand: Demand) -> DemandSaid:
    """Return what is said of a demand to those who see it."""
    session.flush()
    tasks = supplies.tasks_of(session, demand_id=demand.id)
    own = {item.id for item in demands.items(session, demand.id)}
    plain = {
        name: getattr(demand, name)
        for name in ("basis", "scenario", "scope", "mode", "volume_per_day", "hours", "findings")
    }
    return DemandSaid(
        **_short(demand), **plain, possible=list(cases.possible(demand.state)),
        items=[
            WantedItemSaid(item=item.id, name=item.name, note=item.note, form=item.form) for item in demands.items(session, demand.id)
        ],
        asked=[asked_said(task) for task in tasks],
        answers=[one for task in tasks for one in answers_said(session, task.id) if one.item in own],
        grants=[grant.id for grant in grants.find(session, demand_id=demand.id)],
    )  # fmt: skip


def _short(demand: Demand) -> dict[str, Any]:
    return {
        "demand": demand.id, "state": demand.state, "department": demand.department_id, "service_item": demand.service_item_id,
        "application": demand.application_id, "purpose": demand.purpose, "created_at": demand.created_at,
        "submitted_at": demand.submitted_at, "valid_until": demand.valid_until,
    }  # fmt: skip


def _found(session: Session, ranked: Iterable[Found]) -> Iterable[MatchSaid]:
    for rank, one in enumerate(ranked):
        reasons = [{"key": reason.key, "points": round(reason.points, 4), **reason.facts} for reason in one.reasons]
        yield _match(session, rank, (one.candidate.version_id, one.candidate.item_id), one.score, reasons)


def _match(
    session: Session, rank: int, what: tuple[str, str], score: float, reasons: list[dict[str, Any]]
) -> MatchSaid:
    version = session.get(ResourceVersion, what[0])
    resource = version.resource_id if version else what[0].partition("@")[0]
    return MatchSaid(
        rank=rank, resource=resource, version=version.version if version else None, item=what[1], score=round(score, 4), reasons=reasons,
    )  # fmt: skip
