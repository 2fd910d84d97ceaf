"""A department is asked once per fault, by a date; the ticket follows what waits and closes by itself."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete

from catalog import deadlines, notices
from libraries import batches, clocks, ingest, quarantine
from libraries.holding import tickets
from schemas.calendar import CHINA
from schemas.database import transaction
from schemas.errors import Invalid, Terminal
from schemas.tables.operations import Notice
from tests.libraries.story import RESIDENT, at_source, faulty, held


@pytest.fixture
def law(hub: Any) -> Any:
    """The national deadline rules are in force."""
    with transaction() as session:
        deadlines.seed_rules(session)
    return hub


def told() -> list[tuple[str, dict[str, Any]]]:
    with transaction() as session:
        return [(notice.key, notice.facts) for notice in notices.find(session, "public_security")]


def open_tickets(hub: Any) -> dict[str, tuple[str, int]]:
    with hub.session() as session:
        return {ticket.reason: (ticket.state, ticket.rows) for ticket in tickets.find(session, RESIDENT)}


def test_one_ticket_per_reason_is_opened_followed_and_closed(law: Any, people: Any) -> None:
    hub = law
    with transaction() as session:
        session.execute(delete(Notice))
    hub.publish(quality={"reject_above": 0.9})
    rows = people(8)
    wrong = [row | {"dh": "1"} if place < 3 else row for place, row in enumerate(faulty(rows, wrong=(0, 7)))]
    first = at_source(hub, wrong, "r1")
    assert open_tickets(hub) == {"phone.pattern": ("open", 3), "name.required": ("open", 2)}
    ((key, facts),) = told()
    assert (key, facts["rows"]) == ("quarantine.ticket_opened", 4)
    today = batches.now().astimezone(CHINA).date()
    with hub.session() as session:
        due = deadlines.due_date(session, clocks.RULE, today).date
        assert {ticket.due_date for ticket in tickets.find(session)} == {due}
        assert due >= today + timedelta(days=10)
        asked = next(ticket.id for ticket in tickets.find(session) if ticket.reason == "name.required")
        tickets.answer(session, asked, "已联系派出所")
    row = next(row for row in held(hub, first) if row.reasons == ["name.required"])
    ingest.replay(row.id, {"name": "李四"})
    assert open_tickets(hub) == {"phone.pattern": ("open", 3), "name.required": ("answered", 1)}
    at_source(hub, faulty(rows, wrong=(0, 7)), "r2")  # phones right, names wrong again
    assert open_tickets(hub) == {"name.required": ("open", 2)}
    at_source(hub, rows, "r3")
    assert open_tickets(hub) == {}
    assert len(told()) == 1
    with hub.session() as session:
        done = tickets.find(session, RESIDENT, closed=True)
        assert {(ticket.state, ticket.rows) for ticket in done} == {("closed", 0)}
        with pytest.raises(Terminal, match=r"quarantine\.ticket_closed"):
            tickets.answer(session, done[0].id, "x")
        with pytest.raises(Invalid, match=r"quarantine\.unknown_ticket"):
            tickets.answer(session, 999, "x")


def test_a_rejected_batch_is_asked_about_too(law: Any, people: Any) -> None:
    hub = law
    hub.publish(quality={"reject_above": 0.1})
    with pytest.raises(Terminal, match=r"quality\.rejected"):
        at_source(hub, faulty(people(4), wrong=(0, 1)), "r")
    assert open_tickets(hub) == {"name.required": ("open", 2)}
    with hub.session() as session:
        assert len(quarantine.find(session, resource_id=RESIDENT)) == 2


def test_a_failed_attempt_opens_nothing(hub: Any, people: Any) -> None:
    hub.publish(quality={"reject_above": 0.9})
    first = at_source(hub, faulty(people(4), wrong=(0,)), "r")
    (row,) = held(hub, first)
    with pytest.raises(Terminal, match=r"quality\.rejected"):
        ingest.replay(row.id, {"phone": "1"})
    assert open_tickets(hub) == {"name.required": ("open", 1)}
    with hub.session() as session:
        (ticket,) = tickets.find(session)
        assert ticket.due_date is None  # no deadline rule is in force here: said in the log, not guessed
