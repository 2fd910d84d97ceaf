"""Why: whoever a step concerns is told. Called by desks and pipelines; the words of a notice live with the pages, by key."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from schemas.tables.operations import Notice


def notify(session: Session, department_id: str, key: str, facts: dict[str, Any], demand_id: str | None = None) -> None:
    """Tell the officers of one department; `facts` fill the words and hold no personal data."""
    session.add(Notice(department_id=department_id, key=key, facts=facts, demand_id=demand_id))


def find(session: Session, department_id: str, limit: int = 20) -> list[Notice]:
    """Return the newest notices of one department."""
    query = (
        select(Notice).where(Notice.department_id == department_id).order_by(Notice.created_at.desc(), Notice.id.desc())
    )
    return list(session.scalars(query.limit(limit)))
