"""Why: who is judged answers back on a page: which case, why, what proves it; the authority's second reviewer decides there. Called by `mounting`; the
rules are `exchange_api.supervision.objecting`'s.
"""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response
from starlette.datastructures import FormData

from exchange_api.portal import confirming, reading, supervision_view
from exchange_api.portal.pages.steps import number_of
from exchange_api.portal.pages.supervision.scores import ALL, OWN, require
from exchange_api.portal.rendering import leads_to, page
from exchange_api.portal.visit import Form, Visit, text_of, with_role
from exchange_api.supervision import objecting, snapshots
from schemas.errors import Denied, HutongError, Invalid
from schemas.tables.supervision import ScoreObjection, SupervisionScore

router = APIRouter()
ConcernedVisit = Annotated[Visit, Depends(with_role(*ALL, *OWN))]
DepartmentVisit = Annotated[Visit, Depends(with_role(*OWN))]
Number = Annotated[int, Query(ge=0)]
Words = Annotated[str, Query(max_length=96)]


@router.get("/supervision/objections")
def show_all(visit: ConcernedVisit) -> Response:
    """List objections to scores: all for who watches, else the department's own."""
    found = objecting.find(visit.session, None if visit.has(*ALL) else visit.actor.department_id)
    return page(
        visit,
        "supervision/objections.html",
        rows=[(one, _score(visit, one.score_id)) for one in found],
        names=reading.names(visit.session),
    )


@router.get("/supervision/objections/new")
def write(visit: DepartmentVisit, score: Number = 0, key: Words = "", kind: Words = "", case: Words = "") -> Response:
    """Ask for the reason and the evidence of an objection to one case."""
    return _form(visit, score, (key, kind, case), ("", ""))


@router.post("/supervision/objections/new")
def file(visit: DepartmentVisit, form: Form) -> Response:
    """Object to one case of a score."""
    score_id = number_of(text_of(form, "score"), "score")
    case = text_of(form, "key"), text_of(form, "kind"), text_of(form, "case")
    return _file(visit, form, score_id, case)


def _file(visit: Visit, form: FormData, score_id: int, case: tuple[str, str, str]) -> Response:
    words = text_of(form, "reason"), text_of(form, "evidence")
    try:
        with confirming.asked(visit, form):
            filed = objecting.file(visit.session, visit.actor, score_id, case, words)
    except Invalid as error:
        if error.code != "supervision.reason_needed":
            raise
        return _form(visit, score_id, case, words, error)
    return leads_to(f"/portal/supervision/objections/{filed.id}")


@router.get("/supervision/objections/{objection_id}")
def show(visit: ConcernedVisit, objection_id: str) -> Response:
    """Show one objection with the case it is about."""
    return _shown(visit, objection_id)


@router.post("/supervision/objections/{objection_id}/{decision}")
def decide(
    visit: ConcernedVisit, form: Form, objection_id: str, decision: Literal["uphold", "reject", "withdraw"]
) -> Response:
    """Decide an objection as the authority, or take it back as the department."""
    _filed(visit, objection_id)
    with confirming.asked(visit, form):
        if decision == "withdraw":
            objecting.withdraw(visit.session, visit.actor, objection_id)
        else:
            why, is_upheld = text_of(form, "why"), decision == "uphold"
            objecting.decide(visit.session, visit.actor, objection_id, why, is_upheld=is_upheld)
    return leads_to(f"/portal/supervision/objections/{objection_id}")


def _filed(visit: Visit, objection_id: str) -> ScoreObjection:
    """Return an objection that the officer may see; one that is not there looks to a department like another's."""
    try:
        filed = objecting.get(visit.session, objection_id)
    except Invalid:
        if visit.has(*ALL):
            raise
        raise Denied("case.not_yours", case=objection_id) from None
    require(visit, filed.department_id)
    return filed


def _shown(visit: Visit, objection_id: str) -> Response:
    filed = _filed(visit, objection_id)
    facts = _case(visit, filed.score_id, (filed.key, filed.case_kind, filed.case_id))
    corrected = _score(visit, filed.corrected_score_id) if filed.corrected_score_id else None
    may = visit.has("authority") and filed.state == "open"
    return page(visit, "supervision/objection.html", filed=filed, corrected=corrected, may_decide=may, **facts)


def _form(
    visit: Visit, score_id: int, case: tuple[str, str, str], words: tuple[str, str], error: HutongError | None = None
) -> Response:
    facts = _case(visit, score_id, case)
    require(visit, facts["score"].department_id)
    last = objecting.until(visit.session, facts["score"]).date
    return page(
        visit,
        "supervision/object.html",
        422 if error else 200,
        error=error,
        words=words,
        kind=case[1],
        number=case[2],
        until=last,
        **facts,
    )


def _case(visit: Visit, score_id: int, case: tuple[str, str, str]) -> dict[str, Any]:
    """Return the score, the indicator and the case as it was counted. Raises Invalid `supervision.unknown_score`, `supervision.unknown_case`."""
    score = visit.session.get(SupervisionScore, score_id)
    if score is None:
        raise Invalid("supervision.unknown_score", score=score_id)
    key, kind, number = case
    indicator = next((one for one in snapshots.defined(visit.session, score.week)[0] if one.key == key), None)
    counted = next(
        (
            one
            for one in snapshots.cases_of(visit.session, score.id).get(key, [])
            if (one.kind, one.id) == (kind, number)
        ),
        None,
    )
    if indicator is None or counted is None:
        raise Invalid("supervision.unknown_case", week=score.week, indicator=key, case=number)
    return {
        "names": reading.names(visit.session),
        "score": score,
        "indicator": indicator,
        "counted": counted,
        "address": supervision_view.address(kind, number, counted.facts),
    }


def _score(visit: Visit, score_id: int) -> SupervisionScore:
    return visit.session.get_one(SupervisionScore, score_id)
