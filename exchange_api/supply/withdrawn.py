"""Why: a resource may be withdrawn while its department is asked for it. What waits for it, or was offered from it, is asked of the next best, or is
named as gone.
Called by `exchange_api.upkeep` and whoever withdraws a resource, beside `grants.follow`.
"""

from collections.abc import Iterable

from sqlalchemy import Select, exists, select
from sqlalchemy.orm import Session, aliased

from catalog import notices
from exchange_api import cases
from exchange_api.actors import Step, system
from exchange_api.clocks import clocks
from exchange_api.states import ANSWER, SHARE
from exchange_api.supply import asking, reading
from schemas.tables.directory import ResourceVersion
from schemas.tables.exchange import DemandItem, SupplyAnswer, SupplyTask, TaskDemand

MOVABLE = ("waiting", "offered")


def follow(session: Session, resource_ids: Iterable[str] | None = None) -> list[str]:
    """Ask anew for what waits for resources (None: any) that are published no more; return the demands concerned. Doing it again changes nothing.

    Raises Transient `supply.reform_running`.
    """
    ids = None if resource_ids is None else list(resource_ids)
    demands = sorted(set(session.scalars(_lost(ids).with_only_columns(DemandItem.demand_id))))
    for demand_id in demands:
        _ask_anew(session, demand_id, ids)
    return demands


def _ask_anew(session: Session, demand_id: str, resource_ids: list[str] | None) -> None:
    demand = cases.get(session, demand_id)
    hub = system(demand.department_id)
    rows = list(session.scalars(_lost(resource_ids).where(DemandItem.demand_id == demand_id)))
    for task_id in sorted({row.task_id for row in rows}):
        task = reading.lock_task(session, task_id)
        mine = [row for row in rows if row.task_id == task_id]
        for row in mine:
            row.state = ANSWER.after(reading.case_of(row.id), row.state, "cancel")
        facts = {"task": task_id, "items": "、".join(reading.wanted_name(session, row.demand_item_id) for row in mine)}
        cases.note_event(session, hub, demand, Step("ask_anew", facts=facts))
        told = facts | {"purpose": demand.purpose}
        notices.notify(session, task.department_id, "task.item_gone", told, demand_id)
        notices.notify(session, demand.department_id, "task.item_gone", told, demand_id)
        _leave(session, task, demand_id)
    asking.open_tasks(session, hub, demand, [row.demand_item_id for row in rows])


def _leave(session: Session, task: SupplyTask, demand_id: str) -> None:
    """End a share in which nothing waits any more: answered where anything else in it was."""
    session.flush()
    share = session.get_one(TaskDemand, (task.id, demand_id))
    rows = reading.answers_of(session, task.id, demand_id)
    if share.state not in reading.UNSPOKEN or any(row.state == "waiting" for row in rows):
        return
    is_answered = share.state == "open" and any(row.decision for row in rows)
    share.state = SHARE.after(f"{task.id} {demand_id}", share.state, "answer" if is_answered else "withdraw")
    clocks.stop(session, system(task.department_id), task.id, demand_id, is_met=is_answered)
    asking.close(session, task)


def _lost(resource_ids: list[str] | None) -> Select[SupplyAnswer]:
    published = aliased(ResourceVersion)
    query = (
        select(SupplyAnswer)
        .join(DemandItem, DemandItem.id == SupplyAnswer.demand_item_id)
        .join(ResourceVersion, ResourceVersion.id == SupplyAnswer.resource_version_id)
        .where(SupplyAnswer.state.in_(MOVABLE))
        .where(~exists().where(published.resource_id == ResourceVersion.resource_id, published.state == "published"))
        .order_by(SupplyAnswer.id)
    )
    return query if resource_ids is None else query.where(ResourceVersion.resource_id.in_(resource_ids))
