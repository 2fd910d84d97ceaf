"""Why: supply tasks as programs see them: what a provider is asked, and its word on it. Of the demanders that share a task it learns number, purpose, service
item and legal basis, nothing more. The work is `supply.supplies`'s. Called by `routes` and, for a demand's own answers, by `demand_steps`.
"""

from collections.abc import Iterable

from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from exchange_api.actors import Actor
from exchange_api.desk_api import sight
from exchange_api.desk_api.asked import Ask, page_of
from exchange_api.grant.terms import Terms
from exchange_api.supply import promises, supplies
from exchange_api.supply.supplies import ItemAnswer
from schemas.messages.desk_api import AnswerSaid, AskedDepartment, SharedDemand, TaskSaid, TaskShort, TasksSaid
from schemas.messages.exchange import Message
from schemas.tables.directory import ResourceVersion
from schemas.tables.exchange import Demand, DemandItem, SupplyAnswer, SupplyTask


class Answers(Message):
    """A provider's word on every item of a task that waits for it; with `demand` for that one alone."""

    demand: str | None = Field(default=None, pattern=r"^XQ-\d{4}-\d{6}$")
    answers: tuple[ItemAnswer, ...] = Field(min_length=1, max_length=500)


class TermsForm(Message):
    """A provider's terms for one demand of a task."""

    demand: str = Field(pattern=r"^XQ-\d{4}-\d{6}$", examples=["XQ-2026-000001"])
    terms: Terms


_ANSWERS = (
    select(SupplyAnswer, DemandItem, ResourceVersion)
    .join(DemandItem, DemandItem.id == SupplyAnswer.demand_item_id)
    .join(ResourceVersion, ResourceVersion.id == SupplyAnswer.resource_version_id, isouter=True)
    .order_by(DemandItem.demand_id, DemandItem.position)
)


def listed(session: Session, actor: Actor, ask: Ask) -> TasksSaid:
    """Return the tasks the actor sees, newest first."""
    query = select(SupplyTask).where(sight.tasks(actor)).order_by(SupplyTask.id.desc())
    if ask.page.after:
        query = query.where(SupplyTask.id < ask.page.after)
    if ask.page.state:
        query = query.where(SupplyTask.state == ask.page.state)
    found, further = page_of(session, query, ask.page, lambda one: str(one.id))
    tasks = [TaskShort(**_plain(asked_said(one)), demands=list(_shared(session, one.id))) for one in found]
    return TasksSaid(tasks=tasks, next=further)


def read(session: Session, actor: Actor, ask: Ask) -> TaskSaid:  # noqa: ARG001 - sight was judged before
    """Return one task."""
    return said(session, session.get_one(SupplyTask, ask.ids["task"], populate_existing=True))


def answer(session: Session, actor: Actor, ask: Ask) -> TaskSaid:
    """Answer a task, item by item."""
    return said(session, supplies.answer(session, actor, ask.ids["task"], list(ask.form.answers), ask.form.demand))


def set_terms(session: Session, actor: Actor, ask: Ask) -> TaskSaid:
    """Keep terms for one demand of a task."""
    supplies.set_terms(session, actor, (ask.ids["task"], ask.form.demand), ask.form.terms)
    return read(session, actor, ask)


def fulfil(session: Session, actor: Actor, ask: Ask) -> AnswerSaid:
    """Keep a promise."""
    return answer_said(session, promises.fulfil(session, actor, int(ask.ids["answer"]), ask.form).id)


def give_up(session: Session, actor: Actor, ask: Ask) -> AnswerSaid:
    """Take a promise back on a ground."""
    given = supplies.Refusal(ask.form.ground, ask.form.words, ask.form.department)
    return answer_said(session, promises.give_up(session, actor, int(ask.ids["answer"]), given).id)


def said(session: Session, task: SupplyTask) -> TaskSaid:
    """Return what is said of a task to those who see it."""
    session.flush()
    shared = list(_shared(session, task.id))
    return TaskSaid(**_plain(asked_said(task)), demands=shared, answers=answers_said(session, task.id))


def asked_said(task: SupplyTask) -> AskedDepartment:
    """Return whom a task asks, and until when."""
    return AskedDepartment(
        task=task.id,
        department=task.department_id,
        state=task.state,
        due=task.due_date,
        is_provisional=task.is_provisional,
    )


def answers_said(session: Session, task_id: str) -> list[AnswerSaid]:
    """Return a task's answers, given or waited for."""
    rows = session.execute(_ANSWERS.where(SupplyAnswer.task_id == task_id))
    return [_answer(*row) for row in rows]


def answer_said(session: Session, answer_id: int) -> AnswerSaid:
    """Return one answer."""
    session.flush()
    return _answer(*session.execute(_ANSWERS.where(SupplyAnswer.id == answer_id)).one())


def _answer(one: SupplyAnswer, item: DemandItem, version: ResourceVersion | None) -> AnswerSaid:
    return AnswerSaid(
        answer=one.id, item=item.id, name=item.name, demand=item.demand_id, state=one.state, decision=one.decision,
        resource=version.resource_id if version else None, version=version.version if version else None, item_id=one.item_id,
        form=one.form, reason=one.reason, promised_date=one.promised_date, answered_at=one.answered_at,
    )  # fmt: skip


def _shared(session: Session, task_id: str) -> Iterable[SharedDemand]:
    for share in supplies.shares(session, task_id):
        demand = session.get_one(Demand, share.demand_id)
        yield SharedDemand(
            demand=demand.id, state=share.state, purpose=demand.purpose, service_item=demand.service_item_id, basis=demand.basis,
            terms=share.terms,
        )  # fmt: skip


def _plain(model: BaseModel) -> dict[str, object]:
    return dict(model)
