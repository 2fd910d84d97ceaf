"""A department ends while it is asked: its successor answers, the grant comes about, and the demander's successor holds it."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.reform import reforms
from catalog.reform.reforms import Act
from exchange_api.clocks import clocks
from exchange_api.demand import demands
from exchange_api.grant import grants
from exchange_api.matching.index import candidates
from exchange_api.supply import promises, supplies
from exchange_api.supply.supplies import ItemAnswer, Offered
from exchange_api.upkeep import keep_up
from schemas.calendar import today
from schemas.errors import Denied
from schemas.tables.exchange import Application, Grant
from schemas.tables.operations import Notice, Officer
from tests.desks.conftest import BUREAU, CIVIL, HOUSING, POLICE, actor, form

ACT = Act(date(2026, 1, 1), "兴编办〔2026〕3号", "chen")


def test_the_successor_answers_and_holds_what_was_granted(town: Session) -> None:
    demand = demands.register(town, HOUSING, form("申请人名字", "户籍地址"))
    demands.submit(town, HOUSING, demand.id)
    demands.dispatch(town, BUREAU, demand.id)
    reforms.merge(town, ["public_security"], "civil_affairs", ACT)
    (task,) = supplies.tasks_of(town, demand_id=demand.id)
    answers = [
        ItemAnswer(demand_item_id=row.demand_item_id, decision="confirm") for row in supplies.answers_of(town, task.id)
    ]
    with pytest.raises(Denied):
        supplies.answer(town, POLICE, task.id, answers)
    supplies.answer(town, CIVIL, task.id, answers)
    reforms.merge(town, ["housing"], "data_bureau", ACT)
    heir = actor("li", "data_bureau", "demander")
    demands.accept(town, heir, demand.id)
    (grant,) = grants.find(town, demand_id=demand.id)
    town.expire_all()
    assert town.get_one(Application, grant.application_id).department_id == "data_bureau"
    grants.suspend(town, CIVIL, grant.id)
    assert town.get_one(Grant, grant.id).suspended_by_provider
    assert {one.department_id for one in candidates(town)} == {"civil_affairs"}


def test_the_authority_is_told_once_of_a_reform_that_cannot_come_into_force(
    town: Session, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HUTONG_SNAPSHOT", str(tmp_path / "snapshot.json"))
    town.merge(Officer(id="chen", name="陈", department_id="data_bureau", roles=["authority"], password_hash="-"))
    day = datetime.now(UTC) + timedelta(days=2)
    reforms.dissolve(town, "civil_affairs", Act(day.date(), "兴编办〔2026〕4号", "chen"))
    for hour in (24, 25):
        keep_up(town, day + timedelta(hours=hour))
    told = town.scalars(select(Notice).where(Notice.key == "reform.failed")).all()
    assert [notice.department_id for notice in told] == ["data_bureau"]
    assert "civil_affairs" in told[0].facts["why"]


def test_demands_that_share_a_task_all_follow_it_to_the_successor(town: Session) -> None:
    asked = [demands.register(town, HOUSING, form("户籍地址")) for _ in range(2)]
    for demand in asked:
        demands.submit(town, HOUSING, demand.id)
        demands.dispatch(town, BUREAU, demand.id)
    reforms.merge(town, ["public_security"], "civil_affairs", ACT)
    late = demands.register(town, HOUSING, form("户籍地址"))
    demands.submit(town, HOUSING, late.id)
    demands.dispatch(town, BUREAU, late.id)
    (task,) = {task.id: task for one in [*asked, late] for task in supplies.tasks_of(town, demand_id=one.id)}.values()
    assert {clock.department_id for clock in clocks.of(town, task.id)} == {"civil_affairs"}
    (first, *_) = supplies.answers_of(town, task.id)
    supplies.answer(town, CIVIL, task.id, [ItemAnswer(demand_item_id=first.demand_item_id, decision="confirm")])
    town.expire_all()
    assert {demand.state for demand in [*asked, late]} == {"provided"}


def test_a_promise_is_kept_by_the_successor(town: Session) -> None:
    demand = demands.register(town, HOUSING, form("户籍地址"))
    demands.submit(town, HOUSING, demand.id)
    demands.dispatch(town, BUREAU, demand.id)
    (task,) = supplies.tasks_of(town, demand_id=demand.id)
    (row,) = supplies.answers_of(town, task.id)
    promise = ItemAnswer(demand_item_id=row.demand_item_id, decision="will_provide", promised_date=today())
    supplies.answer(town, POLICE, task.id, [promise])
    reforms.merge(town, ["public_security"], "civil_affairs", ACT)
    (clock,) = clocks.of(town, f"answer:{row.id}")
    assert clock.department_id == "civil_affairs"
    with pytest.raises(Denied, match=r"case\.not_yours"):
        promises.fulfil(town, POLICE, row.id, Offered())
    promises.fulfil(town, CIVIL, row.id, Offered())
    assert demand.state == "provided"
