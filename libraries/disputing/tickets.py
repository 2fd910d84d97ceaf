"""Why: one of two sources that contradict each other is wrong, and only they can say which. Per library, department and attribute there is one ticket
while grave contradictions stand to which the department is a party; it counts them and closes by itself when none is left. Called by
`libraries.ingest` after publish, by `libraries.rejudging`, and by commands.
"""

from datetime import datetime
from typing import Any

from pydantic import Field
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from catalog import notices
from libraries import batches, clocks
from schemas.errors import Invalid, Terminal
from schemas.library import library
from schemas.settings import HutongSettings
from schemas.tables.rulings import ConflictTicket

OPENED = "conflict.ticket_opened"
_LOCK = 7_311_021
_COUNT = """
    SELECT k.attribute, r.department_id, count(DISTINCT k.record_key) AS conflicts
    FROM library.conflicts k, jsonb_array_elements(k.claims) AS claim
    JOIN directory.resources r ON r.number = CAST(claim ->> 'source' AS integer)
    WHERE k.library = :library AND k.closed_at IS NULL AND k.score >= :least
    GROUP BY k.attribute, r.department_id
"""
# an hour's leave, because the clocks of worker and database may differ; one renewal too many does no harm
_CHANGED = """
    SELECT EXISTS (SELECT FROM library.conflicts
                   WHERE library = :library AND changed_at >= CAST(:since AS timestamptz) - interval '1 hour')
"""


class ConflictSettings(HutongSettings):
    """When sources are asked about what they contradict each other on."""

    conflict_tickets_from: int = Field(
        default=60, ge=0, le=101, description="Score from which on a conflict is put to its sources."
    )


def after_publish(session: Session, library_name: str | None, since: datetime | None) -> None:
    """Bring a library's tickets up to date if its conflicts changed since then (a batch's check, which comes before its merge)."""
    if library_name is None or since is None:
        return
    if session.scalar(text(_CHANGED), {"library": library_name, "since": since}):
        renew(session, library_name)


def renew(session: Session, library_name: str) -> None:
    """Bring a library's tickets in line with its open conflicts: open, count, close. A department is told of new ones once, together."""
    session.execute(text("SELECT pg_advisory_xact_lock(:a, hashtext(:b))"), {"a": _LOCK, "b": library_name})
    least = ConflictSettings().conflict_tickets_from
    counted = session.execute(text(_COUNT), {"library": library_name, "least": least})
    standing = {(row.department_id, row.attribute): int(row.conflicts) for row in counted}
    live = {(ticket.department_id, ticket.attribute): ticket for ticket in find(session, library_name)}
    for place, ticket in live.items():
        _follow(ticket, standing.get(place, 0))
    fresh: dict[str, dict[str, int]] = {}
    for (department, attribute), count in sorted(standing.items()):
        if (department, attribute) not in live:
            fresh.setdefault(department, {})[attribute] = count
    for department, counts in fresh.items():
        _open(session, library_name, department, counts)
    session.flush()


def find(session: Session, library_name: str | None = None, *, closed: bool = False) -> list[ConflictTicket]:
    """Return the tickets of a library or of all, soonest due first; `closed` adds those that are done."""
    query = select(ConflictTicket).order_by(ConflictTicket.due_date.nulls_last(), ConflictTicket.id)
    if library_name:
        query = query.where(ConflictTicket.library == library_name)
    return list(session.scalars(query if closed else query.where(ConflictTicket.state != "closed")))


def answer(session: Session, ticket_id: int, note: str) -> ConflictTicket:
    """Write down what the department answered; the ticket closes when its conflicts are gone, and opens again when there are more of them.

    Raises Invalid `conflict.unknown_ticket`, Terminal `conflict.ticket_closed`.
    """
    ticket = session.get(ConflictTicket, ticket_id, with_for_update=True)
    if ticket is None:
        raise Invalid("conflict.unknown_ticket", ticket=ticket_id)
    if ticket.state == "closed":
        raise Terminal("conflict.ticket_closed", ticket=ticket_id)
    ticket.state, ticket.answer, ticket.answered_at = "answered", note, batches.now()
    return ticket


def _follow(ticket: ConflictTicket, count: int) -> None:
    if count > ticket.conflicts and ticket.state == "answered":
        ticket.state = "open"  # answered, and more have come since
    ticket.conflicts = count
    if not count:
        ticket.state, ticket.closed_at = "closed", batches.now()


def _open(session: Session, library_name: str, department: str, counts: dict[str, int]) -> None:
    due, spec = clocks.verify_by(session), library(library_name)
    session.add_all(
        ConflictTicket(
            library=library_name, department_id=department, attribute=attribute, conflicts=count, due_date=due
        )
        for attribute, count in counts.items()
    )
    facts: dict[str, Any] = {
        "library": spec.name["zh"], "attributes": "、".join(spec.attribute(attribute).name for attribute in counts),
        "count": sum(counts.values()), "due": due.isoformat() if due else "—",
    }  # fmt: skip
    notices.notify(session, department, OPENED, facts)
