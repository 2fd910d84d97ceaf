"""Why: the provider's desk. A dispatched demand becomes one task per providing department;
each wanted item gets its answer, refusals only on a catalogued ground.
"""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Literal

from pydantic import Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog import directory, notices
from exchange_api import cases
from exchange_api.actors import Actor, system
from exchange_api.cases import Step
from exchange_api.clocks import clocks
from exchange_api.grant import grants
from exchange_api.states import ANSWER, SHARE, TASK
from schemas.bound import EFFECTIVE_FROM
from schemas.calendar import today
from schemas.errors import Invalid
from schemas.resource import ResourceDocument, Strict
from schemas.tables.directory import ResourceVersion
from schemas.tables.exchange import Demand, DemandItem, Match, SupplyAnswer, SupplyTask, TaskDemand

SERVED = ("published", "scheduled")  # while a breaking version waits for its day, both may be confirmed


class ItemAnswer(Strict):
    """A provider's word on one wanted item."""

    demand_item_id: int
    decision: Literal["confirm", "refuse"]
    resource_id: str | None = None
    version: int | None = Field(default=None, description="A scheduled version may be chosen; None: the published one.")
    item_id: str | None = None
    form: Literal["full", "masked", "yes_no"] = "full"
    reason: str | None = Field(default=None, max_length=500)


def open_tasks(session: Session, actor: Actor, demand: Demand, items: Collection[int] | None = None) -> None:
    """Open one task per department that matched best, due by the rule of its resources; unconditional items are confirmed at once.

    items: ids of wanted items that are asked for (again); None: all of the demand.
    """
    query = (
        select(DemandItem, Match, ResourceVersion)
        .join(Match, (Match.demand_item_id == DemandItem.id) & (Match.rank == 0))
        .join(ResourceVersion, ResourceVersion.id == Match.resource_version_id)
        .where(DemandItem.demand_id == demand.id)
        .order_by(DemandItem.position)
    )
    best = session.execute(query if items is None else query.where(DemandItem.id.in_(items))).all()
    documents = {version.id: directory.document_of(version) for _, _, version in best}
    for department_id in sorted({document.department for document in documents.values()}):
        mine = [(item, match) for item, match, version in best if documents[version.id].department == department_id]
        own = {
            version_id: document for version_id, document in documents.items() if document.department == department_id
        }
        task = _open_task(session, actor, demand, own)
        for item, match in mine:
            session.add(
                SupplyAnswer(
                    task_id=task.id, demand_item_id=item.id, resource_version_id=match.resource_version_id, item_id=match.item_id,
                    state="waiting",
                )
            )  # fmt: skip
        session.flush()
        cases.note_event(
            session, actor, demand, Step("open_task", facts={"task": task.id, "department": department_id})
        )
        _confirm_unconditional(session, task, own)
    settle(session, actor, demand)


def answer(session: Session, actor: Actor, task_id: str, answers: list[ItemAnswer]) -> SupplyTask:
    """Answer a task item by item; when the last task is answered, the grants follow.

    Raises Invalid `supply.answer_missing`, `.reason_needed`, `.unknown_item`, `case.wrong_state`; Denied `case.not_yours`, `case.role_needed`.
    """
    actor.require("provider")
    task = get_task(session, task_id)
    actor.require_department(task.department_id, task_id)
    if task.state != "open":
        raise Invalid("case.wrong_state", case=task_id, state=task.state, action="answer", possible="-")
    waiting = {row.demand_item_id: row for row in answers_of(session, task_id) if row.decision is None}
    given = {one.demand_item_id: one for one in answers}
    if left := [wanted_name(session, item_id) for item_id in waiting if item_id not in given]:
        raise Invalid("supply.answer_missing", items="、".join(left))
    for item_id, row in waiting.items():
        _decide(session, actor, row, given[item_id])
    refused = [wanted_name(session, i) for i, one in given.items() if one.decision == "refuse"]
    _close(session, actor, task)
    for share in shares(session, task_id):
        demand = cases.get(session, share.demand_id)
        cases.note_event(session, actor, demand, Step("answer_task", facts={"task": task_id, "refused": refused}))
        settle(session, actor, demand)
    return task


