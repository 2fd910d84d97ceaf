"""Why: one batch from its delivery to its golden records: rules, rows held, what was mended, and taking it back after its consequences were seen. Called by
`mounting`.
"""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response
from sqlalchemy import select

from exchange_api.portal.pages.steward.shared import PipelineVisit, follow, why_of
from exchange_api.portal.rendering import page
from exchange_api.portal.visit import Form, StewardVisit, Visit
from exchange_api.steward import airflow_links, data_docs, orders, sight
from libraries import quarantine
from libraries.batches import Task
from libraries.holding import concealing
from libraries.judging import quality
from libraries.quarantine import Wanted
from libraries.retracting import taken_back
from schemas.errors import Invalid
from schemas.tables.landing import Batch, QuarantinedRow, RuleResult
from schemas.tables.recall import Recall

router = APIRouter()
_MOST = 20


@router.get("/batches/{batch_id}")
def show(visit: PipelineVisit, batch_id: str) -> Response:
    """Show one batch: its way, its rules with counts, the rows it holds (masked), replays of them."""
    task = sight.require_batch(visit.session, visit.actor, batch_id)
    return page(visit, "steward/batch.html", **_facts(visit, task))


def _facts(visit: Visit, task: Task) -> dict[str, Any]:
    session, batch = visit.session, task.batch
    rules = list(session.scalars(select(RuleResult).where(RuleResult.batch_id == batch.id)))
    held = quarantine.find(session, batch_id=batch.id, wanted=Wanted(waiting=False), limit=_MOST)
    balance = quarantine.balance(session, batch.id)
    replays = select(Batch).join(QuarantinedRow, QuarantinedRow.replay_batch_id == Batch.id)
    made = taken_back.of(session, batch.id)
    return {
        "task": task, "batch": batch, "document": task.document, "rules": sorted(rules, key=lambda one: (-one.failed, one.indicator, one.rule)),
        "indicators": quality.indicators_of(rules), "held": [(one, concealing.key_of(task.document, one.values)) for one in held],
        "balance": balance, "reasons": quarantine.count_reasons(session, batch.id), "manifest": _manifest(batch),
        "replays": list(session.scalars(replays.where(QuarantinedRow.batch_id == batch.id).distinct().limit(_MOST))),
        "retraction": made, "recall": session.scalar(select(Recall).where(Recall.retraction_id == made.id)) if made else None,
        "run": airflow_links.run_of(batch), "orders": orders.of(session, batch.id),
        "of_row": session.scalar(select(QuarantinedRow.id).where(QuarantinedRow.replay_batch_id == batch.id).limit(1)),
    }  # fmt: skip


def _manifest(batch: Batch) -> list[tuple[str, str]]:
    """Return the plain figures of a batch's manifest that stand nowhere else on the page; no values."""
    kept = batch.manifest or {}
    return [(name, str(kept[name])) for name in ("malformed", "fingerprint") if name in kept]


@router.get("/batches/{batch_id}/docs")
def show_docs(visit: PipelineVisit, batch_id: str) -> Response:
    """Show Great Expectations' own page of the batch, held to doing nothing."""
    found = data_docs.read(visit.session, visit.actor, batch_id)
    return HTMLResponse(found.page, headers={"content-security-policy": found.policy})


@router.get("/batches/{batch_id}/retract")
def weigh(visit: StewardVisit, batch_id: str) -> Response:
    """Show what taking a batch back would do, as last looked at, and ask for the reason."""
    task = sight.require_batch(visit.session, visit.actor, batch_id)
    seen = [one for one in orders.of(visit.session, batch_id, "preview") if one.state != "failed"]
    return page(
        visit,
        "steward/retract.html",
        task=task,
        batch=task.batch,
        document=task.document,
        seen=seen[0] if seen else None,
    )


@router.post("/batches/{batch_id}/preview")
def preview(visit: StewardVisit, form: Form, batch_id: str) -> Response:  # noqa: ARG001 - the form is the officer's own
    """Order a look at the consequences."""
    sight.require_batch(visit.session, visit.actor, batch_id)
    return follow(orders.place(visit.session, visit.actor, ("preview", batch_id), ""))


@router.post("/batches/{batch_id}/retract")
def retract(visit: StewardVisit, form: Form, batch_id: str) -> Response:
    """Take a batch back, once its consequences were seen, with a reason."""
    sight.require_batch(visit.session, visit.actor, batch_id)
    why = why_of(form)
    if not any(one.state == "done" for one in orders.of(visit.session, batch_id, "preview")):
        raise Invalid("steward.preview_needed", batch=batch_id)
    return follow(orders.place(visit.session, visit.actor, ("retract", batch_id), why))
