"""Why: a row that the source has and the hub has not (or the other way round) must be found without moving the whole table every time. Both sides tally
counts and digests by key range, only ranges that differ are parted and at last read, so that the keys can be named. `hutong reconcile` comes here; the
source is only read, within its limits and time limits, and what was found is kept in figures.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog import directory
from connectors.base import Connector, Slice
from connectors.digests import TallyingConnector
from connectors.watermarks import typed
from libraries import batches
from libraries.batches import REPLAY, Task
from libraries.collecting import collection, limits
from libraries.comparing.landed_sums import Bound, Keyed, joined, keyed, read_landed
from libraries.comparing.range_search import RangeSearch
from schemas.database import transaction
from schemas.errors import Invalid, Terminal
from schemas.resource import ResourceDocument
from schemas.tables.landing import Batch, QuarantinedRow
from schemas.tables.reconciliation import Reconciliation

TIMEOUT = 300.0
Method = Literal["digests", "counts", "rows", "files"]


@dataclass(frozen=True)
class Limits:
    """How far a reconciliation may go. whole: read every row; most_rows: rows read from a database to name keys; timeout: seconds of one statement."""

    whole: bool = False
    most_rows: int = 100_000
    timeout: float = TIMEOUT


@dataclass(frozen=True)
class Found:
    """What differs, by key as text (for files by name): only the source has it, only the hub has it, both have it otherwise; waiting: changed after the last
    collection, so not counted. is_whole: False when more differs than was read.
    """

    missing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    different: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    is_whole: bool = True

    @property
    def is_same(self) -> bool:
        """Return whether both sides are known to hold the same."""
        return self.is_whole and not (self.missing or self.extra or self.different)


@dataclass(frozen=True)
class Report:
    """A reconciliation: up to which batch, by which method, rows of both sides, what differs, ranges compared, rows read from the source, columns left out
    of the digest, rows of the last batch held in quarantine.
    """

    resource: str
    batch: str
    method: Method
    source_rows: int | None
    landed_rows: int
    found: Found = field(repr=False)
    ranges: int = 0
    rows_read: int = 0
    left_out: tuple[str, ...] = ()
    held: int = 0


@dataclass(frozen=True)
class _Case:
    task: Task
    paths: tuple[str, ...]
    manifests: tuple[dict[str, Any], ...]
    watermark: Any
    held: int

    @property
    def names(self) -> tuple[str, str]:
        """Return the resource and the batch it was compared up to."""
        return self.task.document.id, self.task.batch.id


def reconcile(resource_id: str, within: Limits = Limits()) -> Report:
    """Compare a resource's source with what landed of it and keep the figures.

    Raises Invalid `directory.unknown_resource`, `directory.not_published`, `landing.no_source`; Terminal `reconcile.nothing_landed`; Transient
    `landing.source_busy`; and what the connector raises.
    """
    started = batches.now()
    with transaction("ingest") as session:
        case = _case(session, resource_id)
    with limits.turn(case.task.source, case.task.document.department):
        report = _compared(case, within)
    with transaction("ingest") as session:
        _keep(session, report, started)
    return report


def find_past(session: Session, resource_id: str, limit: int = 20) -> list[Reconciliation]:
    """Return the newest reconciliations of a resource."""
    query = select(Reconciliation).where(Reconciliation.resource_id == resource_id)
    return list(session.scalars(query.order_by(Reconciliation.id.desc()).limit(limit)))


def _case(session: Session, resource_id: str) -> _Case:
    document = ResourceDocument.model_validate(directory.get(session, resource_id).document)
    if document.source is None:
        raise Invalid("landing.no_source", resource=resource_id)
    last = batches.latest(session, resource_id)
    if last is None:
        raise Terminal("reconcile.nothing_landed", resource=resource_id)
    merged = [last]
    if document.source.mode == "incremental":
        query = select(Batch).where(Batch.resource_id == resource_id, Batch.state == "merged")
        merged = list(session.scalars(query.where(Batch.run_id.not_like(f"{REPLAY}%")).order_by(Batch.number)))
    held = (
        select(func.count())
        .select_from(QuarantinedRow)
        .where(QuarantinedRow.batch_id == last.id, QuarantinedRow.released_at.is_(None))
    )
    watermark = Slice.from_json(last.watermark).until if last.watermark else None
    paths, manifests = tuple(str(one.path) for one in merged), tuple(one.manifest or {} for one in merged)
    return _Case(Task(last, document), paths, manifests, watermark, session.scalar(held) or 0)


def _compared(case: _Case, within: Limits) -> Report:
    source = case.task.source
    if source.connector == "files":
        return _files(case)
    if source.connector == "database" and not within.whole:
        return _by_ranges(case, within)
    connector = collection.open_source(case.task)
    bound = _bound(case, tuple(source.mapping))
    sums = read_landed(case.paths, bound, dict(source.mapping), source.mode == "incremental")
    tables = (batch for piece in connector.slices() for batch in limits.paced(connector.read(piece), source.limits))
    theirs, new = _read(tables, bound, _watermark_of(case))
    found = _differences(theirs, sums.rows, new)
    return Report(*case.names, "rows", len(theirs), len(sums), found, rows_read=len(theirs), held=case.held)


def _by_ranges(case: _Case, within: Limits) -> Report:
    source = case.task.source
    opened = collection.open_source(case.task)
    timeout = source.options.get("timeout_seconds") or within.timeout
    connector = TallyingConnector({**opened.source, "timeout_seconds": timeout}, opened.connection)
    digested = connector.digestible()
    bound = _bound(case, digested)
    sums = read_landed(case.paths, bound, dict(source.mapping), source.mode == "incremental")
    search = RangeSearch(connector, sums, digested)
    search.run()
    theirs, new = _read(search.read(within.most_rows), bound, _watermark_of(case))
    ours = joined([sums.rows.taken(np.arange(*stretch)) for stretch, _ in search.looked])
    found = replace(_differences(theirs, ours, new), is_whole=len(search.looked) == len(search.leaves))
    left_out = tuple(sorted(set(source.mapping) - set(digested)))
    method: Method = "digests" if digested else "counts"
    return Report(
        *case.names, method, search.source_rows, len(sums), found,
        ranges=search.ranges, rows_read=len(theirs), left_out=left_out, held=case.held,
    )  # fmt: skip


def _read(tables: Iterator[Any], bound: Bound, newer: tuple[str, Any] | None) -> tuple[Keyed, set[str]]:
    """Return the source's rows by key, and the keys of those changed after the last collection."""
    parts, new = [], set()
    for batch in tables:
        part = keyed(lambda name, of=batch: of.column(of.schema.get_field_index(name)), bound, batch.num_rows)  # type: ignore[misc]
        parts.append(part)
        if newer is not None:
            changed = batch.column(batch.schema.get_field_index(newer[0]))
            is_new = pc.greater(changed, pa.scalar(typed(newer[1], changed.type), changed.type))
            new |= set(part.keys.filter(is_new).to_pylist())
    return joined(parts), new


