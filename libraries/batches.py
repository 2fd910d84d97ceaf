"""Why: a batch's row is the one place that says how far it came; every step reads and moves it by these functions, so that a retried step finds its
own traces. `libraries.ingest`, `collection`, `screening` and `quarantine` call it with their session.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from schemas.database import transaction
from schemas.errors import HutongError, Invalid, Terminal
from schemas.resource import ResourceDocument, Source
from schemas.tables.directory import ResourceVersion
from schemas.tables.landing import Batch, QuarantinedRow

DONE = ("merged", "retracted")
REPLAY = "replay:"


@dataclass(frozen=True)
class Task:
    """A batch as a step needs it: its row as read, the resource version it is bound to."""

    batch: Batch
    document: ResourceDocument

    @property
    def source(self) -> Source:
        """Return the source binding. `plan` refuses resources without one."""
        assert self.document.source is not None
        return self.document.source


@dataclass(frozen=True)
class Period:
    """A past stretch of a source's watermark, as the source writes it: from `start` on, up to `end`, which no longer belongs to it."""

    start: str
    end: str


def batch_id_of(resource_id: str, run_id: str) -> str:
    """Return the id of the batch of one resource and run: always the same for the same two."""
    return f"{resource_id}.{hashlib.sha256(run_id.encode()).hexdigest()[:12]}"


def add(session: Session, version: ResourceVersion, run_id: str, period: Period | None = None) -> str:
    """Plan a batch of a resource version, of a past period if one is given; planning again changes nothing. Returns its id."""
    batch_id = batch_id_of(version.resource_id, run_id)
    session.execute(
        insert(Batch)
        .values(
            id=batch_id,
            resource_id=version.resource_id,
            resource_version_id=version.id,
            run_id=run_id,
            path=f"{version.resource_id}/{batch_id}",
            **({"period": asdict(period)} if period else {}),
        )
        .on_conflict_do_nothing()
    )
    return batch_id


def get(session: Session, batch_id: str, *, lock: bool = False) -> Task:
    """Return a batch with its resource version; `lock` keeps other steps off it until the transaction ends. Raises Invalid `landing.unknown_batch`."""
    query = select(Batch, ResourceVersion).join(ResourceVersion, ResourceVersion.id == Batch.resource_version_id)
    query = query.where(Batch.id == batch_id).execution_options(populate_existing=True)
    found = session.execute(query.with_for_update(of=Batch) if lock else query).one_or_none()
    if found is None:
        raise Invalid("landing.unknown_batch", batch=batch_id)
    return Task(found[0], ResourceDocument.model_validate(found[1].document))


def add_replay(session: Session, row: QuarantinedRow, values: Mapping[str, Any]) -> str:
    """Plan the batch of one mended row, bound to the version it was checked by; the same values give the same batch. Returns its id."""
    held_in = session.get_one(Batch, row.batch_id)
    version = session.get_one(ResourceVersion, held_in.resource_version_id)
    mark = hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()[:12]
    return add(session, version, f"{REPLAY}{row.id}:{mark}")


def is_replay(batch: Batch) -> bool:
    """Return whether the batch is one mended row, and so never a whole snapshot."""
    return batch.run_id.startswith(REPLAY)


def first_row_of(replay: Batch) -> int:
    """Return the id of the first quarantined row that a replay took along."""
    return int(replay.run_id.removeprefix(REPLAY).partition(":")[0])


def period_of(batch: Batch) -> Period | None:
    """Return the past period the batch is bound to, None when it takes the source as it is now."""
    return Period(**batch.period) if batch.period else None


def is_partial(batch: Batch) -> bool:
    """Return whether the batch is never a whole snapshot: one mended row, or a past period."""
    return is_replay(batch) or batch.period is not None


