"""Why: the whole way of one resource on one screen: plan → land → check → merge → publish. Each step finds its own traces, so that a retried or killed
step is simply called again. Called by `dags` (a step a task) and `hutong ingest` (all of it); only ids travel between steps.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from catalog import directory
from connectors.base import Connection
from libraries import batches, landing, verdicts
from libraries.batches import Period, Task
from libraries.collecting import collection, control, slices
from libraries.disputing import tickets as disputing
from libraries.drifting import drift_proposals
from libraries.holding import mending, tickets
from libraries.holding.mending import Mended
from libraries.landing import Manifest
from libraries.merging.merge import merge_batch
from libraries.storage import failures_named, naming_failures
from libraries.tracing import lineage
from schemas.database import transaction
from schemas.errors import HutongError, Invalid, Terminal, Transient
from schemas.resource import ResourceDocument

log = logging.getLogger(__name__)
STEPS = ("land", "check", "merge", "publish")


def plan(resource_id: str, run_id: str, period: Period | None = None) -> str:
    """Plan the batch of a resource and run, bound to the version published now; planning again gives the same batch. Returns its id.

    period: a past stretch of the watermark to be fetched again. Raises Invalid `directory.unknown_resource`, `directory.not_published`,
    `landing.no_source`, `landing.no_watermark`, `landing.bad_period`; Terminal `landing.paused`.
    """
    with transaction("ingest") as session:
        version = directory.get(session, resource_id)
        document = ResourceDocument.model_validate(version.document)
        if document.source is None:
            raise Invalid("landing.no_source", resource=resource_id)
        if period is not None:
            control.require_period(document, period)
        batch_id = batches.add(session, version, run_id, period)
        drift_proposals.reopen(session, batch_id, version)
        if batches.get(session, batch_id).batch.state == "planned":
            control.require_running(session, resource_id)
        return batch_id


@naming_failures
def plan_slices(batch_id: str, connection: Connection | None = None) -> list[int]:
    """Plan the slices of a planned batch and return their numbers, for `land_slice` and then `gather`; planning again gives the same.

    Raises what `land` raises.
    """
    with batches.alone(batch_id):
        task, since, _ = _begin(batch_id)
        with _noting(batch_id):
            return slices.plan(task, since, connection) if task.batch.state == "planned" else [0]


@naming_failures
def land_slice(batch_id: str, number: int, connection: Connection | None = None) -> None:
    """Land one slice of a batch, beside others and each on its own; does nothing when it has landed. Raises what `land` raises."""
    task, _, _ = _begin(batch_id)
    if task.batch.state == "planned":
        with _noting(batch_id):
            slices.land(task, number, connection)


@lineage.told("land")
@naming_failures
def gather(batch_id: str) -> None:
    """End the landing of a batch in slices when all are there; does nothing when it has landed. Raises Terminal `landing.slices_missing`."""
    with batches.alone(batch_id):
        task, _, before = _begin(batch_id)
        if task.batch.state != "planned":
            return
        with _noting(batch_id):
            manifest = landing.read_manifest(landing.folder_of(task.batch.path or "")) or slices.gather(task, before)
        _record_landed(batch_id, task, manifest)


@lineage.told("land")
@naming_failures
def land(batch_id: str, connection: Connection | None = None) -> None:
    """Take the batch over from its source into landing files; does nothing when it has landed.

    connection: where the source is, when the caller resolved it (Airflow); else found by name. Raises Terminal `landing.schema_drift`,
    `landing.nothing_left`, `landing.rejected`, and what the connector raises.
    """
    with batches.alone(batch_id):
        task, since, before = _begin(batch_id)
        if task.batch.state != "planned":
            return
        with _noting(batch_id):
            manifest = landing.read_manifest(landing.folder_of(task.batch.path or ""))
            manifest = manifest or _collect(task, since, before, connection)
        rejection = _record_landed(batch_id, task, manifest)
    if rejection is not None:
        raise rejection


@lineage.told("check")
@naming_failures
def check(batch_id: str) -> None:
    """Check a landed batch: good rows to checked/, bad rows to quarantine with every reason, verdict and score kept; does nothing when it was checked.

    Raises Terminal `quality.rejected`, `quality.volume`, `quality.guard` after the verdict is committed; `landing.wrong_state`, `landing.damaged`,
    `quality.bad_rule`.
    """
    with batches.alone(batch_id):
        with transaction("ingest") as session:
            task = batches.get(session, batch_id)
            known = verdicts.known_of(session, task)
        batches.require_alive(task.batch)
        if task.batch.state in ("checked", *batches.DONE):
            return
        if task.batch.state != "landed":
            raise Terminal("landing.wrong_state", batch=batch_id, state=task.batch.state, needed="landed")
        with _noting(batch_id):
            checked = verdicts.examine(task, known)
        with transaction("ingest") as session:
            rejection = verdicts.record(session, batch_id, checked)
            tickets.after_check(session, batch_id)
    if rejection is not None:
        raise rejection


@lineage.told("merge")
@naming_failures
def merge(batch_id: str) -> None:
    """Merge a checked batch into its library; does nothing when it was merged. Raises Terminal `landing.wrong_state` and what merging raises."""
    with batches.alone(batch_id):
        with transaction("ingest") as session:
            task = batches.get(session, batch_id)
        batches.require_alive(task.batch)
        if task.batch.state in batches.DONE:
            return
        if task.batch.state != "checked":
            raise Terminal("landing.wrong_state", batch=batch_id, state=task.batch.state, needed="checked")
        if task.document.library is not None:
            with _noting(batch_id):
                merge_batch(batch_id)
        else:  # kept in landing only: being checked is all there is to do
            with transaction("ingest") as session:
                batch = batches.get(session, batch_id, lock=True).batch
                batch.state, batch.merged_at = "merged", batches.now()


def publish(batch_id: str) -> dict[str, Any]:
    """Say that the batch is in: mark held rows that it settles, log and return its figures (no personal data). Raises Terminal `landing.wrong_state`."""
    with transaction("ingest") as session:
        task = batches.get(session, batch_id)
        if task.batch.state == "merged":  # one that was taken back settles nothing
            tickets.after_publish(session, task)
            disputing.after_publish(session, task.document.library, task.batch.checked_at)
    batch = task.batch
    if batch.state not in batches.DONE:
        raise Terminal("landing.wrong_state", batch=batch_id, state=batch.state, needed="merged")
    figures = {
        "batch": batch.id, "resource": batch.resource_id, "library": task.document.library, "rows_in": batch.rows_in,
        "rows_good": batch.rows_good, "rows_quarantined": batch.rows_quarantined, "score": batch.score,
        "fresh_as_of": (batch.landed_at or batch.created_at).isoformat(),
    }  # fmt: skip
    log.info("published %s", figures)
    return figures


def ingest(
    resource_id: str,
    run_id: str | None = None,
    progress: Callable[[str], None] = log.info,
    period: Period | None = None,
) -> str:
    """Take a resource the whole way and return the batch's id; a batch found half-way is taken up where it stopped.

    run_id: None takes up the newest unfinished batch of the published version (and period), else starts a new run. progress: told each step's name.
    period: fetch a past stretch again; the watermark stays where it is. Raises what the steps raise.
    """
    if run_id is None:
        kind = f"backfill:{period.start}..{period.end}:" if period else "manual:"
        with transaction("ingest") as session:
            run_id = batches.unfinished_run(session, resource_id, period) or f"{kind}{batches.now().isoformat()}"
    batch_id = plan(resource_id, run_id, period)
    for step in STEPS:
        progress(step)
        globals()[step](batch_id)
    return batch_id


def replay(row_id: int, values: Mapping[str, Any]) -> str:
    """Take a quarantined row with corrected values (item → value) through the same check and merge, as a batch of one; return that batch's id.

    The row is released when it merged. Raises what `mending.plan` and the steps raise; a row still wrong ends as `quality.rejected`.
    """
    mended = replay_rows({row_id: values})[row_id]
    if mended.end == "released" and mended.batch_id:
        return mended.batch_id
    if mended.end != "wrong":
        raise Terminal("quarantine.superseded", row=row_id, batch=mended.batch_id, how=mended.end)
    with transaction("ingest") as session:
        batches.require_alive(batches.get(session, mended.batch_id or "").batch)
    raise Terminal("quarantine.still_wrong", row=row_id, reasons=", ".join(mended.reasons))


def replay_rows(corrections: Mapping[int, Mapping[str, Any]]) -> dict[int, Mended]:
    """Take quarantined rows with corrected values (row id → item → value) through the same check and merge, one batch per batch that held them.

    Right rows are released, wrong ones go on waiting; what a crash left half-done is finished first, and the same corrections sent again do nothing
    twice. Returns how each row ended. Raises what `mending.plan` and the steps raise.
    """
    with transaction("ingest") as session:
        mending.bring_up_to_date(session, corrections)
        resumed = mending.unfinished(session, corrections)
    for batch_id in resumed:
        _finish_replay(batch_id)
    with transaction("ingest") as session:
        plans = mending.plan(session, corrections, resumed)
    for plan in plans:
        with batches.alone(plan.batch_id):
            with transaction("ingest") as session:
                task = batches.get(session, plan.batch_id)
            if task.batch.state == "planned":
                _record_landed(plan.batch_id, task, mending.land(task, plan.rows))
        _finish_replay(plan.batch_id)
    with transaction("ingest") as session:
        return mending.outcomes(session, corrections)


def _finish_replay(batch_id: str) -> None:
    try:
        for step in (check, merge, publish):
            step(batch_id)
    except Terminal as error:
        if error.code != "quality.rejected":  # every row of it is still wrong: that is an outcome, and the rows say so
            raise
    with transaction("ingest") as session:
        mending.settle(session, batch_id)
        tickets.renew(session, batches.get(session, batch_id))


def _begin(batch_id: str) -> tuple[Task, Any, dict[str, str]]:
    """Return the batch, from where to collect, and the types it had before. Raises the batch's own error when it was rejected."""
    with transaction("ingest") as session:
        task = batches.get(session, batch_id)
        since, before = collection.since_of(session, task), collection.types_before(session, task)
    batches.require_alive(task.batch)
    return task, since, before


