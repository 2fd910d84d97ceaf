"""Why: a mended row must end where it would have ended had it come right the first time, whether one is mended in a shell or thousands in a file. Rows of
one batch are replayed together, as one batch of their own, through the same check and merge. What was planned is written on the rows first, so that a
crash anywhere is gone on from. Called by `libraries.ingest`.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast

import pyarrow as pa
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from libraries import batches, landing
from libraries.batches import Task
from libraries.holding import superseding
from libraries.landing import ROW, LandedFile, Manifest
from libraries.quarantine import MALFORMED, WAITING, among
from schemas.errors import Invalid, Terminal
from schemas.resource import ResourceDocument
from schemas.tables.directory import ResourceVersion
from schemas.tables.landing import Batch, QuarantinedRow

Values = dict[str, Any]
Reasons = dict[tuple[str | None, int | None], tuple[str, ...]]
End = Literal["released", "wrong", "again", "right", "gone", "attempt", "retracted", "waived"]


@dataclass(frozen=True)
class Mended:
    """How a mended row ended: released by a batch; still wrong, with the reasons; or superseded meanwhile, and how."""

    end: End
    batch_id: str | None
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """One replay: its batch and the rows' values whole, in the order of the batch."""

    batch_id: str
    rows: list[Values] = field(repr=False)


def unfinished(session: Session, row_ids: Iterable[int]) -> list[str]:
    """Return the replays of these rows that landed and whose outcome was not written on the rows."""
    query = (
        select(Batch.id)
        .join(QuarantinedRow, QuarantinedRow.replay_batch_id == Batch.id)
        .where(among(row_ids), Batch.state.in_(("landed", "checked", "merged")), *WAITING)
    )
    return sorted(set(session.scalars(query)))


def plan(session: Session, corrections: Mapping[int, Mapping[str, Any]], resumed: Iterable[str] = ()) -> list[Plan]:
    """Plan the replays of rows (row id → item → value), one per batch that held them, bound to the version they were checked by.

    Left out is what was judged with the same values before: found wrong, or released by a replay that was just `resumed`.
    Raises Invalid `quarantine.unknown_row`, `quarantine.unknown_item`; Terminal `quarantine.released`, `quarantine.superseded`.
    """
    query = select(QuarantinedRow).where(among(corrections)).order_by(QuarantinedRow.id)
    rows = {row.id: row for row in session.scalars(query.with_for_update())}
    if missing := sorted(set(corrections) - set(rows)):
        raise Invalid("quarantine.unknown_row", row=missing[0])
    held: dict[str, list[QuarantinedRow]] = {}
    for row in rows.values():
        held.setdefault(row.batch_id, []).append(row)
    plans = [_planned(session, together, corrections, frozenset(resumed)) for together in held.values()]
    return [found for found in plans if found.rows]


def bring_up_to_date(session: Session, row_ids: Iterable[int]) -> None:
    """Bring the rows up to date before they are replayed: what a later batch settled is superseded."""
    query = select(Batch.resource_id).join(QuarantinedRow, QuarantinedRow.batch_id == Batch.id)
    for resource_id in sorted(set(session.scalars(query.where(among(row_ids))))):
        superseding.catch_up(session, resource_id)


def mended_values(row: QuarantinedRow, document: ResourceDocument, corrections: Mapping[str, Any]) -> Values:
    """Return a held row's values with the corrections put in; of a line that fitted no header there are none but these.

    Raises Invalid `quarantine.unknown_item`.
    """
    values = dict(row.values)
    if row.reasons == [MALFORMED]:
        values = dict.fromkeys(item.id for item in document.items)
    if unknown := sorted(set(corrections) - set(values)):
        raise Invalid("quarantine.unknown_item", items=", ".join(unknown), known=", ".join(values))
    return {**values, **{item: value if value != "" else None for item, value in corrections.items()}}


def digest_of(values: Mapping[str, Any]) -> str:
    """Return a short identity of a row's values."""
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()[:16]


