"""Why: a row that was left out with a reason is not asked for again when the source delivers it once more, word for word and refused for the same reasons.
Anything else about it waits anew. Called by `libraries.holding.tickets` after a check, and for looking.
"""

from collections.abc import Sequence

from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from libraries import batches
from schemas.tables.landing import QuarantinedRow
from schemas.tables.waivers import Waiver

HOW = "waived"
_CARRY = text("""
INSERT INTO landing.waivers (row_id, origin_id, reason, waived_by)
SELECT DISTINCT ON (new.id) new.id, coalesce(w.origin_id, w.id), w.reason, w.waived_by
FROM landing.waivers w JOIN landing.quarantined_rows old ON old.id = w.row_id
JOIN landing.batches ob ON ob.id = old.batch_id
JOIN landing.batches nb ON nb.resource_id = ob.resource_id AND nb.id = :batch
JOIN landing.quarantined_rows new ON new.batch_id = nb.id AND new.id <> old.id
WHERE w.withdrawn_at IS NULL AND new.released_at IS NULL AND new.superseded_at IS NULL AND new.reasons = old.reasons
    AND new.record_key IS NOT DISTINCT FROM old.record_key AND new.values - 'line' = old.values - 'line'
ORDER BY new.id, w.id
RETURNING row_id
""")


def carry(session: Session, batch_id: str) -> int:
    """Leave out the rows a batch holds that were left out before, the same in all; return how many. Doing it again changes nothing."""
    session.flush()
    found = session.scalars(_CARRY, {"batch": batch_id}).all()
    mark(session, found)
    return len(found)


def mark(session: Session, row_ids: Sequence[int]) -> None:
    """Write on rows that they are left out."""
    session.execute(
        update(QuarantinedRow)
        .where(QuarantinedRow.id.in_(row_ids))
        .values(superseded_at=batches.now(), superseded_by_batch_id=None, superseded_how=HOW)
        .execution_options(synchronize_session=False)
    )


def of_row(session: Session, row_id: int) -> list[Waiver]:
    """Return the waivers of a row, the newest first; the one in force, if any, is the first."""
    return list(session.scalars(select(Waiver).where(Waiver.row_id == row_id).order_by(Waiver.id.desc())))
