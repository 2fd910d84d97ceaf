"""Why: a dispute's way is the table `states.DISPUTE`. The one function that moves it, its trace on both timelines, and who is told. Only the desk
`disputes` calls it.
"""

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog import notices
from catalog.review.review_steps import authorities
from exchange_api import cases
from exchange_api.actors import Actor, Step
from exchange_api.states import DISPUTE
from schemas.errors import Invalid
from schemas.tables.disputes import Dispute, DisputedItem, DisputeEvent
from schemas.tables.exchange import Demand

WITH_AUTHORITY = ("adjudicating", "escalated")


def get(session: Session, dispute_id: str) -> tuple[Dispute, Demand]:
    """Return a dispute and its demand, both locked for this transaction, the demand first. Raises Invalid `dispute.unknown`."""
    demand_id = session.scalar(select(Dispute.demand_id).where(Dispute.id == dispute_id))
    if demand_id is None:
        raise Invalid("dispute.unknown", dispute=dispute_id)
    demand = cases.get(session, demand_id)
    query = select(Dispute).where(Dispute.id == dispute_id).with_for_update()
    return session.execute(query.execution_options(populate_existing=True)).scalar_one(), demand


def find(
    session: Session, *, department_id: str | None = None, demand_id: str | None = None, live: bool = False
) -> list[Dispute]:
    """Return disputes by number: those a department is a party of, those of one demand, or those that still run."""
    query = select(Dispute).order_by(Dispute.id)
    if department_id:
        query = query.where((Dispute.department_id == department_id) | (Dispute.against_id == department_id))
    if demand_id:
        query = query.where(Dispute.demand_id == demand_id)
    return list(session.scalars(query.where(Dispute.state.not_in(DISPUTE.ends)) if live else query))


def items(session: Session, dispute_id: str) -> list[DisputedItem]:
    """Return the disputed items."""
    query = select(DisputedItem).where(DisputedItem.dispute_id == dispute_id)
    return list(session.scalars(query.order_by(DisputedItem.demand_item_id)))


def timeline(session: Session, dispute_id: str) -> list[DisputeEvent]:
    """Return a dispute's steps and statements, oldest first."""
    query = select(DisputeEvent).where(DisputeEvent.dispute_id == dispute_id)
    return list(session.scalars(query.order_by(DisputeEvent.id)))


def move(session: Session, actor: Actor, dispute: Dispute, demand: Demand, step: Step) -> None:
    """Take one step of the table, leave its trace, and tell both parties, and the authority where it decides. Raises Invalid `case.wrong_state`."""
    to_state = DISPUTE.after(dispute.id, dispute.state, step.action)
    before, dispute.state = dispute.state, to_state
    note_event(session, actor, dispute, step, (before, to_state))
    facts = {"dispute": dispute.id, "against": dispute.against_id}
    cases.note_event(session, actor, demand, Step(f"dispute_{step.action}", step.note, facts))
    told = {dispute.department_id, dispute.against_id}
    if before in WITH_AUTHORITY or to_state in WITH_AUTHORITY:
        told |= authorities(session)
    tell(session, dispute, f"dispute.{to_state}", told - actor.knowing)


def note_event(
    session: Session, actor: Actor, dispute: Dispute, step: Step, states: tuple[str | None, str] | None = None
) -> None:
    """Write one line of the dispute's timeline; a statement has no states."""
    before, after = states or (None, None)
    session.add(
        DisputeEvent(
            dispute_id=dispute.id, actor=actor.id, department_id=actor.department_id, action=step.action,
            from_state=before, to_state=after, note=step.note, facts={**(step.facts or {}), **actor.place},
        )
    )  # fmt: skip
    session.flush()


def tell(session: Session, dispute: Dispute, key: str, departments: Iterable[str]) -> None:
    """Tell departments of a dispute; `key` names the words."""
    for department_id in sorted(departments):
        notices.notify(
            session, department_id, key, {"dispute": dispute.id, "demand": dispute.demand_id}, dispute.demand_id
        )
