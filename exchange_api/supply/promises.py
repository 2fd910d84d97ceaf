"""Why: what is promised is kept, or given up with a ground. When the new catalogue entry is published its provider fulfils the promise, and the grant follows.
Called by pages, the officers' API and commands; the clock of a promise (`answer:<id>`) reminds.
"""

from sqlalchemy.orm import Session

from catalog import notices
from exchange_api import cases
from exchange_api.actors import Actor, Step
from exchange_api.clocks import clocks
from exchange_api.states import ANSWER
from exchange_api.supply import deciding, grounds, reading, settling
from exchange_api.supply.deciding import Offered
from exchange_api.supply.grounds import Refusal
from schemas.errors import Denied, Invalid
from schemas.tables.exchange import Demand, DemandItem, SupplyAnswer


def fulfil(session: Session, actor: Actor, answer_id: int, offered: Offered) -> SupplyAnswer:
    """Keep a promise: the item is confirmed on a published entry of the provider's own, and the demand's grants follow.

    Raises Invalid `supply.unknown_item`, `.not_servable`, `directory.not_published`, `case.unknown`, `case.wrong_state`; Denied `case.not_yours`,
    `case.role_needed`, `case.same_officer`.
    """
    demand, row = _promised(session, actor, answer_id, "fulfil")
    deciding.take_item(session, actor, row, offered)
    row.state = ANSWER.after(reading.case_of(answer_id), row.state, "fulfil")
    _end(session, actor, demand, row, is_met=True)
    return row


def give_up(session: Session, actor: Actor, answer_id: int, said: Refusal) -> SupplyAnswer:
    """Take a promise back on a ground that a refusal would need: the item is refused.

    Raises Invalid `supply.reason_needed`, `.duty_department`, `case.unknown`, `case.wrong_state`; Denied as `fulfil`.
    """
    demand, row = _promised(session, actor, answer_id, "give_up")
    row.ground, row.reason = deciding.ground_of(session, row, said), said.words or None
    row.state = ANSWER.after(reading.case_of(answer_id), row.state, "refuse")
    _end(session, actor, demand, row, is_met=False)
    return row


def _promised(session: Session, actor: Actor, answer_id: int, action: str) -> tuple[Demand, SupplyAnswer]:
    actor.require("provider")
    case = reading.case_of(answer_id)
    known = session.get(SupplyAnswer, answer_id)
    if known is None:
        raise Invalid("case.unknown", case=case)
    actor.require_department(reading.get_task(session, known.task_id).department_id, case)
    demand = cases.get(session, session.get_one(DemandItem, known.demand_item_id).demand_id)
    if actor.ids & cases.filers(session, demand):
        raise Denied("case.same_officer", case=demand.id)
    actor.require_department(reading.lock_task(session, known.task_id).department_id, case)
    row = reading.get_answer(session, answer_id)
    if row.state != "promised":
        raise Invalid(
            "case.wrong_state",
            case=case,
            state=row.state,
            action=action,
            possible=", ".join(ANSWER.possible(row.state)) or "-",
        )
    return demand, row


def _end(session: Session, actor: Actor, demand: Demand, row: SupplyAnswer, *, is_met: bool) -> None:
    session.flush()
    clocks.stop(session, actor, reading.case_of(row.id), demand.id, is_met=is_met)
    item = reading.wanted_name(session, row.demand_item_id)
    action = "fulfil" if is_met else "give_up"
    facts = {"task": row.task_id, "answer": row.id, "item": item, "ground": row.ground}
    cases.note_event(session, actor, demand, Step(action, row.reason, facts))
    told = {"item": item, "purpose": demand.purpose, "why": grounds.in_words(row.ground)}
    notices.notify(session, demand.department_id, "answer.fulfilled" if is_met else "answer.given_up", told, demand.id)
    settling.settle(session, actor, demand)
