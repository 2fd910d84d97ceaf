"""Why: which resource is late, which batch was refused, how much is held: the list of pipelines, one resource with its batches, and holding it back. Called by
`mounting`.
"""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import Response

from exchange_api.portal.charts import Chart
from exchange_api.portal.language import N_
from exchange_api.portal.listing import Asked, workbook
from exchange_api.portal.pages.lists import AskedDep, Format, columns
from exchange_api.portal.pages.steward.shared import SIZE, PipelineVisit, cut, follow, say, say_word, why_of
from exchange_api.portal.rendering import leads_to, page, shown_time
from exchange_api.portal.visit import Form, StewardVisit, Visit
from exchange_api.steward import airflow_links, orders, pipelines, sight
from exchange_api.steward.pipelines import Pipeline, Wanted
from libraries import batches
from libraries.collecting import control
from libraries.comparing import reconcile as comparing
from libraries.judging import quality
from schemas.database import transaction
from schemas.tables.landing import BATCH_STATES

router = APIRouter()
_LAST = 30


@router.get("/pipelines")
def show_all(visit: PipelineVisit, asked: AskedDep, file: Format = "") -> Response:
    """List every resource that has a source: freshness against its promise, its last batch, what is held."""
    wanted = Wanted(department=sight.own(visit.actor), q=asked.q, sort=asked.sort)
    if file == "xlsx":
        return _workbook(visit, wanted)
    total = pipelines.count(visit.session, wanted)
    shown = cut(total, asked.page, {"q": asked.q, "sort": asked.sort}, lambda start: _stretch(visit, wanted, start))
    over = pipelines.over_time(visit.session, wanted)
    return page(visit, "steward/pipelines.html", listing=shown, heads=_heads(visit), chart=_batches(visit, over))


def _stretch(visit: Visit, wanted: Wanted, start: int) -> list[Pipeline]:
    return pipelines.find(visit.session, Wanted(wanted.department, None, wanted.q, wanted.sort, SIZE, start))


def _heads(visit: Visit) -> Any:
    return columns(
        visit, resource=N_("资源"), department=N_("数源部门"), landed=N_("更新情况"), state=N_("最近批次"), rows=N_("收到"), held=N_("待更正"),
        score=N_("质量得分"),
    )  # fmt: skip


def _workbook(visit: Visit, wanted: Wanted) -> Response:
    titles = columns(
        visit, name=N_("资源"), resource=N_("标识"), department=N_("数源部门"), lamp=N_("更新情况"), landed=N_("最近落地"), due=N_("应于此前更新"),
        next=N_("下次运行"),
        state=N_("最近批次"), rows=N_("收到"), good=N_("合格"), held=N_("隔离"), waiting=N_("待更正"), score=N_("质量得分"), paused=N_("暂停原因"),
    )  # fmt: skip
    found = pipelines.find(visit.session, Wanted(wanted.department, None, wanted.q, wanted.sort, None))
    return workbook(titles, [_row(visit, one) for one in found], Asked(), "pipelines")


def _row(visit: Visit, one: Pipeline) -> dict[str, Any]:
    facts = one.facts
    return {
        "name": facts["name"], "resource": facts["resource"], "department": facts["department"], "lamp": say_word(visit, "freshness", one.lamp),
        "landed": shown_time(facts["landed_at"]), "due": shown_time(one.due), "next": shown_time(one.next_run),
        "state": say_word(visit, "batch_state", facts["state"] or "—"),
        "rows": facts["rows_in"] or 0, "good": facts["rows_good"] or 0, "held": facts["rows_quarantined"] or 0, "waiting": facts["waiting"],
        "score": "—" if facts["score"] is None else f"{facts['score']:.2f}", "paused": facts["paused_for"] or "",
    }  # fmt: skip


def _batches(visit: Visit, over: list[Any], unit: str = "") -> Chart:
    """Return the batches by week and state, as a stacked chart."""
    weeks = sorted({one["since"] for one in over})
    counted = {(one["since"], one["state"]): one["batches"] for one in over}
    states = [state for state in BATCH_STATES if any((week, state) in counted for week in weeks)]
    rows = [(f"{week:%m-%d}", [counted.get((week, state), 0) for state in states]) for week in weeks]
    title, label = (N_("近期批次（按日）"), N_("日期")) if unit else (N_("近 12 周批次"), N_("周（起始日）"))
    return Chart(
        say(visit, title), "stack", say(visit, label), [say_word(visit, "batch_state", one) for one in states], rows
    )


@router.get("/pipelines/{resource_id}")
def show(visit: PipelineVisit, resource_id: str) -> Response:
    """Show one resource: its promise, its batches over time, what drifted, what is held."""
    sight.require_resource(visit.session, visit.actor, resource_id)
    return page(visit, "steward/pipeline.html", **_facts(visit, resource_id))


def _facts(visit: Visit, resource_id: str) -> dict[str, Any]:
    session = visit.session
    resource = sight.require_resource(session, visit.actor, resource_id)
    found = pipelines.find(session, Wanted(resource=resource_id))
    over = pipelines.over_time(session, Wanted(resource=resource_id), unit="day")
    last = batches.listed(session, resource_id, None, _LAST)
    return dict(  # noqa: C408 - names as the template has them
        resource=resource, one=found[0] if found else None, batches=last, chart=_batches(visit, over, "day"),
        rows=_rows_over_time(visit, over), quality=quality.of(session, resource_id) if found else None,
        runs={one.id: airflow_links.run_of(one) for one in last}, airflow=airflow_links.dag_of(resource_id),
        past=comparing.find_past(session, resource_id, 5), orders=orders.of(session, resource_id),
    )  # fmt: skip


def _rows_over_time(visit: Visit, over: list[Any]) -> Chart:
    days: dict[Any, list[int]] = {}
    for one in over:
        sums = days.setdefault(one["since"], [0, 0])
        sums[0], sums[1] = sums[0] + int(one["good"] or 0), sums[1] + int(one["held"] or 0)
    rows = [(f"{day:%m-%d}", figures) for day, figures in sorted(days.items())]
    return Chart(
        say(visit, N_("收到的数据行")),
        "stack",
        say(visit, N_("日期")),
        [say(visit, N_("合格")), say(visit, N_("隔离"))],
        rows,
    )


@router.get("/pipelines/{resource_id}/run")
def find_run(visit: PipelineVisit, resource_id: str, run: Annotated[str, Query(max_length=250)] = "") -> Response:
    """Lead from a run in Airflow to the batch it made; where it made none, to the resource."""
    sight.require_resource(visit.session, visit.actor, resource_id)
    batch_id = batches.batch_id_of(resource_id, run)
    known = [one.id for one in batches.listed(visit.session, resource_id, None, 1_000) if one.id == batch_id]
    return leads_to(f"/portal/batches/{batch_id}" if known else f"/portal/pipelines/{resource_id}")


@router.post("/pipelines/{resource_id}/{action}")
def act(visit: StewardVisit, form: Form, resource_id: str, action: Literal["pause", "resume", "reconcile"]) -> Response:
    """Hold a resource back, let it go on, or compare it with its source."""
    sight.require_resource(visit.session, visit.actor, resource_id)
    if action == "reconcile":
        return follow(orders.place(visit.session, visit.actor, ("reconcile", resource_id), ""))
    why = why_of(form) if action == "pause" else ""
    with transaction("ingest") as session:
        if action == "pause":
            control.pause(session, resource_id, why)
        else:
            control.resume(session, resource_id)
    return leads_to(f"/portal/pipelines/{resource_id}")
