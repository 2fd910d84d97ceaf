"""Why: the lists of demands and supply tasks as questions to the database: what is shown, searched, sorted and filtered. Called by `pages.lists`."""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, case, func, select

from exchange_api.clocks import lamps
from exchange_api.portal import reading
from exchange_api.portal.language import N_, translations
from exchange_api.portal.queried import Choice, Field, Table
from exchange_api.portal.reading import Clocks
from exchange_api.portal.rendering import shown_time
from exchange_api.portal.visit import Visit
from exchange_api.portal.words import LAMP, STATE, TABLES
from schemas.tables.clocks import CaseClock
from schemas.tables.departments import Department
from schemas.tables.exchange import Demand, SupplyTask, TaskDemand
from schemas.tables.services import ServiceItem

_LAMPS = ("red", "yellow", "green")


def demands(visit: Visit) -> Table:
    """Return the list of the demands that concern the officer, newest first."""
    say, states = translations(visit.language).gettext, said(visit, "state")
    due = (
        select(CaseClock.demand_id, func.min(CaseClock.due_date).label("due"))
        .where(CaseClock.state == "running")
        .group_by(CaseClock.demand_id)
        .subquery()
    )
    query = (
        select(
            Demand.id, Demand.purpose, Demand.state, Demand.created_at, ServiceItem.name.label("service"),
            Department.short_name.label("department"),
        )
        .join(ServiceItem, ServiceItem.id == Demand.service_item_id)
        .join(Department, Department.id == Demand.department_id)
        .outerjoin(due, due.c.demand_id == Demand.id)
        .where(reading.concerns(visit.actor))
    )  # fmt: skip
    fields = (
        Field("id", say(N_("编号")), Demand.id, Demand.id), Field("purpose", say(N_("使用目的")), Demand.purpose, Demand.purpose),
        Field("service", say(N_("政务服务事项")), ServiceItem.name, ServiceItem.name),
        Field("department", say(N_("需求部门")), Department.short_name, Department.short_name),
        Field("state", say(N_("状态")), in_order(Demand.state, STATE), Demand.state, states),
        Field("due", say(N_("当前期限")), due.c.due), Field("created", say(N_("登记日期")), Demand.created_at),
    )  # fmt: skip
    clocks = Clocks(visit.session, visit.today)
    choices = (
        Choice("state", say(N_("状态")), states, lambda key: Demand.state == key),
        Choice("department", say(N_("需求部门")), departments(visit), lambda key: Demand.department_id == key),
        Choice("lamp", say(N_("期限")), lamp_words(visit), lit(due.c.due, visit, clocks)),
    )
    return Table(query, fields, (Demand.id.desc(),), _demand_rows(clocks, states), choices)


def _demand_rows(clocks: Clocks, states: dict[str, str]) -> Callable[[Sequence[Row[Any]]], list[dict[str, Any]]]:
    def shown(rows: Sequence[Row[Any]]) -> list[dict[str, Any]]:
        clocks.ahead_of_demands([one.id for one in rows])
        return [_demand_row(one, states, clocks) for one in rows]

    return shown


def _demand_row(one: Row[Any], states: dict[str, str], clocks: Clocks) -> dict[str, Any]:
    clock = clocks.of_demand(one.id)
    return {
        "id": one.id, "purpose": one.purpose, "service": one.service, "department": one.department, "state": states[one.state],
        "due": clock.due.isoformat() if clock else "—", "created": shown_time(one.created_at)[:10], "_tone": one.state, "_clock": clock,
        "_address": f"/portal/demands/{one.id}",
    }  # fmt: skip


def tasks(visit: Visit) -> Table:
    """Return the list of the supply tasks of the officer's department with each demand that shares them, the most urgent first."""
    say, states = translations(visit.language).gettext, said(visit, "task_state")
    query = (
        select(
            SupplyTask.id, SupplyTask.state, SupplyTask.due_date, Demand.purpose, Demand.id.label("demand"),
            Department.short_name.label("department"),
        )
        .join(TaskDemand, TaskDemand.task_id == SupplyTask.id)
        .join(Demand, Demand.id == TaskDemand.demand_id)
        .join(Department, Department.id == Demand.department_id)
        .where(SupplyTask.department_id == visit.actor.department_id)
    )  # fmt: skip
    fields = (
        Field("id", say(N_("编号")), SupplyTask.id, SupplyTask.id), Field("purpose", say(N_("使用目的")), Demand.purpose, Demand.purpose),
        Field("department", say(N_("需求部门")), Department.short_name, Department.short_name),
        Field("state", say(N_("状态")), in_order(SupplyTask.state, states), SupplyTask.state, states),
        Field("due", say(N_("答复期限")), SupplyTask.due_date),
        Field("demand", say(N_("对接单")), Demand.id, Demand.id, is_shown=False),
    )  # fmt: skip
    clocks = Clocks(visit.session, visit.today)
    lamp = lit(SupplyTask.due_date, visit, clocks)
    choices = (
        Choice("state", say(N_("状态")), states, lambda key: SupplyTask.state == key),
        Choice("department", say(N_("需求部门")), departments(visit), lambda key: Demand.department_id == key),
        Choice("lamp", say(N_("期限")), lamp_words(visit), lambda key: (SupplyTask.state == "open") & lamp(key)),
    )
    order = (in_order(SupplyTask.state, states), SupplyTask.due_date, SupplyTask.id, Demand.id)
    return Table(query, fields, order, _task_rows(clocks, states), choices)


def _task_rows(clocks: Clocks, states: dict[str, str]) -> Callable[[Sequence[Row[Any]]], list[dict[str, Any]]]:
    def shown(rows: Sequence[Row[Any]]) -> list[dict[str, Any]]:
        clocks.ahead([one.id for one in rows if one.state == "open"])
        return [
            {
                "id": one.id, "purpose": one.purpose, "department": one.department, "state": states[one.state], "due": one.due_date.isoformat(),
                "demand": one.demand, "_clock": clocks.of_case(one.id) if one.state == "open" else None,
                "_address": f"/portal/tasks/{one.id}", "_tone": "submitted" if one.state == "open" else "closed",
            }
            for one in rows
        ]  # fmt: skip

    return shown


def said(visit: Visit, table: str) -> dict[str, str]:
    """Return the words of a table by key, in the visitor's language."""
    translate = translations(visit.language).gettext
    return {key: translate(text) for key, text in TABLES[table].items()}


def departments(visit: Visit) -> dict[str, str]:
    """Return the departments one may choose from, by id."""
    rows = visit.session.execute(select(Department.id, Department.short_name).order_by(Department.short_name))
    return {row.id: row.short_name for row in rows}


def lamp_words(visit: Visit) -> dict[str, str]:
    """Return the lamps one may choose from."""
    translate = translations(visit.language).gettext
    return {key: translate(LAMP[key]) for key in _LAMPS}


def lit(due: ColumnElement[Any] | Any, visit: Visit, clocks: Clocks) -> Callable[[str], ColumnElement[bool]]:
    """Return what says of a lamp which due days bear it today, by the calendar: as `lamps.lamp_on`."""

    def condition(key: str) -> ColumnElement[bool]:
        if key == lamps.ClockLamp.RED:
            return due < visit.today
        return due.between(visit.today, clocks.near) if key == lamps.ClockLamp.YELLOW else due > clocks.near

    return condition


def in_order(column: Any, keys: dict[str, str]) -> ColumnElement[int]:
    """Return the place of a key in its table of words: states sort as a case goes through them."""
    return case({key: place for place, key in enumerate(keys)}, value=column, else_=len(keys))