def _differences(theirs: Keyed, ours: Keyed, new: set[str]) -> Found:
    """Return what differs between rows of both sides; equal keys stand together with all their rows."""
    both = _by_key(theirs, "theirs").join(_by_key(ours, "ours"), keys="key", join_type="full outer")
    there, here = both["theirs_count"].is_valid(), both["ours_count"].is_valid()
    is_alike = pc.and_(
        pc.equal(both["theirs_sum"], both["ours_sum"]), pc.equal(both["theirs_count"], both["ours_count"])
    )
    groups = (
        pc.and_(there, pc.invert(here)),
        pc.and_(here, pc.invert(there)),
        pc.fill_null(pc.invert(is_alike), False),
    )
    missing, extra, different = (sorted(both["key"].filter(group).to_pylist()) for group in groups)
    waiting = tuple(key for key in (*missing, *different) if key in new)
    return Found(
        tuple(key for key in missing if key not in new), tuple(extra), tuple(key for key in different if key not in new), waiting
    )  # fmt: skip


def _by_key(rows: Keyed, side: str) -> Any:
    table = pa.table({"key": rows.keys, "digest": pa.array(rows.digests)})
    counted = table.group_by("key").aggregate([("digest", "sum"), ("digest", "count")])
    return counted.rename_columns(["key", f"{side}_sum", f"{side}_count"])


def _files(case: _Case) -> Report:
    """Compare the files that are there now, by digest, with those that were taken over. A file gone from its folder is no fault."""
    connector: Connector = collection.open_source(case.task)
    there = {str(piece.digest): str(piece.name) for piece in connector.slices()}
    taken = {
        file["source_digest"]: file["source"]
        for one in case.manifests
        for file in one.get("files", ())
        if file.get("source_digest")
    }
    names = set(taken.values())
    new = {name for digest, name in there.items() if digest not in taken}
    found = Found(missing=tuple(sorted(new - names)), different=tuple(sorted(new & names)))
    rows = sum(int(one.get("rows") or 0) for one in case.manifests)
    return Report(*case.names, "files", None, rows, found, ranges=len(there), held=case.held)


def _bound(case: _Case, digested: tuple[str, ...]) -> Bound:
    columns = {item: name for name, item in case.task.source.mapping.items()}
    return Bound(digested, tuple(columns[item] for item in case.task.source.key if item in columns))


def _watermark_of(case: _Case) -> tuple[str, Any] | None:
    """Return the watermark's column and how far the last collection came; None where every row counts."""
    source = case.task.source
    columns = {item: name for name, item in source.mapping.items()}
    if source.mode != "incremental" or case.watermark is None or source.watermark not in columns:
        return None
    return columns[source.watermark], case.watermark


def _keep(session: Session, report: Report, started: datetime) -> None:
    found = report.found
    facts = {"ranges": report.ranges, "rows_read": report.rows_read, "left_out": list(report.left_out)}
    facts |= {"is_whole": found.is_whole, "waiting": len(found.waiting), "held": report.held}
    figures = {name: len(getattr(found, name)) for name in ("missing", "extra", "different")}
    session.add(
        Reconciliation(
            resource_id=report.resource, batch_id=report.batch, method=report.method, started_at=started,
            source_rows=report.source_rows, landed_rows=report.landed_rows, facts=facts, **figures,
        )
    )  # fmt: skip
