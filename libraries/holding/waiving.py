"""Why: a row that cannot be mended is left out by somebody's word, with a reason, told to its department, and can be taken back; it is never deleted and
never dropped in silence. Called by the steward's desk and `hutong quarantine`.
"""

from collections.abc import Collection, Iterable

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from catalog import notices
from libraries import batches
from libraries.holding import superseding, tickets, waived
from libraries.quarantine import among
from schemas.errors import Invalid, Terminal
from schemas.grounds import Grounds
from schemas.tables.directory import Resource
from schemas.tables.landing import Batch, QuarantinedRow
from schemas.tables.waivers import Waiver

TOLD = "quarantine.waived"
TAKEN_BACK = "quarantine.waiver_withdrawn"


def waive(session: Session, row_ids: Collection[int], grounds: Grounds) -> list[Waiver]:
    """Leave waiting rows out for good; those left out already stay so. Returns the waivers in force of all.

    Raises Invalid `quarantine.unknown_row`; Terminal `quarantine.released`, `quarantine.superseded`.
    """
    query = select(QuarantinedRow).where(among(row_ids)).order_by(QuarantinedRow.id).with_for_update()
    rows = list(session.scalars(query.execution_options(populate_existing=True)))
    if missing := sorted(set(row_ids) - {row.id for row in rows}):
        raise Invalid("quarantine.unknown_row", row=missing[0])
    fresh = [row for row in rows if row.superseded_how != waived.HOW]
    for row in fresh:
        _require_waiting(row)
    session.add_all(Waiver(row_id=row.id, reason=grounds.reason, waived_by=grounds.by) for row in fresh)
    waived.mark(session, [row.id for row in fresh])
    _follow(session, fresh, TOLD)
    in_force = select(Waiver).where(Waiver.row_id.in_({row.id for row in rows}), Waiver.withdrawn_at.is_(None))
    return list(session.scalars(in_force.order_by(Waiver.id)))


def withdraw(session: Session, waiver_id: int, grounds: Grounds) -> list[Waiver]:
    """Take a waiver back, with those that later deliveries of the same row got by it: what is still wrong waits again. Once more changes nothing.

    Raises Invalid `quarantine.unknown_waiver`.
    """
    found = session.get(Waiver, waiver_id)
    if found is None:
        raise Invalid("quarantine.unknown_waiver", waiver=waiver_id)
    origin = found.origin_id or found.id
    alike = select(Waiver).where(or_(Waiver.id == origin, Waiver.origin_id == origin), Waiver.withdrawn_at.is_(None))
    ended = list(session.scalars(alike.order_by(Waiver.id).with_for_update()))
    for one in ended:
        one.withdrawn_by, one.withdrawn_at, one.withdrawn_reason = grounds.by, batches.now(), grounds.reason
    rows = list(session.scalars(select(QuarantinedRow).where(among(one.row_id for one in ended))))
    for row in rows:
        _wait_again(session, row)
    _follow(session, rows, TAKEN_BACK)
    return ended


def _require_waiting(row: QuarantinedRow) -> None:
    if row.released_at is not None:
        raise Terminal("quarantine.released", row=row.id, batch=row.released_by_batch_id)
    if row.superseded_at is not None:
        raise Terminal("quarantine.superseded", row=row.id, batch=row.superseded_by_batch_id, how=row.superseded_how)


def _wait_again(session: Session, row: QuarantinedRow) -> None:
    """A row of a batch that was taken back meanwhile waits for nothing."""
    is_gone = session.get_one(Batch, row.batch_id).state == "retracted"
    row.superseded_at = batches.now() if is_gone else None
    row.superseded_by_batch_id, row.superseded_how = (row.batch_id, "retracted") if is_gone else (None, None)


def _follow(session: Session, rows: Iterable[QuarantinedRow], key: str) -> None:
    """Let tickets follow, and tell each department once per resource."""
    held: dict[str, list[QuarantinedRow]] = {}
    for row in rows:
        held.setdefault(session.get_one(Batch, row.batch_id).resource_id, []).append(row)
    session.flush()
    for resource_id, own in sorted(held.items()):
        superseding.catch_up(session, resource_id)
        task = batches.get(session, own[-1].batch_id)
        tickets.renew(session, task)
        department = session.get_one(Resource, resource_id).department_id
        notices.notify(session, department, key, {"resource": task.document.name, "rows": len(own)})
