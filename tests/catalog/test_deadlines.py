"""Clocks run by the rule table: place, time, working days, make-up days."""

from datetime import date
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from catalog import deadlines, periods
from catalog.periods import Period
from schemas.errors import HutongError, Terminal
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


@pytest.mark.parametrize(
    ("place", "around"),
    [
        ("330106", ["330106", "330100", "330000", "national"]),
        ("330100", ["330100", "330000", "national"]),
        ("national", ["national"]),
    ],
)
def test_a_place_lies_within_others(place: str, around: list[str]) -> None:
    assert deadlines.places(place) == around


def test_the_nearest_places_rule_wins_and_the_hub_knows_where_it_stands(
    rules: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    on = date(2026, 6, 1)
    periods.add(rules, "chen", ("reply_conditional", "330000"), date(2026, 1, 1), Period(8, "省条例"))
    periods.add(rules, "chen", ("reply_conditional", "330100"), date(2026, 1, 1), Period(6, "市办法"))
    found = {
        place: deadlines.rule(rules, "reply_conditional", on, place).days for place in ("330106", "330200", "510000")
    }
    assert found == {"330106": 6, "330200": 8, "510000": 10}
    assert deadlines.rule(rules, "reply_conditional", on).days == 10
    monkeypatch.setenv("HUTONG_JURISDICTION", "330106")
    assert deadlines.rule(rules, "reply_conditional", on).days == 6


def test_a_new_rule_ends_the_former_the_day_before(rules: Session) -> None:
    made = periods.add(
        rules, "chen", ("reply_conditional", "national"), date(2026, 7, 1), Period(7, "修订", extension_days=3)
    )
    assert (made.added_by, made.is_confirmed, made.extension_approver) == ("chen", False, "authority")
    former, new = periods.find(rules, "reply_conditional")
    assert (former.effective_to, former.days, new.effective_to, new.days) == (date(2026, 6, 30), 10, None, 7)
    assert deadlines.due_date(rules, "reply_conditional", date(2026, 6, 30)).date == date(2026, 7, 14)
    assert deadlines.due_date(rules, "reply_conditional", date(2026, 7, 1)).date == date(2026, 7, 10)
    assert periods.find(rules, "reply_conditional", in_force_on=date(2026, 6, 30)) == [former]
    again = periods.add(
        rules, "li", ("reply_conditional", "national"), date(2026, 7, 1), Period(7, "修订", extension_days=3)
    )
    assert again is made


def test_a_rule_is_never_altered_in_place(rules: Session) -> None:
    with pytest.raises(HutongError) as caught:
        periods.add(rules, "chen", ("reply_conditional", "national"), date(2025, 8, 1), Period(7, "修订"))
    assert caught.value.code == "deadline.rule_not_later"
    assert deadlines.rule(rules, "reply_conditional", date(2026, 6, 1)).days == 10


@pytest.mark.parametrize(
    ("place", "period", "code"),
    [
        (("reply_conditonal", "national"), Period(7, "修订"), "deadline.unknown_rule"),
        (("reply_conditional", "杭州"), Period(7, "修订"), "deadline.bad_rule"),
        (("reply_conditional", "national"), Period(0, "修订"), "deadline.bad_rule"),
        (("reply_conditional", "national"), Period(7, " "), "deadline.bad_rule"),
        (("reply_conditional", "national"), Period(7, "修订", "weeks"), "deadline.bad_rule"),
        (("reply_conditional", "national"), Period(7, "修订", extension_days=-1), "deadline.bad_rule"),
        (("reply_conditional", "national"), Period(7, "修订", extension_approver="provider"), "deadline.bad_rule"),
    ],
)
def test_what_no_rule_can_be(rules: Session, place: tuple[str, str], period: Period, code: str) -> None:
    with pytest.raises(HutongError) as caught:
        periods.add(rules, "chen", place, date(2026, 7, 1), period)
    assert caught.value.code == code
    assert [one.effective_to for one in periods.find(rules, "reply_conditional")] == [None]


def test_a_basis_is_confirmed_by_somebody_once(rules: Session) -> None:
    first = periods.confirm(rules, "chen", "reply_conditional")
    assert (first.is_confirmed, first.confirmed_by) == (True, "chen")
    assert periods.confirm(rules, "li", "reply_conditional").confirmed_by == "chen"
    with pytest.raises(HutongError) as caught:
        periods.confirm(rules, "chen", "reply_conditional", "330100")
    assert caught.value.code == "deadline.unknown_rule"


def test_no_period_the_hub_assumes_passes_for_confirmed(rules: Session) -> None:
    for rule in periods.find(rules):
        if "待核实" in rule.basis or "平台规则" in rule.basis:
            assert not rule.is_confirmed, rule.key
        assert rule.basis
        assert rule.days > 0


def test_a_clock_set_back_has_no_negative_length(rules: Session) -> None:
    calendar = deadlines.calendar(rules)
    for day_type in ("working", "calendar"):
        assert deadlines.length(calendar, day_type, date(2026, 6, 8), date(2026, 6, 1)) == 0
    assert deadlines.length(calendar, "calendar", date(2026, 6, 5), date(2026, 6, 8)) == 3
    assert deadlines.length(calendar, "working", date(2026, 6, 5), date(2026, 6, 8)) == 1


def test_every_rule_the_hub_comes_with_is_documented(rules: Session) -> None:
    page = (Path(deadlines.__file__).parents[1] / "docs" / "deadlines.md").read_text("utf-8")
    assert [key for key in periods.known(rules) if f"`{key}`" not in page] == []
