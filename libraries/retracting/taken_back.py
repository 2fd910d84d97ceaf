"""Why: what was taken back must be found again: by the batch, for whoever looks at it. Called by `hutong batch` and `retract`."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from schemas.tables.retractions import Retraction


def of(session: Session, batch_id: str) -> Retraction | None:
    """Return the retraction of a batch, None when it was not taken back."""
    return session.scalar(select(Retraction).where(Retraction.batch_id == batch_id))
