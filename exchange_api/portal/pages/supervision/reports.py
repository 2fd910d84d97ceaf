"""Why: what happened in a week is read, filed and printed: scores with their change, what stood beside, what stands still. Called by `mounting`; a
report is what was kept when its week was counted.
"""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from exchange_api.portal import reading, supervision_view
from exchange_api.portal.listing import attached
from exchange_api.portal.pages.lists import Format
from exchange_api.portal.pages.supervision.overview import WatcherVisit
from exchange_api.portal.rendering import page
from exchange_api.portal.visit import Visit
from exchange_api.supervision import concerns, reporting
from exchange_api.supervision.report_book import workbook

router = APIRouter()


@router.get("/reports")
def show_all(visit: WatcherVisit) -> Response:
    """List the weeks that were counted."""
    return page(visit, "supervision/reports.html", weeks=reporting.list_weeks(visit.session))


@router.get("/reports/{week}")
def show(visit: WatcherVisit, week: str, file: Format = "") -> Response:
    """Show one week's report, or hand it out as XLSX."""
    report = reporting.get(visit.session, week)
    if file == "xlsx":
        return attached(workbook(report, visit.language), f"report-{report.week}.xlsx")
    return page(visit, "supervision/report.html", **_facts(visit, report))


def _facts(visit: Visit, report: reporting.Report) -> dict[str, Any]:
    names = reading.names(visit.session)
    found = {
        key: (listed["total"], [supervision_view.concern(visit, names.departments, key, one) for one in listed["rows"]])
        for key in concerns.QUERIES
        if (listed := report.facts["concerns"].get(key))
    }
    drawn = supervision_view.charts(visit, report.facts)
    return {"report": report, "names": names, "concerns": found, "charts_of": drawn}
