"""Why: how far a steward's order came, refreshed by itself, and how far a recall came. Called by `mounting`."""

from functools import partial
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from exchange_api.portal.pages.steward.shared import PipelineVisit, cut
from exchange_api.portal.rendering import in_words, page
from exchange_api.portal.visit import StewardVisit, Visit
from exchange_api.recalls import recall, recall_progress
from exchange_api.steward import orders, proposals
from libraries import batches
from libraries.correcting import remedies, reports
from schemas.errors import Terminal
from schemas.tables.steward import StewardOrder

router = APIRouter()


@router.get("/orders/{order_id}")
def show(visit: PipelineVisit, order_id: int) -> Response:
    """Show an order: what it does now, or what came of it."""
    order = orders.get(visit.session, visit.actor, order_id)
    error = Terminal(order.error_code, **(order.error_facts or {})) if order.error_code else None
    return page(
        visit,
        "steward/order.html",
        order=order,
        error=in_words(error, visit.language) if error else None,
        back=_back(order),
        **(_of_workbook(visit, order) if order.kind == proposals.KIND else {}),
    )


def _of_workbook(visit: Visit, order: StewardOrder) -> dict[str, Any]:
    """Return what the lines of a workbook are told with."""
    task = batches.get(visit.session, order.target)
    rules = remedies.rules_by_id(visit.session, task)
    return {
        "names": {item.id: item.name for item in task.document.items}, "sound": reports.GOOD,
        "said": partial(reports.said, language=visit.language), "remedies": remedies.remedies(rules, visit.language),
        "is_own": order.ordered_by in visit.actor.ids,
    }  # fmt: skip


def _back(order: StewardOrder) -> str:
    places = {
        "replay": f"/portal/batches/{order.target}", "correct": f"/portal/batches/{order.target}/corrections",
        "preview": f"/portal/batches/{order.target}/retract",
        "retract": f"/portal/batches/{order.target}", "reconcile": f"/portal/pipelines/{order.target}",
        "settle": f"/portal/conflicts/{order.target}", "withdraw": "/portal/conflicts",
        "rule_doubt": f"/portal/objections/{order.target}",
    }  # fmt: skip
    return places[order.kind]


@router.get("/recalls")
def show_recalls(visit: StewardVisit, page_number: int = 1) -> Response:
    """List recalls with how far their recipients have come."""
    found = recall_progress.find(visit.session, live=False, limit=200)
    shown = cut(len(found), page_number, {}, lambda start: found[start : start + 20])
    return page(visit, "steward/recalls.html", listing=shown)


@router.get("/recalls/{recall_id}")
def show_recall(visit: StewardVisit, recall_id: str) -> Response:
    """Show one recall with every recipient."""
    found = recall.find(visit.session, recall_id)
    return page(
        visit, "steward/recall.html", recall=found, recipients=recall_progress.of_recipients(visit.session, found)
    )
