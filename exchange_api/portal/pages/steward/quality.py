"""Why: how good each resource is, in which of the six indicators it is weak, which rule does it, and down to the batches: for all and for one resource. The
figures are `libraries.judging.quality`'s. Called by `mounting`.
"""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from exchange_api.portal.charts import Chart
from exchange_api.portal.language import N_
from exchange_api.portal.listing import Asked, workbook
from exchange_api.portal.pages.lists import AskedDep, Format, columns
from exchange_api.portal.pages.steward.shared import SIZE, PipelineVisit, cut, say, say_word
from exchange_api.portal.rendering import page, shown_time
from exchange_api.portal.steward_words import INDICATOR
from exchange_api.portal.visit import Visit
from exchange_api.steward import scores, sight
from exchange_api.steward.scores import Wanted
from libraries.judging import quality
from libraries.judging.quality import INDICATORS

router = APIRouter()


@router.get("/quality")
def show_all(visit: PipelineVisit, asked: AskedDep, file: Format = "") -> Response:
    """List every resource with its score and indicators, worst first; the indicators over time and by department above."""
    wanted = Wanted(sight.own(visit.actor), asked.q, asked.sort)
    if file == "xlsx":
        return _workbook(visit, wanted)
    return page(visit, "steward/quality.html", **_facts(visit, wanted, asked.page))


def _facts(visit: Visit, wanted: Wanted, number: int) -> dict[str, Any]:
    session, department = visit.session, wanted.department
    shown = cut(
        scores.count(session, wanted),
        number,
        {"q": wanted.q, "sort": wanted.sort},
        lambda start: scores.find(session, wanted, (start, SIZE)),
    )
    weeks, by_department = scores.weekly(session, department), scores.by_department(session, department)
    charts = [_over_time(visit, weeks), _departments(visit, by_department)]
    return {"listing": shown, "charts_of": charts, "heads": _heads(visit), "indicators": INDICATORS}


def _heads(visit: Visit) -> Any:
    return columns(
        visit,
        resource=N_("资源"),
        department=N_("数源部门"),
        score=N_("质量得分"),
        checked=N_("最近检查"),
        held=N_("隔离"),
    )


def _workbook(visit: Visit, wanted: Wanted) -> Response:
    titles = (
        *columns(visit, name=N_("资源"), resource=N_("标识"), department=N_("数源部门"), score=N_("质量得分"), rows=N_("收到"), held=N_("隔离"),
            batch=N_("批次")),
        *columns(visit, **{name: _title(name) for name in INDICATORS}),
    )  # fmt: skip
    rows = [
        {"name": one.name, "resource": one.resource, "department": one.department, "score": f"{one.score:.2f}", "rows": one.rows,
         "held": one.held, "batch": one.batch}
        | {name: f"{one.indicators[name]:.2f}" if name in one.indicators else "—" for name in INDICATORS}
        for one in scores.find(visit.session, wanted, (0, None))
    ]  # fmt: skip
    return workbook(titles, rows, Asked(), "quality")


def _title(indicator: str) -> str:
    return INDICATOR[indicator]


def _over_time(visit: Visit, weeks: Sequence[tuple[str, dict[str, float]]]) -> Chart:
    names = [say_word(visit, "indicator", one) for one in INDICATORS]
    rows = [(week, [round(found[one], 2) if one in found else None for one in INDICATORS]) for week, found in weeks]
    return Chart(say(visit, N_("六项指标（近 12 周）")), "line", say(visit, N_("周（起始日）")), names, rows)


def _departments(visit: Visit, found: Sequence[tuple[str, float, int]]) -> Chart:
    rows = [(name, [round(score, 2)]) for name, score, _ in found]
    return Chart(
        say(visit, N_("部门得分（各资源最近批次的均值）")),
        "bar",
        say(visit, N_("数源部门")),
        [say(visit, N_("质量得分"))],
        rows,
    )


@router.get("/quality/{resource_id}")
def show(visit: PipelineVisit, resource_id: str) -> Response:
    """Show one resource: score, indicators over its batches, each rule, what moved, each figure leading to its batch."""
    sight.require_resource(visit.session, visit.actor, resource_id)
    found = quality.of(visit.session, resource_id)
    over = scores.of_batches(visit.session, [one.batch for one in found.trend])
    names = [say_word(visit, "indicator", one) for one in INDICATORS]
    rows = [(shown_time(one.at)[5:], [over.get(one.batch, {}).get(name) for name in INDICATORS]) for one in found.trend]
    chart = Chart(say(visit, N_("六项指标（近期批次）")), "line", say(visit, N_("检查时间")), names, rows)
    return page(visit, "steward/quality_one.html", found=found, chart=chart, indicators=INDICATORS)
