"""Why: a review that waits in silence is late before anyone notices. Tells those whose turn it is when two working days are left and when the day has
passed, once each. Called by `exchange_api.upkeep`, hourly.
"""

from collections.abc import Iterator
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog import deadlines
from catalog.deadlines import Lamp
from catalog.review import acknowledgements
from catalog.review import review_steps as steps
from catalog.review.review_steps import CLOCK, Step
from schemas.calendar import CHINA, today
from schemas.tables.directory import OPEN_STATES, ResourceEvent, ResourceVersion


def remind(session: Session, on: date | None = None) -> list[str]:
    """Remind of every version whose review or acknowledgement is nearly or over due and return them; doing it again the same day tells nobody twice."""
    day, told = on or today(), []
    said = _said(session)
    for version in _waiting(session):
        due = _due_date(version)
        lamp = deadlines.lamp(session, due, day) if due else Lamp.GREEN
        if due is None or lamp is Lamp.GREEN or (version.id, due.isoformat(), lamp.value) in said:
            continue
        steps.tell(session, _whose_turn(session, version), f"due_{lamp}", version, due=due.isoformat())
        facts = {"due": due.isoformat(), "lamp": lamp.value}
        steps.note(session, CLOCK, version, Step("remind", facts=facts), version.state)
        told.append(version.id)
    return told


def _waiting(session: Session) -> Iterator[ResourceVersion]:
    query = select(ResourceVersion).where(ResourceVersion.state.in_(OPEN_STATES)).order_by(ResourceVersion.id)
    due = (ResourceVersion.due_date.is_not(None)) | (ResourceVersion.effective_at.is_not(None))
    yield from session.scalars(query.where(due).with_for_update(skip_locked=True))


def _due_date(version: ResourceVersion) -> date | None:
    if version.state == "scheduled" and version.effective_at:
        return version.effective_at.astimezone(CHINA).date()
    return version.due_date


def _whose_turn(session: Session, version: ResourceVersion) -> set[str]:
    if version.state == "authority_review":
        return steps.authorities(session)
    if version.state == "scheduled":
        return {row.department_id for row in acknowledgements.waiting(session, version_id=version.id)}
    return {version.department_id}


def _said(session: Session) -> set[tuple[str, str, str]]:
    query = select(ResourceEvent.version_id, ResourceEvent.facts).join(ResourceVersion)
    rows = session.execute(query.where(ResourceEvent.action == "remind", ResourceVersion.state.in_(OPEN_STATES)))
    return {(version_id, facts["due"], facts["lamp"]) for version_id, facts in rows}
