"""Why: what is held back is worked through by fault: per resource and rule there is one ticket while rows wait. Reads tickets and the rows of one, a page at a
time. Called by pages of quarantine; who may see what is said by `sight`.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, Select, func, or_, select
from sqlalchemy.orm import Session

from exchange_api.actors import Actor
from exchange_api.steward import sight
from libraries import batches
from libraries.quarantine import WAITING
from schemas.errors import Invalid
from schemas.tables.departments import Department
from schemas.tables.directory import ResourceVersion
from schemas.tables.landing import QuarantinedRow, Ticket

OLD = timedelta(days=30)


def count(session: Session, actor: Actor, q: str) -> int:
    """Return how many live tickets the actor sees."""
    return session.scalar(select(func.count()).select_from(_tickets(actor, q).subquery())) or 0


def tickets(session: Session, actor: Actor, q: str, start: int, limit: int) -> Sequence[Row[Any]]:
    """Return live tickets, soonest due first: the ticket, its resource's name, its department's."""
    query = _tickets(actor, q).order_by(Ticket.due_date.nulls_last(), Ticket.id)
    return session.execute(query.limit(limit).offset(start)).all()


def require(session: Session, actor: Actor, ticket_id: int) -> Ticket:
    """Return a ticket the actor may see. Raises Invalid `quarantine.unknown_ticket`; Denied `case.role_needed`, `case.not_yours`."""
    sight.own(actor)
    found = session.get(Ticket, ticket_id)
    if found is None:
        raise Invalid("quarantine.unknown_ticket", ticket=ticket_id)
    sight.require_resource(session, actor, found.resource_id)
    return found


def rows(session: Session, ticket: Ticket, start: int, limit: int) -> list[QuarantinedRow]:
    """Return the rows that wait for a ticket's reason, longest waiting first."""
    query = _rows(ticket).order_by(QuarantinedRow.waiting_since, QuarantinedRow.id)
    return list(session.scalars(query.limit(limit).offset(start)))


def count_rows(session: Session, ticket: Ticket) -> int:
    """Return how many rows wait for a ticket's reason."""
    return session.scalar(select(func.count()).select_from(_rows(ticket).subquery())) or 0


def _rows(ticket: Ticket) -> Select[Any]:
    among = QuarantinedRow.batch_id.in_(batches.ids_of(ticket.resource_id))
    return select(QuarantinedRow).where(among, QuarantinedRow.reasons.contains([ticket.reason]), *WAITING)


def _tickets(actor: Actor, q: str) -> Select[Any]:
    within = sight.own(actor)
    name = ResourceVersion.document["name"].astext
    query = (
        select(Ticket, name.label("name"), Department.short_name)
        .join(Department, Department.id == Ticket.department_id)
        .outerjoin(
            ResourceVersion,
            (ResourceVersion.resource_id == Ticket.resource_id) & (ResourceVersion.state == "published"),
        )
        .where(Ticket.state != "closed")
    )
    if within is not None:
        query = query.where(Ticket.department_id == within)
    for one in q.split()[:8]:
        texts = (Ticket.resource_id, Ticket.reason, name, Department.short_name)
        query = query.where(or_(*(text.icontains(one, autoescape=True) for text in texts)))
    return query
