"""A demand's way: registered in plain words, matched, dispatched, confirmed item by item, granted, accepted."""

import itertools
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog import notices
from exchange_api import cases
from exchange_api.actors import Step
from exchange_api.demand import demands
from exchange_api.grant import grants
from exchange_api.states import DEMAND
from exchange_api.supply import supplies
from exchange_api.supply.supplies import ItemAnswer
from schemas.errors import Denied, HutongError, Invalid
from schemas.tables.exchange import DEMAND_STATES, Demand, DemandItem, Match
from schemas.tables.operations import Officer
from tests.desks.conftest import BUREAU, CIVIL, HOUSING, POLICE, actor, form


def _dispatched(town: Session, *wanted: str) -> Demand:
    demand = demands.register(town, HOUSING, form(*wanted))
    demands.submit(town, HOUSING, demand.id)
    demands.dispatch(town, BUREAU, demand.id)
    return demand


def _open_task(town: Session, demand: Demand) -> Any:
    (task,) = [task for task in supplies.tasks_of(town, demand_id=demand.id) if task.state == "open"]
    return task


def _answers(town: Session, task_id: str, **changes: Any) -> list[ItemAnswer]:
    return [
        ItemAnswer.model_validate({"demand_item_id": row.demand_item_id, "decision": "confirm"} | changes)
        for row in supplies.answers_of(town, task_id)
        if row.decision is None
    ]


def test_a_demand_in_plain_words_becomes_a_grant(town: Session) -> None:
    demand = _dispatched(town, "申请人名字", "户籍地址", "婚姻情况")
    task = _open_task(town, demand)
    assert task.department_id == "public_security"
    supplies.answer(town, POLICE, task.id, _answers(town, task.id, form="masked"))
    assert demand.state == "provided"
    (grant,) = grants.find(town, demand_id=demand.id)
    assert {item.attribute: item.form for item in grants.items(town, grant.id)} == {
        "name": "masked", "address": "masked", "marital_status": "full",
    }  # fmt: skip
    demands.accept(town, HOUSING, demand.id)
    assert demand.state == "closed"
    assert [event.action for event in cases.timeline(town, demand.id)] == [
        "register", "submit", "dispatch", "open_task", "open_task", "answer_task", "answer", "provide", "accept", "close",
    ]  # fmt: skip


def test_unconditional_items_are_granted_without_a_human(town: Session) -> None:
    demand = _dispatched(town, "婚姻状况")
    assert demand.state == "provided"
    (task,) = supplies.tasks_of(town, demand_id=demand.id)
    assert [row.answered_by for row in supplies.answers_of(town, task.id)] == ["system"]


def test_every_match_says_why_in_reasons(town: Session) -> None:
    demand = demands.register(town, HOUSING, form("是否结婚"))
    demands.submit(town, HOUSING, demand.id)
    (first,) = town.scalars(select(Match).join(DemandItem).where(DemandItem.demand_id == demand.id, Match.rank == 0))
    assert first.item_id == "marital"
    assert first.reasons[0].items() >= {"key": "synonym", "synonym": "是否结婚", "name": "婚姻状况"}.items()
    assert abs(first.score - sum(reason["points"] for reason in first.reasons)) < 1e-3


def test_when_nobody_has_it_the_case_says_so(town: Session) -> None:
    demand = _dispatched(town, "航天器轨道参数")
    assert demand.state == "refused"
    assert cases.timeline(town, demand.id)[-1].facts == {"unmatched": ["航天器轨道参数"]}


def test_whoever_filed_a_demand_cannot_approve_it(town: Session) -> None:
    both = actor("li", "housing", "demander", "authority")
    demand = demands.register(town, both, form("姓名"))
    demands.submit(town, both, demand.id)
    with pytest.raises(Denied, match=r"case\.same_officer"):
        demands.dispatch(town, both, demand.id)


