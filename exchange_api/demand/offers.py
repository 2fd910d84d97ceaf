"""Why: a provider that cannot give what was asked may offer something else; the demander alone decides whether that is enough, item by item (替代方案).
Called by pages, the officers' API and `hutong demand`.
"""

from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog import notices
from exchange_api import cases
from exchange_api.actors import Actor, Step
from exchange_api.states import ANSWER
from exchange_api.supply import supplies
from schemas.errors import Invalid
from schemas.tables.exchange import Demand, DemandItem, SupplyAnswer, SupplyTask

OPEN = ("dispatched", "needs_information", "offered")


def take(session: Session, actor: Actor, answer_id: int, why: str | None = None) -> SupplyAnswer:
    """Take a counter-offer: it is confirmed and becomes part of the grant when the demand is settled.

    Raises Denied `case.not_yours`, `case.role_needed`; Invalid `offer.unknown`, `case.wrong_state`.
    """
    return _decide(session, actor, answer_id, ("take", why))


def decline(session: Session, actor: Actor, answer_id: int, why: str | None = None) -> SupplyAnswer:
    """Decline a counter-offer: the item is not provided; it may be disputed. Raises as `take`."""
    return _decide(session, actor, answer_id, ("decline", why))


def open_of(session: Session, demand_id: str) -> list[SupplyAnswer]:
    """Return the counter-offers that wait for the demander, in the order of the wanted items."""
    return [row for row in supplies.answers_of_demand(session, demand_id).values() if row.state == "offered"]


def demand_of(session: Session, answer_id: int) -> Demand:
    """Return the demand that an answer is for, locked for this transaction. Raises Invalid `offer.unknown`."""
    found = select(DemandItem.demand_id).join(SupplyAnswer, SupplyAnswer.demand_item_id == DemandItem.id)
    demand_id = session.scalar(found.where(SupplyAnswer.id == answer_id))
    if demand_id is None:
        raise Invalid("offer.unknown", answer=answer_id)
    return cases.get(session, demand_id)


def _decide(
    session: Session, actor: Actor, answer_id: int, said: tuple[Literal["take", "decline"], str | None]
) -> SupplyAnswer:
    action, why = said
    demand, answer = _own(session, actor, answer_id)
    if demand.state not in OPEN:
        raise cases.wrong_state(demand, action)
    answer.state = ANSWER.after(f"{demand.id} #{answer_id}", answer.state, action)
    item = supplies.wanted_name(session, answer.demand_item_id)
    facts = {"task": answer.task_id, "answer": answer.id, "item": item}
    cases.note_event(session, actor, demand, Step(action, why, facts))
    provider = session.get_one(SupplyTask, answer.task_id).department_id
    if provider != actor.department_id:
        key = "offer.taken" if action == "take" else "offer.declined"
        notices.notify(session, provider, key, {"demand": demand.id, "item": item}, demand.id)
    supplies.settle(session, actor, demand)
    return answer


def _own(session: Session, actor: Actor, answer_id: int) -> tuple[Demand, SupplyAnswer]:
    """Lock the demand, then read the answer as it stands under that lock."""
    demand = demand_of(session, answer_id)
    actor.require("demander")
    actor.require_department(demand.department_id, demand.id)
    return demand, session.get_one(SupplyAnswer, answer_id, populate_existing=True)
