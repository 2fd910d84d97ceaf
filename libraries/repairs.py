"""Why: a repair nobody can look at is a change nobody agreed to. The landed file keeps every value as it came, so each repair of a batch can be shown
again, before and after, counted as the batch's own figures are. Called by `hutong normalise`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from sqlalchemy.orm import Session

from libraries import batches, landing
from libraries.batches import Task
from libraries.frames import Frame
from libraries.landing import ROW
from libraries.normalising.normalise import Step, changes, columns_behind, repairs_of
from schemas.calendar import CHINA
from schemas.errors import Invalid

EXAMPLES = 3


@dataclass(frozen=True)
class Example:
    """One value that was repaired: its row in the batch, before and after (None: nothing was left)."""

    row: int
    before: str
    after: str | None


@dataclass(frozen=True)
class Shown:
    """One repair of one item over a whole batch: how many values it changed, and the first few of them."""

    item: str
    name: str
    changed: int
    examples: tuple[Example, ...]


def show(session: Session, batch_id: str, item_id: str | None = None, examples: int = EXAMPLES) -> list[Shown]:
    """Return every declared repair of a landed batch (of one item), in order, those that changed nothing included; values in clear.

    Raises Invalid `landing.unknown_batch`, `quarantine.unknown_item`; Terminal `landing.damaged` when the landed files are gone or changed.
    """
    task = batches.get(session, batch_id)
    items = [item for item in task.document.items if item_id in (None, item.id)]
    if item_id is not None and not items:
        raise Invalid(
            "quarantine.unknown_item", items=item_id, known=", ".join(item.id for item in task.document.items)
        )
    folder = landing.folder_of(task.batch.path or "")
    landing.require_undamaged(folder, batch_id)
    named = [(item.id, name) for item in items for name in repairs_of(item, task.document)]
    found: dict[tuple[str, str], tuple[int, tuple[Example, ...]]] = dict.fromkeys(named, (0, ()))
    for frame, wanted in _frames(task, dict.fromkeys(item for item, _ in named)):
        for item in wanted:
            for step in frame.steps(item):
                count, before = found[item, step.name]
                more = _examples(step, frame.numbers, examples - len(before)) if step.changed else ()
                found[item, step.name] = (count + step.changed, (*before, *more))
    return [Shown(item, name, *found[item, name]) for item, name in named]


def _frames(task: Task, items: dict[str, None]) -> Iterator[tuple[Frame, list[str]]]:
    """Yield the row groups with just the columns that these items' repairs need."""
    folder = landing.folder_of(task.batch.path or "")
    today = (task.batch.landed_at or batches.now()).astimezone(CHINA).date()
    columns = [*columns_behind(task.document, items), ROW]
    for path, group in landing.groups_of(folder, "landed"):
        yield Frame(landing.read_group(folder, path, group, columns), task.document, today), list(items)


def _examples(step: Step, numbers: "np.ndarray[tuple[int], np.dtype[np.int64]]", most: int) -> tuple[Example, ...]:
    changed = changes(step.before, step.after)
    places = np.flatnonzero(np.asarray(changed.to_numpy(zero_copy_only=False)))[: max(most, 0)]
    taken = pa.array(places)
    pairs = zip(places, step.before.take(taken).to_pylist(), step.after.take(taken).to_pylist(), strict=True)
    return tuple(Example(int(numbers[place]), before or "", after or None) for place, before, after in pairs)
