"""Why: the provider's word on a task. Equal needs are seen once, so one word counts for every demand that waits in the task, unless a demand is singled out;
each demand goes its own way from there. Called by pages, the officers' API and commands through `supplies`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog import notices
from exchange_api import cases
from exchange_api.actors import Actor, Step
from exchange_api.clocks import clocks
from exchange_api.grant.terms import Terms
from exchange_api.states import SHARE
from exchange_api.supply import asking, deciding, grounds, provider_terms, reading, settling
from exchange_api.supply.deciding import ItemAnswer
from schemas.errors import Denied, Invalid
from schemas.resource import Strict
from schemas.tables.directory import ResourceVersion
from schemas.tables.exchange import Demand, SupplyAnswer, SupplyTask, TaskDemand

_Pair = tuple[str, str]


class TaskAnswer(Strict):
    """All that a provider says to one task: its word on each item, for every demand or the one named, and its terms by demand."""

    task: str
    demand: str | None = None
    answers: tuple[ItemAnswer, ...]
    terms: dict[str, Terms] = Field(default_factory=dict)


@dataclass(frozen=True)
class _Covered:
    """What an answer speaks to: the task, the shares (demand by demand, all locked) and the items that wait in them."""

    task: SupplyTask
    shares: Mapping[str, TaskDemand]
    demands: Mapping[str, Demand]
    rows: list[SupplyAnswer]


def answer(
    session: Session, actor: Actor, task_id: str, answers: Sequence[ItemAnswer], demand_id: str | None = None
) -> SupplyTask:
    """Answer a task item by item, for every demand that waits in it or the one singled out; each demand follows on its own.

    An answer to one demand's item counts for the equal items of the others, unless they have their own. A demand that waits for information is left out.
    Raises Invalid `supply.answer_missing`, `.not_asked`, `case.unknown`, `case.wrong_state` and as `deciding.decide`; Denied `case.not_yours`,
    `case.role_needed`, `case.same_officer`.
    """
    covered = _cover(session, actor, task_id, demand_id)
    words = _words(session, covered, answers)
    for row in covered.rows:
        deciding.decide(session, actor, row, words[row.demand_item_id])
    for one, share in covered.shares.items():
        share.state = SHARE.after(f"{task_id} {one}", share.state, "answer")
        clocks.stop(session, actor, task_id, one)
    asking.close(session, covered.task)
    for demand in covered.demands.values():
        _tell(session, actor, covered, demand)
        settling.settle(session, actor, demand)
    return covered.task


def answer_many(session: Session, actor: Actor, given: Sequence[TaskAnswer]) -> list[SupplyTask]:
    """Answer several tasks in one step, all or none; terms are set first. Raises as `answer` and `provider_terms.set_terms`."""
    waiting = [
        share.demand_id for one in given for share in reading.shares(session, one.task, reading.UNSPOKEN)
    ]  # demands first, in one order for everybody: tasks share them
    for demand_id in sorted(set(waiting)):
        cases.get(session, demand_id)
    done = []
    for one in sorted(given, key=lambda said: said.task):
        for demand_id, terms in sorted(one.terms.items()):
            provider_terms.set_terms(session, actor, (one.task, demand_id), terms)
        done.append(answer(session, actor, one.task, one.answers, one.demand))
    return done


def _cover(session: Session, actor: Actor, task_id: str, demand_id: str | None) -> _Covered:
    """Lock demands, then the task, and see what of it waits now: a demand that joins meanwhile waits for the next answer."""
    actor.require("provider")
    actor.require_department(reading.get_task(session, task_id).department_id, task_id)
    waiting = select(TaskDemand.demand_id).where(TaskDemand.task_id == task_id, TaskDemand.state == "open")
    if demand_id:
        waiting = waiting.where(TaskDemand.demand_id == demand_id)
    demands = {one: cases.get(session, one) for one in sorted(session.scalars(waiting))}
    task = reading.lock_task(session, task_id)
    actor.require_department(task.department_id, task_id)
    shares = {
        share.demand_id: share for share in reading.shares(session, task_id, ("open",)) if share.demand_id in demands
    }
    if task.state != "open" or not shares:
        _refuse_state(session, task, demand_id)
    for one in shares:
        if actor.ids & cases.filers(session, demands[one]):
            raise Denied("case.same_officer", case=one)
    rows = [row for one in shares for row in reading.answers_of(session, task_id, one) if row.state == "waiting"]
    return _Covered(task, shares, {one: demands[one] for one in shares}, rows)


def _refuse_state(session: Session, task: SupplyTask, demand_id: str | None) -> None:
    share = session.get(TaskDemand, (task.id, demand_id)) if demand_id else None
    if demand_id and share is None:
        raise Invalid("case.unknown", case=f"{task.id} {demand_id}")
    state = share.state if share else task.state if task.state != "open" else "needs_information"
    raise Invalid("case.wrong_state", case=task.id, state=state, action="answer", possible="-")


def _words(session: Session, covered: _Covered, answers: Iterable[ItemAnswer]) -> dict[int, ItemAnswer]:
    """Return the word on each waiting item: its own, else the one on an equal item."""
    given = {one.demand_item_id: one for one in answers}
    asked = {row.demand_item_id: row for row in reading.answers_of(session, covered.task.id)}
    if strange := sorted(set(given) - set(asked)):
        raise Invalid("supply.not_asked", task=covered.task.id, items="、".join(map(str, strange)))
    by_pair: dict[_Pair, ItemAnswer] = {}
    for item_id, one in given.items():
        by_pair.setdefault(_pair(session, asked[item_id]), one)
    words, missing = {}, []
    for row in covered.rows:
        word = given.get(row.demand_item_id) or by_pair.get(_pair(session, row))
        if word is None:
            missing.append(reading.wanted_name(session, row.demand_item_id))
        else:
            words[row.demand_item_id] = word
    if missing:
        raise Invalid("supply.answer_missing", items="、".join(dict.fromkeys(missing)))
    return words


def _pair(session: Session, row: SupplyAnswer) -> _Pair:
    return session.get_one(ResourceVersion, row.resource_version_id).resource_id, str(row.item_id)


def _tell(session: Session, actor: Actor, covered: _Covered, demand: Demand) -> None:
    """Leave the step in the demand's timeline and tell its department how many items got which word."""
    rows = reading.answers_of(session, covered.task.id, demand.id)
    refused = [row for row in rows if row.state == "refused"]
    facts = {
        "task": covered.task.id,
        "refused": [reading.wanted_name(session, row.demand_item_id) for row in refused],
        "grounds": [row.ground for row in refused],
    }
    cases.note_event(session, actor, demand, Step("answer_task", facts=facts))
    told = {"task": covered.task.id, "purpose": demand.purpose, "refused": str(len(refused))}
    told |= {state: str(sum(row.state == state for row in rows)) for state in ("confirmed", "promised", "offered")}
    told["why"] = "；".join(dict.fromkeys(grounds.in_words(row.ground) for row in refused))
    notices.notify(session, demand.department_id, "task.answered", told, demand.id)