def test_everything_missing_is_named_at_once(town: Session) -> None:
    demand = demands.register(town, HOUSING, form(purpose="", basis=" ", application_id=None))
    with pytest.raises(Invalid) as refused:
        demands.submit(town, HOUSING, demand.id)
    for word in ("应用系统", "使用目的", "使用依据", "信息项"):
        assert word in str(refused.value.title())


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"decision": "refuse"}, "supply.reason_needed"),
        ({"decision": "refuse", "reason": "我们不愿意"}, "supply.reason_needed"),
        ({"item_id": "no_such"}, "supply.unknown_item"),
        ({"resource_id": "civil_affairs.marriage", "item_id": "marital"}, "supply.unknown_item"),
    ],
)
def test_a_provider_cannot_invent_conditions_or_items(town: Session, changes: dict[str, str], code: str) -> None:
    demand = _dispatched(town, "户籍地址")
    task = _open_task(town, demand)
    with pytest.raises(HutongError) as refused:
        supplies.answer(town, POLICE, task.id, _answers(town, task.id, **changes))
    assert refused.value.code == code


@pytest.mark.parametrize("ground", ["用于政务服务事项办理", "依据《中华人民共和国保守国家秘密法》第九条"])
def test_a_refusal_on_a_catalogued_ground_or_a_cited_law_ends_the_case(town: Session, ground: str) -> None:
    demand = _dispatched(town, "户籍地址")
    task = _open_task(town, demand)
    supplies.answer(town, POLICE, task.id, _answers(town, task.id, decision="refuse", reason=ground))
    assert demand.state == "refused"
    assert grants.find(town, demand_id=demand.id) == []


def test_an_answer_must_cover_every_item(town: Session) -> None:
    demand = _dispatched(town, "户籍地址", "姓名")
    task = _open_task(town, demand)
    with pytest.raises(Invalid, match=r"supply\.answer_missing"):
        supplies.answer(town, POLICE, task.id, _answers(town, task.id)[:1])


def test_one_department_cannot_answer_for_another(town: Session) -> None:
    task = _open_task(town, _dispatched(town, "户籍地址"))
    with pytest.raises(Denied, match=r"case\.not_yours"):
        supplies.answer(town, CIVIL, task.id, _answers(town, task.id))


def test_a_withdrawn_demand_cancels_its_tasks(town: Session) -> None:
    demand = _dispatched(town, "户籍地址")
    demands.withdraw(town, HOUSING, demand.id, "不再需要")
    assert {task.state for task in supplies.tasks_of(town, demand_id=demand.id)} == {"cancelled"}


def test_everybody_concerned_is_told(town: Session) -> None:
    town.add(Officer(id="chen", name="陈", department_id="data_bureau", roles=["authority"], password_hash="-"))
    demand = _dispatched(town, "户籍地址")
    assert {notice.key for notice in notices.find(town, "data_bureau")} == {"demand.submitted"}
    assert {notice.key for notice in notices.find(town, "public_security")} == {"task.opened"}
    task = _open_task(town, demand)
    supplies.answer(town, POLICE, task.id, _answers(town, task.id))
    assert "demand.provided" in {notice.key for notice in notices.find(town, "housing")}


@pytest.mark.parametrize(("state", "action"), list(itertools.product(DEMAND_STATES, DEMAND.ways)))
def test_the_table_alone_decides_what_is_possible(town: Session, state: str, action: str) -> None:
    demand = demands.register(town, HOUSING, form("姓名"))
    demand.state = state
    if state in DEMAND.ways[action]:
        cases.move(town, HOUSING, demand, Step(action))
        assert demand.state == DEMAND.ways[action][state]
    else:
        with pytest.raises(Invalid, match=r"case\.wrong_state"):
            cases.move(town, HOUSING, demand, Step(action))
        assert demand.state == state


def test_each_side_lifts_only_its_own_suspension(town: Session) -> None:
    demand = _dispatched(town, "婚姻状况")
    (grant,) = grants.find(town, demand_id=demand.id)
    grants.suspend(town, BUREAU, grant.id)
    grants.suspend(town, HOUSING, grant.id)
    grants.resume(town, HOUSING, grant.id)
    assert (grant.suspended_by_platform, grant.suspended_by_consumer, grant.suspended_by_provider) == (
        True,
        False,
        False,
    )
    with pytest.raises(Denied):
        grants.suspend(town, POLICE, grant.id)
