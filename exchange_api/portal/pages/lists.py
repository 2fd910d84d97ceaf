"""Why: the lists an officer looks things up in: demands, supply tasks. Called by `mounting`; the directory has its own, `resources`."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response

from exchange_api.portal import reading
from exchange_api.portal.language import N_, translations
from exchange_api.portal.listing import Asked, Column, listed, workbook
from exchange_api.portal.reading import Clocks
from exchange_api.portal.rendering import page, shown_time
from exchange_api.portal.visit import OfficerVisit, ProviderVisit, Visit
from exchange_api.portal.words import word
from exchange_api.supply import supplies

router = APIRouter()


def _asked(
    q: Annotated[str, Query(max_length=100)] = "", sort: Annotated[str, Query(max_length=40)] = "", page: int = 1
) -> Asked:
    return Asked(q.strip(), sort, page)


AskedDep = Annotated[Asked, Depends(_asked)]
Format = Annotated[str, Query(alias="format", max_length=8)]


@router.get("/demands")
def demands(visit: OfficerVisit, asked: AskedDep, file: Format = "") -> Response:
    """List the demands that concern the officer."""
    titles = columns(
        visit, id=N_("编号"), purpose=N_("使用目的"), service=N_("政务服务事项"), department=N_("需求部门"), state=N_("状态"), created=N_("登记日期")
    )  # fmt: skip
    return show_list(visit, asked, titles, _demand_rows(visit), (N_("需求"), "demands", file))


def _demand_rows(visit: Visit) -> list[dict[str, Any]]:
    names = reading.names(visit.session)
    return [
        {
            "id": one.id, "purpose": one.purpose, "service": names.services.get(one.service_item_id, one.service_item_id),
            "department": names.departments[one.department_id], "state": say(visit, "state", one.state),
            "created": shown_time(one.created_at)[:10], "_tone": one.state, "_address": f"/portal/demands/{one.id}",
        }
        for one in reading.demands_of(visit.session, visit.actor)
    ]  # fmt: skip


@router.get("/tasks")
def tasks(visit: ProviderVisit, asked: AskedDep, file: Format = "") -> Response:
    """List the supply tasks of the officer's department."""
    titles = columns(
        visit, id=N_("编号"), purpose=N_("使用目的"), department=N_("需求部门"), state=N_("状态"), due=N_("答复期限")
    )
    return show_list(visit, asked, titles, _task_rows(visit), (N_("供给任务"), "tasks", file))


def _task_rows(visit: Visit) -> list[dict[str, Any]]:
    names, clocks = reading.names(visit.session), Clocks(visit.session, visit.today)
    demands = {one.id: one for one in reading.demands_of(visit.session, visit.actor)}
    tasks = supplies.tasks_of(visit.session, department_id=visit.actor.department_id)
    return [
        {
            "id": one.id, "purpose": demands[demand_id].purpose, "department": names.departments[demands[demand_id].department_id],
            "state": say(visit, "task_state", one.state), "due": one.due_date.isoformat(), "_clock": clocks.of(one),
            "_address": f"/portal/tasks/{one.id}", "_tone": "submitted" if one.state == "open" else "closed",
        }
        for one, demand_id in reading.cases_of(visit.session, tasks)
    ]  # fmt: skip


def show_list(
    visit: Visit, asked: Asked, titles: tuple[Column, ...], rows: list[dict[str, Any]], what: tuple[str, str, str]
) -> Response:
    """Answer with one page of a list, or all of it as XLSX. what: title, name, wished file."""
    title, name, file = what
    if file == "xlsx":
        return workbook(titles, rows, asked, name)
    return page(visit, "list.html", listing=listed(titles, rows, asked), title=title, name=name)


def columns(visit: Visit, **titles: str) -> tuple[Column, ...]:
    """Return columns with their titles in the visitor's language."""
    translate = translations(visit.language).gettext
    return tuple(Column(key, translate(title)) for key, title in titles.items())


def say(visit: Visit, table: str, key: Any) -> str:
    """Return the word of a key in the visitor's language."""
    return translations(visit.language).gettext(word(table, key))
