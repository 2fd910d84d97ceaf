"""Why: most bad rows are put right where they came from. When a later batch brings a key right, brings it wrong again, or is a whole snapshot that no
longer holds it, the row held before has had its day: it is marked with the batch that says so, and never asked for again. Called when a batch is
published, and before anything is replayed.
"""

from collections import Counter
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import ARRAY, ColumnElement, Select, Text, any_, cast, func, literal, literal_column, select, update
from sqlalchemy.orm import Session, aliased

from libraries import batches, landing
from libraries.batches import Task
from libraries.frames import Frame
from libraries.landing import ROW
from libraries.normalising.normalise import columns_behind
from libraries.quarantine import WAITING
from schemas.calendar import CHINA
from schemas.tables.landing import Batch, QuarantinedRow


def supersede(session: Session, task: Task) -> dict[str, int]:
    """Mark the rows held by earlier batches of the resource that this merged one settles: `again`, `right`, `gone`; return how many each.

    Doing it again changes nothing. A row held again takes over since when it has been waiting.
    """
    if task.batch.landed_at is None or batches.is_replay(task.batch):
        return {}
    found: Counter[str] = Counter()
    earlier = _earlier(task.batch)
    keys = list(session.scalars(select(QuarantinedRow.record_key).distinct().where(*earlier)))
    if not keys:
        return {}
    found["again"] = _held_again(session, task.batch, earlier)
    if right := _keys_in(task, pa.array([key for key in keys if key], pa.string())):
        found["right"] = _mark(
            session, task.batch, "right", [*earlier, QuarantinedRow.record_key == any_(literal(right, ARRAY(Text)))]
        )
    if task.source.mode == "snapshot" and not batches.is_partial(task.batch):
        found["gone"] = _mark(session, task.batch, "gone", earlier)
    return +found


def catch_up(session: Session, resource_id: str) -> None:
    """Do what the resource's last merged batch left undone: its publishing may not have happened yet."""
    last = batches.latest(session, resource_id)
    if last is not None:
        supersede(session, batches.get(session, last.id))


def mark_attempts(session: Session, batch_id: str) -> None:
    """Say of the rows that a replay held that they are attempts: what waits is the row they were made from."""
    origin = (
        select(QuarantinedRow.batch_id).where(QuarantinedRow.replay_batch_id == batch_id).limit(1).scalar_subquery()
    )
    session.execute(
        update(QuarantinedRow)
        .where(QuarantinedRow.batch_id == batch_id, *WAITING)
        .values(superseded_at=batches.now(), superseded_by_batch_id=origin, superseded_how="attempt")
    )


def _earlier(batch: Batch) -> list[ColumnElement[bool]]:
    before: Select[str] = batches.ids_of(batch.resource_id).where(Batch.landed_at < batch.landed_at)
    return [QuarantinedRow.batch_id.in_(before), *WAITING]


def _held_again(session: Session, batch: Batch, earlier: list[ColumnElement[bool]]) -> int:
    """Mark the rows that this batch holds too, and let its own take over their age."""
    new, old = aliased(QuarantinedRow), aliased(QuarantinedRow)
    held = select(_identity(new)).where(new.batch_id == batch.id)
    number = _mark(session, batch, "again", [*earlier, _identity(QuarantinedRow).in_(held)])
    if not number:
        return 0
    ages = (
        select(_identity(old).label("identity"), func.min(old.waiting_since).label("since"))
        .where(old.superseded_by_batch_id == batch.id, old.superseded_how == "again")
        .group_by(_identity(old))
        .subquery()
    )
    session.execute(
        update(QuarantinedRow)
        .where(QuarantinedRow.batch_id == batch.id, _identity(QuarantinedRow) == ages.c.identity)
        .values(waiting_since=func.least(QuarantinedRow.waiting_since, ages.c.since))
        .execution_options(synchronize_session=False)
    )
    return number


def _identity(row: Any) -> ColumnElement[str]:
    """What makes two held rows the same: the key; of rows without one their values, wherever in the file they stood."""
    key, values, line = (literal_column(f"'{word}'", Text) for word in ("k", "v", "line"))  # parameters would not group
    return func.coalesce(key + row.record_key, values + cast(row.values.op("-")(line), Text))


def _mark(session: Session, batch: Batch, how: str, conditions: list[ColumnElement[bool]]) -> int:
    marked: Any = session.execute(
        update(QuarantinedRow)
        .where(*conditions)
        .values(superseded_at=batches.now(), superseded_by_batch_id=batch.id, superseded_how=how)
        .execution_options(synchronize_session=False)
    )
    return int(marked.rowcount)


def _keys_in(task: Task, wanted: Any) -> list[str]:
    """Return which of the keys the batch landed. Those it holds too were marked before, so what is found is right."""
    folder = landing.folder_of(task.batch.path or "")
    columns = [*columns_behind(task.document, task.source.key), ROW]
    today = (task.batch.landed_at or batches.now()).astimezone(CHINA).date()
    found: list[str] = []
    for path, group in landing.groups_of(folder, "landed"):
        keys = Frame(landing.read_group(folder, path, group, columns), task.document, today).key()
        found += keys.filter(pc.fill_null(pc.is_in(keys, value_set=wanted), False)).to_pylist()
    return found
