"""A clock runs by the law of the day it started: due dates across festivals, pauses, wrong servers, and the task that is due when its first clock is."""

from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog import deadlines
from exchange_api.clocks import clocks
from exchange_api.clocks.lamps import lamp
from schemas.errors import Invalid, Terminal
from schemas.tables.clocks import CaseClock, ClockPause
from schemas.tables.deadlines import CalendarDay, DeadlineRule
from schemas.tables.exchange import Demand, SupplyTask
from tests.desks.clocking import DEMAND, add_demand, events, stand_on, start
from tests.desks.conftest import POLICE

TASK = "GJ-2026-000001"


@pytest.fixture
def case(town: Session) -> Session:
    add_demand(town)
    return town


@pytest.mark.parametrize(
    ("begun", "rule", "due"),
    [
        (date(2026, 2, 12), "reply_conditional", date(2026, 3, 4)),  # Spring Festival, make-up days 02-14 and 02-28
        (date(2026, 9, 18), "reply_conditional", date(2026, 10, 9)),  # make-up day 09-20, National Day
        (date(2026, 9, 18), "provide_after_agree", date(2026, 10, 22)),
        (date(2025, 9, 25), "reply_conditional", date(2025, 10, 15)),  # eight days off with Mid-Autumn
        (date(2026, 2, 14), "reply_unconditional", date(2026, 2, 24)),  # begun on a make-up Saturday
        (date(2026, 4, 30), "conformity_check", date(2026, 5, 7)),  # 05-01 to 05 off
        (date(2025, 12, 31), "conformity_check", date(2026, 1, 5)),  # year end: 01-01 to 03 off, Sunday 01-04 worked
        (date(2026, 9, 19), "conformity_check", date(2026, 9, 21)),  # begun on Saturday: Sunday 09-20 is worked
    ],
)
def test_a_period_counts_the_days_that_are_worked(
    case: Session, monkeypatch: pytest.MonkeyPatch, begun: date, rule: str, due: date
) -> None:
    stand_on(monkeypatch, begun)
    clock = start(case, rule)
    assert (clock.started_on, clock.due_date, clock.is_provisional) == (begun, due, False)
    assert events(case, clock) == ["start"]


