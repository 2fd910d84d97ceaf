"""Why: the lists an officer looks things up in: demands, supply tasks, the resource directory, one resource. Called by `mounting`."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response

from catalog import directory
from exchange_api import supply
from exchange_api.portal import reading
from exchange_api.portal.language import N_, translations
from exchange_api.portal.listing import Asked, Column, listed, workbook
from exchange_api.portal.reading import Clocks
from exchange_api.portal.rendering import page, shown_time
from exchange_api.portal.visit import OfficerVisit, ProviderVisit, Visit
from exchange_api.portal.words import word
from schemas.resource import ResourceDocument

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
    columns = _columns(
        visit, id=N_("编号"), purpose=N_("使用目的"), service=N_("政务服务事项"), department=N_("需求部门"), state=N_("状态"), created=N_("登记日期")
    )  # fmt: skip
    return _list(visit, asked, columns, _demand_rows(visit), (N_("需求"), "demands", file))


def _demand_rows(visit: Visit) -> list[dict[str, Any]]:
    names = reading.names(visit.session)
    return [
        {
            "id": one.id, "purpose": one.purpose, "service": names.services.get(one.service_item_id, one.service_item_id),
            "department": names.departments[one.department_id], "state": _say(visit, "state", one.state),
            "created": shown_time(one.created_at)[:10], "_tone": one.state, "_address": f"/portal/demands/{one.id}",
        }
        for one in reading.demands_of(visit.session, visit.actor)
    ]  # fmt: skip


@router.get("/tasks")
def tasks(visit: ProviderVisit, asked: AskedDep, file: Format = "") -> Response:
    """List the supply tasks of the officer's department."""
    columns = _columns(
        visit, id=N_("编号"), purpose=N_("使用目的"), department=N_("需求部门"), state=N_("状态"), due=N_("答复期限")
    )
    return _list(visit, asked, columns, _task_rows(visit), (N_("供给任务"), "tasks", file))


def _task_rows(visit: Visit) -> list[dict[str, Any]]:
    names, clocks = reading.names(visit.session), Clocks(visit.session, visit.today)
    demands = {one.id: one for one in reading.demands_of(visit.session, visit.actor)}
    return [
        {
            "id": one.id, "purpose": demands[one.demand_id].purpose, "department": names.departments[demands[one.demand_id].department_id],
            "state": _say(visit, "task_state", one.state), "due": one.due_date.isoformat(), "_clock": clocks.of(one),
            "_address": f"/portal/tasks/{one.id}", "_tone": "submitted" if one.state == "open" else "closed",
        }
        for one in supply.tasks_of(visit.session, department_id=visit.actor.department_id)
    ]  # fmt: skip


@router.get("/resources")
def resources(visit: OfficerVisit, asked: AskedDep, file: Format = "") -> Response:
    """List the published directory; the search also looks into item names and abstracts."""
    columns = _columns(
        visit, name=N_("资源名称"), department=N_("提供部门"), sharing=N_("共享属性"), cycle=N_("更新周期"),
        library=N_("基础库"), items=N_("信息项数"), id=N_("标识"),
    )  # fmt: skip
    return _list(visit, asked, columns, _resource_rows(visit), (N_("资源目录"), "resources", file))


def _resource_rows(visit: Visit) -> list[dict[str, Any]]:
    names = reading.names(visit.session)
    return [
        {
            "name": body["name"], "department": names.departments[row.department_id], "sharing": _say(visit, "sharing", body["sharing"]["type"]),
            "cycle": _say(visit, "cycle", body["update_cycle"]), "library": _say(visit, "library", body["library"]) if body["library"] else "—",
            "items": len(body["items"]), "id": row.resource_id, "_address": f"/portal/resources/{row.resource_id}", "_tone": None,
            "_words": " ".join([body["abstract"], *(item["name"] for item in body["items"])]),
        }
        for row in directory.find(visit.session)
        for body in [row.document]
    ]  # fmt: skip


@router.get("/resources/{resource_id}")
def resource(visit: OfficerVisit, resource_id: str) -> Response:
    """Show one resource as it is published, and its versions."""
    row = directory.get(visit.session, resource_id)
    document = ResourceDocument.model_validate(row.document)
    versions = directory.versions(visit.session, resource_id)
    return page(
        visit, "resource.html", document=document, row=row, versions=versions, names=reading.names(visit.session)
    )


def _list(
    visit: Visit, asked: Asked, columns: tuple[Column, ...], rows: list[dict[str, Any]], what: tuple[str, str, str]
) -> Response:
    title, name, file = what
    if file == "xlsx":
        return workbook(columns, rows, asked, name)
    return page(visit, "list.html", listing=listed(columns, rows, asked), title=title, name=name)


def _columns(visit: Visit, **titles: str) -> tuple[Column, ...]:
    translate = translations(visit.language).gettext
    return tuple(Column(key, translate(title)) for key, title in titles.items())


def _say(visit: Visit, table: str, key: Any) -> str:
    return translations(visit.language).gettext(word(table, key))
