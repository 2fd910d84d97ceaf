"""The tables of tasks, shares and answers alone decide what is possible, and no order of steps at the desks leads anywhere else."""

import itertools
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog import notices
from exchange_api.clocks import clocks
from exchange_api.demand import demands, offers
from exchange_api.states import ANSWER, DEMAND, SHARE, TASK, Machine
from exchange_api.supply import promises, reading, supplies
from exchange_api.supply.supplies import ItemAnswer, Offered, Refusal
from schemas.calendar import today
from schemas.errors import HutongError, Invalid
from schemas.tables.exchange import (
    ANSWER_STATES,
    SHARE_STATES,
    TASK_STATES,
    Demand,
    DemandItem,
    Grant,
    GrantItem,
    SupplyAnswer,
    SupplyTask,
)
from tests.desks.conftest import BUREAU, HOUSING, POLICE, form

TABLES = [(TASK, TASK_STATES), (SHARE, SHARE_STATES), (ANSWER, ANSWER_STATES)]
EVERY = [(one, state, action) for one, states in TABLES for state, action in itertools.product(states, one.ways)]
UNKNOWN = [(one, state) for one, states in TABLES for state in one.states ^ set(states)]


@pytest.mark.parametrize(("machine", "state", "action"), EVERY, ids=lambda value: getattr(value, "kind", value))
def test_the_table_alone_decides_what_is_possible(machine: Machine, state: str, action: str) -> None:
    if state in machine.ways[action]:
        assert machine.after("x", state, action) == machine.ways[action][state]
    else:
        with pytest.raises(Invalid, match=r"case\.wrong_state"):
            machine.after("x", state, action)


def test_tables_and_columns_know_the_same_states_and_ends_lead_nowhere() -> None:
    assert UNKNOWN == []
    for machine, _ in TABLES:
        assert {state for state in machine.states if not machine.possible(state)} == machine.ends


def dispatched(town: Session) -> Demand:
    demand = demands.register(town, HOUSING, form("户籍地址", "姓名"))
    demands.submit(town, HOUSING, demand.id)
    demands.dispatch(town, BUREAU, demand.id)
    return demand


@pytest.mark.parametrize("state", ANSWER_STATES)
def test_only_a_promise_is_kept_or_given_up(town: Session, state: str) -> None:
    demand = dispatched(town)
    row = next(iter(supplies.answers_of_demand(town, demand.id).values()))
    row.state = state
    town.flush()
    steps: list[Callable[[], SupplyAnswer]] = [
        lambda: promises.fulfil(town, POLICE, row.id, Offered()),
        lambda: promises.give_up(town, POLICE, row.id, Refusal("condition")),
    ]
    for step in steps:
        if state == "promised":
            with town.begin_nested() as undone:
                step()
                undone.rollback()
            town.refresh(row)
        else:
            with pytest.raises(Invalid, match=r"case\.wrong_state"):
                step()


# --- any order of steps -------------------------------------------------------------------------------------------------------


def _word(row: SupplyAnswer, decision: str) -> ItemAnswer:
    more: dict[str, dict[str, Any]] = {
        "confirm": {},
        "will_provide": {"promised_date": today() + timedelta(days=1)},
        "counter_offer": {"form": "masked", "reason": "只能脱敏"},
        "refuse": {"ground": "condition"},
    }
    return ItemAnswer.model_validate({"demand_item_id": row.demand_item_id, "decision": decision} | more[decision])


def _answer(town: Session, demand: Demand, decisions: tuple[str, str], *, alone: bool) -> None:
    task = supplies.tasks_of(town, demand_id=demand.id)[0]
    rows = [row for row in supplies.answers_of(town, task.id) if row.state == "waiting"]
    words = [_word(row, decisions[n % 2]) for n, row in enumerate(rows)]
    supplies.answer(town, POLICE, task.id, words, demand.id if alone else None)


def _of(town: Session, demand: Demand, state: str) -> int:
    rows = supplies.answers_of_demand(town, demand.id).values()
    return next((row.id for row in rows if row.state == state), 0)


STEPS = st.tuples(
    st.sampled_from(
        ("answer", "answer_alone", "withdraw", "take", "decline", "fulfil", "give_up", "settle", "dispatch")
    ),
    st.integers(0, 2),
    st.tuples(*[st.sampled_from(("confirm", "will_provide", "counter_offer", "refuse"))] * 2),
)


def _do(town: Session, known: list[Demand], step: tuple[str, int, tuple[str, str]]) -> None:
    action, which, decisions = step
    demand = known[which % len(known)]
    steps: dict[str, Callable[[], object]] = {
        "answer": lambda: _answer(town, demand, decisions, alone=False),
        "answer_alone": lambda: _answer(town, demand, decisions, alone=True),
        "withdraw": lambda: demands.withdraw(town, HOUSING, demand.id),
        "take": lambda: offers.take(town, HOUSING, _of(town, demand, "offered")),
        "decline": lambda: offers.decline(town, HOUSING, _of(town, demand, "offered")),
        "fulfil": lambda: promises.fulfil(town, POLICE, _of(town, demand, "promised"), Offered()),
        "give_up": lambda: promises.give_up(town, POLICE, _of(town, demand, "promised"), Refusal("no_longer_kept")),
        "settle": lambda: supplies.settle(town, BUREAU, demand),
        "dispatch": lambda: known.append(dispatched(town)),
    }
    steps[action]()


def _hold(town: Session, known: list[Demand]) -> None:
    """What must be true after every step."""
    for demand in known:
        rows = supplies.answers_of_demand(town, demand.id).values()
        states = {row.state for row in rows}
        waits = bool(reading.shares_of_demand(town, demand.id))
        assert waits == ("waiting" in states) == (demand.state == "dispatched")
        assert (demand.state == "offered") == ("offered" in states and not waits and demand.state != "withdrawn")
        promised = [row for row in rows if row.state == "promised"]
        assert all(len(clocks.of(town, f"answer:{row.id}")) == 1 for row in promised)
        if demand.state in DEMAND.ends:
            assert states <= ANSWER.ends
            told = [one for one in notices.find(town, "public_security", 500) if one.demand_id == demand.id]
            told += [one for one in notices.find(town, "housing", 500) if one.demand_id == demand.id]
            assert f"demand.{demand.state}" in {one.key for one in told}
    for task in town.scalars(select(SupplyTask)):
        assert (task.state == "open") == bool(supplies.shares(town, task.id, reading.UNSPOKEN))
    granted = select(SupplyAnswer.state, Demand.state).join(GrantItem, GrantItem.supply_answer_id == SupplyAnswer.id)
    granted = granted.join(Grant, Grant.id == GrantItem.grant_id).join(
        DemandItem, DemandItem.id == SupplyAnswer.demand_item_id
    )
    for answer, demand_state in town.execute(granted.join(Demand, Demand.id == DemandItem.demand_id)):
        assert (answer, demand_state in ("answered", "provided")) == ("confirmed", True)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, min_size=3, max_size=9))
def test_no_order_of_steps_leads_out_of_the_tables_or_leaves_anybody_untold(
    town: Session, steps: list[tuple[str, int, tuple[str, str]]]
) -> None:
    with town.begin_nested() as undone:
        known = [dispatched(town), dispatched(town)]
        for step in steps:
            try:
                with town.begin_nested():
                    _do(town, known, step)
            except HutongError:
                town.expire_all()
            _hold(town, known)
        undone.rollback()
    town.expire_all()
