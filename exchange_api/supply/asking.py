"""Why: a dispatched demand becomes tasks: one per department, shared with every other demand that asks the same of it, so that a provider decides equal needs
once. And the way out: a demand that is withdrawn leaves its tasks. Called by the demand room, disputes and `withdrawn` through `supplies`.

Two dispatches at once: both wait for the lock of their need, so the second finds the first one's task; the unique index behind it would refuse a second.
"""

from collections.abc import Collection

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog import notices
from catalog.reform import reforms
from exchange_api import cases
from exchange_api.actors import Actor, Step
from exchange_api.clocks import clocks
from exchange_api.states import ANSWER, SHARE, TASK
from exchange_api.supply import automatic, best, reading, settling
from exchange_api.supply.best import Best
from schemas.calendar import today
from schemas.errors import Transient
from schemas.tables.exchange import Demand, SupplyAnswer, SupplyTask, TaskDemand


def open_tasks(session: Session, actor: Actor, demand: Demand, items: Collection[int] | None = None) -> None:
    """Ask each department that matched best, in one task shared with equal needs; what is shared unconditionally and live is confirmed at once.

    items: ids of wanted items that are asked for (again); None: all of the demand. Raises Transient `supply.reform_running`.
    """
    session.flush()
    if not session.scalar(select(func.pg_try_advisory_xact_lock_shared(reforms.LOCK))):
        raise Transient("supply.reform_running")  # waiting would be for a deadlock: a reform locks demands
    found = best.find(session, demand.id, items)
    for department_id in sorted(found.asked):
        key = f"supply.{department_id}.{best.need_of(found.asked[department_id])}"
        session.execute(select(func.pg_advisory_xact_lock(func.hashtext(key))))
    for department_id in sorted(found.asked):
        _ask(session, actor, demand, department_id, found.asked[department_id])
    if left := {key: value for key, value in (("refused_by_law", found.refused), ("gone", found.gone)) if value}:
        cases.note_event(session, actor, demand, Step("leave_out", facts=left))
    settling.settle(session, actor, demand)


def cancel_open(session: Session, actor: Actor, demand_id: str) -> None:
    """Take a demand out of its tasks: what was not answered is asked no more, promises and offers lapse; a task that nobody is left in is cancelled."""
    demand = cases.get(session, demand_id)
    for share in reading.shares_of_demand(session, demand.id):
        task = reading.lock_task(session, share.task_id)
        share.state = SHARE.after(f"{task.id} {demand_id}", share.state, "withdraw")
        clocks.stop(session, actor, task.id, demand_id, is_met=False)
        close(session, task)
    for row in reading.answers_of_demand(session, demand_id).values():
        if row.state in ANSWER.ways["cancel"]:
            row.state = ANSWER.after(reading.case_of(row.id), row.state, "cancel")
            clocks.stop(session, actor, reading.case_of(row.id), demand_id, is_met=False)
    session.flush()


def close(session: Session, task: SupplyTask) -> None:
    """End a task in which no demand waits any more: answered where any was, cancelled when all left."""
    session.flush()
    states = {share.state for share in reading.shares(session, task.id)}
    if states & set(reading.UNSPOKEN) or task.state != "open":
        return
    task.state = TASK.after(task.id, task.state, "answer" if "answered" in states else "cancel")
    task.answered_at = func.now() if task.state == "answered" else None
    session.flush()


def _ask(session: Session, actor: Actor, demand: Demand, department_id: str, asked: list[Best]) -> None:
    answered = reading.answered_before(
        session, [one.wanted.id for one in asked]
    )  # an objection is looked at by a person
    live = [one for one in automatic.live(session, asked) if one.wanted.id not in answered]
    key = "reply_unconditional" if all(one.share_type == 1 for one in asked) else "reply_conditional"
    task, is_joined = _task(session, demand, (department_id, key), asked)
    share = TaskDemand(task_id=task.id, demand_id=demand.id, state="open")
    session.add(share)
    session.flush()
    for one in asked:
        session.add(
            SupplyAnswer(
                task_id=task.id, demand_item_id=one.wanted.id, resource_version_id=one.version_id, item_id=one.item_id,
                form=one.wanted.form, state="waiting",
            )
        )  # fmt: skip
    session.flush()
    due = clocks.start(session, actor, key, (task.id, demand.id, department_id)).due_date
    facts = {"task": task.id, "department": department_id}
    cases.note_event(session, actor, demand, Step("join_task" if is_joined else "open_task", facts=facts))
    told = {"task": task.id, "purpose": demand.purpose, "due": due.isoformat()}
    if automatic.confirm(session, task, demand, live):
        share.state = SHARE.after(f"{task.id} {demand.id}", share.state, "answer")
        clocks.stop(session, actor, task.id, demand.id)
        close(session, task)
    else:
        notices.notify(session, department_id, "task.joined" if is_joined else "task.opened", told, demand.id)
    session.refresh(task)


def _task(session: Session, demand: Demand, owed: tuple[str, str], asked: list[Best]) -> tuple[SupplyTask, bool]:
    """Return the open task of this need, locked, and whether it was there; a demand that has its share in it already gets a task of its own."""
    department_id, rule_key = owed
    need = best.need_of(asked)
    query = select(SupplyTask).where(
        SupplyTask.department_id == department_id, SupplyTask.need == need, SupplyTask.state == "open"
    )
    found = session.scalar(query.with_for_update().execution_options(populate_existing=True))
    if found and session.get(TaskDemand, (found.id, demand.id)) is None:
        return found, True
    number = cases.next_number(session, "GJ", "supply_tasks")
    task = SupplyTask(
        id=number, department_id=department_id, need=best.need_of(asked, (number,)) if found else need, state="open",
        due_date=today(), rule_key=rule_key,
    )  # fmt: skip
    session.add(task)
    session.flush()
    return task, False