def settle(session: Session, actor: Actor, demand: Demand) -> None:
    """Decide what becomes of a demand after anything of it changed; doing it again changes nothing.

    While a task is open, nothing. Any counter-offer that waits: `offered`. Nothing confirmed or promised: `refused`. Else `answered`, the grants of what is
    confirmed follow, and with nothing left to wait for `provided`. The newest word on each wanted item counts.
    """
    session.flush()
    if any(share.state in ("open", "needs_information") for share in _shares_of(session, demand.id)):
        return
    if demand.state not in ("dispatched", "offered", "answered"):
        return
    states = {row.state for row in answers_of_demand(session, demand.id).values()}
    if "offered" in states:
        if demand.state == "dispatched":
            cases.move(session, actor, demand, Step("offer"))
        return
    if not states & {"confirmed", "promised"}:
        cases.move(session, actor, demand, Step("refuse"))
        return
    if demand.state != "answered":
        cases.move(session, actor, demand, Step("answer"))
    made = grants.release(session, demand)
    if "promised" not in states:
        cases.move(session, actor, demand, Step("provide", facts={"grants": [grant.id for grant in made]}))


def answers_of_demand(session: Session, demand_id: str) -> dict[int, SupplyAnswer]:
    """Return the newest answer, given or waited for, on each wanted item of a demand that anybody was asked for, in the order of the items."""
    query = select(SupplyAnswer).join(DemandItem).where(DemandItem.demand_id == demand_id)
    return {row.demand_item_id: row for row in session.scalars(query.order_by(DemandItem.position, SupplyAnswer.id))}


def get_task(session: Session, task_id: str) -> SupplyTask:
    """Return a task. Raises Invalid `case.unknown`."""
    if found := session.get(SupplyTask, task_id):
        return found
    raise Invalid("case.unknown", case=task_id)


def answers_of(session: Session, task_id: str) -> list[SupplyAnswer]:
    """Return a task's answers, given or waited for, in the order of the wanted items."""
    query = select(SupplyAnswer).join(DemandItem).where(SupplyAnswer.task_id == task_id)
    return list(session.scalars(query.order_by(DemandItem.position)))


def tasks_of(session: Session, *, demand_id: str | None = None, department_id: str | None = None) -> list[SupplyTask]:
    """Return tasks of one demand or one department, the most urgent first."""
    query = select(SupplyTask).order_by(SupplyTask.due_date, SupplyTask.id)
    if demand_id:
        query = query.join(TaskDemand, TaskDemand.task_id == SupplyTask.id).where(TaskDemand.demand_id == demand_id)
    if department_id:
        query = query.where(SupplyTask.department_id == department_id)
    return list(session.scalars(query))


def shares(session: Session, task_id: str) -> list[TaskDemand]:
    """Return the demands that share a task, in the order they joined."""
    query = select(TaskDemand).where(TaskDemand.task_id == task_id)
    return list(session.scalars(query.order_by(TaskDemand.joined_at, TaskDemand.demand_id)))


def cancel_open(session: Session, actor: Actor, demand_id: str) -> None:
    """Cancel the open tasks of a withdrawn demand."""
    for task in tasks_of(session, demand_id=demand_id):
        if task.state == "open":
            task.state = TASK.after(task.id, task.state, "cancel")
            session.get_one(TaskDemand, (task.id, demand_id)).state = "withdrawn"
            clocks.stop(session, actor, task.id, demand_id, is_met=False)


def grounds(document: ResourceDocument) -> tuple[str, ...]:
    """Return the grounds on which items of a resource may be refused: its own sharing condition, or a law that is cited."""
    own = (document.sharing.condition,) if document.sharing.condition else ()
    return (*own, "依据：《…》第…条")


def wanted_name(session: Session, demand_item_id: int) -> str:
    """Return a wanted item's name."""
    item = session.get(DemandItem, demand_item_id)
    return item.name if item else str(demand_item_id)


