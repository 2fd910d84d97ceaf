"""Clocks run by the rule table: place, time, working days, make-up days."""

from datetime import date

import pytest
from sqlalchemy.orm import Session

from catalog import deadlines
from schemas.errors import Terminal
from schemas.tables.deadlines import CalendarDay, DeadlineRule


@pytest.fixture
def rules(session: Session) -> Session:
    deadlines.seed_rules(session)
    return session


def test_a_conditional_application_is_due_after_ten_working_days(rules: Session) -> None:
    # 2026-02-15 to 23 is Spring Festival, 02-14 and 02-28 are make-up working days
    assert deadlines.due_date(rules, "reply_conditional", date(2026, 2, 12)).date == date(2026, 3, 4)


def test_a_town_may_have_its_own_period(rules: Session) -> None:
    rules.add(
        DeadlineRule(
            key="reply_conditional", jurisdiction="330199", effective_from=date(2026, 1, 1), days=5, basis="本市办法"
        )
    )
    rules.flush()
    assert deadlines.rule(rules, "reply_conditional", date(2026, 6, 1), "330199").days == 5
    assert deadlines.rule(rules, "reply_conditional", date(2025, 12, 31), "330199").days == 10
    assert deadlines.rule(rules, "reply_conditional", date(2026, 6, 1), "510000").days == 10


def test_before_the_regulation_there_was_no_rule(rules: Session) -> None:
    with pytest.raises(Terminal, match=r"deadline\.no_rule"):
        deadlines.due_date(rules, "reply_conditional", date(2025, 7, 31))


def test_an_administrators_edit_moves_the_due_date(rules: Session) -> None:
    rules.add(CalendarDay(day=date(2026, 6, 2), is_working=False, source="市政府通知"))
    rules.flush()
    assert deadlines.due_date(rules, "reply_unconditional", date(2026, 6, 1)).date == date(2026, 6, 3)


def test_a_year_without_calendar_makes_the_date_provisional(rules: Session) -> None:
    assert deadlines.due_date(rules, "reply_conditional", date(2026, 12, 25)).provisional


@pytest.mark.parametrize(
    ("today", "lamp"),
    [
        (date(2026, 6, 1), "green"),
        (date(2026, 6, 10), "yellow"),
        (date(2026, 6, 12), "yellow"),
        (date(2026, 6, 15), "red"),
    ],
)
def test_lamps_follow_working_days_left(rules: Session, today: date, lamp: str) -> None:
    assert deadlines.lamp(rules, date(2026, 6, 12), today) == lamp
