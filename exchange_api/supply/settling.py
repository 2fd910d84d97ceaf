"""Why: one place decides what becomes of a demand when anything of it changed: an answer, an offer taken, a promise kept. Called by this room and
by the demand room and disputes through `supplies`.
"""

from typing import Any

from sqlalchemy.orm import Session

from exchange_api import cases
from exchange_api.actors import Actor, Step
from exchange_api.grant import grants
from exchange_api.supply import best, reading
from schemas.tables.exchange import Demand, SupplyAnswer, SupplyTask

_SETTLED = ("dispatched", "offered", "answered")


def settle(session: Session, actor: Actor, demand: Demand) -> None:
    """Decide what becomes of a demand (locked by the caller) after anything of it changed; doing it again changes nothing.

    While a provider has not spoken, nothing. A counter-offer waits: `offered`. Nothing confirmed or promised: `refused`, naming who refused what and why.
    Else `answered`, the grants of what is confirmed follow, and with no promise left `provided`. The newest word on each wanted item counts.
    """
    session.flush()
    if demand.state not in _SETTLED or reading.shares_of_demand(session, demand.id):
        return
    rows = reading.answers_of_demand(session, demand.id)
    states = {row.state for row in rows.values()}
    if "offered" in states:
        if demand.state == "dispatched":
            cases.move(session, actor, demand, Step("offer"))
        return
    if not states & {"confirmed", "promised"}:
        cases.move(session, actor, demand, Step("refuse", facts=_why(session, demand, rows)))
        return
    if demand.state != "answered":
        cases.move(session, actor, demand, Step("answer"))
    grants.release(session, demand)
    if "promised" not in states:
        made = [grant.id for grant in grants.find(session, demand_id=demand.id)]
        cases.move(session, actor, demand, Step("provide", facts={"grants": made}))


def _why(session: Session, demand: Demand, rows: dict[int, SupplyAnswer]) -> dict[str, Any]:
    """Who refused what on which ground; beside it what nobody was asked for, because a law refuses it or it is offered no more."""
    refused = [
        {
            "item": reading.wanted_name(session, row.demand_item_id),
            "department": session.get_one(SupplyTask, row.task_id).department_id,
            "state": row.state,
            "ground": row.ground,
        }
        for row in rows.values()
    ]
    left = best.find(session, demand.id)
    asked = {one["item"] for one in refused}
    facts = {
        "refused": refused,
        "refused_by_law": [one for one in left.refused if one["item"] not in asked],
        "gone": [name for name in left.gone if name not in asked],
    }
    return {key: value for key, value in facts.items() if value}