def test_a_clock_keeps_the_rule_it_started_with(case: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_on(monkeypatch, date(2026, 6, 1))
    clock = start(case)
    law = deadlines.rule(case, "reply_conditional", date(2026, 6, 1))
    assert (clock.days, clock.extension_limit, clock.extension_approver, clock.basis) == (
        10,
        10,
        "authority",
        law.basis,
    )
    law.effective_to = date(2026, 5, 31)
    case.add(DeadlineRule(key=law.key, jurisdiction="national", effective_from=date(2026, 6, 1), days=5, basis="新规"))
    case.flush()
    clocks.pause(case, POLICE, DEMAND, DEMAND)
    clocks.resume(case, POLICE, DEMAND, DEMAND)
    assert (clock.due_date, clock.days) == (date(2026, 6, 15), 10)


def test_a_clock_of_a_place_runs_by_its_rule(case: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    case.add(
        DeadlineRule(
            key="reply_conditional", jurisdiction="330100", effective_from=date(2026, 1, 1), days=5, basis="市"
        )
    )
    monkeypatch.setenv("HUTONG_JURISDICTION", "330106")
    stand_on(monkeypatch, date(2026, 6, 1))
    clock = start(case)
    assert (clock.jurisdiction, clock.due_date) == ("330100", date(2026, 6, 8))


def test_before_the_law_there_is_no_clock(case: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_on(monkeypatch, date(2025, 7, 31))
    with pytest.raises(Terminal, match=r"deadline\.no_rule"):
        start(case)
    assert case.scalars(select(CaseClock)).all() == []


def test_a_clock_that_runs_is_not_started_twice(case: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_on(monkeypatch, date(2026, 6, 1))
    first = start(case)
    stand_on(monkeypatch, date(2026, 6, 3))
    assert start(case) is first
    clocks.stop(case, POLICE, DEMAND)
    assert start(case).started_on == date(2026, 6, 3)


@pytest.mark.parametrize(
    ("paused", "resumed", "days", "due"),
    [
        (date(2026, 6, 3), date(2026, 6, 5), 2, date(2026, 6, 17)),
        (date(2026, 6, 3), date(2026, 6, 3), 0, date(2026, 6, 15)),  # asked and told on the same day
        (date(2026, 6, 6), date(2026, 6, 7), 0, date(2026, 6, 15)),  # over a weekend nobody worked anyhow
        (date(2026, 6, 6), date(2026, 6, 8), 1, date(2026, 6, 16)),
        (date(2026, 6, 5), date(2026, 6, 7), 0, date(2026, 6, 15)),
        (date(2026, 6, 1), date(2026, 6, 12), 9, date(2026, 6, 29)),  # due moves over the Dragon Boat Festival
    ],
)
def test_days_of_a_pause_are_not_counted(
    case: Session, monkeypatch: pytest.MonkeyPatch, paused: date, resumed: date, days: int, due: date
) -> None:
    stand_on(monkeypatch, date(2026, 6, 1))
    clock = start(case)
    stand_on(monkeypatch, paused)
    clocks.pause(case, POLICE, DEMAND, DEMAND, "请补充材料")
    assert (clock.state, lamp(case, clock)) == ("paused", "paused")
    stand_on(monkeypatch, resumed)
    clocks.resume(case, POLICE, DEMAND, DEMAND)
    assert (clock.state, clock.paused_days, clock.due_date) == ("running", days, due)
    assert events(case, clock) == ["start", "pause", "resume"]


def test_a_pause_over_a_festival_is_counted_in_working_days(case: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_on(monkeypatch, date(2026, 2, 9))
    clock = start(case)
    stand_on(monkeypatch, date(2026, 2, 13))
    clocks.pause(case, POLICE, DEMAND, DEMAND)
    stand_on(monkeypatch, date(2026, 2, 24))
    clocks.resume(case, POLICE, DEMAND, DEMAND)
    # of eleven days two were worked: Saturday the 14th and Tuesday the 24th
    assert (clock.paused_days, clock.due_date) == (2, date(2026, 3, 3))


def test_a_rule_in_calendar_days_counts_its_pauses_so(case: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    case.add(
        DeadlineRule(key="reply_conditional", jurisdiction="330000", effective_from=date(2026, 1, 1), day_type="calendar", days=10, basis="省")
    )  # fmt: skip
    monkeypatch.setenv("HUTONG_JURISDICTION", "330000")
    stand_on(monkeypatch, date(2026, 12, 28))
    clock = start(case)
    assert (clock.due_date, clock.is_provisional) == (date(2027, 1, 7), False)  # nobody's calendar moves it
    stand_on(monkeypatch, date(2027, 1, 1))
    clocks.pause(case, POLICE, DEMAND, DEMAND)
    stand_on(monkeypatch, date(2027, 1, 4))
    clocks.resume(case, POLICE, DEMAND, DEMAND)
    assert (clock.paused_days, clock.due_date) == (3, date(2027, 1, 10))


def test_what_stands_still_is_not_paused_twice_and_what_runs_is_not_resumed(
    case: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_on(monkeypatch, date(2026, 6, 1))
    clock = start(case)
    clocks.resume(case, POLICE, DEMAND, DEMAND)
    clocks.pause(case, POLICE, DEMAND, DEMAND)
    stand_on(monkeypatch, date(2026, 6, 3))
    clocks.pause(case, POLICE, DEMAND, DEMAND)
    clocks.resume(case, POLICE, DEMAND, DEMAND)
    assert (clock.paused_days, clock.due_date) == (2, date(2026, 6, 17))
    assert len(case.scalars(select(ClockPause)).all()) == 1


def test_a_server_set_back_makes_no_negative_days(case: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_on(monkeypatch, date(2026, 6, 8))
    clock = start(case)
    stand_on(monkeypatch, date(2026, 6, 3))
    clocks.pause(case, POLICE, DEMAND, DEMAND)
    assert clock.paused_on == date(2026, 6, 8)
    stand_on(monkeypatch, date(2026, 5, 20))
    clocks.resume(case, POLICE, DEMAND, DEMAND)
    assert (clock.paused_days, clock.due_date) == (0, date(2026, 6, 23))  # 06-19 is a holiday
    clocks.stop(case, POLICE, DEMAND)
    assert clock.stopped_on == date(2026, 6, 8)


def test_stopping_while_paused_counts_the_pause(case: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_on(monkeypatch, date(2026, 6, 1))
    clock = start(case)
    clocks.pause(case, POLICE, DEMAND, DEMAND)
    stand_on(monkeypatch, date(2026, 6, 16))  # a day after it was due first
    clocks.stop(case, POLICE, DEMAND)
    assert (clock.state, clock.stopped_on, clock.due_date) == ("met", date(2026, 6, 16), date(2026, 7, 1))
    assert events(case, clock) == ["start", "pause", "resume", "stop"]


def test_stopping_again_does_nothing(case: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_on(monkeypatch, date(2026, 6, 1))
    clock = start(case)
    clocks.stop(case, POLICE, DEMAND, is_met=False)
    clocks.stop(case, POLICE, DEMAND)
    assert (clock.state, events(case, clock)) == ("cancelled", ["start", "cancel"])


def test_an_edit_after_the_start_moves_nothing_that_was_fixed(case: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_on(monkeypatch, date(2026, 6, 1))
    clock = start(case)
    case.add(CalendarDay(day=date(2026, 6, 10), is_working=False, source="市政府通知"))
    case.flush()
    clocks.pause(case, POLICE, DEMAND, DEMAND)
    clocks.resume(case, POLICE, DEMAND, DEMAND)
    assert clock.due_date == date(2026, 6, 15)
    stand_on(monkeypatch, date(2026, 6, 9))
    clocks.pause(case, POLICE, DEMAND, DEMAND)
    stand_on(monkeypatch, date(2026, 6, 11))
    clocks.resume(case, POLICE, DEMAND, DEMAND)
    assert (clock.paused_days, clock.due_date) == (1, date(2026, 6, 16))  # only what is added now counts by the new day


def test_a_task_is_due_when_the_first_of_its_running_clocks_is(case: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    case.add(
        SupplyTask(
            id=TASK, department_id="public_security", need="x", due_date=date(2026, 1, 1), rule_key="reply_conditional"
        )
    )
    case.add(
        Demand(
            id="XQ-2026-000002",
            department_id="housing",
            service_item_id="gzf",
            purpose="二",
            basis="法",
            state="dispatched",
            created_by="li",
        )
    )
    case.flush()
    task = case.get_one(SupplyTask, TASK)

    def due() -> date:
        case.refresh(task)
        return task.due_date

    stand_on(monkeypatch, date(2026, 6, 1))
    clocks.start(case, POLICE, "reply_conditional", (TASK, DEMAND, "public_security"))
    stand_on(monkeypatch, date(2026, 6, 3))
    clocks.start(case, POLICE, "reply_conditional", (TASK, "XQ-2026-000002", "public_security"))
    assert due() == date(2026, 6, 15)
    clocks.pause(case, POLICE, TASK, DEMAND)
    assert due() == date(2026, 6, 17)  # what stands still hurries nobody
    clocks.stop(case, POLICE, TASK, "XQ-2026-000002")
    assert due() == date(2026, 6, 15)
    stand_on(monkeypatch, date(2026, 6, 5))
    clocks.resume(case, POLICE, TASK, DEMAND)
    assert due() == date(2026, 6, 17)


def test_an_unknown_clock_is_named(case: Session) -> None:
    with pytest.raises(Invalid) as caught:
        clocks.get(case, 999_999)
    assert caught.value.code == "deadline.unknown_clock"


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    begun=st.dates(date(2025, 8, 1), date(2026, 8, 1)),
    steps=st.lists(st.tuples(st.integers(0, 12), st.integers(0, 15)), max_size=4),
)
def test_what_is_owed_is_what_the_rule_says_whatever_the_pauses(
    case: Session, begun: date, steps: list[tuple[int, int]]
) -> None:
    """Working days from the start to the due date are the rule's and those that it stood still; and the day it stops does not matter."""
    calendar = deadlines.calendar(case)
    with pytest.MonkeyPatch.context() as patch:
        day = begun
        stand_on(patch, day)
        clock = start(case, "provide_after_agree")
        for runs, stands in steps:
            day += timedelta(days=runs)
            stand_on(patch, day)
            clocks.pause(case, POLICE, DEMAND, DEMAND)
            day += timedelta(days=stands)
            stand_on(patch, day)
            former = clock.due_date
            clocks.resume(case, POLICE, DEMAND, DEMAND)
            assert clock.due_date >= former
        assert calendar.working_days_between(begun, clock.due_date) == clock.days + clock.paused_days
        assert calendar.is_working_day(clock.due_date)
        assert clock.due_date == calendar.add_working_days(begun, clock.days + clock.paused_days).date
        clocks.stop(case, POLICE, DEMAND)
