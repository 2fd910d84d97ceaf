"""Why: a value that is doubted has a page: what is doubted, by whom, until when its source must answer, what came of it; whoever may decide it decides there.
Called by `mounting`; the rules are those of `exchange_api.objections`.
"""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from fastapi.responses import Response
from sqlalchemy import select
from starlette.datastructures import FormData

from exchange_api.keys import keys_folder
from exchange_api.objections import doubted, objection_cases, objection_sight, objections
from exchange_api.objections.objection_sight import Shown, Wanted
from exchange_api.portal import confirming, reading
from exchange_api.portal.listing import Asked
from exchange_api.portal.pages.lists import AskedDep
from exchange_api.portal.pages.steward.shared import SIZE, Stretch, cut, follow, why_of
from exchange_api.portal.reading import Clock, Clocks
from exchange_api.portal.rendering import leads_to, page
from exchange_api.portal.visit import Form, StewardVisit, Visit, text_of, with_role
from exchange_api.steward import orders
from schemas.errors import Invalid
from schemas.library import library
from schemas.tables.objections import LIVE_STATES, REFUSAL_REASONS, Objection
from schemas.tables.recall import Recall

router = APIRouter()
ConcernedVisit = Annotated[Visit, Depends(with_role(*objection_sight.ROLES))]
SideVisit = Annotated[Visit, Depends(with_role("steward", "provider", "demander", "application"))]


@router.get("/objections")
def show_all(visit: ConcernedVisit, asked: AskedDep) -> Response:
    """List the objections that concern the officer: those that wait, or those that are closed."""
    state = asked.filters.get("state", "")
    which = state if state in ("closed", "owed") else ""
    shown, clocks = _stretch(visit, asked, which), Clocks(visit.session, visit.today)
    named = {one.id: _named(one) for one in shown.rows}
    lamps = {one.id: _lamp(clocks, one) for one in shown.rows}
    facts: dict[str, Any] = {"listing": shown, "which": which, "lamps": lamps, "named": named}
    return page(visit, "objections/list.html", names=reading.names(visit.session), **facts)


def _stretch(visit: Visit, asked: Asked, which: str) -> Stretch:
    session, actor = visit.session, visit.actor
    wanted = Wanted(which != "closed", asked.q, limit=SIZE, owed=which == "owed")
    total = objection_sight.count(session, actor, wanted)
    keep = {"q": asked.q, "state": which}

    def read(start: int) -> list[Objection]:
        return objection_sight.find(session, actor, replace(wanted, start=start))

    return cut(total, asked.page, keep, read)


@router.get("/objections/{objection_id}")
def show(visit: ConcernedVisit, objection_id: str) -> Response:
    """Show one objection, key and values masked."""
    objection = objection_sight.require(visit.session, visit.actor, objection_id)
    return _page(visit, objection, objection_sight.show(objection))


@router.post("/objections/{objection_id}/look")
def look(visit: SideVisit, form: Form, objection_id: str) -> Response:
    """Show one objection in clear to its sides; the look is noted."""
    why = text_of(form, "why")
    objection, shown = objection_sight.look(visit.session, visit.actor, objection_id, why, Path(keys_folder()))
    return _page(visit, objection, shown, is_clear=True)


@router.post("/objections/{objection_id}/rule")
def rule(visit: StewardVisit, form: Form, objection_id: str) -> Response:
    """Rule a doubted value as a steward: what was claimed, or another value, with the reason."""
    said = _ruled(form, objection_sight.require(visit.session, visit.actor, objection_id))
    return follow(orders.place(visit.session, visit.actor, ("rule_doubt", objection_id), why_of(form), said))


def _ruled(form: FormData, objection: Objection) -> dict[str, str]:
    """Return what a ruling says. Raises Invalid `case.wrong_state`, `steward.one_word`."""
    take, value = text_of(form, "take"), text_of(form, "value")
    if objection.state not in LIVE_STATES:
        raise Invalid("case.wrong_state", case=objection.id, state=objection.state, action="rule", possible="-")
    if take == "claimed" and objection.claimed is not None:
        return {"take": take}
    if not value:
        raise Invalid("steward.one_word")
    return {"value": value}


@router.post("/objections/{objection_id}/{action}")
def act(
    visit: ConcernedVisit, form: Form, objection_id: str, action: Literal["promise", "correct", "refuse", "withdraw"]
) -> Response:
    """Answer an objection as the value's source, or take it back as the department that raised it."""
    objection_sight.require(visit.session, visit.actor, objection_id)
    with confirming.asked(visit, form):
        _taken(visit, form, objection_id, action)
    return leads_to(f"/portal/objections/{objection_id}")


def _taken(visit: Visit, form: FormData, objection_id: str, action: str) -> None:
    session, actor, note = visit.session, visit.actor, text_of(form, "why") or None
    if action == "withdraw":
        objections.withdraw(session, actor, objection_id)
    elif action == "promise":
        objections.promise(session, actor, objection_id, note)
    elif action == "correct":
        objections.correct(session, actor, objection_id, text_of(form, "batch"), note)
    elif note is None:
        raise Invalid("portal.why_needed")
    else:
        objections.refuse(session, actor, objection_id, text_of(form, "ground"), note)


def _page(visit: Visit, objection: Objection, shown: Shown, *, is_clear: bool = False) -> Response:
    session, actor = visit.session, visit.actor
    value, batch, _ = doubted.say_now(session, objection.library, objection.record_key, objection.attribute)
    recall = session.scalar(select(Recall).where(Recall.objection_id == objection.id))
    return page(
        visit, "objections/one.html", objection=objection, shown=shown, is_clear=is_clear, names=reading.names(session),
        attribute=_named(objection), lamp=_lamp(Clocks(session, visit.today), objection), events=objection_cases.timeline(session, objection.id),
        may=objection_sight.may(actor, objection), may_look=objection_sight.may_look(actor, objection), recall=recall,
        changed_by=batch if value != objection.value else None, grounds=REFUSAL_REASONS,
        may_rule=visit.has("steward") and objection.state in LIVE_STATES, orders=orders.of(session, objection.id, "rule_doubt"),
    )  # fmt: skip


def _named(objection: Objection) -> str:
    return library(objection.library).attribute(objection.attribute).name


def _lamp(clocks: Clocks, objection: Objection) -> Clock | None:
    """Return the clock of an objection that waits, as `parts.lamp` shows it."""
    if objection.state not in LIVE_STATES:
        return None
    return clocks.until(objection.due_date, is_provisional=objection.is_provisional)
