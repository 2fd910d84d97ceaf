"""Why: a merge works a library in ranges of its keys, so that what is written together lies together on disk, and two merges lock only the range they
write (docs/decisions/0007). Where the ranges part is chosen once per library, from the first large batch, and stays. Called by `libraries.merging.merge`.
"""

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from libraries.horizon import announce
from schemas.database import transaction
from schemas.tables.library import KeyRange

PARTITIONS = 16
_LOCK = 7_311_003


def boundaries_of(library: str, sample: Any) -> list[str]:
    """Return the first key of every range but the lowest; when the library has none yet, those that part `sample` (an Arrow string array) evenly."""
    with transaction("ingest") as session:
        chosen = insert(KeyRange).values(library=library, boundaries=_even(sample)).on_conflict_do_nothing()
        session.execute(chosen)
        return session.scalars(select(KeyRange.boundaries).where(KeyRange.library == library)).one()


def partition_of(keys: Any, boundaries: Sequence[str]) -> NDArray[np.int8]:
    """Return the range of each key, bytes compared as the database's "C" collation does."""
    number = np.zeros(len(keys), np.int8)
    for boundary in boundaries:
        number += np.asarray(pc.greater_equal(keys, boundary).to_numpy(zero_copy_only=False))
    return number


def lock(session: Session, library: str, partitions: Sequence[int]) -> Any:
    """Take ranges of a library, lowest first, and return the time from then on; nothing that another merge commits later bears an earlier one."""
    for partition in sorted(partitions):
        session.execute(
            text("SELECT pg_advisory_xact_lock(:a, :b)"), {"a": _LOCK, "b": lock_number(library, partition)}
        )
    return announce(session, library)


def lock_number(library: str, partition: int) -> int:
    """Return the number that locks one range of a library. It follows from the name alone, so that processes which know of other libraries agree; should
    two names ever share it, their merges wait for each other and nothing worse.
    """
    return (zlib.crc32(library.encode()) & 0x7FFF_FFFF) // PARTITIONS * PARTITIONS + partition


def _even(sample: Any) -> list[str]:
    ordered = sample.take(pc.sort_indices(sample))
    places = np.unique(np.linspace(0, len(ordered), PARTITIONS + 1)[1:-1].astype(np.int64))
    return sorted(set(ordered.take(pa.array(places[places < len(ordered)])).to_pylist()))
