"""Why: whoever a step concerns is told. Called by desks and pipelines; the words of a notice live with the pages, by key. `notify` is one insert:
what leaves the house besides is the business of exchange_api/noticing.
"""

from collections.abc import Collection
from typing import Any

from sqlalchemy import CursorResult, Update, func, select, update
from sqlalchemy.orm import Session

from schemas.tables.operations import Notice


def notify(session: Session, department_id: str, key: str, facts: dict[str, Any], demand_id: str | None = None) -> None:
    """Tell the officers of one department; `facts` fill the words and hold no personal data."""
    session.add(Notice(department_id=department_id, key=key, facts=facts, demand_id=demand_id))


def find(session: Session, department_id: str, limit: int = 20, *, unread_only: bool = False) -> list[Notice]:
    """Return the newest notices of one department."""
    query = (
        select(Notice).where(Notice.department_id == department_id).order_by(Notice.created_at.desc(), Notice.id.desc())
    )
    if unread_only:
        query = query.where(Notice.read_at.is_(None))
    return list(session.scalars(query.limit(limit)))


def count_unread(session: Session, department_id: str) -> int:
    """Return how many notices of a department nobody has marked as read."""
    query = select(func.count()).where(Notice.department_id == department_id, Notice.read_at.is_(None))
    return session.scalar(query) or 0


def strangers(session: Session, department_id: str, ids: Collection[int]) -> list[int]:
    """Return those of these ids that are no notices of the department, in order."""
    own = set(session.scalars(select(Notice.id).where(Notice.department_id == department_id, Notice.id.in_(ids))))
    return sorted(set(ids) - own)


def mark_read(session: Session, department_id: str, ids: Collection[int]) -> int:
    """Mark notices of a department as read and return how many were not yet; the first reading stands."""
    return _mark(session, update(Notice).where(Notice.department_id == department_id, Notice.id.in_(ids)))


def mark_all_read(session: Session, department_id: str, up_to: int | None = None) -> int:
    """Mark all notices of a department as read, or those up to an id: what came while the officer was reading stays unread. Returns how many."""
    own = update(Notice).where(Notice.department_id == department_id)
    return _mark(session, own if up_to is None else own.where(Notice.id <= up_to))


def _mark(session: Session, which: Update) -> int:
    done = session.execute(which.where(Notice.read_at.is_(None)).values(read_at=func.now()))
    return done.rowcount if isinstance(done, CursorResult) else 0
