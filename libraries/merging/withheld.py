"""Why: what a snapshot does not show is gone, unless the hub itself held it back: a row in quarantine, a line that fits no header, a file that came half.
Such records keep what was right before. Called by `libraries.merging.merge` before it withdraws anything.
"""

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from libraries import batches, landing
from libraries.frames import Frame
from libraries.judging import screening
from libraries.merging.candidates import keys_in
from libraries.quarantine import MALFORMED
from schemas.library import library
from schemas.tables.landing import Batch, QuarantinedRow

_WORD = re.compile(r"[^\W_]+")


def is_whole(batch: Batch) -> bool:
    """Tell whether the batch holds all that was delivered: no file of it was refused for another reason than having come before."""
    return all(file["code"] == "files.duplicate" for file in (batch.manifest or {}).get("refused", ()))


def held_keys(session: Session, task: batches.Task) -> list[str]:
    """Return library keys of the batch's quarantined rows, as good rows with those values would have them; of a line that fits no header, every word."""
    is_malformed = QuarantinedRow.reasons.contains([MALFORMED])
    found = {key for key in session.scalars(_of(task, QuarantinedRow.record_key)) if key}
    for line in session.scalars(_of(task, QuarantinedRow.values["text"].astext).where(is_malformed)):
        found.update(_WORD.findall(line or ""))
    numbers = session.scalars(_of(task, QuarantinedRow.row_number).where(~is_malformed)).all()
    for keys in _keys_of(task, sorted(numbers)):
        found.update(keys)
    return sorted(found)


def _of(task: batches.Task, column: Any) -> Select[Any]:
    return select(column).where(QuarantinedRow.batch_id == task.batch.id)


def _keys_of(task: batches.Task, numbers: list[int]) -> Iterator[list[str]]:
    spec, moment = library(str(task.document.library)), task.batch.landed_at or batches.now()
    for table in screening.landed_rows(landing.folder_of(task.batch.path or ""), np.array(numbers, np.int64)):
        keys = keys_in(Frame(table, task.document, moment.date()).output(), spec)
        yield [key for key in keys.to_pylist() if key]
