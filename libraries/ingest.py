"""Why: the whole way of one resource on one screen: plan → land → check → merge → publish. Each step finds its own traces, so that a retried or killed
step is simply called again. Called by `dags` (a step a task) and `hutong ingest` (all of it); only ids travel between steps.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa

from catalog import directory
from connectors.base import Connection
from libraries import batches, collection, landing, quarantine, verdicts
from libraries.batches import Task
from libraries.landing import ROW, LandedFile, Manifest
from libraries.merging import merge_batch
from schemas.database import transaction
from schemas.errors import HutongError, Invalid, Terminal
from schemas.resource import ResourceDocument

log = logging.getLogger(__name__)
STEPS = ("land", "check", "merge", "publish")


def plan(resource_id: str, run_id: str) -> str:
    """Plan the batch of a resource and run, bound to the version published now; planning again gives the same batch. Returns its id.

    Raises Invalid `directory.unknown_resource`, `directory.not_published`, `landing.no_source`.
    """
    with transaction("ingest") as session:
        version = directory.get(session, resource_id)
        if ResourceDocument.model_validate(version.document).source is None:
            raise Invalid("landing.no_source", resource=resource_id)
        return batches.add(session, version, run_id)


def land(batch_id: str, connection: Connection | None = None) -> None:
    """Take the batch over from its source into landing files; does nothing when it has landed.

    connection: where the source is, when the caller resolved it (Airflow); else found by name. Raises Terminal `landing.schema_drift`,
    `landing.nothing_left`, `landing.rejected`, and what the connector raises.
    """
    with batches.alone(batch_id):
        with transaction("ingest") as session:
            task = batches.get(session, batch_id)
            since, before = collection.since_of(session, task), collection.types_before(session, task)
        batches.require_alive(task.batch)
        if task.batch.state != "planned":
            return
        try:
            manifest = landing.read_manifest(landing.folder_of(task.batch.path or ""))
            manifest = manifest or collection.collect(task, since, before, connection)
        except HutongError as error:
            _keep(batch_id, error)
            raise
        rejection = _record_landed(batch_id, task, manifest)
    if rejection is not None:
        raise rejection


def check(batch_id: str) -> None:
    """Check a landed batch: good rows to checked/, bad rows to quarantine with every reason, verdict and score kept; does nothing when it was checked.

    Raises Terminal `quality.rejected`, `quality.volume` after the verdict is committed; `landing.wrong_state`, `landing.damaged`, `quality.bad_rule`.
    """
    with batches.alone(batch_id):
        with transaction("ingest") as session:
            task = batches.get(session, batch_id)
            least_rows = verdicts.least_rows_of(session, task)
        batches.require_alive(task.batch)
        if task.batch.state in ("checked", *batches.DONE):
            return
        if task.batch.state != "landed":
            raise Terminal("landing.wrong_state", batch=batch_id, state=task.batch.state, needed="landed")
        try:
            checked = verdicts.examine(task, least_rows)
        except HutongError as error:
            _keep(batch_id, error)
            raise
        with transaction("ingest") as session:
            rejection = verdicts.record(session, batch_id, checked)
    if rejection is not None:
        raise rejection


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
            merge_batch(batch_id)
        else:  # kept in landing only: being checked is all there is to do
            with transaction("ingest") as session:
                batch = batches.get(session, batch_id, lock=True).batch
                batch.state, batch.merged_at = "merged", batches.now()


def publish(batch_id: str) -> dict[str, Any]:
    """Say that the batch is in: log and return its figures (no personal data). Raises Terminal `landing.wrong_state`."""
    with transaction("ingest") as session:
        task = batches.get(session, batch_id)
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


def ingest(resource_id: str, run_id: str | None = None, progress: Callable[[str], None] = log.info) -> str:
    """Take a resource the whole way and return the batch's id; a batch found half-way is taken up where it stopped.

    run_id: None takes up the newest unfinished batch of the published version, else starts a new run. progress: told each step's name.
    Raises what the steps raise.
    """
    if run_id is None:
        with transaction("ingest") as session:
            run_id = batches.unfinished_run(session, resource_id) or f"manual:{batches.now().isoformat()}"
    batch_id = plan(resource_id, run_id)
    for step in STEPS:
        progress(step)
        globals()[step](batch_id)
    return batch_id


def replay(row_id: int, values: Mapping[str, Any]) -> str:
    """Take a quarantined row with corrected values (item → value) through the same check and merge, as a batch of one; return that batch's id.

    The row is released when it merged. Raises what `quarantine.corrected` and the steps raise; a row still wrong ends as `quality.rejected`.
    """
    with transaction("ingest") as session:
        row, mended = quarantine.corrected(session, row_id, values)
        batch_id = batches.add_replay(session, row, mended)
        task = batches.get(session, batch_id)
    if task.batch.state == "planned":
        _record_landed(batch_id, task, _land_row(task, mended))
    for step in (check, merge, publish):
        step(batch_id)
    with transaction("ingest") as session:
        quarantine.release(session, row_id, batch_id)
    return batch_id


def _land_row(task: Task, values: Mapping[str, Any]) -> Manifest:
    folder = landing.folder_of(task.batch.path or "")
    folder.clear("landed")
    texts = {item: pa.array([None if value is None else str(value)], pa.string()) for item, value in values.items()}
    row = pa.record_batch({**texts, ROW: pa.array([1], pa.int64())})
    name = "landed/part-00000.parquet"
    landing.write_part(folder, name, iter([row]))
    schema = dict.fromkeys(values, "string")
    file = LandedFile(name, 1, landing.digest_of(folder, name))
    batch = task.batch
    manifest = Manifest(
        batch.id, batch.resource_id, batch.resource_version_id, 1, [file], schema, landing.fingerprint_of(schema)
    )
    landing.write_manifest(folder, manifest)
    return manifest


def _record_landed(batch_id: str, task: Task, manifest: Manifest) -> Terminal | None:
    with transaction("ingest") as session:
        batch = batches.get(session, batch_id, lock=True).batch
        new = collection.record_refused(session, batch, manifest.refused)
        batch.manifest, batch.watermark = landing.as_facts(manifest), manifest.watermark
        batch.rows_in, batch.landed_at, batch.state = manifest.rows + manifest.malformed, batches.now(), "landed"
        batch.error_code, batch.error_facts = None, None
        if manifest.rows or manifest.malformed or not (new or (manifest.refused and task.source.mode == "snapshot")):
            return None
        names = ", ".join(file["name"] for file in manifest.refused)
        error = Terminal("landing.nothing_left", resource=batch.resource_id, files=names)
        batches.reject(session, batch_id, error)
        return error


def _keep(batch_id: str, error: HutongError) -> None:
    """Write down why a step failed; what was delivered wrong rejects the batch, anything else may be tried again."""
    is_delivery = isinstance(error, Terminal) and error.code.startswith(("landing.schema", "files."))
    with transaction("ingest") as session:
        (batches.reject if is_delivery else batches.note)(session, batch_id, error)
