"""Why: how far a steward's order came, refreshed by itself, and how far a recall came. Called by `mounting`."""

from fastapi import APIRouter
from fastapi.responses import Response

from exchange_api.portal.pages.steward.shared import cut
from exchange_api.portal.rendering import in_words, page
from exchange_api.portal.visit import StewardVisit
from exchange_api.recalls import recall, recall_progress
from exchange_api.steward import orders
from schemas.errors import Terminal
from schemas.tables.steward import StewardOrder

router = APIRouter()


@router.get("/orders/{order_id}")
def show(visit: StewardVisit, order_id: int) -> Response:
    """Show an order: what it does now, or what came of it."""
    order = orders.get(visit.session, visit.actor, order_id)
    error = Terminal(order.error_code, **(order.error_facts or {})) if order.error_code else None
    return page(
        visit,
        "steward/order.html",
        order=order,
        error=in_words(error, visit.language) if error else None,
        back=_back(order),
    )


def _back(order: StewardOrder) -> str:
    places = {
        "replay": f"/portal/batches/{order.target}", "preview": f"/portal/batches/{order.target}/retract",
        "retract": f"/portal/batches/{order.target}", "reconcile": f"/portal/pipelines/{order.target}",
        "settle": f"/portal/conflicts/{order.target}", "withdraw": "/portal/conflicts",
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
