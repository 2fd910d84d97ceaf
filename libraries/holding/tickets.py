"""Why: a held row moves when somebody is asked by a date. Per resource and reason there is one ticket to the department while rows wait for that reason:
opened when a batch holds them, closed by itself when none is left. Called by `libraries.ingest` after check, publish and replay, and by commands.
"""

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog import notices
from libraries import batches, clocks, quarantine
from libraries.batches import Task
from libraries.holding import superseding, waived
from libraries.quarantine import Group
from schemas.errors import Invalid, Terminal
from schemas.tables.directory import Resource
from schemas.tables.landing import Batch, QuarantinedRow, Ticket

OPENED = "quarantine.ticket_opened"


def after_check(session: Session, batch_id: str) -> None:
    """Open tickets for what a batch holds, a rejected one too; what a replay holds is an attempt, its tickets are open already."""
    task = batches.get(session, batch_id)
    if batches.is_replay(task.batch):
        superseding.mark_attempts(session, batch_id)
    else:
        waived.carry(session, batch_id)
        renew(session, task)


def after_publish(session: Session, task: Task) -> None:
    """Mark the rows that a merged batch settles and bring the resource's tickets up to date."""
    if superseding.supersede(session, task):
        renew(session, task)


def renew(session: Session, task: Task) -> None:
    """Bring a resource's tickets in line with what waits: open, count, reopen, close. The department is told of new ones once, together."""
    session.flush()
    groups = {group.reason: group for group in quarantine.groups(session, task.batch.resource_id, examples=1)}
    live = {ticket.reason: ticket for ticket in find(session, task.batch.resource_id)}
    for reason, ticket in live.items():
        _follow(ticket, groups.get(reason))
    if fresh := [group for reason, group in groups.items() if reason not in live]:
        _open(session, task, fresh)
    session.flush()


def find(session: Session, resource_id: str | None = None, *, closed: bool = False) -> list[Ticket]:
    """Return the tickets of a resource or of all, soonest due first; `closed` adds those that are done."""
    query = select(Ticket).order_by(Ticket.due_date.nulls_last(), Ticket.id)
    if resource_id:
        query = query.where(Ticket.resource_id == resource_id)
    return list(session.scalars(query if closed else query.where(Ticket.state != "closed")))


def answer(session: Session, ticket_id: int, note: str) -> Ticket:
    """Write down what the department answered; the ticket closes when its rows are gone, and opens again when a later batch holds more.

    Raises Invalid `quarantine.unknown_ticket`, Terminal `quarantine.ticket_closed`.
    """
    ticket = session.get(Ticket, ticket_id, with_for_update=True)
    if ticket is None:
        raise Invalid("quarantine.unknown_ticket", ticket=ticket_id)
    if ticket.state == "closed":
        raise Terminal("quarantine.ticket_closed", ticket=ticket_id)
    ticket.state, ticket.answer, ticket.answered_at = "answered", note, batches.now()
    return ticket


def _follow(ticket: Ticket, group: Group | None) -> None:
    if group is None:
        ticket.rows, ticket.state, ticket.closed_at = 0, "closed", batches.now()
        return
    if group.batch_id != ticket.batch_id and ticket.state == "answered":
        ticket.state = "open"  # answered, and a later batch is wrong in the same way
    ticket.rows, ticket.batch_id = group.rows, group.batch_id


def _open(session: Session, task: Task, groups: list[Group]) -> None:
    resource_id = task.batch.resource_id
    department = session.get_one(Resource, resource_id).department_id
    due = clocks.verify_by(session)
    session.add_all(
        Ticket(
            resource_id=resource_id, department_id=department, batch_id=group.batch_id, reason=group.reason, rows=group.rows,
            due_date=due,
        )
        for group in groups
    )  # fmt: skip
    facts = {
        "resource": task.document.name, "reasons": "、".join(group.reason for group in groups),
        "rows": sum(quarantine.ages(session, resource_id).values()), "due": due.isoformat() if due else "—",
    }  # fmt: skip
    notices.notify(session, department, OPENED, facts)


def note_file(session: Session, wrong: Collection[int], name: str) -> None:
    """Mark the tickets of rows that a department's file left wrong as answered: it did answer, and what is left is counted on them."""
    query = select(Batch.resource_id, QuarantinedRow.reasons).join(Batch, Batch.id == QuarantinedRow.batch_id)
    for resource_id, reasons in {(r, tuple(why)) for r, why in session.execute(query.where(quarantine.among(wrong)))}:
        for ticket in find(session, resource_id):
            if ticket.reason in reasons and ticket.state == "open":
                ticket.state, ticket.answer, ticket.answered_at = "answered", name, batches.now()
