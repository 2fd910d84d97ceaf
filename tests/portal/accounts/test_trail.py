"""What officers did stays in the trail and in the evidence, and says nothing of persons."""

import re
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from exchange_api.accounts import trail
from exchange_api.accounts.trail import Sought
from schemas.database import transaction
from schemas.tables.accounts import TrailLine
from schemas.tables.evidence import Entry
from tests.portal.conftest import City, actor


def test_every_form_is_in_the_evidence_with_how_it_ended_and_nobody_can_change_it(city: City, submitted: str) -> None:
    visitor = city.signed_in("qiming")
    assert city.post(visitor, f"/portal/demands/{submitted}/return", {}).status_code == 422
    city.post(visitor, f"/portal/demands/{submitted}/return", {"why": "请补正"})
    with transaction("exchange") as session:
        done, refused = trail.page(session, Sought(officer="qiming", case=submitted))[:2]
        assert (done.action, done.outcome) == ("POST /demands/{demand_id}/return", "done")
        assert refused.outcome != "done"
        entry = session.get_one(Entry, done.id)
        assert submitted.encode() in entry.document
        assert "周启明".encode() not in entry.document
    with pytest.raises(DBAPIError, match="insert-only"), transaction() as session:
        session.execute(text("UPDATE operations.trail SET outcome = 'x'"))


def test_sign_ins_that_fail_are_in_the_trail_without_what_was_typed(city: City) -> None:
    city.post(city.browser(), "/portal/sign-in", {"name": "mein-geheimnis", "password": "x"})
    city.post(city.browser(), "/portal/sign-in", {"name": "wumin", "password": "falsch"})
    with transaction("exchange") as session:
        known, unknown = trail.page(session, Sought(action="sign_in"))[:2]
        assert (known.officer_id, known.outcome) == ("wumin", "officer.password_wrong")
        assert (unknown.officer_id, unknown.outcome) == (None, "officer.unknown")
        assert b"mein-geheimnis" not in session.get_one(Entry, unknown.id).document


def test_the_auditor_turns_the_pages_of_the_trail_and_opens_a_line(city: City) -> None:
    with transaction("exchange") as session:
        ids = [
            trail.note(session, trail.Deed(actor("wumin"), "turning", cases=(f"c{number}",))) for number in range(120)
        ]
    auditor, seen, address = city.signed_in("shenji"), [], f"{city.address}/portal/trail?action=turning"
    for _ in range(3):
        page = auditor.get(address).text
        seen += re.findall(r'href="/portal/trail/([0-9a-f-]{36})"', page)
        following = re.search(r'rel="next" href="([^"]+)"', page)
        address = f"{city.address}/portal/trail{following[1].replace('&amp;', '&')}" if following else ""
    assert [UUID(one) for one in seen] == sorted((UUID(one) for one in ids), reverse=True)
    assert not address
    assert "c7" in auditor.get(f"{city.address}/portal/trail/{ids[7]}").text
    assert auditor.get(f"{city.address}/portal/trail?case=c7&format=xlsx").content.startswith(b"PK")
    assert auditor.get(f"{city.address}/portal/trail?since=x").status_code == 422


def test_no_id_of_a_person_gets_into_the_trail(city: City) -> None:  # noqa: ARG001
    with transaction("exchange") as session:
        line = trail.note(
            session, trail.Deed(None, "try", cases=("330199199001010011", "x=13800138000", "SQ-2026-000001"))
        )
        assert session.get_one(TrailLine, UUID(line)).cases == ["SQ-2026-000001"]