def unfinished_run(session: Session, resource_id: str, period: Period | None = None) -> str | None:
    """Return the run id of the resource's newest batch (of that period) when it stopped half-way and its version is still the published one."""
    query = (
        select(Batch)
        .join(ResourceVersion, ResourceVersion.id == Batch.resource_version_id)
        .where(Batch.resource_id == resource_id, Batch.run_id.not_like(f"{REPLAY}%"))
        .where(ResourceVersion.state == "published")
        .where(Batch.period == asdict(period) if period else Batch.period.is_(None))
        .where(Batch.error_code.is_distinct_from("landing.damaged"))  # going on would find the same damage
    )
    newest = session.scalar(query.order_by(Batch.number.desc()).limit(1))
    return newest.run_id if newest is not None and newest.state in ("planned", "landed", "checked") else None


@contextmanager
def alone(batch_id: str) -> Iterator[None]:
    """Keep every other process off a batch while a step works on it; a process that dies lets go of it."""
    with transaction("ingest") as session:
        session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(batch_id, 0))))
        yield


def ids_of(resource_id: str) -> Select[str]:
    """Return the query for the ids of a resource's batches."""
    return select(Batch.id).where(Batch.resource_id == resource_id)


def latest(session: Session, resource_id: str, *, before: Batch | None = None) -> Batch | None:
    """Return the resource's last merged batch (before another one), replays and back-fills aside, None when there is none."""
    query = select(Batch).where(Batch.resource_id == resource_id, Batch.state == "merged")
    query = query.where(Batch.run_id.not_like(f"{REPLAY}%"), Batch.period.is_(None))
    if before is not None:
        query = query.where(Batch.number < before.number)
    return session.scalar(query.order_by(Batch.number.desc()).limit(1))


def reached(session: Session, resource_id: str) -> Batch | None:
    """Return the merged batch whose watermark the next collection goes on from, None for the beginning: the last one, or the last before one that was
    taken back, until a batch planned since has merged; what was taken back is to be asked for again.
    """
    own = (Batch.resource_id == resource_id, Batch.run_id.not_like(f"{REPLAY}%"), Batch.period.is_(None))
    since = select(func.max(Batch.created_at)).where(*own, Batch.state == "merged").scalar_subquery()
    gone = select(Batch).where(
        *own, Batch.state == "retracted", Batch.retracted_at > func.coalesce(since, Batch.created_at)
    )
    first = session.scalar(gone.order_by(Batch.number).limit(1))
    return latest(session, resource_id, before=first)


def listed(session: Session, resource_id: str | None, state: str | None, limit: int) -> list[Batch]:
    """Return batches of a resource or of all, in a state or in any, the newest first."""
    query = select(Batch).order_by(Batch.number.desc()).limit(limit)
    query = query.where(Batch.resource_id == resource_id) if resource_id else query
    return list(session.scalars(query.where(Batch.state == state) if state else query))


def landing_time(session: Session, batch: Batch) -> datetime:
    """Return the time, or the moment after the resource's last landing where the clock was moved back since: what comes later must be newer."""
    last = session.scalar(select(func.max(Batch.landed_at)).where(Batch.resource_id == batch.resource_id))
    return max(now(), last + timedelta(milliseconds=1)) if last is not None else now()


def reject(session: Session, batch_id: str, error: HutongError) -> None:
    """Refuse a batch by name: nothing of it merges; why stays readable."""
    batch = get(session, batch_id, lock=True).batch
    batch.state, batch.error_code, batch.error_facts = "rejected", error.code, _plain(error.facts)


def note(session: Session, batch_id: str, error: HutongError) -> None:
    """Keep why a step failed; the batch stays where it is and can go on."""
    batch = get(session, batch_id, lock=True).batch
    batch.error_code, batch.error_facts = error.code, _plain(error.facts)


def require_alive(batch: Batch) -> None:
    """Raise the batch's own Terminal error again when it was rejected."""
    if batch.state == "rejected":
        raise Terminal(batch.error_code or "landing.rejected", **(batch.error_facts or {}))


def now() -> datetime:
    """Return the time, aware."""
    return datetime.now(UTC)


def _plain(facts: dict[str, Any]) -> dict[str, Any]:
    plain = (int, float, str, type(None))
    return {key: value if isinstance(value, plain) else str(value) for key, value in facts.items()}
