"""Working days: the vectors of the design, the years nobody has published yet, and the administrator's edits."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.calendar import DueDate, WorkingCalendar
from schemas.errors import Invalid

CALENDAR = WorkingCalendar()
PUBLISHED = st.dates(date(2004, 1, 1), date(2026, 6, 30))


@pytest.mark.parametrize(
    ("start", "days", "due"),
    [
        (date(2026, 2, 12), 10, date(2026, 3, 4)),
        (date(2026, 9, 18), 10, date(2026, 10, 9)),
        (date(2026, 9, 18), 20, date(2026, 10, 22)),
        (date(2025, 9, 25), 10, date(2025, 10, 15)),
        (date(2025, 1, 24), 3, date(2025, 2, 5)),  # make-up Sunday 01-26, Spring Festival 01-28 to 02-04
        (date(2025, 2, 5), 3, date(2025, 2, 8)),  # due on a make-up Saturday
        (date(2025, 12, 31), 1, date(2026, 1, 4)),  # the first worked day of a year is its Sunday
        (date(2024, 12, 31), 1, date(2025, 1, 2)),
        (date(2026, 9, 24), 6, date(2026, 10, 10)),  # Mid-Autumn, National Day, and the make-up Saturday after
        (date(2026, 2, 14), 1, date(2026, 2, 24)),
        (date(2026, 2, 18), 1, date(2026, 2, 24)),  # begun within the festival
    ],
)
def test_due_dates_of_published_years(start: date, days: int, due: date) -> None:
    assert CALENDAR.add_working_days(start, days) == DueDate(due, provisional=False)
    assert CALENDAR.working_days_between(start, due) == days


def test_a_due_date_in_a_year_without_calendar_is_provisional() -> None:
    assert CALENDAR.add_working_days(date(2026, 12, 25), 10) == DueDate(date(2027, 1, 11), provisional=True)
    assert CALENDAR.add_working_days(date(2026, 12, 25), 4) == DueDate(date(2026, 12, 31), provisional=False)


@pytest.mark.parametrize(
    ("first", "last", "working"),
    [
        (date(2025, 1, 28), date(2025, 2, 4), False),
        (date(2025, 10, 1), date(2025, 10, 8), False),
        (date(2026, 1, 1), date(2026, 1, 3), False),
        (date(2026, 2, 15), date(2026, 2, 23), False),
        (date(2026, 5, 1), date(2026, 5, 5), False),
        (date(2026, 10, 1), date(2026, 10, 7), False),
        (date(2026, 2, 14), date(2026, 2, 14), True),
        (date(2026, 9, 20), date(2026, 9, 20), True),
        (date(2025, 10, 11), date(2025, 10, 11), True),
    ],
)
def test_holidays_and_make_up_days(first: date, last: date, working: bool) -> None:
    days = [first + timedelta(days=ahead) for ahead in range((last - first).days + 1)]
    assert {CALENDAR.is_working_day(day) for day in days} == {working}


def test_years_are_confirmed_when_published_or_entered() -> None:
    assert CALENDAR.is_confirmed(2004)
    assert CALENDAR.is_confirmed(2026)
    assert not CALENDAR.is_confirmed(2003)
    assert not CALENDAR.is_confirmed(2027)
    assert WorkingCalendar(confirmed_years=[2027]).is_confirmed(2027)


def test_an_unpublished_year_has_weekends_and_new_years_day() -> None:
    assert not CALENDAR.is_working_day(date(2027, 1, 1))
    assert CALENDAR.is_working_day(date(2027, 1, 4))
    assert not CALENDAR.is_working_day(date(2027, 1, 2))


def test_the_administrator_has_the_last_word() -> None:
    edited = WorkingCalendar(
        {date(2027, 1, 4): False, date(2027, 1, 9): True, date(2026, 12, 28): False}, confirmed_years=[2027]
    )
    assert edited.add_working_days(date(2026, 12, 25), 10) == DueDate(date(2027, 1, 12), provisional=False)
    assert not edited.is_working_day(date(2026, 12, 28))


def test_edits_alone_do_not_confirm_a_year() -> None:
    assert WorkingCalendar({date(2027, 1, 4): False}).add_working_days(date(2026, 12, 31), 1).provisional


def test_zero_days_end_today_or_on_the_next_working_day() -> None:
    assert CALENDAR.add_working_days(date(2026, 9, 18), 0).date == date(2026, 9, 18)
    assert CALENDAR.add_working_days(date(2026, 10, 1), 0).date == date(2026, 10, 8)
    assert CALENDAR.add_working_days(date(2027, 3, 1), 0).provisional


def test_a_negative_period_is_refused() -> None:
    with pytest.raises(Invalid) as caught:
        CALENDAR.add_working_days(date(2026, 9, 18), -1)
    assert caught.value.code == "calendar.days_negative"


def test_a_date_time_is_refused_because_its_day_depends_on_the_zone() -> None:
    with pytest.raises(TypeError, match="day in China"):
        CALENDAR.is_working_day(datetime(2026, 9, 18, 20, tzinfo=UTC))


@given(PUBLISHED, st.integers(1, 60))
def test_counting_back_gives_the_days_that_were_added(start: date, days: int) -> None:
    due = CALENDAR.add_working_days(start, days)
    assert CALENDAR.is_working_day(due.date)
    assert CALENDAR.working_days_between(start, due.date) == days
    assert CALENDAR.working_days_between(due.date, start) == -days
    assert not due.provisional


@given(PUBLISHED, st.integers(1, 60))
def test_a_longer_period_ends_later(start: date, days: int) -> None:
    assert CALENDAR.add_working_days(start, days).date < CALENDAR.add_working_days(start, days + 1).date


@given(
    st.dates(date(2026, 6, 1), date(2027, 12, 31)),
    st.integers(1, 60),
    st.dictionaries(st.dates(date(2026, 6, 1), date(2028, 6, 30)), st.booleans(), max_size=40),
)
def test_whatever_the_administrator_enters_a_period_has_its_days(
    start: date, days: int, edits: dict[date, bool]
) -> None:
    calendar = WorkingCalendar(edits, confirmed_years=[2027, 2028])
    due = calendar.add_working_days(start, days)
    assert calendar.working_days_between(start, due.date) == days
    assert calendar.is_working_day(due.date)
    assert not due.provisional


@given(PUBLISHED, st.integers(1, 30), st.integers(1, 30))
def test_a_period_in_two_parts_ends_as_one(start: date, first: int, second: int) -> None:
    halfway = CALENDAR.add_working_days(start, first).date
    assert CALENDAR.add_working_days(halfway, second) == CALENDAR.add_working_days(start, first + second)
