"""A department ends while it is asked: its successor answers, the grant comes about, and the demander's successor holds it."""

from datetime import date

import pytest
from sqlalchemy.orm import Session

from catalog.reform import reforms
from catalog.reform.reforms import Act
from exchange_api import demands, grants, supply
from exchange_api.matching.index import candidates
from exchange_api.supply import ItemAnswer
from schemas.errors import Denied
from schemas.tables.exchange import Application, Grant
from tests.desks.conftest import BUREAU, CIVIL, HOUSING, POLICE, actor, form

ACT = Act(date(2026, 1, 1), "兴编办〔2026〕3号", "chen")


def test_the_successor_answers_and_holds_what_was_granted(town: Session) -> None:
    demand = demands.register(town, HOUSING, form("申请人名字", "户籍地址"))
    demands.submit(town, HOUSING, demand.id)
    demands.dispatch(town, BUREAU, demand.id)
    reforms.merge(town, ["public_security"], "civil_affairs", ACT)
    (task,) = supply.tasks_of(town, demand_id=demand.id)
    answers = [
        ItemAnswer(demand_item_id=row.demand_item_id, decision="confirm") for row in supply.answers_of(town, task.id)
    ]
    with pytest.raises(Denied):
        supply.answer(town, POLICE, task.id, answers)
    supply.answer(town, CIVIL, task.id, answers)
    reforms.merge(town, ["housing"], "data_bureau", ACT)
    heir = actor("li", "data_bureau", "demander")
    demands.accept(town, heir, demand.id)
    (grant,) = grants.find(town, demand_id=demand.id)
    town.expire_all()
    assert town.get_one(Application, grant.application_id).department_id == "data_bureau"
    grants.suspend(town, CIVIL, grant.id)
    assert town.get_one(Grant, grant.id).suspended_by_provider
    assert {one.department_id for one in candidates(town)} == {"civil_affairs"}
