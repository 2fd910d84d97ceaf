"""Why: rows held back are worked through by fault: the list of tickets, the rows of one to choose from, one row with its reasons, mended and sent again. Values
are masked; in clear only for a case, and noted. Called by `mounting`.
"""

from pathlib import Path
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response
from starlette.datastructures import FormData

from exchange_api.keys import keys_folder
from exchange_api.portal.pages.lists import AskedDep
from exchange_api.portal.pages.steward.shared import SIZE, PipelineVisit, cut, follow, purpose_of, why_of
from exchange_api.portal.rendering import leads_to, page
from exchange_api.portal.visit import Form, StewardVisit, Visit, text_of, texts_of
from exchange_api.steward import held, looking, orders
from libraries import batches
from libraries.batches import Task
from libraries.correcting import remedies
from libraries.holding import concealing, waived
from libraries.holding import tickets as asked_departments
from schemas.database import transaction
from schemas.errors import Invalid
from schemas.tables.landing import QuarantinedRow

router = APIRouter()
_SET = "set-"


@router.get("/quarantine")
def show_all(visit: PipelineVisit, asked: AskedDep) -> Response:
    """List what departments were asked to correct, soonest due first."""
    session, actor = visit.session, visit.actor
    total = held.count(session, actor, asked.q)
    shown = cut(total, asked.page, {"q": asked.q}, lambda start: held.tickets(session, actor, asked.q, start, SIZE))
    return page(visit, "steward/quarantine.html", listing=shown)


@router.get("/quarantine/{ticket_id}")
def show_ticket(visit: PipelineVisit, ticket_id: int, asked: AskedDep) -> Response:
    """Show the rows that wait for one reason, masked, to be chosen from."""
    session = visit.session
    ticket = held.require(session, visit.actor, ticket_id)
    total = held.count_rows(session, ticket)
    shown = cut(total, asked.page, {}, lambda start: _masked(visit, held.rows(session, ticket, start, SIZE)))
    return page(visit, "steward/ticket.html", ticket=ticket, listing=shown)


def _masked(visit: Visit, rows: list[QuarantinedRow]) -> list[tuple[QuarantinedRow, str]]:
    tasks = {one: batches.get(visit.session, one) for one in {row.batch_id for row in rows}}
    return [(row, concealing.key_of(tasks[row.batch_id].document, row.values)) for row in rows]


@router.post("/quarantine/{ticket_id}/replay")
def replay_chosen(visit: StewardVisit, form: Form, ticket_id: int) -> Response:
    """Send the chosen rows through check and merge again as they are: after a rule was mended."""
    ticket = held.require(visit.session, visit.actor, ticket_id)
    chosen = [int(one) for one in texts_of(form, "row") if one.isdecimal()]
    if not chosen:
        raise Invalid("steward.nothing_chosen")
    found = [looking.require_row(visit.session, visit.actor, one) for one in chosen]
    wanted: dict[str, dict[str, str]] = {
        str(row.id): {} for row, task in found if task.batch.resource_id == ticket.resource_id
    }
    return follow(orders.place(visit.session, visit.actor, ("replay", ticket.batch_id), "", {"rows": wanted}))


@router.post("/quarantine/{ticket_id}/answer")
def answer(visit: StewardVisit, form: Form, ticket_id: int) -> Response:
    """Write down what the department answered."""
    held.require(visit.session, visit.actor, ticket_id)
    why = why_of(form)
    with transaction("ingest") as session:
        asked_departments.answer(session, ticket_id, why)
    return leads_to(f"/portal/quarantine/{ticket_id}")


@router.get("/rows/{row_id}")
def show_row(visit: PipelineVisit, row_id: int) -> Response:
    """Show one row as it came, masked, with all its reasons and where it went."""
    row, task = looking.require_row(visit.session, visit.actor, row_id)
    return page(visit, "steward/row.html", **_facts(visit, row, task, concealing.conceal(task.document, row.values)))


@router.post("/rows/{row_id}/reveal")
def reveal(visit: StewardVisit, form: Form, row_id: int) -> Response:
    """Show one row in clear, for a case; the look is noted."""
    row, task = looking.reveal(visit.session, visit.actor, row_id, purpose_of(form), Path(keys_folder()))
    return page(visit, "steward/row.html", **_facts(visit, row, task, row.values), is_clear=True)


@router.post("/rows/{row_id}/replay")
def replay(visit: StewardVisit, form: Form, row_id: int) -> Response:
    """Send a row with its corrections through the same check and merge."""
    row, task = looking.require_row(visit.session, visit.actor, row_id)
    values = _corrections(form, task)
    return follow(
        orders.place(visit.session, visit.actor, ("replay", row.batch_id), "", {"rows": {str(row_id): values}})
    )


def _corrections(form: FormData, task: Task) -> dict[str, str]:
    """Return what was typed, by item; a field left empty changes nothing."""
    typed = {item.id: text_of(form, f"{_SET}{item.id}") for item in task.document.items}
    return {name: value for name, value in typed.items() if value}


def _facts(visit: Visit, row: QuarantinedRow, task: Task, shown: Any) -> dict[str, Any]:
    names = {item.id: item.name for item in task.document.items}
    faulty = {part for reason in row.reasons for part in reason.split(".")[0].split("+")}
    places = {item.id: place for place, item in enumerate(task.document.items)}
    shown = dict(sorted(shown.items(), key=lambda one: places.get(one[0], len(places))))
    return {
        "row": row, "task": task, "batch": task.batch, "names": names, "faulty": faulty, "shown": shown,
        "waivers": waived.of_row(visit.session, row.id), "remedies": remedies.remedies(remedies.rules_by_id(visit.session, task), visit.language),
        "waits": row.released_at is None and row.superseded_at is None,
    }  # fmt: skip