def land(task: Task, rows: list[Values]) -> Manifest:
    """Write mended rows as the landing files of their batch, all values as texts; return the manifest."""
    folder = landing.folder_of(task.batch.path or "")
    folder.clear("landed")
    items = dict.fromkeys(item for values in rows for item in values)
    columns = {
        item: pa.array([None if values.get(item) is None else str(values[item]) for values in rows], pa.string())
        for item in items
    }
    name = "landed/part-00000.parquet"
    numbers = pa.array(range(1, len(rows) + 1), pa.int64())
    landing.write_part(folder, name, iter([pa.record_batch({**columns, ROW: numbers})]))
    schema = dict.fromkeys(items, "string")
    file = LandedFile(name, len(rows), landing.digest_of(folder, name))
    batch = task.batch
    manifest = Manifest(
        batch.id, batch.resource_id, batch.resource_version_id, len(rows), [file], schema, landing.fingerprint_of(schema)
    )  # fmt: skip
    landing.write_manifest(folder, manifest)
    return manifest


def settle(session: Session, batch_id: str) -> None:
    """Write the outcome of a merged replay on the rows it took along: those it did not hold are released. Doing it again changes nothing."""
    task = batches.get(session, batch_id)
    superseding.catch_up(session, task.batch.resource_id)
    if task.batch.state != "merged":
        return
    wrong = select(QuarantinedRow.row_number).where(QuarantinedRow.batch_id == batch_id)
    session.execute(
        update(QuarantinedRow)
        .where(QuarantinedRow.replay_batch_id == batch_id, QuarantinedRow.replay_row.not_in(wrong), *WAITING)
        .values(released_at=batches.now(), released_by_batch_id=batch_id)
        .execution_options(synchronize_session=False)
    )


def outcomes(session: Session, row_ids: Iterable[int]) -> dict[int, Mended]:
    """Return how these rows ended, by row id."""
    session.expire_all()
    rows = list(session.scalars(select(QuarantinedRow).where(among(row_ids))))
    replays = {row.replay_batch_id for row in rows if row.replay_batch_id}
    query = select(QuarantinedRow.batch_id, QuarantinedRow.row_number, QuarantinedRow.reasons)
    found = session.execute(query.where(QuarantinedRow.batch_id.in_(replays)))
    reasons: Reasons = {(batch_id, number): tuple(why) for batch_id, number, why in found}
    return {row.id: _outcome(row, reasons) for row in rows}


def _outcome(row: QuarantinedRow, reasons: Reasons) -> Mended:
    if row.released_at is not None:
        return Mended("released", row.released_by_batch_id)
    if row.superseded_at is not None:
        return Mended(cast(End, row.superseded_how), row.superseded_by_batch_id)
    return Mended("wrong", row.replay_batch_id, reasons.get((row.replay_batch_id, row.replay_row), tuple(row.reasons)))


def _planned(
    session: Session, held: list[QuarantinedRow], corrections: Mapping[int, Mapping[str, Any]], resumed: frozenset[str]
) -> Plan:
    task = batches.get(session, held[0].batch_id)
    mended = {row.id: mended_values(row, task.document, corrections[row.id]) for row in held}
    digests = {row_id: digest_of(values) for row_id, values in mended.items()}
    judged = _judged(session, held)
    rows = [
        row for row in held if not (row.replay_digest == digests[row.id] and row.replay_batch_id in judged | resumed)
    ]
    for row in rows:
        _require_waiting(row)
    if not rows:
        return Plan("", [])
    mark = hashlib.sha256(json.dumps([(row.id, digests[row.id]) for row in rows]).encode()).hexdigest()[:12]
    version = session.get_one(ResourceVersion, task.batch.resource_version_id)
    batch_id = batches.add(session, version, f"{batches.REPLAY}{rows[0].id}:{mark}")
    for number, row in enumerate(rows, 1):
        row.replay_batch_id, row.replay_row, row.replay_digest = batch_id, number, digests[row.id]
    return Plan(batch_id, [mended[row.id] for row in rows])


def _judged(session: Session, rows: list[QuarantinedRow]) -> set[str]:
    """Return which replays of rows that still wait came to their end: their values were found wrong."""
    replays = {row.replay_batch_id for row in rows if row.released_at is None and row.superseded_at is None}
    query = select(Batch.id).where(Batch.id.in_(replays), Batch.state.in_((*batches.DONE, "rejected")))
    return set(session.scalars(query))


def _require_waiting(row: QuarantinedRow) -> None:
    if row.released_at is not None:
        raise Terminal("quarantine.released", row=row.id, batch=row.released_by_batch_id)
    if row.superseded_how == "waived":
        raise Terminal("quarantine.waived", row=row.id)
    if row.superseded_at is not None:
        raise Terminal("quarantine.superseded", row=row.id, batch=row.superseded_by_batch_id, how=row.superseded_how)
