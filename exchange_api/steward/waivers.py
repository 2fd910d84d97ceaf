"""Why: a steward leaves rows out that cannot be mended, after he has seen what follows, and whoever answers for them sees which. What a waiver is lies in
`libraries.holding`; who may give and see one, here. Called by pages of waivers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from exchange_api.actors import Actor
from exchange_api.steward import looking, sight
from exchange_api.tracing.kinds import looks_personal
from libraries import batches
from libraries.holding import concealing, waiving
from schemas.errors import Invalid
from schemas.grounds import Grounds
from schemas.tables.directory import Resource
from schemas.tables.landing import Batch, QuarantinedRow
from schemas.tables.waivers import Waiver

MOST = 500
"""Rows of one decision: what one person can answer for."""


@dataclass(frozen=True)
class Weighed:
    """A row to be left out: its key masked, and the name of its resource."""

    row: QuarantinedRow
    key: str
    resource: str


@dataclass(frozen=True)
class Shown:
    """A waiver as a list has it: with its row, the name of the resource, and the row's key masked."""

    waiver: Waiver
    row: QuarantinedRow
    resource: str
    key: str


def weigh(session: Session, actor: Actor, row_ids: Sequence[int]) -> list[Weighed]:
    """Return the rows that would be left out. Raises Denied `case.role_needed`; Invalid `steward.nothing_chosen`, `steward.too_many_rows`,
    `quarantine.unknown_row`.
    """
    actor.require("steward")
    if not row_ids:
        raise Invalid("steward.nothing_chosen")
    if len(row_ids) > MOST:
        raise Invalid("steward.too_many_rows", rows=len(row_ids), most=MOST)
    found = [looking.require_row(session, actor, row_id) for row_id in dict.fromkeys(row_ids)]
    return [Weighed(row, concealing.key_of(task.document, row.values), task.document.name) for row, task in found]


def waive(session: Session, actor: Actor, row_ids: Sequence[int], why: str) -> list[Waiver]:
    """Leave rows out. Raises as `weigh` and `waiving.waive`, and Invalid `steward.reason_personal`, `decision.no_grounds`."""
    weigh(session, actor, row_ids)
    return waiving.waive(session, row_ids, _grounds(actor, why))


def withdraw(session: Session, actor: Actor, waiver_id: int, why: str) -> list[Waiver]:
    """Take a waiver back. Raises Denied `case.role_needed`; Invalid as `waiving.withdraw`, `steward.reason_personal`, `decision.no_grounds`."""
    require(session, actor, waiver_id)
    return waiving.withdraw(session, waiver_id, _grounds(actor, why))


def require(session: Session, actor: Actor, waiver_id: int) -> Waiver:
    """Return a waiver to be taken back. Raises Denied `case.role_needed`; Invalid `quarantine.unknown_waiver`."""
    actor.require("steward")
    found = session.get(Waiver, waiver_id)
    if found is None:
        raise Invalid("quarantine.unknown_waiver", waiver=waiver_id)
    return found


def count(session: Session, actor: Actor) -> int:
    """Return how many waivers the actor sees. Raises as `sight.own`."""
    return session.scalar(select(func.count()).select_from(_seen(actor).subquery())) or 0


def find(session: Session, actor: Actor, start: int, limit: int) -> list[Shown]:
    """Return waivers, the newest first: the waiver, its row, and the row's resource and masked key."""
    found = session.execute(_seen(actor).order_by(Waiver.id.desc()).limit(limit).offset(start)).all()
    tasks = {one: batches.get(session, one) for one in {row.batch_id for _, row in found}}
    documents = {one: task.document for one, task in tasks.items()}
    return [
        Shown(waiver, row, documents[row.batch_id].name, concealing.key_of(documents[row.batch_id], row.values))
        for waiver, row in found
    ]


def _seen(actor: Actor) -> Select[Waiver, QuarantinedRow]:
    within = sight.own(actor)
    query = (
        select(Waiver, QuarantinedRow)
        .join(QuarantinedRow, QuarantinedRow.id == Waiver.row_id)
        .join(Batch, Batch.id == QuarantinedRow.batch_id)
    )
    if within is not None:
        query = query.join(Resource, Resource.id == Batch.resource_id).where(Resource.department_id == within)
    return query


def _grounds(actor: Actor, why: str) -> Grounds:
    """Return who decides and why; the reason stays with the row for ever and is read by the department, so it names nobody."""
    if looks_personal(why):
        raise Invalid("steward.reason_personal")
    return Grounds(why, actor.id)
