"""A year whose calendar is not out makes due dates provisional; once it is entered and confirmed they move once, with a trace and a word to those concerned."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest
from sqlalchemy import URL, Engine, create_engine, select
from sqlalchemy.orm import Session

from catalog import deadlines
from catalog.calendar_edits import DayEdit
from exchange_api.clocks import calendar_desk, clocks, recomputing
from exchange_api.clocks.clock_upkeep import Kept, keep_clocks
from schemas.calendar import WorkingCalendar
from schemas.errors import HutongError
from schemas.migrations import upgrade
from schemas.tables.clocks import CaseClock, ClockEvent
from schemas.tables.deadlines import CalendarDay, CalendarEvent
from schemas.tables.exchange import SupplyTask
from tests.desks.clocking import DEMAND, add_demand, add_places, events, moment, stand_on, start, told
from tests.desks.conftest import BUREAU, POLICE

BEGUN, PROVISIONAL = date(2026, 12, 25), date(2027, 1, 11)
NOTICE = "国办发明电〔2026〕8号"
# a new year of three days off, its Sunday worked: as 2026 had it
NEW_YEAR = [
    DayEdit(date(2027, 1, 1), False, "元旦"), DayEdit(date(2027, 1, 4), False, "元旦"), DayEdit(date(2027, 1, 5), False, "元旦"),
    DayEdit(date(2027, 1, 9), True),
]  # fmt: skip
MOVED = date(2027, 1, 12)


@pytest.fixture
def clock(town: Session, monkeypatch: pytest.MonkeyPatch) -> CaseClock:
    """Ten working days over a year's end nobody knows yet."""
    add_demand(town)
    stand_on(monkeypatch, BEGUN)
    return start(town)


def recompute(session: Session) -> list[int]:
    return recomputing.recompute(session, BUREAU, recomputing.waiting(session), NOTICE)


def test_a_confirmed_year_moves_a_provisional_date_once_and_says_so(town: Session, clock: CaseClock) -> None:
    assert (clock.due_date, clock.is_provisional) == (PROVISIONAL, True)
    assert recomputing.waiting(town) == []
    calendar_desk.edit(town, BUREAU, NEW_YEAR, NOTICE)
    calendar_desk.confirm(town, BUREAU, 2027, NOTICE)
    assert recompute(town) == [clock.id]
    assert (clock.due_date, clock.is_provisional) == (MOVED, False)
    assert (recompute(town), events(town, clock)) == ([], ["start", "recompute"])
    trace = town.scalars(select(ClockEvent).where(ClockEvent.action == "recompute")).one()
    assert (trace.actor, trace.from_due, trace.to_due, trace.note) == ("chen", PROVISIONAL, MOVED, NOTICE)
    assert told(town, "deadline.moved") == ["housing", "public_security"]


def test_a_confirmed_year_that_moves_nothing_makes_it_final_in_silence(town: Session, clock: CaseClock) -> None:
    calendar_desk.edit(town, BUREAU, NEW_YEAR[:1], NOTICE)
    calendar_desk.confirm(town, BUREAU, 2027, NOTICE)
    assert recompute(town) == [clock.id]
    assert (clock.due_date, clock.is_provisional, told(town, "deadline.moved")) == (PROVISIONAL, False, [])


def test_an_edit_alone_moves_what_is_provisional_and_keeps_it_so(town: Session, clock: CaseClock) -> None:
    calendar_desk.edit(town, BUREAU, NEW_YEAR[1:2], NOTICE)
    assert recompute(town) == [clock.id]
    assert (clock.due_date, clock.is_provisional) == (date(2027, 1, 12), True)


