"""Why: the first page of a day: what waits for me, what I wait for, what I was told. Called by `mounting`."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from catalog import notices
from exchange_api.portal import reading, waiting
from exchange_api.portal.language import N_
from exchange_api.portal.reading import Clocks
from exchange_api.portal.rendering import page
from exchange_api.portal.visit import OfficerVisit, Visit
from exchange_api.portal.waiting import Line
from exchange_api.supply import supplies
from exchange_api.supply.reading import UNSPOKEN
from schemas.tables.exchange import Demand, SupplyTask

router = APIRouter()
OWN_TURN = {
    "draft": N_("提交需求"), "returned": N_("补正后重新提交"), "provided": N_("核对授权并验收"), "needs_information": N_("补充说明"),
    "offered": N_("回复替代方案"),
}  # fmt: skip


@router.get("/")
def show(visit: OfficerVisit) -> Response:
    """Show the officer's workbench."""
    return page(visit, "workbench.html", **_facts(visit))


def _facts(visit: Visit) -> dict[str, Any]:
    demands, clocks = (
        {one.id: one for one in reading.demands_of(visit.session, visit.actor)},
        Clocks(visit.session, visit.today),
    )
    mine = [
        *_tasks_for_me(visit, clocks),
        *_turns_of_mine(visit, demands),
        *_to_dispatch(visit, demands, clocks),
        *waiting.lines(visit, demands, clocks),
    ]
    mine.sort(
        key=lambda line: (line.clock is None, line.clock.due if line.clock else visit.today, line.demand.created_at)
    )
    told = notices.find(visit.session, visit.actor.department_id, limit=8)
    return {
        "mine": mine,
        "waiting": _waiting(visit, demands, clocks),
        "notices": told,
        "names": reading.names(visit.session),
    }


def _tasks_for_me(visit: Visit, clocks: Clocks) -> list[Line]:
    if not visit.has("provider"):
        return []
    tasks = reading.open_tasks(visit.session, visit.actor.department_id)
    return [
        Line(
            visit.session.get_one(Demand, demand_id),
            N_("逐项确认供给"),
            f"/portal/tasks/{task.id}",
            clocks.of(task, demand_id),
        )
        for task, demand_id in reading.cases_of(visit.session, tasks, ("open",))
    ]


def _turns_of_mine(visit: Visit, demands: dict[str, Demand]) -> list[Line]:
    if not visit.has("demander"):
        return []
    own = [one for one in demands.values() if one.department_id == visit.actor.department_id]
    return [Line(one, OWN_TURN[one.state], _case(one)) for one in own if one.state in OWN_TURN]


def _to_dispatch(visit: Visit, demands: dict[str, Demand], clocks: Clocks) -> list[Line]:
    if not visit.has("authority"):
        return []
    waiting = [one for one in demands.values() if one.state == "submitted"]
    return [Line(one, N_("审核并分派"), _case(one), clocks.of_case(one.id)) for one in waiting]


def _waiting(visit: Visit, demands: dict[str, Demand], clocks: Clocks) -> list[Line]:
    """What others have to do: for a demander in his own cases, for the authority in all."""
    whose = {
        one.id: one
        for one in demands.values()
        if visit.has("authority") or one.department_id == visit.actor.department_id
    }
    by_case = dict[str, list[SupplyTask]]()
    for task, demand_id in reading.cases_of(visit.session, reading.open_tasks(visit.session), UNSPOKEN):
        by_case.setdefault(demand_id, []).append(task)
    lines = [
        Line(whose[case], N_("等待数源部门确认"), _case(whose[case]), clocks.of(tasks[0], case), tuple(task.department_id for task in tasks))
        for case, tasks in by_case.items()
        if case in whose
    ]  # fmt: skip
    for one in whose.values():
        if one.state == "submitted" and visit.has("demander"):
            lines.append(Line(one, N_("等待主管部门分派"), _case(one), clocks.of_case(one.id)))
        if one.state == "answered":
            lines.append(Line(one, N_("等待数源部门兑现"), _case(one), None, _promising(visit, one)))
    return lines


def _promising(visit: Visit, demand: Demand) -> tuple[str, ...]:
    rows = [row for row in supplies.answers_of_demand(visit.session, demand.id).values() if row.state == "promised"]
    return tuple(dict.fromkeys(supplies.get_task(visit.session, row.task_id).department_id for row in rows))


def _case(demand: Demand) -> str:
    return f"/portal/demands/{demand.id}"
