"""Why: taking a batch over from its source is the one moment the hub touches a department's system; everything after works on our own copy. Streams
the connector's batches into landing files, bounded in memory, and ends with the manifest. `libraries.ingest` comes here, and `slices` for big tables.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from connectors.base import BATCH_ROWS, Connection, Connector, Slice, open_connector
from connectors.connections import find_connection
from libraries import batches, landing
from libraries.batches import Task
from libraries.collecting import inbox, limits
from libraries.drifting import drift
from libraries.landing import ROW, Folder, LandedFile, Manifest
from schemas.errors import Transient
from schemas.resource import Source
from schemas.tables.landing import Batch, RefusedFile


def since_of(session: Session, task: Task) -> Any:
    """Return from where to collect: the beginning of a back-filled period, None for a snapshot, else the watermark reached, for files the digests
    already taken over and their names. What a batch took that was taken back is asked for again.
    """
    if period := batches.period_of(task.batch):
        return period.start
    if task.source.mode == "snapshot":
        return None
    if task.source.connector == "files":
        query = select(Batch.manifest).where(Batch.resource_id == task.batch.resource_id, Batch.id != task.batch.id)
        query = query.where(Batch.error_code.is_distinct_from("landing.damaged"))  # what was lost here is taken again
        manifests = session.scalars(query.where(Batch.state.in_(("landed", "checked", "merged"))))
        return {f["source_digest"]: f["source"] for m in manifests if m for f in m["files"] if f["source_digest"]}
    last = batches.reached(session, task.batch.resource_id)
    return Slice.from_json(last.watermark).until if last is not None and last.watermark else None


def types_before(session: Session, task: Task) -> dict[str, str]:
    """Return item → type as the last merged batch of the same version had them, empty when there is none."""
    last = batches.latest(session, task.batch.resource_id)
    if last is None or last.resource_version_id != task.batch.resource_version_id:
        return {}
    return dict((last.manifest or {}).get("schema") or {})


def open_source(task: Task, connection: Connection | None = None) -> Connector:
    """Return the connector behind the batch's binding; nothing is asked yet. Raises Terminal `connector.unknown_connection`."""
    source = task.source
    if connection is None:
        is_inbox = source.connection == inbox.CONNECTION
        connection = inbox.connection_of(task.batch.resource_id) if is_inbox else find_connection(source.connection)
    options = _options(source)
    if task.batch.period:
        options["overlap"] = 0
    return open_connector(source.connector, options, connection)


def collect(task: Task, since: Any, before: Mapping[str, str], connection: Connection | None = None) -> Manifest:
    """Take files over and return the batch's manifest; what an earlier attempt left half-done is done anew. (Tables and services: `slices`.)

    before: item → type to hold the delivered types against. Raises Terminal `landing.schema_drift` and what the connector raises.
    """
    source, resource_id = task.source, task.batch.resource_id
    folder = landing.folder_of(task.batch.path or "")
    with limits.turn(source, task.document.department):
        connector = open_source(task, connection)
        pieces = _planned(connector, resource_id, source, since)
        folder.clear("landed")
        files, refused, schema = _take_over(connector, pieces, folder, source)
    if schema:
        drift.require_same_types(resource_id, schema, before)
    refused = _refused(connector) + refused
    malformed = [vars(row) for row in getattr(connector, "malformed", ())]
    return keep_manifest(folder, task, Landed(files, schema, watermark_of(pieces), refused, malformed))


@dataclass(frozen=True)
class Landed:
    """What came of a batch's source, before the manifest says so."""

    files: list[LandedFile]
    schema: dict[str, str]
    watermark: str | None
    refused: list[dict[str, Any]]
    malformed: list[dict[str, Any]]


def keep_manifest(folder: Folder, task: Task, landed: Landed) -> Manifest:
    """Say that the batch is whole, and return what was said."""
    folder.write(json.dumps(landed.malformed, ensure_ascii=False).encode(), "malformed.json")
    manifest = Manifest(
        batch=task.batch.id, resource=task.batch.resource_id, version=task.batch.resource_version_id,
        rows=sum(file.rows for file in landed.files), files=landed.files, schema=landed.schema,
        fingerprint=landing.fingerprint_of(landed.schema), watermark=landed.watermark, refused=landed.refused,
        malformed=len(landed.malformed),
    )  # fmt: skip
    landing.write_manifest(folder, manifest)
    return manifest


