"""One subject's view over time, and entries that are nobody's."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import insert, select
from typer.testing import CliRunner

from hutong.commands.credit import app
from libraries.credit import orphans
from libraries.credit.view import Moved, view
from schemas.database import transaction
from schemas.tables.library import golden_table
from schemas.tables.operations import Notice
from tests.libraries.conftest import citizen_ids
from tests.libraries.credit.conftest import FIRM

Put = Callable[..., str]


def _run(*words: str) -> str:
    found = CliRunner().invoke(app, list(words))
    assert found.exit_code == 0, found.output
    return found.output


def test_all_entries_are_told_as_they_stood_on_a_day_and_why_they_are_not_served(register: Put) -> None:
    register("2号", "01", decision_date=date(2024, 5, 1), valid_until=date(2025, 4, 30), state="01")
    register("1号", decision_date=date(2025, 1, 1), repaired_on=date(2025, 6, 1), repair_certificate="修1", state="06")
    register("3号", decision_date=date(2025, 7, 1), state="01")
    with transaction("reader") as session:
        then, now = view(session, FIRM, date(2025, 4, 30)), view(session, FIRM, date(2025, 8, 1))
    assert [(one.values["document_number"], one.stands, one.not_served) for one in then] == [
        ("2号", "01", None), ("1号", "01", "state"),
    ]  # fmt: skip
    assert [(one.values["document_number"], one.stands, one.not_served) for one in now] == [
        ("2号", "02", "valid_until"), ("1号", "06", "state"), ("3号", "01", None),
    ]  # fmt: skip


def test_the_states_it_went_through_are_told_with_the_days_the_hub_learned_them(register: Put, past: Any) -> None:
    entry = register(
        "1号", decision_date=date(2025, 1, 1), state="06", recorded_at=datetime(2026, 1, 8, 20, tzinfo=UTC)
    )
    past(entry, "01", datetime(2025, 1, 3, tzinfo=UTC), datetime(2025, 9, 1, tzinfo=UTC))
    past(entry, "01", datetime(2025, 9, 1, tzinfo=UTC), datetime(2026, 1, 8, 20, tzinfo=UTC))
    with transaction("reader") as session:
        (one,) = view(session, FIRM)
    assert one.moves == (Moved("01", date(2025, 1, 3)), Moved("06", date(2026, 1, 9)))


def test_a_natural_person_is_masked_unless_asked_for_in_clear(register: Put) -> None:
    (person,) = citizen_ids(1)
    register("1号", subject=person, subject_name="欧阳小明", state="01", decision_date=date(2025, 1, 1))
    assert person not in (masked := _run("view", person))
    assert "小明" not in masked
    assert person in (clear := _run("view", person, "--reveal"))
    assert "欧阳小明" in clear
    told = json.loads(_run("view", person, "--json"))
    assert (told[0]["stands"], told[0]["not_served"]) == ("01", None)
    assert "没有信用条目" in _run("view", citizen_ids(1, seed=9)[0])


def test_orphans_are_counted_by_department_and_their_departments_are_told_once(register: Put) -> None:
    (person,) = citizen_ids(1)
    register("1号")
    register("2号", authority="兴和市消防局")
    mine = register("3号", "03", authority="无名单位", subject=person)
    with transaction("owner") as session:
        assert orphans.count(session) == {"fire": 2, "credit_office": 1}, (
            "by name, by former name, else whoever delivers"
        )
        assert orphans.notify(session) == {"fire": 2, "credit_office": 1}
    assert person not in (listed := _run("orphans"))
    assert mine in listed
    with transaction("owner") as session:
        assert orphans.notify(session) == {}
        session.execute(insert(golden_table("legal_entity")), [{"subject": FIRM, "sources": [1], "batches": [1]}])
        assert orphans.count(session) == {"credit_office": 1}
        session.execute(insert(golden_table("population")), [{"subject": person, "sources": [1], "batches": [1]}])
        assert orphans.find(session, 10) == []
        told = session.execute(select(Notice.department_id, Notice.facts).where(Notice.key == orphans.NOTICE)).all()
        assert sorted((row[0], row[1]["count"]) for row in told) == [("credit_office", "1"), ("fire", "2")]
    assert "没有孤立条目" in _run("orphans", "--notify")
