"""Why: a closed case is opened again, for just the items meant, when what was provided is not what was agreed, or a dispute was decided for the demander.
Former answers stay as history; the newest on each wanted item counts. Called by the desk of disputes, pages, the officers' API and `hutong demand`.
"""

from collections.abc import Collection
from datetime import date

from pydantic import Field
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from exchange_api import cases
from exchange_api.actors import Actor, Step
from exchange_api.clocks import clocks
from exchange_api.demand import ranking
from exchange_api.states import ANSWER, DEMAND
from exchange_api.supply import reading, supplies
from schemas.calendar import CHINA, today
from schemas.errors import Denied, Invalid
from schemas.settings import HutongSettings
from schemas.tables.exchange import CaseEvent, Demand, SupplyAnswer, SupplyTask

OBJECTED = ("provided", "closed")
LONGEST = 2_000


class ReopeningSettings(HutongSettings):
    """How long a closed demand may be objected to."""

    demand_reopen_days: int = Field(
        default=15, ge=0, description="Days after closing within which the demander may object to what was provided."
    )


def reopen(session: Session, actor: Actor, demand: Demand, item_ids: Collection[int], why: str) -> None:
    """Open a demand again for these wanted items: their suppliers get new tasks, the other items stay as they are.

    The demander may, from what was provided, within the days for it; else the authority, or a provider that was asked for these items and agrees.
    Raises Denied `case.not_yours`, `case.role_needed`, `case.same_officer`; Invalid `demand.item_unknown`, `.reason_needed`, `.reopen_too_late`,
    `case.wrong_state`.
    """
    wanted = {item.id: item for item in ranking.items(session, demand.id)}
    _require(session, actor, demand, item_ids)
    DEMAND.after(demand.id, demand.state, "reopen")
    if not item_ids or set(item_ids) - set(wanted):
        unknown = sorted(set(item_ids) - set(wanted))
        raise Invalid("demand.item_unknown", case=demand.id, items=", ".join(map(str, unknown)) or "-")
    if not why.strip() or len(why) > LONGEST:
        raise Invalid("demand.reason_needed", limit=LONGEST)
    names = [wanted[one].name for one in wanted if one in set(item_ids)]
    cases.move(session, actor, demand, Step("reopen", why.strip(), {"items": names}))
    _end_former(session, actor, demand, set(item_ids))
    if ranking.is_outdated(session, demand.id):
        ranking.save_matches(session, demand)
    supplies.open_tasks(session, actor, demand, items=sorted(set(item_ids)))


def object_to(session: Session, actor: Actor, demand_id: str, item_ids: Collection[int], why: str) -> Demand:
    """Reject what was provided for these items, as the demander; the demand is opened again for them. Raises as `reopen`."""
    demand = cases.get(session, demand_id)
    reopen(session, actor, demand, item_ids, why)
    return demand


def closed_on(session: Session, demand_id: str) -> date | None:
    """Return the day in China on which a demand was closed last."""
    query = select(func.max(CaseEvent.at)).where(CaseEvent.demand_id == demand_id, CaseEvent.to_state == "closed")
    at = session.scalar(query)
    return at.astimezone(CHINA).date() if at else None


def _end_former(session: Session, actor: Actor, demand: Demand, item_ids: set[int]) -> None:
    """End what was still promised or offered for these items: it is asked anew, and nobody owes the former promise any more."""
    for row in supplies.answers_of_demand(session, demand.id).values():
        if row.demand_item_id in item_ids and row.state in ANSWER.ways["cancel"]:
            row.state = ANSWER.after(reading.case_of(row.id), row.state, "cancel")
            clocks.stop(session, actor, reading.case_of(row.id), demand.id, is_met=False)


def _require(session: Session, actor: Actor, demand: Demand, item_ids: Collection[int]) -> None:
    if actor.department_id == demand.department_id and "demander" in actor.roles:
        _require_time(session, demand)
    elif "authority" in actor.roles:
        if actor.ids & cases.filers(session, demand):
            raise Denied("case.same_officer", case=demand.id)
    elif not _was_asked(session, actor, item_ids):
        raise Denied("case.not_yours", case=demand.id)


def _require_time(session: Session, demand: Demand) -> None:
    if demand.state not in OBJECTED:
        raise cases.wrong_state(demand, "reopen")
    days, closed = ReopeningSettings().demand_reopen_days, closed_on(session, demand.id)
    if demand.state == "closed" and closed and (today() - closed).days > days:
        raise Invalid("demand.reopen_too_late", case=demand.id, closed=closed, days=days)


def _was_asked(session: Session, actor: Actor, item_ids: Collection[int]) -> bool:
    asked = (
        select(SupplyAnswer.demand_item_id)
        .join(SupplyTask, SupplyTask.id == SupplyAnswer.task_id)
        .where(SupplyTask.department_id == actor.department_id, SupplyAnswer.demand_item_id.in_(list(item_ids)))
    )
    return "provider" in actor.roles and set(session.scalars(asked)) >= set(item_ids) != set()