def _shares_of(session: Session, demand_id: str) -> list[TaskDemand]:
    return list(session.scalars(select(TaskDemand).where(TaskDemand.demand_id == demand_id)))


def _open_task(session: Session, actor: Actor, demand: Demand, documents: dict[str, ResourceDocument]) -> SupplyTask:
    (department_id,) = {document.department for document in documents.values()}
    conditional = any(document.sharing.type == 2 for document in documents.values())
    key = "reply_conditional" if conditional else "reply_unconditional"
    task_id = cases.next_number(session, "GJ", "supply_tasks")
    session.add(
        SupplyTask(id=task_id, department_id=department_id, need=task_id, state="open", due_date=today(), rule_key=key)
    )
    session.flush()
    session.add(TaskDemand(task_id=task_id, demand_id=demand.id, state="open"))
    session.flush()
    clock = clocks.start(session, actor, key, (task_id, demand.id, department_id))
    facts = {"purpose": demand.purpose, "due": clock.due_date.isoformat()}
    notices.notify(session, department_id, "task.opened", facts, demand.id)
    task = session.get_one(SupplyTask, task_id)
    session.refresh(task)
    return task


def _confirm_unconditional(session: Session, task: SupplyTask, documents: dict[str, ResourceDocument]) -> None:
    """Items shared with everyone need nobody's decision (政务数据共享条例 art. 14)."""
    hub = system(task.department_id)
    for row in answers_of(session, task.id):
        document = documents[str(row.resource_version_id)]
        item = document.item(str(row.item_id))
        if (item.share_type or document.sharing.type) == 1 and item.attribute:
            row.decision, row.answered_by, row.answered_at = "confirm", hub.id, datetime.now(UTC)
            row.state = ANSWER.after(task.id, row.state, "confirm")
    session.flush()
    if all(row.decision for row in answers_of(session, task.id)):
        _close(session, hub, task)


def _close(session: Session, actor: Actor, task: SupplyTask) -> None:
    task.state, task.answered_at = TASK.after(task.id, task.state, "answer"), datetime.now(UTC)
    for share in shares(session, task.id):
        share.state = SHARE.after(task.id, share.state, "answer")
    clocks.stop(session, actor, task.id)


def _decide(session: Session, actor: Actor, row: SupplyAnswer, given: ItemAnswer) -> None:
    if given.decision == "confirm":
        version, item_id = _own_item(session, actor, row, given)
        row.resource_version_id, row.item_id, row.form = version.id, item_id, given.form
    else:
        _require_ground(session, row, given)
    row.state = ANSWER.after(row.task_id, row.state, given.decision)
    row.decision, row.reason = given.decision, given.reason
    row.answered_by, row.answered_at = actor.id, datetime.now(UTC)
    session.flush()


def _own_item(session: Session, actor: Actor, row: SupplyAnswer, given: ItemAnswer) -> tuple[ResourceVersion, str]:
    """The offered item must be one of the actor's own, published or about to be, and feed a library, or it could not be served.

    What was matched may have been replaced since: then its resource's published version is meant.
    """
    offered = given.resource_id or session.get_one(ResourceVersion, row.resource_version_id).resource_id
    version = directory.get(session, offered, given.version)
    document = directory.document_of(version)
    item_id = given.item_id or row.item_id
    found = next((item for item in document.items if item.id == item_id), None)
    if found is None or document.department != actor.department_id or version.state not in SERVED:
        raise Invalid("supply.unknown_item", item=f"{document.id}.{item_id}")
    if not (document.library and found.attribute) or found.attribute == EFFECTIVE_FROM:
        raise Invalid("supply.not_servable", item=f"{document.id}.{item_id}")
    return version, found.id


def _require_ground(session: Session, row: SupplyAnswer, given: ItemAnswer) -> None:
    version = session.get_one(ResourceVersion, row.resource_version_id)
    document = ResourceDocument.model_validate(version.document)
    reason = (given.reason or "").strip()
    if reason != document.sharing.condition and not ("《" in reason and "》" in reason):
        raise Invalid(
            "supply.reason_needed", item=wanted_name(session, row.demand_item_id), grounds="；".join(grounds(document))
        )
