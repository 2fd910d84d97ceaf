"""Why: stories of demands begin alike: submitted, dispatched, answered. Called by tests of the demand room."""

from typing import Any

from sqlalchemy.orm import Session

from catalog import notices
from exchange_api.actors import Actor
from exchange_api.demand import demands
from exchange_api.supply import supplies
from exchange_api.supply.supplies import ItemAnswer
from schemas.tables.exchange import Demand, SupplyAnswer, SupplyTask
from schemas.tables.operations import Officer
from tests.desks.conftest import BUREAU, HOUSING, POLICE, form

CONDITION = "用于政务服务事项办理"


def with_authority(town: Session) -> None:
    """Let the town know its authority's officer: notices and clocks reach his department."""
    town.add(Officer(id="chen", name="陈", department_id="data_bureau", roles=["authority"], password_hash="-"))
    town.flush()


def submitted(town: Session, *wanted: str, **changes: Any) -> Demand:
    demand = demands.register(town, HOUSING, form(*wanted, **changes))
    return demands.submit(town, HOUSING, demand.id)


def dispatched(town: Session, *wanted: str, **changes: Any) -> Demand:
    demand = submitted(town, *wanted, **changes)
    demands.dispatch(town, BUREAU, demand.id)
    return demand


def task_of(town: Session, demand: Demand, department_id: str = "public_security") -> SupplyTask:
    tasks = supplies.tasks_of(town, demand_id=demand.id, department_id=department_id)
    return [task for task in tasks if task.state == "open"][-1]


def say(town: Session, demand: Demand, actor: Actor = POLICE, **words: Any) -> None:
    """Give the same word on everything that waits for this department."""
    task = task_of(town, demand, actor.department_id)
    waiting = [row for row in supplies.answers_of(town, task.id, demand.id) if row.state == "waiting"]
    supplies.answer(
        town, actor, task.id, [ItemAnswer.model_validate({"demand_item_id": row.demand_item_id} | words) for row in waiting], demand.id
    )  # fmt: skip


def confirm(town: Session, demand: Demand, actor: Actor = POLICE) -> None:
    say(town, demand, actor, decision="confirm")


def refuse(town: Session, demand: Demand, actor: Actor = POLICE) -> None:
    say(town, demand, actor, decision="refuse", reason=CONDITION)


def offer(town: Session, demand: Demand, actor: Actor = POLICE) -> SupplyAnswer:
    """Offer less than was wanted: yes or no."""
    say(town, demand, actor, decision="counter_offer", form="yes_no", reason="只能核对是否一致")
    return next(row for row in supplies.answers_of_demand(town, demand.id).values() if row.state == "offered")


def told(town: Session, department_id: str) -> list[str]:
    """Return the keys of what a department was told, newest first."""
    return [notice.key for notice in notices.find(town, department_id, limit=100)]
