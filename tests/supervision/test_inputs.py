"""What counts in a week and what does not: each rule with a case on both sides of it."""

from datetime import date

import pytest

from exchange_api.supervision import inputs
from exchange_api.supervision.inputs import Case
from tests.supervision.conftest import WEEK, Days, Site


def counted(site: Site, key: str, department: str = "public_security") -> list[Case]:
    return inputs.read(site.session, WEEK).get(department, {}).get(key, [])


def sums(site: Site, key: str, department: str = "public_security") -> tuple[float, float]:
    cases = counted(site, key, department)
    return sum(one.n for one in cases), sum(one.d for one in cases)


@pytest.mark.parametrize(
    ("due", "done", "expected"),
    [
        pytest.param(4, 3, (1, 1), id="done before its day"),
        pytest.param(3, 3, (1, 1), id="done on its day"),
        pytest.param(1, 3, (0, 1), id="done late"),
        pytest.param(-20, 3, (0, 1), id="done very late"),
        pytest.param(3, None, (0, 1), id="open and overdue counts as late"),
        pytest.param(-30, None, (0, 1), id="open and overdue since weeks"),
        pytest.param(6, None, (0, 1), id="due on the last day and open"),
        pytest.param(7, None, (0, 0), id="due next week and open"),
        pytest.param(-3, -3, (0, 0), id="done the week before"),
        pytest.param(3, 8, (0, 1), id="overdue at the end and done the week after"),
        pytest.param(9, 8, (0, 0), id="due and done the week after"),
    ],
)
def test_a_reply_counts_by_when_it_was_due_and_done(
    site: Site, day: Days, due: int, done: int | None, expected: tuple[int, int]
) -> None:
    site.clock(day(due), None if done is None else day(done))
    assert sums(site, "reply_timely") == expected


def test_what_was_withdrawn_is_owed_no_longer(site: Site, day: Days) -> None:
    site.clock(day(1), day(3), state="cancelled")
    assert sums(site, "reply_timely") == (0, 0)


def test_a_clock_that_stands_still_at_the_end_was_not_due(site: Site, day: Days) -> None:
    site.pause(site.clock(day(3)), day(2))
    assert sums(site, "reply_timely") == (0, 0)


def test_a_clock_that_stood_still_before_is_due(site: Site, day: Days) -> None:
    site.pause(site.clock(day(3)), day(1), day(2))
    assert sums(site, "reply_timely") == (0, 1)


def test_other_steps_and_other_departments_do_not_count(site: Site, day: Days) -> None:
    site.clock(day(3), day(3), rule_key="acceptance", department="housing")
    site.clock(day(3), day(3), department="civil_affairs")
    site.clock(day(3), day(3), rule_key="provide_after_agree")
    assert sums(site, "reply_timely") == (0, 0)
    assert sums(site, "provide_timely") == (1, 1)
    assert sums(site, "reply_timely", "civil_affairs") == (1, 1)


GROUND = {"kind": "law", "law": "《档案法》第二十条"}


def test_refusals_with_a_ground_are_valid_and_asked_of_nobody(site: Site, day: Days) -> None:
    site.answer("refused", day(2), decision="refuse", ground=GROUND)
    assert sums(site, "refuse_valid") == (1, 1)
    assert sums(site, "sat_rate") == (0, 0)


def test_a_refusal_without_ground_is_neither_valid_nor_forgiven(site: Site, day: Days) -> None:
    site.answer("refused", day(2), decision="refuse")
    assert sums(site, "refuse_valid") == (0, 1)
    assert sums(site, "sat_rate") == (0, 1)


@pytest.mark.parametrize(("state", "valid"), [("sent_back", 0), ("upheld", 1), ("negotiating", 1)])
def test_a_refusal_that_a_ruling_sent_back_was_not_valid(site: Site, day: Days, state: str, valid: int) -> None:
    demand, row = site.answer("refused", day(2), decision="refuse", ground=GROUND)
    site.dispute(demand, row, state)
    assert sums(site, "refuse_valid") == (valid, 1)
    assert sums(site, "sat_rate") == (0, 1 - valid)


def test_what_is_confirmed_is_satisfied_in_the_week_it_was_said(site: Site, day: Days) -> None:
    site.answer("confirmed", day(2), decision="confirm")
    site.answer("confirmed", day(-2), decision="confirm")
    site.answer("confirmed", day(8), decision="confirm")
    assert sums(site, "sat_rate") == (1, 1)


def test_a_promise_counts_when_it_is_kept_or_overdue(site: Site, day: Days) -> None:
    for due, done in ((3, 2), (3, None), (20, None)):
        demand, row = site.answer("confirmed" if done else "promised", day(-10), decision="will_provide")
        site.clock(
            day(due),
            day(done) if done else None,
            demand=demand,
            case=f"answer:{row.id}",
            rule_key="provide_after_agree",
        )
    assert sums(site, "sat_rate") == (1, 2)


def test_withdrawn_demands_and_cancelled_answers_do_not_count(site: Site, day: Days) -> None:
    site.answer("confirmed", day(2), decision="confirm", demand=site.demand("withdrawn"))
    site.answer("cancelled", day(2), decision="confirm")
    assert sums(site, "sat_rate") == (0, 0)


def test_an_item_whose_reply_is_overdue_is_not_satisfied(site: Site, day: Days) -> None:
    demand, row = site.answer("waiting", None)
    site.clock(day(1), demand=demand, case=row.task_id)
    demand, row = site.answer("waiting", None)
    site.clock(day(12), demand=demand, case=row.task_id)
    assert sums(site, "sat_rate") == (0, 1)


def test_the_newest_word_on_an_item_counts(site: Site, day: Days) -> None:
    demand, former = site.answer("refused", day(1), decision="refuse")
    _, newer = site.answer("confirmed", day(3), decision="confirm", demand=demand)
    newer.demand_item_id = former.demand_item_id
    site.session.flush()
    assert [one.id for one in counted(site, "sat_rate")] == [str(newer.id)]


def test_days_are_those_of_china(site: Site) -> None:
    _, row = site.answer("confirmed", date(2026, 3, 9), decision="confirm")
    row.answered_at = WEEK.begin
    site.session.flush()
    assert sums(site, "sat_rate") == (1, 1)
