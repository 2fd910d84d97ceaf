"""Why: a batch that is taken back settles nothing: rows it held wait no longer, rows that waited before it and were settled by it wait again, until a batch
that stands settles them. Called by `retract` alone.
"""

from collections.abc import Sequence

from sqlalchemy import update
from sqlalchemy.orm import Session

from libraries import batches
from libraries.batches import Task
from libraries.holding import superseding, tickets
from libraries.quarantine import WAITING
from schemas.tables.landing import QuarantinedRow


def reopen(session: Session, task: Task, later: Sequence[Task]) -> dict[str, int]:
    """Let go of what the batch held, let wait again what it settled or released, and let the standing batches `later` settle what they do.

    Returns how many rows were let go (`rows_let_go`) and wait again (`rows_waiting`). Tickets follow.
    """
    batch_id = task.batch.id
    own = update(QuarantinedRow).where(QuarantinedRow.batch_id == batch_id, *WAITING)
    closed = own.values(
        superseded_at=batches.now(), superseded_by_batch_id=batch_id, superseded_how="retracted"
    ).execution_options(synchronize_session=False)
    let_go = session.execute(closed.returning(QuarantinedRow.id)).scalars().all()
    reopened = [*_waiting_again(session, task), *_unreleased(session, task)]
    if reopened:
        for one in later:
            superseding.supersede(session, one)
    if let_go or reopened:
        tickets.renew(session, task)
    return {"rows_let_go": len(let_go), "rows_waiting": len(reopened)}


def _waiting_again(session: Session, task: Task) -> Sequence[int]:
    settled = update(QuarantinedRow).where(
        QuarantinedRow.superseded_by_batch_id == task.batch.id,
        QuarantinedRow.superseded_how.in_(("right", "again", "gone")),
    )
    opened = settled.values(superseded_at=None, superseded_by_batch_id=None, superseded_how=None)
    return session.execute(opened.returning(QuarantinedRow.id)).scalars().all()


def _unreleased(session: Session, task: Task) -> Sequence[int]:
    released = update(QuarantinedRow).where(QuarantinedRow.released_by_batch_id == task.batch.id)
    opened = released.values(released_at=None, released_by_batch_id=None)
    return session.execute(opened.returning(QuarantinedRow.id)).scalars().all()
