"""Why: a provider that must know more before it can answer asks, and its clock stands still until it is told (补充说明). Only its own share of the task waits:
other demands that share the task go on. Called by pages, the officers' API and `hutong demand`; `demands` and supply drop what nobody needs to answer any more.
"""

from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog import notices
from exchange_api import cases
from exchange_api.actors import Actor, Step
from exchange_api.clocks import clocks
from exchange_api.demand.forms import clean
from exchange_api.states import INFORMATION, SHARE
from exchange_api.supply import supplies
from schemas.errors import Denied, Invalid
from schemas.tables.case_papers import InformationRequest
from schemas.tables.exchange import Demand, SupplyTask, TaskDemand

LONGEST = 2_000


def ask(session: Session, actor: Actor, task_id: str, demand_id: str, question: str) -> InformationRequest:
    """Ask the demander something, as the task's department or the authority; the task's clock stands still for this demand. A further question may follow.

    Raises Denied `case.not_yours`, `case.role_needed`; Invalid `case.unknown`, `case.wrong_state`, `information.text_needed`.
    """
    task = session.get(SupplyTask, task_id)
    if task is None:
        raise Invalid("case.unknown", case=task_id)
    _may_ask(actor, task.department_id, task_id)
    demand = cases.get(session, demand_id)
    share = _share(session, task_id, demand_id)
    words = _words(question)
    if share.state != "needs_information":
        share.state = SHARE.after(task_id, share.state, "ask")
    step = Step("ask", words, {"task": task_id})
    if demand.state == "needs_information":
        cases.note_event(session, actor, demand, step)
    else:
        cases.move(session, actor, demand, step)
    asked = InformationRequest(
        id=cases.next_number(session, "BC", "information_requests"), task_id=task_id, demand_id=demand_id,
        department_id=actor.department_id, question=words, asked_by=actor.id, state=INFORMATION.initial,
    )  # fmt: skip
    session.add(asked)
    session.flush()
    clocks.pause(session, actor, task_id, demand_id, asked.id)
    _tell(session, actor, asked, {demand.department_id}, "information.asked")
    return asked


def tell(session: Session, actor: Actor, request_id: str, answer: str) -> InformationRequest:
    """Answer a question, as the demander; with the last one open the task's clock runs again.

    Raises Denied `case.not_yours`, `case.role_needed`; Invalid `information.unknown`, `information.text_needed`, `case.wrong_state`.
    """
    asked, demand = get(session, request_id)
    actor.require("demander")
    actor.require_department(demand.department_id, request_id)
    words = _words(answer)
    _end(asked, "tell")
    asked.answer, asked.told_by = words, actor.id
    cases.note_event(session, actor, demand, Step("tell", words, _facts(asked)))
    _tell(session, actor, asked, _askers(session, asked), "information.told")
    _go_on(session, actor, asked, demand)
    return asked


def drop(session: Session, actor: Actor, request_id: str, why: str | None = None) -> InformationRequest:
    """Take a question back, as whoever asked it or the authority. Raises as `tell`."""
    asked, demand = get(session, request_id)
    _may_ask(actor, asked.department_id, request_id)
    _end(asked, "drop")
    cases.note_event(session, actor, demand, Step("drop", why, _facts(asked)))
    _tell(session, actor, asked, {demand.department_id, asked.department_id}, "information.dropped")
    _go_on(session, actor, asked, demand)
    return asked


def drop_open(session: Session, actor: Actor, demand: Demand, task_id: str | None = None) -> list[InformationRequest]:
    """Drop what nobody needs to answer any more: of one task, or of a demand that ended. Shares and clocks are its callers' to move; says so to all."""
    left = open_of(session, demand.id, task_id)
    for asked in left:
        _end(asked, "drop")
        cases.note_event(session, actor, demand, Step("drop", None, _facts(asked)))
        _tell(session, actor, asked, {demand.department_id, *_askers(session, asked)}, "information.dropped")
    session.flush()
    return left


def get(session: Session, request_id: str) -> tuple[InformationRequest, Demand]:
    """Return a question with its demand, both locked for this transaction, the demand first. Raises Invalid `information.unknown`."""
    demand_id = session.scalar(select(InformationRequest.demand_id).where(InformationRequest.id == request_id))
    if demand_id is None:
        raise Invalid("information.unknown", request=request_id)
    demand = cases.get(session, demand_id)
    query = select(InformationRequest).where(InformationRequest.id == request_id).with_for_update()
    return session.scalars(query.execution_options(populate_existing=True)).one(), demand


def of(session: Session, demand_id: str) -> list[InformationRequest]:
    """Return everything that was asked about a demand, in the order in which it was asked."""
    query = select(InformationRequest).where(InformationRequest.demand_id == demand_id)
    return list(session.scalars(query.order_by(InformationRequest.asked_at, InformationRequest.id)))


def open_of(session: Session, demand_id: str, task_id: str | None = None) -> list[InformationRequest]:
    """Return the questions about a demand that wait for an answer, of one task where given."""
    return [one for one in of(session, demand_id) if one.state == "asked" and task_id in (None, one.task_id)]


def _go_on(session: Session, actor: Actor, asked: InformationRequest, demand: Demand) -> None:
    """Let the share go on when its last question is answered, and the demand when all of its are."""
    session.flush()
    if not open_of(session, demand.id, asked.task_id):
        share = _share(session, asked.task_id, demand.id)
        if share.state == "needs_information":
            share.state = SHARE.after(asked.task_id, share.state, "inform")
        clocks.resume(session, actor, asked.task_id, demand.id, asked.id)
    if not open_of(session, demand.id) and demand.state == "needs_information":
        cases.move(session, actor, demand, Step("inform", facts=_facts(asked)))
    supplies.settle(session, actor, demand)  # what was asked about may be offered no more


def _may_ask(actor: Actor, department_id: str, case: str) -> None:
    if "authority" not in actor.roles:
        actor.require_department(department_id, case)
        actor.require("provider")


def _share(session: Session, task_id: str, demand_id: str) -> TaskDemand:
    query = select(TaskDemand).where(TaskDemand.task_id == task_id, TaskDemand.demand_id == demand_id)
    share = session.scalar(query.with_for_update().execution_options(populate_existing=True))
    if share is None:
        raise Denied("case.not_yours", case=demand_id)
    return share


def _end(asked: InformationRequest, action: str) -> None:
    asked.state, asked.ended_at = INFORMATION.after(asked.id, asked.state, action), datetime.now(UTC)


def _askers(session: Session, asked: InformationRequest) -> set[str]:
    """Return who waits for the answer: who asked, and the task's department where the authority asked in its place."""
    return {asked.department_id, session.get_one(SupplyTask, asked.task_id).department_id}


def _facts(asked: InformationRequest) -> dict[str, str]:
    return {"request": asked.id, "task": asked.task_id}


def _tell(session: Session, actor: Actor, asked: InformationRequest, concerned: set[str], key: str) -> None:
    for department_id in sorted(concerned - actor.knowing):
        notices.notify(session, department_id, key, {"request": asked.id, "demand": asked.demand_id}, asked.demand_id)


def _words(text: str) -> str:
    try:
        words = clean(text, lines=True)
    except ValueError:
        words = ""
    if not words or len(words) > LONGEST:
        raise Invalid("information.text_needed", limit=LONGEST)
    return words