def _collect(task: Task, since: Any, before: dict[str, str], connection: Connection | None) -> Manifest:
    if task.source.connector == "files":
        return collection.collect(task, since, before, connection)
    slices.land_all(task, slices.plan(task, since, connection), connection)
    return slices.gather(task, before)


def _record_landed(batch_id: str, task: Task, manifest: Manifest) -> Terminal | None:
    with transaction("ingest") as session:
        batch = batches.get(session, batch_id, lock=True).batch
        new = collection.record_refused(session, batch, manifest.refused)
        batch.manifest, batch.watermark = landing.as_facts(manifest), manifest.watermark
        batch.rows_in, batch.state = manifest.rows + manifest.malformed, "landed"
        batch.landed_at = batches.landing_time(session, batch)
        batch.error_code, batch.error_facts = None, None
        if manifest.rows or manifest.malformed or not (new or (manifest.refused and task.source.mode == "snapshot")):
            return None
        names = ", ".join(file["name"] for file in manifest.refused)
        error = Terminal("landing.nothing_left", resource=batch.resource_id, files=names)
        batches.reject(session, batch_id, error)
        return error


@contextmanager
def _noting(batch_id: str) -> Iterator[None]:
    """Write down why a step failed; what was delivered wrong rejects the batch, anything else may be tried again."""
    try:
        with failures_named():
            yield
    except HutongError as error:
        is_delivery = isinstance(error, Terminal) and error.code.startswith(("landing.schema", "files."))
        # with the database away, the error itself says more
        with suppress(Transient), transaction("ingest") as session:
            (batches.reject if is_delivery else batches.note)(session, batch_id, error)
        drift_proposals.propose(batch_id, error)
        raise
