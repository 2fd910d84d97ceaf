"""Why: good rows become what is true. One batch's rows turn into claims, golden records, history and conflicts, one transaction per range of keys,
two at a time, readers never blocked. Called by `libraries.ingest`; any step may be repeated: a merged batch is left alone, a half-merged one finished.

Locks, so that two sources may merge into one library at once: one per resource for the whole merge, one per library and range of keys for the time
of its transaction. The partitions' commits need not reach the disk on their own: the last commit, which says `merged`, carries them all with it.
"""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta

import pyarrow as pa
from sqlalchemy import exists, func, select, text, update
from sqlalchemy.orm import Session

from libraries import batches, claims, conflicts, feeding, golden, sql
from libraries.claims import Asserted, Assertion
from libraries.landing import Folder, folder_of
from libraries.merging import partitions, units, withheld
from libraries.merging.candidates import Keys, read_changed, read_keys
from libraries.merging.known import read_known
from libraries.merging.units import Shelf, Unit
from schemas import priority
from schemas.database import transaction
from schemas.errors import Terminal
from schemas.tables.directory import Resource
from schemas.tables.landing import Batch, QuarantinedRow

CONNECTIONS = 2
"""At once; fewer while giving way."""
_RESOURCE_LOCK = 7_311_002


@dataclass(frozen=True)
class MergeReport:
    """What a merge did: rows read, claims and golden records touched, contradictions found."""

    batch: str
    rows: int = 0
    duplicates: int = 0
    claims_added: int = 0
    claims_changed: int = 0
    claims_withdrawn: int = 0
    golden_added: int = 0
    golden_changed: int = 0
    golden_removed: int = 0
    conflicts_found: int = 0
    conflicts_closed: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class _Merge:
    """What every unit of one merge needs to know; `first`: the source had no claim in this library before; `latest`: nothing it said later is in;
    `sifted`: the units hold only rows that differ from what it said.
    """

    assertion: Assertion
    first: bool
    latest: bool
    sifted: bool = False


def merge_batch(batch_id: str) -> MergeReport:
    """Merge a checked batch into its library and mark it merged; a merged one is left alone.

    Raises Invalid `landing.unknown_batch`; Terminal `landing.wrong_state`, `merge.overtaken`, `merge.no_library`, `merge.key_missing`, `merge.unfit_value`,
    `merge.refused`, `landing.damaged`; Transient `merge.interrupted`.
    """
    started = time.perf_counter()
    _note_beginning(batch_id)
    with transaction("ingest") as session:
        lock_resource(session, batches.get(session, batch_id).document.id)
        task = batches.get(session, batch_id, lock=True)
        if task.batch.state in batches.DONE:
            return MergeReport(batch_id)
        merge = _begin(session, task)
        held = withheld.held_keys(session, task) if is_snapshot(task) and not merge.first else []
        report = MergeReport(batch_id) if _is_late(session, task) else _merge(merge, task, held)
        report = replace(report, seconds=round(time.perf_counter() - started, 3))
        _renew_figures(session, merge.assertion, report)
        task.batch.state = "merged"
        task.batch.merged_at = session.scalar(select(func.clock_timestamp()))
        task.batch.error_code = task.batch.error_facts = None
    return report


def lock_resource(session: Session, resource_id: str) -> None:
    """Keep every merge of the resource away until the transaction ends."""
    session.execute(text("SELECT pg_advisory_xact_lock(:a, hashtext(:b))"), {"a": _RESOURCE_LOCK, "b": resource_id})


def _note_beginning(batch_id: str) -> None:
    """Keep since when the libraries may bear the batch's marks, before they do: a retraction goes back to the moment before."""
    waiting = update(Batch).where(Batch.id == batch_id, Batch.state == "checked", Batch.merging_at.is_(None))
    with transaction("ingest") as session:
        session.execute(waiting.values(merging_at=func.clock_timestamp()))


def _begin(session: Session, task: batches.Task) -> _Merge:
    batches.require_alive(task.batch)
    if task.batch.state != "checked":
        raise Terminal("landing.wrong_state", batch=task.batch.id, state=task.batch.state, needed="checked")
    if task.document.library is None:
        raise Terminal("merge.no_library", resource=task.document.id)
    source = session.scalars(select(Resource.number).where(Resource.id == task.document.id)).one()
    assertion = Assertion(task.document.library, source, task.batch.number, asserted_at(_held_in(session, task.batch)))
    if is_snapshot(task) and (newer := _newer_snapshot(session, task.batch)):
        raise Terminal("merge.overtaken", batch=task.batch.id, newer=newer)
    return _Merge(assertion, not claims.has_claims(session, assertion), _is_latest(session, task.batch))


def _is_latest(session: Session, batch: Batch) -> bool:
    later = exists().where(Batch.resource_id == batch.resource_id, Batch.state.in_(batches.DONE))
    return not session.scalar(select(later.where(Batch.landed_at > batch.landed_at)))


def is_snapshot(task: batches.Task) -> bool:
    """Tell whether what the batch does not hold is gone: a full snapshot, not the replay of one row or a back-fill."""
    return task.source.mode == "snapshot" and not batches.is_partial(task.batch)


def _newer_snapshot(session: Session, batch: Batch) -> str | None:
    merged = select(Batch.id).where(Batch.resource_id == batch.resource_id, Batch.state == "merged")
    newer = merged.where(
        Batch.landed_at > batch.landed_at, Batch.run_id.not_like(f"{batches.REPLAY}%"), Batch.period.is_(None)
    )
    return session.scalars(newer.order_by(Batch.number).limit(1)).first()


