"""Several officers at once, each in a transaction of his own, and crashes in the middle: one task for one need, one winner, nothing lost and nothing twice."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import URL, Engine, create_engine, event, func, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from catalog.reform import reforms
from catalog.reform.reforms import Act
from exchange_api import upkeep
from exchange_api.demand import demands
from exchange_api.supply import supplies
from exchange_api.supply.supplies import ItemAnswer, TaskAnswer
from schemas.calendar import today
from schemas.errors import HutongError, Transient
from schemas.migrations import upgrade
from schemas.tables.clocks import CaseClock
from schemas.tables.exchange import CaseEvent, Demand, Grant, SupplyAnswer, SupplyTask, TaskDemand
from schemas.tables.operations import Notice
from tests.desks.conftest import BUREAU, HOUSING, POLICE, actor, form

OTHER = actor("sun", "data_bureau", "authority")
WU = actor("wu", "public_security", "provider")


@pytest.fixture(scope="module")
def engine(new_database: Callable[[], URL]) -> Iterator[Engine]:
    url = new_database()
    upgrade(url)
    made = create_engine(url)
    yield made
    made.dispose()


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    """A session whose commits last: the town is on disk, nothing of a former test beside it."""
    with engine.begin() as connection:
        connection.execute(
            text(
                "TRUNCATE directory.resources, directory.departments, directory.data_elements, operations.notices CASCADE"
            )
        )
    with Session(engine, expire_on_commit=False) as opened:
        yield opened


def submitted(town: Session, *wanted: str) -> str:
    demand = demands.register(town, HOUSING, form(*wanted))
    demands.submit(town, HOUSING, demand.id)
    town.commit()
    return demand.id


def dispatched(town: Session, *wanted: str) -> str:
    demand_id = submitted(town, *wanted)
    demands.dispatch(town, BUREAU, demand_id)
    town.commit()
    return demand_id


def at_once(engine: Engine, *steps: Callable[[Session], Any]) -> list[str]:
    """Take steps in sessions of their own at one moment; return "done" or the code of the refusal of each."""
    ready = threading.Barrier(len(steps))

    def run(step: Callable[[Session], Any]) -> str:
        with Session(engine) as opened:
            ready.wait(20)
            try:
                step(opened)
            except HutongError as error:
                return error.code
            opened.commit()
            return "done"

    with ThreadPoolExecutor(len(steps)) as pool:
        return list(pool.map(run, steps))


def confirm(session: Session, task_id: str, who: Any = POLICE) -> None:
    rows = [row for row in supplies.answers_of(session, task_id) if row.state == "waiting"]
    words = [ItemAnswer(demand_item_id=row.demand_item_id, decision="confirm") for row in rows]
    supplies.answer(session, who, task_id, words)


def count(engine: Engine, model: type[Any], *conditions: Any) -> int:
    with Session(engine) as opened:
        return opened.scalar(select(func.count()).select_from(model).where(*conditions)) or 0


def state_of(engine: Engine, demand_id: str) -> str:
    with Session(engine) as opened:
        return opened.get_one(Demand, demand_id).state


@pytest.mark.parametrize("_round", range(3))
def test_two_dispatches_at_once_of_one_need_make_one_task(town: Session, engine: Engine, _round: int) -> None:
    first, second = submitted(town, "户籍地址", "姓名"), submitted(town, "姓名", "户籍地址")
    said = at_once(
        engine,
        lambda one: demands.dispatch(one, BUREAU, first),
        lambda one: demands.dispatch(one, OTHER, second),
    )
    assert said == ["done", "done"]
    assert count(engine, SupplyTask) == 1
    assert count(engine, TaskDemand, TaskDemand.state == "open") == 2
    assert count(engine, CaseClock, CaseClock.state == "running") == 2


def test_needs_that_cross_do_not_wait_for_each_other(town: Session, engine: Engine) -> None:
    wanted = [("户籍地址", "姓名"), ("姓名",), ("户籍地址",), ("姓名", "户籍地址")]
    ids = [submitted(town, *names) for names in wanted]
    said = at_once(engine, *[(lambda one, it=it: demands.dispatch(one, BUREAU, it)) for it in ids])
    assert said == ["done"] * 4
    assert count(engine, SupplyTask) == 3


@pytest.mark.parametrize("_round", range(3))
def test_of_two_officers_who_answer_at_once_one_wins_and_the_other_is_told(
    town: Session, engine: Engine, _round: int
) -> None:
    demand_id = dispatched(town, "户籍地址")
    task_id = supplies.tasks_of(town, demand_id=demand_id)[0].id
    said = at_once(engine, lambda one: confirm(one, task_id), lambda one: confirm(one, task_id, WU))
    assert sorted(said) == ["case.wrong_state", "done"]
    assert (state_of(engine, demand_id), count(engine, Grant)) == ("provided", 1)
    assert count(engine, Notice, Notice.key == "demand.provided", Notice.department_id == "housing") == 1


@pytest.mark.parametrize("_round", range(3))
def test_an_answer_and_a_withdrawal_at_once_leave_one_of_the_two(town: Session, engine: Engine, _round: int) -> None:
    leaving, staying = dispatched(town, "户籍地址"), dispatched(town, "户籍地址")
    task_id = supplies.tasks_of(town, demand_id=leaving)[0].id
    said = at_once(engine, lambda one: confirm(one, task_id), lambda one: demands.withdraw(one, HOUSING, leaving))
    assert state_of(engine, staying) == "provided"
    assert (state_of(engine, leaving), said) in [
        ("withdrawn", ["done", "done"]), ("provided", ["done", "case.wrong_state"]),
    ]  # fmt: skip
    assert count(engine, Grant) == (1 if state_of(engine, leaving) == "withdrawn" else 2)
    assert count(engine, SupplyTask, SupplyTask.state == "answered") == 1


@pytest.mark.parametrize("_round", range(3))
def test_who_joins_while_others_are_answered_is_answered_too_or_still_asked(
    town: Session, engine: Engine, _round: int
) -> None:
    asked, joining = dispatched(town, "户籍地址"), submitted(town, "户籍地址")
    task_id = supplies.tasks_of(town, demand_id=asked)[0].id
    said = at_once(engine, lambda one: confirm(one, task_id), lambda one: demands.dispatch(one, BUREAU, joining))
    assert said == ["done", "done"]
    assert state_of(engine, asked) == "provided"
    with Session(engine) as opened:
        (task,) = supplies.tasks_of(opened, demand_id=joining)
        share = opened.get_one(TaskDemand, (task.id, joining))
        expected = {"provided": ("answered", "answered"), "dispatched": ("open", "open")}
        assert (task.state, share.state) == expected[opened.get_one(Demand, joining).state]


def test_two_that_answer_the_same_tasks_in_another_order_do_not_lock_each_other_out(
    town: Session, engine: Engine
) -> None:
    ids = [dispatched(town, "户籍地址"), dispatched(town, "姓名"), dispatched(town, "户籍地址", "姓名")]
    tasks = [supplies.tasks_of(town, demand_id=one)[0].id for one in ids]

    def all_of(opened: Session, order: list[str]) -> None:
        given = [
            TaskAnswer(
                task=one,
                answers=tuple(
                    ItemAnswer(demand_item_id=row.demand_item_id, decision="confirm")
                    for row in supplies.answers_of(opened, one)
                ),
            )
            for one in order
        ]
        supplies.answer_many(opened, POLICE, given)

    said = at_once(engine, lambda one: all_of(one, tasks), lambda one: all_of(one, tasks[::-1]))
    assert sorted(said) == ["case.wrong_state", "done"]
    assert {state_of(engine, one) for one in ids} == {"provided"}


def test_while_a_reform_is_recorded_nobody_is_asked_and_nothing_waits(town: Session, engine: Engine) -> None:
    demand_id = submitted(town, "户籍地址")
    with engine.begin() as reform:
        reform.execute(select(func.pg_advisory_xact_lock(func.hashtext("directory.reforms"))))
        with Session(engine) as opened, pytest.raises(Transient, match=r"supply\.reform_running"):
            demands.dispatch(opened, BUREAU, demand_id)
    assert (state_of(engine, demand_id), count(engine, SupplyTask)) == ("submitted", 0)
    assert at_once(engine, lambda one: demands.dispatch(one, BUREAU, demand_id)) == ["done"]


def test_the_hourly_upkeep_keeps_nobody_from_asking_where_no_reform_is_due(town: Session, engine: Engine) -> None:
    demand_id = submitted(town, "户籍地址")
    with Session(engine) as hourly:
        upkeep.keep_up(hourly)
        assert at_once(engine, lambda one: demands.dispatch(one, BUREAU, demand_id)) == ["done"]
    assert (state_of(engine, demand_id), count(engine, SupplyTask)) == ("dispatched", 1)


def test_a_reform_and_another_upkeep_wait_for_the_hourly_one(town: Session, engine: Engine) -> None:
    town.commit()
    act = Act(today(), "兴编〔2026〕1号", "li")
    steps: list[Callable[[Session], Any]] = [
        lambda one: reforms.rename(one, "public_security", "公安与司法局", act),
        upkeep.keep_up,
    ]
    with Session(engine) as hourly:
        upkeep.keep_up(hourly)
        for step in steps:
            with Session(engine) as opened:
                opened.execute(text("SET LOCAL lock_timeout = '200ms'"))
                with pytest.raises(OperationalError, match="lock timeout"):
                    step(opened)
    for step in steps:
        with Session(engine) as opened:
            step(opened)


class CrashError(Exception):
    """The power is gone."""


def crash_at(engine: Engine, number: int, step: Callable[[Session], Any]) -> bool:
    """Let the power go at the nth statement of a step; return whether the step got so far."""
    seen = 0

    def counted(*_: Any) -> None:
        nonlocal seen
        seen += 1
        if seen == number:
            raise CrashError

    event.listen(engine, "before_cursor_execute", counted)
    try:
        with Session(engine) as opened:
            step(opened)
            opened.rollback()
    except CrashError:
        return True
    finally:
        event.remove(engine, "before_cursor_execute", counted)
    return False


def left_behind(engine: Engine) -> list[int]:
    models = (SupplyTask, TaskDemand, SupplyAnswer, CaseClock, CaseEvent, Notice, Grant)
    return [count(engine, model) for model in models]


def test_a_crash_anywhere_in_dispatch_or_answer_leaves_the_case_where_it_was(town: Session, engine: Engine) -> None:
    first, second = dispatched(town, "户籍地址"), submitted(town, "户籍地址")
    task_id = supplies.tasks_of(town, demand_id=first)[0].id
    before, crashes = left_behind(engine), 0
    steps: list[Callable[[Session], Any]] = [
        lambda one: demands.dispatch(one, BUREAU, second),
        lambda one: confirm(one, task_id),
    ]
    for step in steps:
        number = 1
        while crash_at(engine, number, step):
            crashes, number = crashes + 1, number + 4
            assert left_behind(engine) == before
            assert (state_of(engine, first), state_of(engine, second)) == ("dispatched", "submitted")
    assert crashes > 10
    assert at_once(engine, steps[0]) == ["done"]
    assert at_once(engine, steps[1]) == ["done"]
    assert {state_of(engine, first), state_of(engine, second)} == {"provided"}
