"""Why: rows held back go out as a workbook and come back mended: downloaded, sent in, each line answered before any of it is taken. Called by `mounting`."""

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import Response

from exchange_api.keys import keys_folder
from exchange_api.portal.listing import attached
from exchange_api.portal.pages.steward.shared import PipelineVisit, follow, purpose_of
from exchange_api.portal.rendering import in_words, leads_to, page
from exchange_api.portal.visit import FileForm, Form, StewardVisit, file_of
from exchange_api.steward import proposals, sight, workbooks
from libraries import quarantine
from schemas.errors import HutongError, Invalid

router = APIRouter()


@router.get("/batches/{batch_id}/corrections")
def show(visit: PipelineVisit, batch_id: str) -> Response:
    """Say how a batch's held rows are mended in a workbook, and take one."""
    return _shown(visit, batch_id, None)


@router.get("/batches/{batch_id}/corrections/file")
def fetch(visit: PipelineVisit, batch_id: str) -> Response:
    """Hand out the rows that wait, masked."""
    return attached(workbooks.write(visit.session, visit.actor, batch_id), f"{batch_id}.xlsx")


@router.post("/batches/{batch_id}/corrections/file")
def fetch_clear(visit: StewardVisit, form: Form, batch_id: str) -> Response:
    """Hand out the rows that wait in clear, for a case; the look is noted."""
    sight.require_batch(visit.session, visit.actor, batch_id)
    content = workbooks.write_clear(visit.session, visit.actor, batch_id, purpose_of(form), Path(keys_folder()))
    return attached(content, f"{batch_id}.clear.xlsx")


@router.post("/batches/{batch_id}/corrections")
def take_in(visit: PipelineVisit, form: FileForm, batch_id: str) -> Response:
    """Look at a mended workbook; nothing is taken before its sender has seen what would be."""
    sight.require_batch(visit.session, visit.actor, batch_id)
    try:
        content, name = file_of(form)
        order = workbooks.take_in(visit.session, visit.actor, batch_id, content, name or workbooks.NAME)
    except Invalid as error:
        return _shown(visit, batch_id, error)
    return leads_to(f"/portal/orders/{order.id}")


@router.get("/orders/{order_id}/report")
def report(visit: PipelineVisit, order_id: int) -> Response:
    """Hand out what was sent in with each mistake at its cell."""
    return attached(workbooks.report(visit.session, visit.actor, order_id), f"corrections-{order_id}-report.xlsx")


@router.post("/orders/{order_id}/take")
def take(visit: PipelineVisit, form: Form, order_id: int) -> Response:  # noqa: ARG001 - the form is the officer's own
    """Have the rows that can be taken replayed."""
    return follow(proposals.take(visit.session, visit.actor, order_id))


@router.post("/orders/{order_id}/drop")
def drop(visit: PipelineVisit, form: Form, order_id: int) -> Response:  # noqa: ARG001 - the form is the officer's own
    """Let a workbook drop; nothing of it was taken."""
    order = proposals.drop(visit.session, visit.actor, order_id)
    return leads_to(f"/portal/batches/{order.target}/corrections")


def _shown(visit: PipelineVisit, batch_id: str, error: HutongError | None) -> Response:
    task = sight.require_batch(visit.session, visit.actor, batch_id)
    said = in_words(error, visit.language) if error else None
    return page(
        visit, "steward/workbook.html", error.status if error else 200, task=task, batch=task.batch, document=task.document, error=said,
        balance=quarantine.balance(visit.session, batch_id), most=workbooks.MOST,
    )  # fmt: skip
