"""Equal needs are one task: joined on dispatch, seen once, answered once, and each demand goes its own way from there."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog import directory, notices
from catalog.review import reviews
from catalog.review.review_steps import CONSOLE
from exchange_api import cases
from exchange_api.actors import Step
from exchange_api.clocks import clocks
from exchange_api.demand import demands
from exchange_api.grant import grants
from exchange_api.supply import supplies
from exchange_api.supply.supplies import ItemAnswer, TaskAnswer
from exchange_api.upkeep import keep_up
from schemas.errors import Denied, Invalid
from schemas.tables.exchange import Demand, SupplyAnswer, SupplyTask, TaskDemand
from schemas.tables.landing import Batch, Pause
from tests.desks.conftest import BUREAU, HOUSING, POLICE, actor, form, resource

CONDITION = "用于政务服务事项办理"


def dispatched(town: Session, *wanted: str, **changes: Any) -> Demand:
    demand = demands.register(town, HOUSING, form(*wanted, **changes))
    demands.submit(town, HOUSING, demand.id)
    demands.dispatch(town, BUREAU, demand.id)
    return demand


def task_of(town: Session, demand: Demand) -> SupplyTask:
    (task,) = supplies.tasks_of(town, demand_id=demand.id)
    return task


def words(town: Session, task_id: str, demand: Demand, **changes: Any) -> list[ItemAnswer]:
    return [
        ItemAnswer.model_validate({"demand_item_id": row.demand_item_id, "decision": "confirm"} | changes)
        for row in supplies.answers_of(town, task_id)
        if row.state == "waiting" and row.demand_item_id in {item.id for item in demands.items(town, demand.id)}
    ]


def share(town: Session, task: SupplyTask, demand: Demand) -> str:
    return town.get_one(TaskDemand, (task.id, demand.id), populate_existing=True).state


def keys(town: Session, department_id: str, demand: Demand) -> set[str]:
    return {notice.key for notice in notices.find(town, department_id, 200) if notice.demand_id == demand.id}


def test_equal_needs_share_one_task_whatever_their_words_and_order(town: Session) -> None:
    first, second = dispatched(town, "户籍地址", "申请人名字"), dispatched(town, "姓名", "户籍地址")
    task = task_of(town, first)
    assert task_of(town, second).id == task.id
    assert [one.demand_id for one in supplies.shares(town, task.id)] == [first.id, second.id]
    assert {clock.demand_id for clock in clocks.of(town, task.id)} == {first.id, second.id}
    assert keys(town, "public_security", first) == {"task.opened"}
    assert keys(town, "public_security", second) == {"task.joined"}
    assert task_of(town, dispatched(town, "户籍地址")).id != task.id


def test_a_provider_sees_each_need_once_with_all_who_want_it(town: Session) -> None:
    first, second = dispatched(town, "户籍地址", "申请人名字"), dispatched(town, "姓名", "户籍地址")
    needs = supplies.needs(town, task_of(town, first).id)
    assert {need.item_id: [(item.demand_id, item.name) for item, _ in need.answers] for need in needs} == {
        "address": [(first.id, "户籍地址"), (second.id, "户籍地址")],
        "name": [(first.id, "申请人名字"), (second.id, "姓名")],
    }


def test_one_answer_counts_for_every_demand_and_all_are_told(town: Session) -> None:
    first, second = dispatched(town, "户籍地址"), dispatched(town, "户籍地址")
    task = task_of(town, first)
    supplies.answer(town, POLICE, task.id, words(town, task.id, first, form="masked"))
    assert (first.state, second.state, task.state) == ("provided", "provided", "answered")
    for demand in (first, second):
        (grant,) = grants.find(town, demand_id=demand.id)
        assert {item.attribute: item.form for item in grants.items(town, grant.id)} == {"address": "masked"}
        assert {"task.answered", "demand.answered", "demand.provided"} <= keys(town, "housing", demand)
        assert clocks.of(town, task.id, demand.id) == []


def test_a_demand_singled_out_goes_its_own_way(town: Session) -> None:
    first, second = dispatched(town, "户籍地址"), dispatched(town, "户籍地址")
    task = task_of(town, first)
    refusal = words(town, task.id, second, decision="refuse", ground="condition")
    supplies.answer(town, POLICE, task.id, refusal, second.id)
    assert (first.state, second.state, task.state) == ("dispatched", "refused", "open")
    supplies.answer(town, POLICE, task.id, words(town, task.id, first))
    assert (first.state, task.state) == ("provided", "answered")
    assert grants.find(town, demand_id=second.id) == []


def test_each_demand_may_get_its_own_word_in_one_answer(town: Session) -> None:
    first, second = dispatched(town, "户籍地址"), dispatched(town, "户籍地址")
    task = task_of(town, first)
    refusal = words(town, task.id, second, decision="refuse", ground="condition")
    supplies.answer(town, POLICE, task.id, [*words(town, task.id, first), *refusal])
    assert (first.state, second.state) == ("provided", "refused")


def test_who_joins_after_another_was_answered_waits_for_a_word_of_its_own(town: Session) -> None:
    first, second = dispatched(town, "户籍地址"), dispatched(town, "户籍地址")
    task = task_of(town, first)
    supplies.answer(town, POLICE, task.id, words(town, task.id, first), first.id)
    third = dispatched(town, "户籍地址")
    assert task_of(town, third).id == task.id
    assert (share(town, task, first), share(town, task, third)) == ("answered", "open")
    supplies.answer(town, POLICE, task.id, words(town, task.id, third, decision="refuse", ground="no_longer_kept"))
    assert (first.state, second.state, third.state, task.state) == ("provided", "refused", "refused", "answered")
    assert task_of(town, dispatched(town, "户籍地址")).id != task.id


def test_a_demand_that_waits_for_information_is_left_out_and_answered_later(town: Session) -> None:
    first, second = dispatched(town, "户籍地址"), dispatched(town, "户籍地址")
    task = task_of(town, first)
    town.get_one(TaskDemand, (task.id, second.id)).state = "needs_information"
    supplies.answer(town, POLICE, task.id, words(town, task.id, first))
    assert (first.state, second.state, task.state) == ("provided", "dispatched", "open")
    with pytest.raises(Invalid, match=r"case\.wrong_state"):
        supplies.answer(town, POLICE, task.id, words(town, task.id, second))
    town.get_one(TaskDemand, (task.id, second.id)).state = "open"
    supplies.answer(town, POLICE, task.id, words(town, task.id, second))
    assert (second.state, task.state) == ("provided", "answered")


def test_a_task_ends_when_nobody_is_left_in_it(town: Session) -> None:
    first, second = dispatched(town, "户籍地址"), dispatched(town, "户籍地址")
    task = task_of(town, first)
    demands.withdraw(town, HOUSING, first.id, "不再需要")
    assert (task.state, share(town, task, first), share(town, task, second)) == ("open", "withdrawn", "open")
    assert [clock.demand_id for clock in clocks.of(town, task.id)] == [second.id]
    demands.withdraw(town, HOUSING, second.id, "不再需要")
    assert task.state == "cancelled"
    assert {row.state for row in supplies.answers_of(town, task.id)} == {"cancelled"}
    assert "demand.withdrawn" in keys(town, "public_security", second)


def test_a_demand_asked_again_while_its_task_is_open_for_others_gets_a_task_of_its_own(town: Session) -> None:
    first, second = dispatched(town, "户籍地址"), dispatched(town, "户籍地址")
    task = task_of(town, first)
    supplies.answer(town, POLICE, task.id, words(town, task.id, first), first.id)
    cases.move(town, BUREAU, first, Step("reopen", "地址不全"))
    supplies.open_tasks(town, BUREAU, first, [item.id for item in demands.items(town, first.id)])
    again = next(one for one in supplies.tasks_of(town, demand_id=first.id) if one.id != task.id)
    assert (again.state, task.state, share(town, task, second)) == ("open", "open", "open")
    supplies.answer(town, POLICE, again.id, words(town, again.id, first, decision="refuse", ground="condition"))
    newest = supplies.answers_of_demand(town, first.id)
    assert [row.state for row in newest.values()] == ["refused"]
    assert first.state == "refused"


def test_settling_again_changes_nothing(town: Session) -> None:
    demand = dispatched(town, "户籍地址", "婚姻状况")
    before = len(cases.timeline(town, demand.id))
    supplies.settle(town, BUREAU, demand)
    assert (demand.state, len(cases.timeline(town, demand.id))) == ("dispatched", before)
    open_one = next(task for task in supplies.tasks_of(town, demand_id=demand.id) if task.state == "open")
    supplies.answer(town, POLICE, open_one.id, words(town, open_one.id, demand))
    after = [event.action for event in cases.timeline(town, demand.id)]
    supplies.settle(town, BUREAU, demand)
    assert demand.state == "provided"
    assert [event.action for event in cases.timeline(town, demand.id)] == after
    assert len(grants.find(town, demand_id=demand.id)) == 1


def test_several_tasks_are_answered_in_one_step_or_none_is(town: Session) -> None:
    first, second = dispatched(town, "户籍地址"), dispatched(town, "姓名", "户籍地址")
    tasks = [task_of(town, first), task_of(town, second)]
    given = [
        TaskAnswer(task=task.id, answers=tuple(words(town, task.id, demand)), terms={})
        for task, demand in zip(tasks, (first, second), strict=True)
    ]
    half = given[1].model_copy(update={"answers": given[1].answers[:1]})
    with pytest.raises(Invalid, match=r"supply\.answer_missing"), town.begin_nested():
        supplies.answer_many(town, POLICE, [given[0], half])
    town.expire_all()
    assert {task.state for task in tasks} == {"open"}
    supplies.answer_many(town, POLICE, given)
    assert {demand.state for demand in (first, second)} == {"provided"}


def test_whoever_filed_a_demand_does_not_answer_for_its_provider(town: Session) -> None:
    both = actor("li", "public_security", "provider")
    demand = dispatched(town, "户籍地址")
    task = task_of(town, demand)
    with pytest.raises(Denied, match=r"case\.same_officer"):
        supplies.answer(town, both, task.id, words(town, task.id, demand))


def test_an_item_that_was_not_asked_for_is_named(town: Session) -> None:
    demand, other = dispatched(town, "户籍地址"), dispatched(town, "姓名")
    task = task_of(town, demand)
    strange = words(town, task_of(town, other).id, other)
    with pytest.raises(Invalid, match=r"supply\.not_asked"):
        supplies.answer(town, POLICE, task.id, [*words(town, task.id, demand), *strange])


# --- granted without a human --------------------------------------------------------------------------------------------------


def collected(town: Session, state: str | None, *, is_paused: bool = False) -> None:
    """Bind the marriages to a source, of which a batch stands in some state."""
    source = {
        "connector": "database",
        "connection": "civil",
        "mapping": {"id": "citizen_id", "xm": "name", "hy": "marital"},
        "key": ["citizen_id"],
    }
    items = [
        {"id": "name", "name": "姓名", "element": "person_name", "attribute": "name"},
        {"id": "marital", "name": "婚姻状况", "element": "marital_code", "attribute": "marital_status"},
    ]
    directory.save_draft(
        town, resource("civil_affairs.marriage", {"type": 1}, items, name="婚姻登记信息", source=source)
    )
    version = directory.publish(town, "civil_affairs.marriage")
    if state:
        town.add(
            Batch(id="b1", resource_id=version.resource_id, resource_version_id=version.id, run_id="r", state=state)
        )
    if is_paused:
        town.add(Pause(resource_id=version.resource_id, reason="检修"))
    town.flush()


def test_what_is_live_and_unconditional_is_granted_at_once_and_the_provider_may_object(town: Session) -> None:
    collected(town, "merged")
    demand = dispatched(town, "婚姻状况")
    assert demand.state == "provided"
    assert keys(town, "civil_affairs", demand) >= {"task.automatic"}
    (grant,) = grants.find(town, demand_id=demand.id)
    grants.suspend(town, actor("zhao", "civil_affairs", "provider"), grant.id)
    assert grant.suspended_by_provider


def test_what_was_granted_at_once_and_is_asked_again_is_looked_at_by_a_person(town: Session) -> None:
    demand = dispatched(town, "婚姻状况")
    assert demand.state == "provided"
    cases.move(town, BUREAU, demand, Step("reopen", "值多有缺失"))
    supplies.open_tasks(town, BUREAU, demand)
    assert (demand.state, [task.state for task in supplies.tasks_of(town, demand_id=demand.id)]) == (
        "dispatched", ["answered", "open"],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("state", "is_paused"), [(None, False), ("rejected", False), ("retracted", False), ("merged", True)]
)
def test_what_is_unconditional_but_not_live_is_asked_of_its_provider(
    town: Session, state: str | None, *, is_paused: bool
) -> None:
    collected(town, state, is_paused=is_paused)
    demand = dispatched(town, "婚姻状况")
    assert demand.state == "dispatched"
    task = task_of(town, demand)
    assert (task.state, task.rule_key) == ("open", "reply_unconditional")
    assert keys(town, "civil_affairs", demand) == {"task.opened"}


def test_what_the_law_refuses_is_asked_of_nobody_and_named(town: Session) -> None:
    demand = demands.register(town, HOUSING, form("户籍地址"))
    demands.submit(town, HOUSING, demand.id)
    cases.move(town, BUREAU, demand, Step("dispatch"))
    law = {"type": 3, "condition": "《中华人民共和国保守国家秘密法》第九条"}
    item = {"id": "address", "name": "户籍地址", "attribute": "address"}
    directory.save_draft(town, resource("public_security.resident", law, [item], name="常住人口登记信息"))
    directory.publish(town, "public_security.resident")
    supplies.open_tasks(town, BUREAU, demand)
    assert (demand.state, supplies.tasks_of(town, demand_id=demand.id)) == ("refused", [])
    assert cases.timeline(town, demand.id)[-1].facts["refused_by_law"] == [
        {"item": "户籍地址", "basis": law["condition"]}
    ]


# --- a resource withdrawn in the middle ---------------------------------------------------------------------------------------


def withdraw(town: Session, resource_id: str) -> list[str]:
    reviews.withdraw_version(town, CONSOLE, resource_id, "不再产生")
    return supplies.follow(town, [resource_id])


@pytest.fixture
def _snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUTONG_SNAPSHOT", str(tmp_path / "snapshot.json"))


@pytest.mark.usefixtures("_snapshot")
def test_what_waits_for_a_withdrawn_resource_is_asked_of_the_next_best(town: Session) -> None:
    demand = dispatched(town, "姓名", "户籍地址")
    task = task_of(town, demand)
    assert withdraw(town, "public_security.resident") == [demand.id]
    assert (task.state, share(town, task, demand)) == ("cancelled", "withdrawn")
    newest = {supplies.wanted_name(town, one): row for one, row in supplies.answers_of_demand(town, demand.id).items()}
    assert (newest["姓名"].state, newest["户籍地址"].state) == ("confirmed", "cancelled")
    assert str(newest["姓名"].resource_version_id).startswith("civil_affairs.marriage@")
    assert demand.state == "provided"
    left = [event.facts for event in cases.timeline(town, demand.id) if event.action == "leave_out"]
    assert left == [{"gone": ["户籍地址"]}]
    assert "task.item_gone" in keys(town, "housing", demand) & keys(town, "public_security", demand)
    assert supplies.follow(town) == []


@pytest.mark.usefixtures("_snapshot")
def test_what_nobody_offers_any_more_ends_the_case_by_name(town: Session) -> None:
    demand = dispatched(town, "户籍地址")
    withdraw(town, "public_security.resident")
    assert demand.state == "refused"
    (why,) = cases.timeline(town, demand.id)[-1].facts["refused"]
    assert (why["item"], why["state"], why["department"]) == ("户籍地址", "cancelled", "public_security")


@pytest.mark.usefixtures("_snapshot")
def test_the_hourly_upkeep_asks_anew_for_what_a_withdrawal_left_waiting(town: Session) -> None:
    demand = dispatched(town, "姓名", "户籍地址")
    directory.withdraw(town, "public_security.resident")
    keep_up(town)
    assert demand.state == "provided"
    assert {row.state for row in supplies.answers_of_demand(town, demand.id).values()} == {"confirmed", "cancelled"}


def test_answers_keep_who_said_what_and_when(town: Session) -> None:
    demand = dispatched(town, "户籍地址")
    begun = datetime.now(UTC)
    supplies.answer(town, POLICE, task_of(town, demand).id, words(town, task_of(town, demand).id, demand))
    row = town.scalars(select(SupplyAnswer)).one()
    assert (row.answered_by, row.decision, row.state) == ("wang", "confirm", "confirmed")
    assert row.answered_at is not None
    assert row.answered_at >= begun
