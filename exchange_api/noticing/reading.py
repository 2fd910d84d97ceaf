"""Why: what was read need not be read again. Officers mark their department's notices, and nobody else's. Called by pages, the officers' interface and
`hutong notices`.
"""

from collections.abc import Collection

from sqlalchemy.orm import Session

from catalog import notices
from exchange_api.actors import Actor
from schemas.errors import Denied


def read(session: Session, actor: Actor, ids: Collection[int]) -> int:
    """Mark notices as read for the actor's department and return how many were not yet. Raises Denied `case.not_yours` for others', marking none."""
    if others := notices.strangers(session, actor.department_id, ids):
        raise Denied("case.not_yours", case=str(others[0]))
    return notices.mark_read(session, actor.department_id, ids)


def read_all(session: Session, actor: Actor, up_to: int | None = None) -> int:
    """Mark all notices of the actor's department as read, or those up to an id, and return how many were not yet."""
    return notices.mark_all_read(session, actor.department_id, up_to)


def unread(session: Session, actor: Actor) -> int:
    """Return how many notices of the actor's department nobody has read."""
    return notices.count_unread(session, actor.department_id)
