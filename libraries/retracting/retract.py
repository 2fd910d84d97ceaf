"""Why: a batch that should never have been believed is taken back: the libraries return exactly to what the remaining batches say, and every record that bore
a value of it is written down for the recall. One transaction: a crash leaves everything as it was. Called by `hutong batch` and whoever recalls.

What is true of one source is what its standing batches would leave, merged in the order in which they came (docs/libraries.md, "Taking a batch back").
"""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from libraries import batches, rejudging
from libraries.batches import Task
from libraries.claims import Assertion
from libraries.landing import folder_of, groups_of, read_group
from libraries.merging import merge
from libraries.merging.candidates import keys_in
from libraries.retracting import affected, records, remaining, reopening, restoring, taken_back, voices
from libraries.retracting.voices import Voices
from libraries.storage import naming_failures
from schemas.database import transaction
from schemas.errors import Invalid, Terminal
from schemas.tables.directory import Resource
from schemas.tables.landing import Batch, QuarantinedRow
from schemas.tables.retractions import Retraction

EXAMPLES = 10
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Report:
    """What a retraction did, or would do. counts: claims withdrawn, restored and unchanged, golden records added, changed and removed, conflicts, records
    touched, batches heard again, quarantined rows. replays: standing batches of mended rows of this one; they are batches of their own.
    """

    batch: str
    library: str
    counts: dict[str, int]
    is_dry_run: bool = False
    is_known: bool = False
    retraction: int | None = None
    replays: tuple[str, ...] = ()
    examples: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = field(default=(), repr=False)
    seconds: float = 0.0


@naming_failures
def retract(
    batch_id: str, *, reason: str, by: str, dry_run: bool = False, progress: Callable[[str], None] = log.debug
) -> Report:
    """Take a merged batch back; one that was taken back is left alone and its report returned again. dry_run: do everything, then undo it; merges into
    the library wait meanwhile. progress: told each step.

    Raises Invalid `landing.unknown_batch`, `retraction.unsigned`; Terminal `retraction.wrong_state`, `retraction.no_library`, `retraction.batch_missing`,
    `merge.refused`; Transient `merge.interrupted`.
    """
    if not dry_run and not (reason.strip() and by.strip()):
        raise Invalid("retraction.unsigned", batch=batch_id)
    started = time.perf_counter()
    with transaction("ingest") as session:
        task = _locked(session, batch_id)
        if task.batch.state == "retracted":
            return _known(session, task)
        _require_merged(task)
        library = str(task.document.library)
        now = rejudging.hold(session, library)
        made = Retraction(
            batch_id=batch_id, library=library, reason=reason.strip(), retracted_by=by.strip(), retracted_at=now
        )
        session.add(made)
        session.flush()
        made.counts = _take_back(session, task, made, progress)
        report = Report(
            batch_id, library, made.counts, dry_run, retraction=None if dry_run else made.id, replays=_replays(session, task),
            examples=tuple(_examples(session, made.id)), seconds=round(time.perf_counter() - started, 3),
        )  # fmt: skip
        if dry_run:
            session.rollback()
    return report


def _locked(session: Session, batch_id: str) -> Task:
    merge.lock_resource(session, batches.get(session, batch_id).document.id)
    return batches.get(session, batch_id, lock=True)


def _require_merged(task: Task) -> None:
    if task.batch.state != "merged":
        raise Terminal("retraction.wrong_state", batch=task.batch.id, state=task.batch.state)
    if task.document.library is None:
        raise Terminal("retraction.no_library", batch=task.batch.id)


def _take_back(session: Session, task: Task, made: Retraction, progress: Callable[[str], None]) -> dict[str, int]:
    """Do it, all of it, and return the counts."""
    now = made.retracted_at
    progress("find")
    source = session.scalars(select(Resource.number).where(Resource.id == task.document.id)).one()
    assertion = Assertion(str(task.document.library), source, task.batch.number, now)
    heard = voices.hear(session, task)
    merged_at = task.batch.merged_at or now
    found = affected.find(session, assertion.words, heard.marks, merged_at, _revived(assertion, heard))
    left = remaining.hear_again(session, assertion.spec, found, heard.standing, progress)
    progress("restore")
    restored = restoring.restore(session, assertion, (found, left), made.id, now)
    task.batch.state, task.batch.retracted_at = "retracted", now
    session.flush()
    progress("judge")
    changed = left.changed(found.now)
    keys = found.keys.filter(changed).to_pylist() if len(found) else []
    judged = rejudging.rejudge(session, assertion.library, keys, now)
    progress("write down")
    touched = records.write(session, assertion.spec, assertion.words, made.id, now)
    later = [one.task for one in heard.standing if one.merged_at > merged_at]
    reopened = reopening.reopen(session, task, later)
    counts = {f"claims_{name}": count for name, count in asdict(restored).items()}
    counts |= judged | {f"records_{name}": count for name, count in asdict(touched).items()}
    return {**counts, "batches_heard": len(left.heard), **reopened}


def _revived(assertion: Assertion, heard: Voices) -> list[tuple[str, datetime]]:
    """Return the keys of replays that come to count, each with the moment before the replay."""
    found: list[tuple[str, datetime]] = []
    for spoken, moment in heard.revived:
        folder = folder_of(spoken.task.batch.path or "")
        for path, group in groups_of(folder, "checked"):
            keys = keys_in(read_group(folder, path, group), assertion.spec)
            found += [(key, moment) for key in keys.to_pylist()]
    return found


def _known(session: Session, task: Task) -> Report:
    made = taken_back.of(session, task.batch.id)
    assert made is not None, "a batch is retracted by its retraction alone"
    return Report(
        task.batch.id, made.library, dict(made.counts), is_known=True, retraction=made.id, replays=_replays(session, task),
        examples=tuple(_examples(session, made.id)),
    )  # fmt: skip


def _replays(session: Session, task: Task) -> tuple[str, ...]:
    """Return the standing replays of rows that the batch held."""
    query = select(Batch.id).join(QuarantinedRow, QuarantinedRow.replay_batch_id == Batch.id)
    query = query.where(QuarantinedRow.batch_id == task.batch.id, Batch.state == "merged").distinct()
    return tuple(session.scalars(query.order_by(Batch.id)))


def _examples(session: Session, retraction: int) -> Iterator[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """Yield some records touched: key, attributes that came from the batch, those that are different now."""
    for row in session.scalars(records.touched(retraction, EXAMPLES)):
        yield row.record_key, tuple(row.attributes), tuple(row.changed)
