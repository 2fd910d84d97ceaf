"""Why: the authority sees at one look what stands still and who answers for it, opens each down to its case, and supervises. Called by `mounting`; the
desks are exchange_api.supervision and exchange_api.clocks.
"""

from math import ceil
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response

from exchange_api.clocks import clocks, supervising
from exchange_api.portal import confirming, reading, supervision_view
from exchange_api.portal.charts import Chart
from exchange_api.portal.language import N_, translations
from exchange_api.portal.listing import Asked, workbook
from exchange_api.portal.pages.lists import AskedDep, Format, columns
from exchange_api.portal.rendering import leads_to, page
from exchange_api.portal.visit import AuthorityVisit, Form, Visit, text_of, with_role
from exchange_api.supervision import concerns, reporting
from schemas.errors import HutongError, Invalid

router = APIRouter()
WatcherVisit = Annotated[Visit, Depends(with_role("authority", "auditor"))]
PAGE_SIZE = 20
MOST = 10_000


@router.get("/supervision")
def show(visit: WatcherVisit) -> Response:
    """Show what stands still, and how the last week went."""
    week = reporting.newest(visit.session)
    report = reporting.get(visit.session, week) if week else None
    counts, names = concerns.count(visit.session), reading.names(visit.session)
    drawn = _drawn(visit, report) if report else []
    return page(visit, "supervision/overview.html", counts=counts, report=report, charts_of=drawn, names=names)


def _drawn(visit: Visit, report: reporting.Report) -> list[Chart]:
    board, trend = supervision_view.scoreboard(visit, report.board), _trend(visit, report.week)
    return [board, trend, *supervision_view.charts(visit, report.facts)]


def _trend(visit: Visit, week: str) -> Chart:
    say = translations(visit.language).gettext
    rows = [(name, [mean]) for name, mean, _ in reporting.means(visit.session, week)]
    return Chart(say(N_("平均得分")), "line", say(N_("周次")), [say(N_("平均得分"))], rows)


@router.get("/supervision/concerns/{key}")
def list_concerns(
    visit: WatcherVisit,
    asked: AskedDep,
    key: str,
    file: Format = "",
    department: Annotated[str, Query(max_length=96)] = "",
) -> Response:
    """List one kind of what stands still."""
    if key not in concerns.QUERIES:
        raise Invalid("portal.page_unknown")
    if file == "xlsx":
        return _workbook(visit, asked, key, department)
    return page(visit, "supervision/concerns.html", **_facts(visit, max(asked.page, 1), key, department))


def _facts(visit: Visit, number: int, key: str, department: str) -> dict[str, Any]:
    names, start = reading.names(visit.session).departments, PAGE_SIZE * (number - 1)
    total, found = concerns.find(visit.session, key, department_id=department or None, limit=PAGE_SIZE, offset=start)
    return {
        "key": key, "total": total, "rows": [supervision_view.concern(visit, names, key, one.as_json()) for one in found], "department": department,
        "departments": names, "listing": {"page": number, "pages": max(1, ceil(total / PAGE_SIZE))}, "asked": {"department": department},
        "keys": list(concerns.QUERIES),
    }  # fmt: skip


def _workbook(visit: Visit, asked: Asked, key: str, department: str) -> Response:
    names = reading.names(visit.session).departments
    titles = columns(
        visit, department=N_("责任部门"), number=N_("编号"), what=N_("事项"), day=N_("日期"), mark=N_("说明")
    )
    _, found = concerns.find(visit.session, key, department_id=department or None, limit=MOST)
    rows = [vars(supervision_view.concern(visit, names, key, one.as_json())) for one in found]
    return workbook(titles, rows, asked, key)


@router.get("/supervision/clocks/{clock_id}")
def ask(visit: AuthorityVisit, clock_id: int) -> Response:
    """Show what supervising a step will cause, and ask for the words."""
    return _ask(visit, clock_id)


@router.post("/supervision/clocks/{clock_id}")
def supervise(visit: AuthorityVisit, form: Form, clock_id: int) -> Response:
    """Supervise an overdue step."""
    try:
        with confirming.asked(visit, form):
            supervising.supervise(visit.session, visit.actor, clock_id, text_of(form, "why"))
    except Invalid as error:
        if error.code != "deadline.words_needed":
            raise
        return _ask(visit, clock_id, error)
    return leads_to("/portal/supervision/concerns/overdue")


def _ask(visit: Visit, clock_id: int, error: HutongError | None = None) -> Response:
    facts: dict[str, Any] = {
        "clock": clocks.get(visit.session, clock_id),
        "names": reading.names(visit.session),
        "error": error,
    }
    return page(visit, "supervision/supervise.html", 422 if error else 200, **facts)
