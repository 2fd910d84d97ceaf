"""Why: what remains when a batch is taken back depends on what else its source said, and when the libraries heard it. The batches of one resource, in the
order in which they merged: those that stand, those whose marks must be looked through, and the replays that come to count. Called by `retract` alone.

A batch taken back long before this one began to merge has nothing to do with it: the libraries said by then what remained. One whose time in the libraries
touches this one's has, and so on from one to the next.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from sqlalchemy import ARRAY, BigInteger, any_, literal, select
from sqlalchemy.orm import Session

from libraries import batches
from libraries.batches import Task
from libraries.merging import merge, withheld
from schemas.resource import ResourceDocument
from schemas.tables.directory import ResourceVersion
from schemas.tables.landing import Batch, QuarantinedRow
from schemas.tables.retractions import Retraction

FOREVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Trace:
    """A batch as the libraries met it: since when they bear its marks, until when it was believed."""

    batch: Batch
    document: ResourceDocument
    retraction: int | None

    @cached_property
    def began(self) -> datetime:
        """Return a moment before the first of its marks."""
        return self.batch.merging_at or self.batch.checked_at or self.batch.landed_at or self.batch.created_at

    @property
    def ended(self) -> datetime:
        """Return when it was taken back; what never was, a merge that stopped half-way too, goes on."""
        return self.batch.retracted_at or FOREVER

    @property
    def merged_at(self) -> datetime:
        """Return when it was in whole."""
        return self.batch.merged_at or FOREVER


@dataclass(frozen=True)
class Spoken:
    """A standing batch, ready to be heard again. withdraws: what it does not hold, and did not hold back, is gone."""

    task: Task
    merged_at: datetime
    asserted_at: datetime
    withdraws: bool

    @property
    def number(self) -> int:
        """Return the number that claims bear."""
        return self.task.batch.number


@dataclass(frozen=True)
class Voices:
    """What one source said to one library beside the batch that is taken back. standing: in merge order, without replays that count for nothing;
    marks: number in claims (of a retraction negative) → moment before it; revived: replays that a batch now void had made late, with that moment.
    """

    standing: list[Spoken]
    marks: dict[int, datetime]
    revived: list[tuple[Spoken, datetime]]


def hear(session: Session, task: Task) -> Voices:
    """Return the voices of the batch's resource in its library, the batch itself aside."""
    traces = _traces(session, task)
    own = next(one for one in traces if one.batch.id == task.batch.id)
    standing = [one for one in traces if one.batch.state == "merged" and one is not own]
    void = _overlapping(own, [one for one in traces if one.batch.state != "merged"])
    held = _held(session, standing)
    late = {one.batch.id for one in standing if _is_late(one, held, standing)}
    revived = [one for one in standing if one.batch.id not in late and _is_late(one, held, [*void.values()])]
    library = task.document.library
    heard = {
        one.batch.id: _spoken(one, held)
        for one in sorted(standing, key=lambda one: (one.merged_at, one.batch.number))
        if one.document.library == library and one.batch.id not in late
    }
    marks = {number: one.began for number, one in void.items()}
    marks |= {-one.retraction: one.began for one in void.values() if one.retraction is not None}
    return Voices(
        list(heard.values()), marks, [(heard[one.batch.id], one.began) for one in revived if one.batch.id in heard]
    )


def _overlapping(own: Trace, others: Iterable[Trace]) -> dict[int, Trace]:
    """Return the batch and every void one whose time in the libraries touches its, or touches that of another such one; by number."""
    found, left = {own.batch.number: own}, [one for one in others if one is not own]
    while more := [one for one in left if one.ended > min(known.began for known in found.values())]:
        found |= {one.batch.number: one for one in more}
        left = [one for one in left if one.batch.number not in found]
    return found


def _is_late(replay: Trace, held: dict[str, Batch], others: Sequence[Trace]) -> bool:
    """Tell whether, of these batches, a newer whole one had merged when the replay did (the rule of `libraries.merging.merge`)."""
    if (
        not batches.is_replay(replay.batch)
        or replay.document.source is None
        or replay.document.source.mode != "snapshot"
    ):
        return False
    since = held[replay.batch.id].landed_at or FOREVER
    return any(
        one.batch.landed_at is not None and one.batch.landed_at > since and one.merged_at < replay.merged_at < one.ended
        for one in others
        if not batches.is_partial(one.batch)
    )


def _spoken(one: Trace, held: dict[str, Batch]) -> Spoken:
    batch, task = one.batch, Task(one.batch, one.document)
    said_at = merge.asserted_at(held.get(batch.id, batch))
    return Spoken(task, one.merged_at, said_at, merge.is_snapshot(task) and withheld.is_whole(batch))


def _traces(session: Session, task: Task) -> list[Trace]:
    """Return every batch of the resource that left marks in the libraries."""
    query = (
        select(Batch, ResourceVersion.document, Retraction.id)
        .join(ResourceVersion, ResourceVersion.id == Batch.resource_version_id)
        .outerjoin(Retraction, Retraction.batch_id == Batch.id)
        .where(Batch.resource_id == task.batch.resource_id)
        .where(Batch.merging_at.is_not(None) | Batch.merged_at.is_not(None))
    )
    documents: dict[str, ResourceDocument] = {}
    found = []
    for batch, document, retraction in session.execute(query):
        if batch.resource_version_id not in documents:
            documents[batch.resource_version_id] = ResourceDocument.model_validate(document)
        found.append(Trace(batch, documents[batch.resource_version_id], retraction))
    return found


def _held(session: Session, standing: Iterable[Trace]) -> dict[str, Batch]:
    """Return of each replay the batch that held its rows: what it says was said then."""
    rows = {one.batch.id: batches.first_row_of(one.batch) for one in standing if batches.is_replay(one.batch)}
    query: Any = select(QuarantinedRow.id, Batch).join(Batch, Batch.id == QuarantinedRow.batch_id)
    found = session.execute(query.where(QuarantinedRow.id == any_(literal([*rows.values()], ARRAY(BigInteger)))))
    held = {row: batch for row, batch in found}  # noqa: C416 — rows of a result are not pairs to a type checker
    return {batch_id: held[row] for batch_id, row in rows.items()}
