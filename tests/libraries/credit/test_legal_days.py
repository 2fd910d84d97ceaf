"""The law's days: a penalty that fell is withdrawn within three working days, permits and penalties are published within seven."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import delete, select
from typer.testing import CliRunner

from catalog import calendar_edits
from exchange_api import upkeep
from hutong.commands.credit import app
from libraries.credit import timeliness, withdrawals
from schemas.database import transaction
from schemas.tables.credit import CreditWithdrawal
from schemas.tables.deadlines import CalendarDay, CalendarEvent, CalendarYear
from schemas.tables.library import golden_table
from schemas.tables.operations import Notice, Officer

Put = Callable[..., str]
FELL = date(2026, 3, 4)  # a Wednesday: due on Monday, the 9th
DUE = date(2026, 3, 9)


@pytest.fixture
def authority(register: Put) -> Put:  # the register, with someone at the authority to tell
    with transaction("owner") as session:
        session.add(
            Officer(id="chief", name="主任", department_id="credit_office", roles=["authority"], password_hash="x")
        )
    return register


def _keep_up(day: date) -> withdrawals.Done:
    with transaction("owner") as session:
        return withdrawals.keep_up(session, day)


def _told() -> list[tuple[str, str]]:
    with transaction("reader") as session:
        rows = session.execute(
            select(Notice.key, Notice.department_id).where(Notice.key.like("credit.%")).order_by(Notice.id)
        )
        return [(row[0].removeprefix("credit.withdrawal_"), row[1]) for row in rows]


def _clock(entry: str) -> CreditWithdrawal:
    with transaction("reader") as session:
        found = session.scalars(select(CreditWithdrawal).where(CreditWithdrawal.entry == entry)).one()
        session.expunge(found)
        return found


def test_the_department_hears_at_every_lamp_once_and_the_authority_when_it_is_overdue(authority: Put) -> None:
    entry = authority("1号", state="01", changed_on=FELL)
    for day in (FELL, FELL, date(2026, 3, 5), date(2026, 3, 6), DUE, date(2026, 3, 10), date(2026, 3, 20)):
        _keep_up(day)
    assert _clock(entry).due_date == DUE
    assert _told() == [("green", "fire"), ("yellow", "fire"), ("red", "credit_office"), ("red", "fire")]


def test_a_round_says_what_it_did_and_does_it_once(authority: Put) -> None:
    entry = authority("1号", state="01", changed_on=FELL)
    assert _keep_up(FELL) == withdrawals.Done([entry], [], [entry])
    assert _keep_up(FELL) == withdrawals.Done([], [], [])


@pytest.mark.parametrize(
    ("changes", "ended_on", "is_late"),
    [
        ({"state": "05", "withdrawn_on": DUE}, DUE, False),
        ({"state": "05", "withdrawn_on": date(2026, 3, 10)}, date(2026, 3, 10), True),
        ({"state": "03", "recorded_at": datetime(2026, 3, 9, 17, tzinfo=UTC)}, date(2026, 3, 10), True),
        ({"state": "04", "recorded_at": datetime(2026, 3, 9, 15, tzinfo=UTC)}, DUE, False),
    ],
)
def test_a_withdrawal_ends_the_clock_by_its_sources_day_or_else_the_day_the_hub_learned_it(
    authority: Put, changes: dict[str, Any], ended_on: date, is_late: bool
) -> None:
    entry = authority("1号", state="01", changed_on=FELL)
    _keep_up(FELL)
    authority("1号", changed_on=FELL, **changes)
    assert _keep_up(date(2026, 3, 12)).ended == [entry]
    assert (_clock(entry).outcome, _clock(entry).ended_on) == ("withdrawn", ended_on)
    with transaction("reader") as session:
        assert [one.entry for one in withdrawals.find(session, late=date(2026, 3, 12))] == [entry] * is_late
        assert withdrawals.find(session) == []
    assert _told() == [("green", "fire")]


def test_what_is_already_withdrawn_when_it_is_first_heard_of_asks_nobody(authority: Put) -> None:
    entry = authority("1号", state="05", changed_on=FELL, withdrawn_on=FELL)
    assert _keep_up(FELL) == withdrawals.Done([entry], [entry], [])
    assert _told() == []


def test_an_entry_that_left_the_register_is_withdrawn_and_a_day_taken_back_is_moot(authority: Put) -> None:
    gone, taken_back = authority("1号", changed_on=FELL), authority("2号", changed_on=FELL)
    _keep_up(FELL)
    with transaction("owner") as session:
        table = golden_table("credit")
        session.execute(delete(table).where(table.c.entry == gone))
    authority("2号", changed_on=date(2026, 3, 5))
    assert sorted(_keep_up(date(2026, 3, 6)).ended) == sorted([gone, taken_back])
    assert (_clock(gone).outcome, _clock(gone).ended_on) == ("withdrawn", date(2026, 3, 6))
    with transaction("reader") as session:
        assert [(one.entry, one.changed_on) for one in withdrawals.find(session)] == [(taken_back, date(2026, 3, 5))]


def test_permits_and_what_fell_before_the_law_have_no_such_clock(authority: Put) -> None:
    authority("1号", "01", changed_on=FELL)
    authority("2号", changed_on=date(2021, 7, 14))
    assert _keep_up(FELL) == withdrawals.Done([], [], [])


def test_the_hourly_upkeep_minds_the_clocks(authority: Put) -> None:
    entry = authority("1号", state="01", changed_on=FELL)
    moment = datetime(2026, 3, 4, 16, 30, tzinfo=UTC)  # the 5th in China
    with transaction("owner") as session:
        assert upkeep.keep_up(session, moment).withdrawals == [entry]
    assert _told() == [("yellow", "fire")]


def test_publication_is_counted_by_department_and_the_late_are_named(register: Put) -> None:
    decided, due = date(2026, 3, 4), date(2026, 3, 13)
    for number in range(5):
        register(f"{number}号", decision_date=decided, published_on=due)
    late = register("迟号", "01", decision_date=decided, published_on=date(2026, 3, 14), authority="兴和市消防局")
    register("未注明", decision_date=decided)
    register("名单", "03", decision_date=decided, published_on=date(2026, 12, 1))
    register("少", decision_date=decided, published_on=decided, authority="别的局")
    with transaction("reader") as session:
        fire, other = timeliness.count(session)
        assert (fire.department, fire.in_time, fire.late, fire.unstated, fire.rate) == ("fire", 5, 1, 1, 5 / 6)
        assert (other.in_time, other.rate) == (1, None), "too few to have a rate"
        (named,) = timeliness.find(session, 10)
        assert (named.entry, named.due, named.department) == (late, due, "fire")
        assert timeliness.count(session, date(2026, 3, 5)) == []
    found = CliRunner().invoke(app, ["late"]).output
    assert late in found
    assert "83.3%" in found
    assert "n/a" in found
    told = json.loads(CliRunner().invoke(app, ["late", "--json", "--since", "2026-03-01"]).output)
    assert told["published"][0]["published_on"] == "2026-03-14"


def test_without_late_entries_nothing_is_late(register: Put) -> None:
    register("1号", decision_date=FELL, published_on=FELL)
    register("2号", decision_date=FELL)
    with transaction("reader") as session:
        (one,) = timeliness.count(session)
        assert (one.in_time, one.late, one.unstated) == (1, 0, 1)
        assert timeliness.find(session, 10) == []


def test_a_provisional_day_moves_when_the_year_is_entered(authority: Put) -> None:
    fell = date(2098, 12, 30)  # a year nobody's calendar knows
    entry = authority("1号", state="01", changed_on=fell)
    _keep_up(fell)
    assert (_clock(entry).due_date, _clock(entry).is_provisional) == (date(2099, 1, 5), True)
    with transaction("owner") as session:
        edits = [
            calendar_edits.DayEdit(date(2099, 1, 2), False, "元旦"),
            calendar_edits.DayEdit(date(2099, 1, 5), False, "元旦"),
        ]
        calendar_edits.edit(session, "chief", edits, "国办通知")
        for year in (2098, 2099):
            calendar_edits.edit(
                session, "chief", [calendar_edits.DayEdit(date(year, 10, 1), False, "国庆节")], "国办通知"
            )
            calendar_edits.confirm(session, "chief", year, "国办通知")
    try:
        _keep_up(fell)
        _keep_up(fell)
        assert (_clock(entry).due_date, _clock(entry).is_provisional) == (date(2099, 1, 7), False)
        with transaction("reader") as session:
            assert session.scalars(select(Notice.department_id).where(Notice.key == "deadline.moved")).all() == ["fire"]
    finally:
        with transaction("owner") as session:
            for table in (CalendarDay, CalendarYear, CalendarEvent):
                session.execute(delete(table))
