"""What time makes due: one reminder a lamp, the demander and the authority hear what is late, and what stays late is supervised; again tells nobody twice."""

from datetime import date

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from exchange_api import cases
from exchange_api.clocks import clocks, extensions
from exchange_api.clocks.clock_upkeep import Kept, keep_clocks
from exchange_api.clocks.lamps import days_left, find, lamp, of_case
from schemas.calendar import WorkingCalendar
from schemas.tables.clocks import CaseClock
from schemas.tables.operations import Notice, Officer
from tests.desks.clocking import DEMAND, add_demand, events, moment, stand_on, start, told
from tests.desks.conftest import BUREAU, HOUSING, POLICE

BEGUN, DUE = date(2026, 6, 1), date(2026, 6, 15)


@pytest.fixture
def clock(town: Session, monkeypatch: pytest.MonkeyPatch) -> CaseClock:
    add_demand(town)
    stand_on(monkeypatch, BEGUN)
    return start(town)


def keep(town: Session, day: date) -> Kept:
    return keep_clocks(town, moment(day))


@pytest.mark.parametrize(
    ("day", "shown", "left"),
    [
        (date(2026, 6, 10), "green", 3),
        (date(2026, 6, 11), "yellow", 2),
        (date(2026, 6, 13), "yellow", 1),
        (DUE, "yellow", 0),
        (date(2026, 6, 16), "red", -1),
        (date(2026, 6, 22), "red", -4),
    ],
)
def test_lamps_by_the_working_days_left(town: Session, clock: CaseClock, day: date, shown: str, left: int) -> None:
    assert (lamp(town, clock, day), days_left(WorkingCalendar(), clock, day)) == (shown, left)


def test_each_lamp_is_told_once_and_then_comes_supervision(town: Session, clock: CaseClock) -> None:
    assert keep(town, date(2026, 6, 10)) == Kept()
    assert keep(town, date(2026, 6, 11)) == Kept(yellow=[clock.id])
    assert keep(town, DUE) == Kept()
    assert told(town, "clock.yellow") == ["public_security"]
    assert keep(town, date(2026, 6, 16)) == Kept(red=[clock.id])
    assert keep(town, date(2026, 6, 17)) == Kept()
    assert told(town, "clock.red") == ["data_bureau", "housing", "public_security"]
    assert keep(town, date(2026, 6, 18)) == Kept(supervised=[clock.id])  # three working days late
    assert keep(town, date(2026, 6, 30)) == Kept()
    assert told(town, "clock.supervised") == ["data_bureau", "public_security"]
    assert lamp(town, clock, date(2026, 6, 30)) == "supervised"
    assert events(town, clock) == ["start", "remind", "remind", "supervise"]
    assert [event.action for event in cases.timeline(town, DEMAND)] == ["supervise"]


def test_after_a_long_silence_of_the_server_nobody_is_left_out(town: Session, clock: CaseClock) -> None:
    assert keep(town, date(2026, 7, 1)) == Kept(red=[clock.id], supervised=[clock.id])
    assert (told(town, "clock.yellow"), told(town, "clock.red")) == ([], ["data_bureau", "housing", "public_security"])
    assert keep(town, date(2026, 7, 1)) == Kept()


def test_how_long_something_may_be_late_is_a_setting(
    town: Session, clock: CaseClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUTONG_SUPERVISION_DAYS", "0")
    assert keep(town, DUE) == Kept(yellow=[clock.id])
    assert keep(town, date(2026, 6, 16)) == Kept(red=[clock.id], supervised=[clock.id])


def test_what_stands_still_is_neither_reminded_of_nor_late(
    town: Session, clock: CaseClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    clocks.pause(town, POLICE, DEMAND, DEMAND)
    assert keep(town, date(2026, 7, 1)) == Kept()
    stand_on(monkeypatch, date(2026, 7, 1))
    clocks.resume(town, POLICE, DEMAND, DEMAND)
    assert keep(town, date(2026, 7, 1)) == Kept()
    assert lamp(town, clock, date(2026, 7, 1)) == "green"


def test_what_was_done_is_not_reminded_of(town: Session, clock: CaseClock) -> None:
    clocks.stop(town, POLICE, DEMAND)
    assert keep(town, date(2026, 7, 1)) == Kept()
    assert (lamp(town, clock), find(town)) == ("met", [])
    assert of_case(town, DEMAND) == [(clock, "met")]


def test_a_period_made_longer_has_its_reminders_again(
    town: Session, clock: CaseClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_on(monkeypatch, date(2026, 6, 12))
    assert keep(town, date(2026, 6, 12)).yellow == [clock.id]
    asked = extensions.ask(town, POLICE, clock.id, 10, "系统改造")
    extensions.decide(town, BUREAU, asked.id, True)
    assert (clock.reminded, keep(town, date(2026, 6, 12))) == ("green", Kept())
    assert keep(town, date(2026, 6, 29)).yellow == [clock.id]


def test_one_batch_takes_some_and_the_next_the_rest(town: Session, clock: CaseClock) -> None:
    others = [
        clocks.start(town, POLICE, "reply_conditional", (f"answer:{n}", DEMAND, "civil_affairs")).id for n in (1, 2)
    ]
    day = moment(date(2026, 6, 16))
    found = [keep_clocks(town, day, limit=1).red for _ in range(4)]
    assert found == [[clock.id], [others[0]], [others[1]], []]
    facts = [one.facts["case"] for one in town.scalars(select(Notice).where(Notice.key == "clock.red"))]
    assert set(facts) == {DEMAND}  # the number of an answer says nothing to an officer


def test_the_list_shows_what_a_department_owes(town: Session, clock: CaseClock) -> None:
    own = clocks.start(town, HOUSING, "negotiation", ("answer:1", DEMAND, "housing"))
    day = date(2026, 6, 11)
    assert find(town, on=day) == [(own, "red"), (clock, "yellow")]
    assert find(town, "public_security", day) == [(clock, "yellow")]


def test_a_demander_who_is_late_himself_is_told_once(town: Session, clock: CaseClock) -> None:
    own = clocks.start(town, HOUSING, "negotiation", ("answer:1", DEMAND, "housing"))
    assert keep(town, date(2026, 6, 9)).red == [own.id]
    assert told(town, "clock.red") == ["data_bureau", "housing"]
    assert clock.reminded == "green"


def test_the_authority_hears_once_that_next_years_calendar_is_missing(town: Session) -> None:
    town.add(Officer(id="chen", name="陈", department_id="data_bureau", roles=["authority"], password_hash="-"))
    town.flush()
    assert keep(town, date(2026, 10, 31)).missing == []
    assert keep(town, date(2026, 11, 1)).missing == [2027]
    assert keep(town, date(2026, 12, 31)).missing == []
    assert told(town, "calendar.missing") == ["data_bureau"]
