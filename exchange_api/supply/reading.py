"""Why: what stands of tasks, shares and answers is read by every step of this room and by whoever shows it. Called by the room's modules; others read
through `supplies`.
"""

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from schemas.errors import Invalid
from schemas.tables.directory import ResourceVersion
from schemas.tables.exchange import DemandItem, SupplyAnswer, SupplyTask, TaskDemand


class Need(NamedTuple):
    """One item that a task asks for, and who wants it: each demand's wanted item with its answer."""

    resource_id: str
    item_id: str
    answers: list[tuple[DemandItem, SupplyAnswer]]


UNSPOKEN = ("open", "needs_information")  # shares in which the provider has not spoken yet


def get_task(session: Session, task_id: str) -> SupplyTask:
    """Return a task. Raises Invalid `case.unknown`."""
    if found := session.get(SupplyTask, task_id):
        return found
    raise Invalid("case.unknown", case=task_id)


def lock_task(session: Session, task_id: str) -> SupplyTask:
    """Return a task as it stands now, locked for this transaction; its demands must be locked before. Raises Invalid `case.unknown`."""
    query = select(SupplyTask).where(SupplyTask.id == task_id).with_for_update()
    if found := session.scalar(query.execution_options(populate_existing=True)):
        return found
    raise Invalid("case.unknown", case=task_id)


def tasks_of(session: Session, *, demand_id: str | None = None, department_id: str | None = None) -> list[SupplyTask]:
    """Return tasks of one demand or one department, the most urgent first."""
    query = select(SupplyTask).order_by(SupplyTask.due_date, SupplyTask.id)
    if demand_id:
        query = query.join(TaskDemand, TaskDemand.task_id == SupplyTask.id).where(TaskDemand.demand_id == demand_id)
    if department_id:
        query = query.where(SupplyTask.department_id == department_id)
    return list(session.scalars(query))


def shares(session: Session, task_id: str, states: Collection[str] | None = None) -> list[TaskDemand]:
    """Return the demands that share a task, in the order they joined; only those in some states where given."""
    query = select(TaskDemand).where(TaskDemand.task_id == task_id)
    if states is not None:
        query = query.where(TaskDemand.state.in_(states))
    query = query.order_by(TaskDemand.joined_at, TaskDemand.demand_id)
    return list(session.scalars(query.execution_options(populate_existing=True)))


def shares_of_demand(session: Session, demand_id: str, states: Collection[str] = UNSPOKEN) -> list[TaskDemand]:
    """Return a demand's shares in tasks that are in some states; by default those that still wait for the provider."""
    query = select(TaskDemand).where(TaskDemand.demand_id == demand_id, TaskDemand.state.in_(states))
    return list(session.scalars(query.order_by(TaskDemand.task_id)))


def answers_of(session: Session, task_id: str, demand_id: str | None = None) -> list[SupplyAnswer]:
    """Return a task's answers, given or waited for, by demand and in the order of the wanted items; of one demand where given."""
    query = select(SupplyAnswer).join(DemandItem).where(SupplyAnswer.task_id == task_id)
    if demand_id:
        query = query.where(DemandItem.demand_id == demand_id)
    return list(session.scalars(query.order_by(DemandItem.demand_id, DemandItem.position, SupplyAnswer.id)))


def needs(session: Session, task_id: str) -> list[Need]:
    """Return what a task asks for, each item once, with the answers of every demand that wants it."""
    found: dict[tuple[str, str], Need] = {}
    for row in answers_of(session, task_id):
        version = session.get_one(ResourceVersion, row.resource_version_id)
        pair = (version.resource_id, str(row.item_id))
        found.setdefault(pair, Need(*pair, [])).answers.append((wanted(session, row.demand_item_id), row))
    return list(found.values())


def answers_of_demand(session: Session, demand_id: str) -> dict[int, SupplyAnswer]:
    """Return the newest answer, given or waited for, on each wanted item of a demand that anybody was asked for, in the order of the items."""
    query = select(SupplyAnswer).join(DemandItem).where(DemandItem.demand_id == demand_id)
    return {row.demand_item_id: row for row in session.scalars(query.order_by(DemandItem.position, SupplyAnswer.id))}


def answered_before(session: Session, demand_item_ids: Collection[int]) -> set[int]:
    """Return those of these wanted items that anybody has given an answer on."""
    query = select(SupplyAnswer.demand_item_id).where(
        SupplyAnswer.demand_item_id.in_(demand_item_ids), SupplyAnswer.decision.is_not(None)
    )
    return set(session.scalars(query))


def get_answer(session: Session, answer_id: int) -> SupplyAnswer:
    """Return one answer, locked for this transaction; its demand must be locked before. Raises Invalid `case.unknown`."""
    query = select(SupplyAnswer).where(SupplyAnswer.id == answer_id).with_for_update()
    if found := session.scalar(query.execution_options(populate_existing=True)):
        return found
    raise Invalid("case.unknown", case=case_of(answer_id))


def case_of(answer_id: int) -> str:
    """Return what a promised item's clock hangs on."""
    return f"answer:{answer_id}"


def wanted(session: Session, demand_item_id: int) -> DemandItem:
    """Return the wanted item that an answer is about."""
    return session.get_one(DemandItem, demand_item_id)


def wanted_name(session: Session, demand_item_id: int) -> str:
    """Return a wanted item's name."""
    item = session.get(DemandItem, demand_item_id)
    return item.name if item else str(demand_item_id)
