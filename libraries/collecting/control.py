"""Why: an operator must be able to hold a resource back (its source is being moved, its department asked for quiet) and let it go on, and to fetch a
past period again. Called by `libraries.ingest` and `hutong ingest`.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.orm import Session

from catalog import directory
from libraries.batches import Period
from schemas.errors import Invalid, Terminal
from schemas.resource import ResourceDocument
from schemas.tables.landing import Batch, Pause


@dataclass(frozen=True)
class Standing:
    """Where a resource stands: its last batch, and whether it is paused, since when and why."""

    resource: str
    batch: str | None
    state: str | None
    at: datetime | None
    error_code: str | None
    paused_at: datetime | None
    reason: str | None


def pause(session: Session, resource_id: str, reason: str = "") -> None:
    """Take nothing more from the resource's source until `resume`; what has landed goes on. Pausing again renews the reason.

    Raises Invalid `directory.unknown_resource`, `directory.not_published`.
    """
    directory.get(session, resource_id)
    statement = insert(Pause).values(resource_id=resource_id, reason=reason)
    session.execute(statement.on_conflict_do_update(index_elements=["resource_id"], set_={"reason": reason}))


def resume(session: Session, resource_id: str) -> bool:
    """Let the resource be collected again; return whether it was paused. Raises Invalid `directory.unknown_resource`, `directory.not_published`."""
    directory.get(session, resource_id)
    gone = delete(Pause).where(Pause.resource_id == resource_id).returning(Pause.resource_id)
    return session.scalar(gone) is not None


def require_running(session: Session, resource_id: str) -> None:
    """Raise Terminal `landing.paused` when the resource is paused: a decision, no failure; dags/ skips the run."""
    found = session.get(Pause, resource_id)
    if found is not None:
        since = found.paused_at.isoformat(timespec="seconds")
        raise Terminal("landing.paused", resource=resource_id, since=since, reason=found.reason or "-")


def require_period(document: ResourceDocument, period: Period) -> None:
    """Hold a back-fill against the binding. Raises Invalid `landing.no_watermark`, `landing.bad_period`."""
    source = document.source
    if source is None or source.watermark is None or source.connector == "files":
        raise Invalid("landing.no_watermark", resource=document.id)
    (kind, first), (other, last) = _comparable(period.start), _comparable(period.end)
    if kind != other or first >= last:
        raise Invalid("landing.bad_period", start=period.start, end=period.end)


def standings(session: Session, resource_id: str | None = None) -> list[Standing]:
    """Return where each published resource with a source stands, by id; only one if it is named. Raises Invalid `directory.unknown_resource`."""
    if resource_id is not None:
        directory.get(session, resource_id)
    ids = [found.id for found in (one.document for one in directory.published(session)) if found.source]
    newest = select(Batch).ext(distinct_on(Batch.resource_id)).order_by(Batch.resource_id, Batch.number.desc())
    last = {batch.resource_id: batch for batch in session.scalars(newest)}
    paused = {found.resource_id: found for found in session.scalars(select(Pause))}
    wanted = sorted({*ids, *paused} & {resource_id} if resource_id else {*ids, *paused})
    return [_standing(one, last.get(one), paused.get(one)) for one in wanted]


def _standing(resource: str, batch: Batch | None, paused: Pause | None) -> Standing:
    reached = (batch.merged_at or batch.checked_at or batch.landed_at or batch.created_at) if batch else None
    return Standing(
        resource,
        batch.id if batch else None,
        batch.state if batch else None,
        reached,
        batch.error_code if batch else None,
        paused.paused_at if paused else None,
        paused.reason if paused else None,
    )


def _comparable(text: str) -> tuple[str, Any]:
    """Read one end of a period, with its kind: a growing number, or a time in ISO 8601 with or without a zone. Raises Invalid `landing.bad_period`."""
    with suppress(ValueError):
        return "number", int(text)
    with suppress(ValueError):
        moment = datetime.fromisoformat(text)
        return ("moment" if moment.tzinfo else "time"), moment
    raise Invalid("landing.bad_period", start=text, end=text)
