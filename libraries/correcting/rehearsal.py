"""Why: whoever sends corrections wants to know at once which rows are still wrong, before anything is replayed. Asks the row rules of the mended values in
memory, by the same words as the check. What only the whole batch or the libraries can tell (uniqueness, references, rules in SQL) is told by the replay.
Called by `libraries.correcting.corrections`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from catalog.rules import Rule
from libraries import batches
from libraries.batches import Task
from libraries.frames import Frame
from libraries.judging.masks import JUDGES, broken
from libraries.landing import ROW
from schemas.calendar import CHINA


def still_broken(
    task: Task, rules: Sequence[Rule], mended: Mapping[int, Mapping[str, Any]]
) -> dict[int, tuple[str, ...]]:
    """Return the row rules that mended rows (row id → item → value, whole) would still break, only of rows that break some.

    Raises Terminal `quality.bad_rule`.
    """
    items = [item.id for item in task.document.items]
    texts = {item: pa.array([_text(values.get(item)) for values in mended.values()], pa.string()) for item in items}
    table = pa.table({**texts, ROW: pa.array(range(1, len(mended) + 1), pa.int64())})
    frame = Frame(table, task.document, batches.now().astimezone(CHINA).date())
    asked = [rule for rule in rules if rule.scope == "row" and rule.kind in JUDGES]
    answers = [(rule.id, broken(rule, frame)) for rule in asked]
    found = {row_id: tuple(id for id, hit in answers if hit[place]) for place, row_id in enumerate(mended)}
    return {row_id: reasons for row_id, reasons in found.items() if reasons}


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
