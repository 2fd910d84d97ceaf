"""Why: objections that wait in silence are late before anyone notices, and most close by themselves: the correcting batch comes, or a steward rules.

Called hourly by the DAG `directory` and by `hutong objection follow`. One transaction per objection: an interrupt loses only the one under way.
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog import deadlines, notices
from catalog.deadlines import Lamp
from catalog.review.review_steps import authorities
from exchange_api.actors import Step, system
from exchange_api.objections import objection_cases, objections
from schemas.calendar import CHINA, DueDate, today
from schemas.database import transaction
from schemas.tables.objections import LIVE_STATES, Objection


@dataclass
class Settled:
    """What was done: objections closed, and those whose source was reminded or reported to the authority."""

    closed: list[str] = field(default_factory=list)
    reminded: list[str] = field(default_factory=list)
    overdue: list[str] = field(default_factory=list)


def keep_objections() -> Settled:
    """Settle and remind of every live objection, each in a transaction of its own; doing it again does nothing more."""
    done = Settled()
    with transaction("exchange") as session:
        live = session.scalars(
            select(Objection.id).where(Objection.state.in_(LIVE_STATES)).order_by(Objection.id)
        ).all()
    for objection_id in live:
        with transaction("exchange") as session:
            follow(session, objection_id, done)
    return done


def follow(session: Session, objection_id: str, done: Settled, on: date | None = None) -> None:
    """Close one objection if its value was corrected or ruled on; else remind its source once, and report it once when overdue on this day."""
    objection = objection_cases.get(session, objection_id)
    if objection.state not in LIVE_STATES:
        return
    if objections.settle(session, objection):
        done.closed.append(objection.id)
        return
    if objection.is_provisional:
        _recount(session, objection)
    lamp, now = deadlines.lamp(session, objection.due_date, on or today()), datetime.now(UTC)
    source = {objection.source_department_id}
    if lamp is Lamp.YELLOW and objection.reminded_at is None:
        objection_cases.tell(session, objection, "objection.due_soon", source)
        objection.reminded_at = now
        done.reminded.append(objection.id)
    if lamp is Lamp.RED and objection.escalated_at is None:
        objection_cases.tell(session, objection, "objection.overdue", source | authorities(session))
        objection.escalated_at = now
        done.overdue.append(objection.id)
    session.flush()


def _recount(session: Session, objection: Objection) -> None:
    """Count a provisional due date again by today's calendar; its source and whoever raised it hear when it moved."""
    former, raised = objection.due_date, objection.raised_at.astimezone(CHINA).date()
    due = deadlines.due_date(session, objections.RULE, raised)
    if due == DueDate(former, True):
        return
    objection.due_date, objection.is_provisional = due.date, due.provisional
    facts = {"former": former.isoformat(), "due": due.date.isoformat()}
    hub = system(objection.source_department_id)
    objection_cases.note_event(session, hub, objection, Step("recompute", facts=facts))
    if due.date != former:
        for department_id in sorted({objection.source_department_id, objection.department_id}):
            notices.notify(session, department_id, "deadline.moved", {"case": objection.id, **facts})
