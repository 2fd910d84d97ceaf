"""Why: the first page of a day: what waits for me, what I wait for, what I was told. Called by `mounting`."""

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from catalog import notices
from exchange_api.portal import reading
from exchange_api.portal.language import N_
from exchange_api.portal.reading import Clock, Clocks
from exchange_api.portal.rendering import page
from exchange_api.portal.visit import OfficerVisit, Visit
from schemas.tables.exchange import Demand, SupplyTask

router = APIRouter()
OWN_TURN = {"draft": N_("提交需求"), "returned": N_("补正后重新提交"), "provided": N_("核对授权并验收")}


@dataclass(frozen=True)
class Line:
    """One line of the workbench: what is to be done in which case, where it is done, and until when."""

    demand: Demand
    todo: str
    address: str
    clock: Clock | None = None
    whom: tuple[str, ...] = ()


@router.get("/")
def show(visit: OfficerVisit) -> Response:
    """Show the officer's workbench."""
    demands = {one.id: one for one in reading.demands_of(visit.session, visit.actor)}
    mine = [*_tasks_for_me(visit, demands), *_turns_of_mine(visit, demands), *_to_dispatch(visit, demands)]
    mine.sort(
        key=lambda line: (line.clock is None, line.clock.due if line.clock else visit.today, line.demand.created_at)
    )
    waiting = _waiting(visit, demands)
    told = notices.find(visit.session, visit.actor.department_id, limit=8)
    facts: dict[str, Any] = {"mine": mine, "waiting": waiting, "notices": told, "names": reading.names(visit.session)}
    return page(visit, "workbench.html", **facts)


def _tasks_for_me(visit: Visit, demands: dict[str, Demand]) -> list[Line]:
    if not visit.has("provider"):
        return []
    clocks = Clocks(visit.session, visit.today)
    tasks = reading.open_tasks(visit.session, visit.actor.department_id)
    return [
        Line(demands[demand_id], N_("逐项确认供给"), f"/portal/tasks/{task.id}", clocks.of(task))
        for task, demand_id in reading.cases_of(visit.session, tasks)
    ]


def _turns_of_mine(visit: Visit, demands: dict[str, Demand]) -> list[Line]:
    if not visit.has("demander"):
        return []
    own = [one for one in demands.values() if one.department_id == visit.actor.department_id]
    return [Line(one, OWN_TURN[one.state], _case(one)) for one in own if one.state in OWN_TURN]


def _to_dispatch(visit: Visit, demands: dict[str, Demand]) -> list[Line]:
    if not visit.has("authority"):
        return []
    return [Line(one, N_("审核并分派"), _case(one)) for one in demands.values() if one.state == "submitted"]


def _waiting(visit: Visit, demands: dict[str, Demand]) -> list[Line]:
    """What others have to do: for a demander in his own cases, for the authority in all."""
    whose = {
        one.id: one
        for one in demands.values()
        if visit.has("authority") or one.department_id == visit.actor.department_id
    }
    clocks, by_case = Clocks(visit.session, visit.today), dict[str, list[SupplyTask]]()
    for task, demand_id in reading.cases_of(visit.session, reading.open_tasks(visit.session)):
        by_case.setdefault(demand_id, []).append(task)
    lines = [
        Line(
            whose[case],
            N_("等待数源部门确认"),
            _case(whose[case]),
            clocks.of(tasks[0]),
            tuple(task.department_id for task in tasks),
        )
        for case, tasks in by_case.items()
        if case in whose
    ]
    if visit.has("demander"):
        lines += [Line(one, N_("等待主管部门分派"), _case(one)) for one in whose.values() if one.state == "submitted"]
    return lines


def _case(demand: Demand) -> str:
    return f"/portal/demands/{demand.id}"