def asserted_at(said_in: Batch) -> datetime:
    """Return when the source said what stands in a batch: when it landed; of a mended row ask the batch that held it, so that it ends as if it had come
    right the first time. To the millisecond: ties are judged at that grain.
    """
    moment = said_in.landed_at or said_in.created_at
    return moment - timedelta(microseconds=moment.microsecond % 1000)


def _held_in(session: Session, batch: Batch) -> Batch:
    """Return the batch that held the rows of a replay, any other batch itself."""
    if not batches.is_replay(batch):
        return batch
    return session.get_one(Batch, session.get_one(QuarantinedRow, batches.first_row_of(batch)).batch_id)


def _is_late(session: Session, task: batches.Task) -> bool:
    """Tell whether a replay comes after a newer whole snapshot merged: that one says all there is to say of its rows, so that one it dropped stays gone."""
    if not batches.is_replay(task.batch) or task.source.mode != "snapshot":
        return False
    return _newer_snapshot(session, _held_in(session, task.batch)) is not None


def _merge(merge: _Merge, task: batches.Task, held: list[str]) -> MergeReport:
    spec, folder = merge.assertion.spec, folder_of(task.batch.path or "")
    keys = read_keys(folder, spec)
    if task.batch.rows_good not in (None, len(keys)):  # an empty disk must not pass for an empty source
        raise Terminal("landing.damaged", batch=task.batch.id, file="checked/")
    boundaries = partitions.boundaries_of(spec.library, keys.sample) if len(keys) >= units.SMALL else []
    total: Counter[str] = Counter()
    with Shelf(spec, boundaries) as shelf, ThreadPoolExecutor(priority.at_once(CONNECTIONS)) as pool:
        merge, rows = _shelve(merge, task, (folder, keys, held), shelf), len(keys)
        del keys  # sixteen bytes a row: the units want the room
        _make_room()
        for counts in pool.map(lambda place: _merge_place(merge, shelf, place), shelf.places()):
            total.update(counts)
    return MergeReport(task.batch.id, rows - total["duplicates"], **total)


def _shelve(merge: _Merge, task: batches.Task, found: tuple[Folder, Keys, list[str]], shelf: Shelf) -> _Merge:
    """Put what the batch says anew on the shelf, and what it no longer says; return the merge with what was learnt about the rows."""
    folder, keys, held = found
    if not is_snapshot(task) or merge.first:
        for table in read_changed(folder, merge.assertion.spec, keys, None):
            shelf.add(table)
        return merge
    with ThreadPoolExecutor(1) as aside:
        known = aside.submit(read_known, merge.assertion, keys.ordered, held)
        for table in read_changed(folder, merge.assertion.spec, keys, known.result):
            shelf.add(table)
    if withheld.is_whole(task.batch):
        shelf.withdraw(known.result().gone)
    return replace(merge, sifted=known.result().is_certain and merge.latest and not len(keys.repeated))


def _merge_place(merge: _Merge, shelf: Shelf, place: int) -> Counter[str]:
    total: Counter[str] = Counter()
    for unit in shelf.units(place):
        total.update(_merge_unit(merge, unit) | {"duplicates": unit.duplicates})
        del unit
        _make_room()
    return total


def _make_room() -> None:
    """Give back what Arrow keeps for later: a range's rows are needed once, and the process must stay within its bounds."""
    pa.default_memory_pool().release_unused()


def _merge_unit(merge: _Merge, unit: Unit) -> dict[str, int]:
    """Merge one unit in one transaction."""
    assertion = merge.assertion
    with transaction("ingest") as session:
        session.execute(text("SET LOCAL synchronous_commit = off"))
        now = partitions.lock(session, assertion.library, unit.partitions)
        # asked under the lock: a source may have come since the merge began
        departments = feeding.departments_of(session, assertion.library)
        if merge.first and len(departments) == 1:
            return _found(session, assertion, unit, now)
        claims.stage(session, assertion, unit.rows, unit.gone)
        asserted = claims.assert_claims(session, assertion, now, first=merge.first, sifted=merge.sifted)
        judged = golden.judge(session, assertion, departments, now)
        found = conflicts.record_conflicts(session, assertion, departments, now)
    counts: dict[str, Asserted | golden.Judged | conflicts.Contradictions] = {
        "claims": asserted,
        "golden": judged,
        "conflicts": found,
    }
    return {f"{kind}_{name}": count for kind, part in counts.items() for name, count in asdict(part).items()}


def _found(session: Session, assertion: Assertion, unit: Unit, now: datetime) -> dict[str, int]:
    """Merge a unit of the first batch of a library that no other source feeds: every row is a claim and golden as it is, copied without staging."""
    claims.copy_claims(session, assertion, unit.rows, now)
    golden.copy_golden(session, assertion, unit.rows, now)
    return {"claims_added": unit.rows.num_rows, "golden_added": unit.rows.num_rows}


def _renew_figures(session: Session, assertion: Assertion, report: MergeReport) -> None:
    """Tell the planner what the tables hold after much has come; not knowing that keys are distinct, it would read them whole for a small increment."""
    never = "SELECT bool_or(reltuples < 0) FROM pg_class WHERE oid IN ('{claims}'::regclass, '{golden}'::regclass)"
    if report.claims_added >= units.SMALL or sql.run(session, never, assertion.words).scalar():
        sql.run(session, "ANALYZE {claims} ({key}, source)", assertion.words)
        sql.run(session, "ANALYZE {golden} ({key})", assertion.words)