def record_refused(session: Session, batch: Batch, refused: list[dict[str, Any]]) -> list[str]:
    """Keep which files were seen and not taken; return the names of those refused for the first time whose rows the hub does not have."""
    new: list[str] = []
    for file in refused:
        row = {"resource_id": batch.resource_id, "batch_id": batch.id, **file}
        added = session.execute(insert(RefusedFile).values(**row).on_conflict_do_nothing().returning(RefusedFile.name))
        new += [name for name in added.scalars() if file["code"] != "files.duplicate"]
    return new


def _options(source: Source) -> dict[str, Any]:
    columns = {item: name for name, item in source.mapping.items()}
    options: dict[str, Any] = {"columns": list(source.mapping)}
    key = [columns[item] for item in source.key if item in columns]
    if source.connector in ("database", "rest") and key:  # a service whose pages shift is walked by key
        options["key"] = key
    if source.watermark and source.watermark in columns:
        options["watermark"] = columns[source.watermark]
    if overlap := source.overlap_seconds or source.overlap_rows:
        options["overlap"] = overlap
    if share := limits.share_of(source.limits):
        options["batch_rows"] = min(BATCH_ROWS, share)  # a reader that must go slowly takes small steps
    if source.connector == "files":
        options |= {"incomplete": "skip", "malformed": "quarantine"}  # one bad file or line must not hold up the rest
    return options | dict(source.options)


def _planned(connector: Connector, resource_id: str, source: Source, since: Any) -> list[Slice]:
    slices = connector.slices(since)
    if slices or (since is None and not _refused(connector)):  # only a whole file can say what its columns are
        drift.require_known_columns(resource_id, source, connector.describe())
    return slices


def _take_over(
    connector: Connector, slices: list[Slice], folder: Folder, source: Source
) -> tuple[list[LandedFile], list[dict[str, Any]], dict[str, str]]:
    files: list[LandedFile] = []
    refused: list[dict[str, Any]] = []
    schema: dict[str, str] = {}
    first = 1
    for number, piece in enumerate(slices):
        name = f"landed/part-{number:05d}.parquet"
        try:
            rows = landing.write_part(
                folder, name, named(limits.paced(connector.read(piece), source.limits), source, first, schema)
            )
        except Transient as error:
            if error.code != "files.incomplete" or piece.name is None:
                raise
            refused.append(_refusal(piece.name, error.code, piece.digest, reason=str(error.facts.get("reason"))))
            continue
        if rows or piece.name:
            sha256 = landing.digest_of(folder, name) if rows else ""
            files.append(LandedFile(name if rows else "", rows, sha256, piece.name, piece.digest))
        first += rows
    return files, refused, schema


def named(
    found: Iterator[pa.RecordBatch], source: Source, first: int, schema: dict[str, str]
) -> Iterator[pa.RecordBatch]:
    """Name columns by item, number the rows, note the delivered types in `schema`."""
    columns = list(source.mapping)
    for batch in found:
        if batch.num_rows == 0:
            continue
        arrays = [batch.column(batch.schema.get_field_index(name)) for name in columns]
        schema.update({source.mapping[name]: str(array.type) for name, array in zip(columns, arrays, strict=True)})
        numbers = pa.array(np.arange(first, first + batch.num_rows, dtype=np.int64))
        yield pa.RecordBatch.from_arrays([*arrays, numbers], names=[*source.mapping.values(), ROW])
        first += batch.num_rows


def _refused(connector: Connector) -> list[dict[str, Any]]:
    incomplete = [_refusal(name, "files.incomplete", reason=why) for name, why in getattr(connector, "incomplete", ())]
    return incomplete + [
        _refusal(name, "files.duplicate", same_as=other) for name, other in getattr(connector, "duplicates", ())
    ]


def _refusal(name: str, code: str, digest: str | None = None, **facts: str) -> dict[str, Any]:
    return {"name": name, "digest": digest or "", "code": code, "facts": facts}


def watermark_of(slices: list[Slice]) -> str | None:
    """Return the highest watermark the slices were planned with, as a batch keeps it; a back-fill never moves it."""
    if any(piece.to is not None for piece in slices):
        return None
    reached = [piece.until for piece in slices if piece.until is not None]
    return Slice("watermark", until=max(reached)).to_json() if reached else None
