"""Why: a score is only as good as what can be seen behind it: each department's figures with formula, numerator and denominator, each opened down to its
cases. Departments see their own; the authority and auditors see all. Called by `mounting`.
"""

from math import ceil
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from exchange_api.portal import reading, supervision_view
from exchange_api.portal.charts import Chart
from exchange_api.portal.language import N_, translations
from exchange_api.portal.pages.lists import AskedDep
from exchange_api.portal.pages.supervision.overview import PAGE_SIZE
from exchange_api.portal.rendering import page
from exchange_api.portal.visit import OfficerVisit, Visit
from exchange_api.supervision import objecting, reporting, snapshots, weeks
from exchange_api.supervision.definitions import Indicator
from schemas.errors import Denied, Invalid
from schemas.tables.supervision import SupervisionScore

router = APIRouter()
OWN = ("demander", "provider")
ALL = ("authority", "auditor")


def require(visit: Visit, department_id: str) -> None:
    """Raise Denied unless the officer may see this department's scores."""
    if visit.has(*ALL) or (visit.has(*OWN) and visit.actor.department_id == department_id):
        return
    if not visit.has(*OWN):
        raise Denied("case.role_needed", role="authority")
    raise Denied("case.not_yours", case=department_id)


@router.get("/supervision/own")
def show_own(visit: OfficerVisit) -> Response:
    """Show the department's own score of the last week."""
    require(visit, visit.actor.department_id)
    week = reporting.newest(visit.session)
    if week is None:
        return page(visit, "supervision/none.html")
    return _shown(visit, week, visit.actor.department_id)


@router.get("/supervision/own/{week}")
def show_own_week(visit: OfficerVisit, week: str) -> Response:
    """Show the department's own score of a week."""
    require(visit, visit.actor.department_id)
    return _shown(visit, weeks.read(week).name, visit.actor.department_id)


@router.get("/supervision/scores/{week}/{department_id}")
def show(visit: OfficerVisit, week: str, department_id: str) -> Response:
    """Show one department's score of a week with every figure."""
    require(visit, department_id)
    return _shown(visit, weeks.read(week).name, department_id)


@router.get("/supervision/scores/{week}/{department_id}/{key}")
def show_cases(visit: OfficerVisit, asked: AskedDep, week: str, department_id: str, key: str) -> Response:
    """Show the cases that one figure was counted from, those against the department first."""
    require(visit, department_id)
    score = snapshots.get(visit.session, weeks.read(week).name, department_id)
    return page(visit, "supervision/cases.html", **_cases(visit, score, key, max(asked.page, 1)))


def _cases(visit: Visit, score: SupervisionScore, key: str, number: int) -> dict[str, Any]:
    indicator = _indicator(snapshots.defined(visit.session, score.week)[0], key)
    total, cases = reporting.case_page(visit.session, score.id, key, PAGE_SIZE, PAGE_SIZE * (number - 1))
    figure = reporting.figures(visit.session, [score.id]).get(score.id, {}).get(key)
    rows = [(one, supervision_view.address(one["kind"], one["id"], one["facts"])) for one in cases]
    return {
        "score": score, "indicator": indicator, "figure": figure, "rows": rows, "total": total, "asked": {},
        "value": supervision_view.value_of(visit, indicator, figure), "names": reading.names(visit.session),
        "may_object": objecting.may_object(visit.session, visit.actor, score), "until": objecting.until(visit.session, score).date,
        "listing": {"page": number, "pages": max(1, ceil(total / PAGE_SIZE))},
    }  # fmt: skip


def _shown(visit: Visit, week: str, department_id: str) -> Response:
    session = visit.session
    score = snapshots.get(session, week, department_id)
    indicators, version = snapshots.defined(session, week)
    former = _before(visit, week, department_id)
    figures = reporting.figures(session, [score.id, former.id] if former else [score.id])
    facts: dict[str, Any] = {
        "score": score, "former": former, "version": version, "names": reading.names(session), "rows": supervision_view.shown(
            visit, indicators, figures.get(score.id, {}), figures.get(former.id, {}) if former else {}),
        "place": _place(visit, week, department_id), "trend": _trend(visit, department_id), "weeks": [one.week for one in reporting.list_weeks(session)],
        "until": objecting.until(session, score).date, "may_object": objecting.may_object(session, visit.actor, score),
        "objections": [one for one in objecting.find(session, department_id) if session.get_one(SupervisionScore, one.score_id).week == week],
    }  # fmt: skip
    return page(visit, "supervision/score.html", **facts)


def _before(visit: Visit, week: str, department_id: str) -> SupervisionScore | None:
    try:
        return snapshots.get(visit.session, weeks.read(week).before().name, department_id)
    except Invalid:
        return None


def _place(visit: Visit, week: str, department_id: str) -> tuple[int | None, int]:
    """Return the rank of a department and among how many: of others it sees no more."""
    board = reporting.board(visit.session, week)
    ranked = [one for one in board if one.rank is not None]
    return next((one.rank for one in board if one.department_id == department_id), None), len(ranked)


def _trend(visit: Visit, department_id: str) -> Chart:
    say = translations(visit.language).gettext
    rows = [(week, [score]) for week, score in reporting.trend(visit.session, department_id)]
    return Chart(say(N_("得分走势")), "line", say(N_("周次")), [say(N_("得分"))], rows)


def _indicator(indicators: tuple[Indicator, ...], key: str) -> Indicator:
    for one in indicators:
        if one.key == key:
            return one
    raise Invalid("portal.page_unknown")
