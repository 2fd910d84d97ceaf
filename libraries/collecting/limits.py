"""Why: a department's system is the department's first; the hub must not overrun it, whichever of its processes and machines happen to read at once.
Places are advisory locks in the hub's own database, so they hold under every executor and for the command line, and a reader that dies gives its place
back. Only `libraries.collecting.collection` and `slices` come here.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pyarrow as pa
from pydantic import Field
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from schemas.database import transaction
from schemas.errors import Transient
from schemas.resource import Limits, Source
from schemas.settings import HutongSettings

log = logging.getLogger(__name__)
LOOK_SECONDS = 0.5


class LimitSettings(HutongSettings):
    """How hard the hub may work on departments' systems, beside what each binding declares."""

    department_at_once: int = Field(
        default=8, ge=1, description="Readers of all systems of one department at the same time."
    )
    slice_rows: int = Field(
        default=2_000_000, ge=1, description="Rows of one slice where slices are chosen by statistics."
    )


@contextmanager
def turn(source: Source, department: str) -> Iterator[None]:
    """Hold one of the source's and one of the department's places; wait for them first, saying so. Raises Transient `landing.source_busy`."""
    wanted = {
        f"department:{department}": LimitSettings().department_at_once,
        f"source:{source.connection}": source.limits.at_once,
    }
    deadline, told = time.monotonic() + source.limits.wait_seconds, False
    with transaction("ingest") as session:
        while (full := _take(session, wanted)) is not None:
            facts = {"place": full, "at_once": wanted[full], "seconds": source.limits.wait_seconds}
            if time.monotonic() >= deadline:
                raise Transient("landing.source_busy", **facts)
            if not told:
                log.warning(
                    "waiting for a place at %(place)s: all %(at_once)d are taken; giving up after %(seconds)d s", facts
                )
                told = True
            time.sleep(LOOK_SECONDS)
        yield


def paced(
    found: Iterator[pa.RecordBatch],
    limits: Limits,
    clock: Callable[[], float] = time.monotonic,
    rest: Callable[[float], None] = time.sleep,
) -> Iterator[pa.RecordBatch]:
    """Yield batches no faster than this reader's share of `rows_per_second`: each of `at_once` readers has the same, whoever reads at the moment."""
    began, rows = clock(), 0
    for batch in found:
        yield batch
        rows += batch.num_rows
        if (share := share_of(limits)) and (ahead := rows / share - (clock() - began)) > 0:
            rest(ahead)


def share_of(limits: Limits) -> int | None:
    """Return how many rows a second one reader may take, None for no limit."""
    return max(1, limits.rows_per_second // limits.at_once) if limits.rows_per_second else None


def _take(session: Session, wanted: dict[str, int]) -> str | None:
    """Take a place of each kind, or none at all; return the kind that is full."""
    with session.begin_nested() as attempt:
        for name, places in wanted.items():
            if not any(_is_taken(session, f"{name}:{place}") for place in range(places)):
                attempt.rollback()  # gives back what was locked since the savepoint
                return name
    return None


def _is_taken(session: Session, place: str) -> bool:
    return bool(session.scalar(select(func.pg_try_advisory_xact_lock(func.hashtextextended(place, 0)))))