def test_what_was_fixed_when_it_started_stays(town: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    add_demand(town)
    stand_on(monkeypatch, date(2026, 12, 16))
    fixed = start(town)
    assert (fixed.due_date, fixed.is_provisional) == (date(2026, 12, 30), False)
    calendar_desk.edit(town, BUREAU, [DayEdit(date(2026, 12, 28), False, "市庆")], NOTICE)
    assert (recompute(town), fixed.due_date, events(town, fixed)) == ([], date(2026, 12, 30), ["start"])


def test_a_pause_over_unknown_days_is_counted_anew_too(
    town: Session, clock: CaseClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_on(monkeypatch, date(2026, 12, 31))
    clocks.pause(town, POLICE, DEMAND, DEMAND)
    stand_on(monkeypatch, date(2027, 1, 6))
    clocks.resume(town, POLICE, DEMAND, DEMAND)
    assert (clock.paused_days, clock.due_date) == (3, date(2027, 1, 14))
    calendar_desk.edit(town, BUREAU, NEW_YEAR, NOTICE)
    calendar_desk.confirm(town, BUREAU, 2027, NOTICE)
    recompute(town)
    assert clock.paused_days == 1  # of 01-01 to 01-06 only the sixth was worked
    assert deadlines.calendar(town).working_days_between(BEGUN, clock.due_date) == 11
    assert (clock.due_date, clock.is_provisional) == (date(2027, 1, 13), False)


def test_a_pause_that_carries_a_fixed_date_over_the_year_makes_it_provisional(
    town: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_demand(town)
    stand_on(monkeypatch, date(2026, 12, 16))
    clock = start(town)
    clocks.pause(town, POLICE, DEMAND, DEMAND)
    stand_on(monkeypatch, date(2026, 12, 21))
    clocks.resume(town, POLICE, DEMAND, DEMAND)
    assert (clock.due_date, clock.is_provisional) == (date(2027, 1, 5), True)
    calendar_desk.edit(town, BUREAU, NEW_YEAR, NOTICE)
    calendar_desk.confirm(town, BUREAU, 2027, NOTICE)
    assert recompute(town) == [clock.id]
    assert clock.due_date == date(2027, 1, 7)


def test_upkeep_recomputes_by_itself_and_a_task_follows(town: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    add_demand(town)
    stand_on(monkeypatch, BEGUN)
    task = SupplyTask(
        id="GJ-2026-000001", department_id="public_security", need="x", due_date=BEGUN, rule_key="reply_conditional"
    )
    town.add(task)
    town.flush()
    clock = clocks.start(town, POLICE, "reply_conditional", (task.id, DEMAND, "public_security"))
    calendar_desk.edit(town, BUREAU, NEW_YEAR, NOTICE)
    calendar_desk.confirm(town, BUREAU, 2027, NOTICE)
    assert keep_clocks(town, moment(BEGUN)) == Kept(recomputed=[clock.id])
    town.refresh(task)
    assert (task.due_date, task.is_provisional) == (MOVED, False)
    assert keep_clocks(town, moment(BEGUN)) == Kept()


def test_what_has_ended_is_left_alone(town: Session, clock: CaseClock) -> None:
    clocks.stop(town, POLICE, DEMAND)
    calendar_desk.edit(town, BUREAU, NEW_YEAR, NOTICE)
    calendar_desk.confirm(town, BUREAU, 2027, NOTICE)
    assert (recompute(town), clock.due_date) == ([], PROVISIONAL)


def test_only_the_authority_keeps_the_calendar_and_only_by_a_notice(town: Session) -> None:
    for code, step in (
        ("case.role_needed", lambda: calendar_desk.edit(town, POLICE, NEW_YEAR, NOTICE)),
        ("case.role_needed", lambda: calendar_desk.clear(town, POLICE, date(2027, 1, 4), NOTICE)),
        ("case.role_needed", lambda: calendar_desk.confirm(town, POLICE, 2027, NOTICE)),
        ("calendar.source_needed", lambda: calendar_desk.edit(town, BUREAU, NEW_YEAR, " ")),
        ("calendar.year_empty", lambda: calendar_desk.confirm(town, BUREAU, 2027, NOTICE)),
    ):
        with pytest.raises(HutongError) as caught:
            step()
        assert caught.value.code == code
    assert town.scalars(select(CalendarDay)).all() == []


def test_every_edit_says_who_when_and_by_which_notice(town: Session) -> None:
    assert calendar_desk.edit(town, BUREAU, NEW_YEAR, NOTICE) == [one.day for one in NEW_YEAR]
    assert calendar_desk.edit(town, BUREAU, NEW_YEAR, NOTICE) == []
    assert calendar_desk.clear(town, BUREAU, date(2027, 1, 9), "更正")
    assert not calendar_desk.clear(town, BUREAU, date(2027, 1, 9), "更正")
    assert calendar_desk.confirm(town, BUREAU, 2027, NOTICE)
    assert not calendar_desk.confirm(town, BUREAU, 2027, NOTICE)
    trail = town.scalars(select(CalendarEvent).order_by(CalendarEvent.id)).all()
    assert [one.action for one in trail] == ["set"] * 4 + ["clear", "confirm"]
    assert {one.actor for one in trail} == {"chen"}
    assert [one.source for one in trail][3:] == [NOTICE, "更正", NOTICE]
    assert not deadlines.calendar(town).is_working_day(date(2027, 1, 9))


@pytest.fixture
def city(new_database: Callable[[], URL], monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """A database of its own with twenty provisional clocks, and the year confirmed after they started."""
    url = new_database()
    upgrade(url)
    engine = create_engine(url)
    with Session(engine) as session:
        add_places(session)
        add_demand(session)
        stand_on(monkeypatch, BEGUN)
        for number in range(20):
            clocks.start(session, POLICE, "reply_conditional", (f"answer:{number}", DEMAND, "public_security"))
        calendar_desk.edit(session, BUREAU, NEW_YEAR, NOTICE)
        calendar_desk.confirm(session, BUREAU, 2027, NOTICE)
        session.commit()
    yield engine
    engine.dispose()


def test_two_recomputations_at_once_move_each_clock_once(city: Engine) -> None:
    together = threading.Barrier(2)

    def work(_: int) -> list[int]:
        with Session(city) as session:
            left = recomputing.waiting(session)
            together.wait(timeout=30)
            done = recomputing.recompute(session, BUREAU, left, NOTICE)
            session.commit()
            return done

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(work, range(2))
    assert set(first).isdisjoint(second)
    with Session(city) as session:
        recomputing.recompute(session, BUREAU, recomputing.waiting(session), NOTICE)  # what either found at work
        moved = session.scalars(select(ClockEvent.clock_id).where(ClockEvent.action == "recompute")).all()
        assert (len(moved), len(set(moved))) == (20, 20)
        assert set(session.scalars(select(CaseClock.due_date))) == {MOVED}
        session.rollback()


def test_a_clock_somebody_works_on_is_left_for_the_next_time(city: Engine) -> None:
    with Session(city) as officer, Session(city) as upkeep:
        held = clocks.held(officer, "answer:0", DEMAND)
        done = recomputing.recompute(upkeep, BUREAU, recomputing.waiting(upkeep), NOTICE)
        assert (len(done), held[0].id in done) == (19, False)
        upkeep.commit()
        officer.rollback()
        assert recomputing.recompute(upkeep, BUREAU, recomputing.waiting(upkeep), NOTICE) == [held[0].id]
        upkeep.rollback()


def test_a_due_date_is_never_before_the_day_it_was_asked_for() -> None:
    """What is added is never lost to a year's end, whichever notice comes."""
    calendar = WorkingCalendar({one.day: one.is_working for one in NEW_YEAR}, [2027])
    for ahead in range(40):
        begun = date(2026, 12, 1) + timedelta(days=ahead)
        due = calendar.add_working_days(begun, 10)
        assert (calendar.working_days_between(begun, due.date), due.provisional) == (10, False)
