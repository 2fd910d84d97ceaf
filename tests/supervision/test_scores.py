"""From cases to a score and back: kept once, counted again the same, corrected beside the former."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, undefer

from catalog import notices
from exchange_api.actors import Actor
from exchange_api.clocks import supervising
from exchange_api.evidence.canonical import canonical_json
from exchange_api.supervision import concerns, definitions, objecting, recomputing, scores, snapshots, weekly, weeks
from exchange_api.supervision.inputs import Case
from schemas.errors import Denied, HutongError, Invalid
from schemas.tables.evidence import Entry
from schemas.tables.supervision import SupervisionFigure, SupervisionScore, SupervisionWeek
from tests.supervision.conftest import BUREAU, CIVIL, HUB, POLICE, SECOND, WEEK, Days, Site

SHARES = [one for one in definitions.indicators() if one.direction == "up" and one.weight]
CASE = st.builds(
    lambda number, d, n: Case("clock", str(number), min(n, d), d),
    st.integers(1, 10**6),
    st.integers(0, 9),
    st.integers(0, 9),
)


@given(st.dictionaries(st.sampled_from([one.key for one in SHARES]), st.lists(CASE, min_size=1, max_size=12)))
def test_figures_are_the_sums_of_their_cases_and_never_above_one(cases: dict[str, list[Case]]) -> None:
    made = scores.score(definitions.indicators(), cases)
    assert {one.key for one in made.figures} == set(cases)
    for one in made.figures:
        assert (
            one.numerator == sum(case.n for case in one.cases) <= one.denominator == sum(case.d for case in one.cases)
        )
        assert (one.value is None) == (one.state == "small") == (one.denominator < definitions.LEAST)
    counting = [one.value for one in made.figures if one.value is not None]
    assert (made.score is None) == (not counting)
    if made.score is not None:
        assert 100 * min(counting) - 0.01 <= made.score <= 100 * max(counting) + 0.01


def test_four_of_four_say_nothing_and_five_of_five_do() -> None:
    (indicator,) = [one for one in definitions.indicators() if one.key == "reply_timely"]
    four = scores.figure(indicator, [Case("clock", str(n), 1, 1) for n in range(4)])
    five = scores.figure(indicator, [Case("clock", str(n), 1, 1) for n in range(5)])
    assert (four.value, four.state) == (None, "small")
    assert (five.value, five.state) == (1.0, "rated")


def test_one_confirmed_event_vetoes() -> None:
    good = {"reply_timely": [Case("clock", str(n), 1, 1) for n in range(5)]}
    assert scores.score(definitions.indicators(), good).score == 100
    made = scores.score(definitions.indicators(), good | {"sec_event": [Case("finding", "1", 1, 0)]})
    assert (made.score, made.is_vetoed) == (0.0, True)


def test_every_indicator_says_what_it_is_or_why_it_is_not_there() -> None:
    from exchange_api.supervision import desk_inputs, directory_inputs

    read = {*desk_inputs.QUERIES, *directory_inputs.QUERIES, "cat_timely", "reuse"}
    assert {one.key for one in definitions.indicators() if one.no_source is None} == read
    assert len(definitions.indicators()) == 19
    for one in definitions.indicators():
        assert one.zh
        assert one.en
        assert set(one.formula) == set(one.window) == {"zh", "en"}


@pytest.fixture
def counted(site: Site, day: Days) -> Session:
    """A counted week: the police replied to four in time, once late, and left one open."""
    for _ in range(4):
        site.clock(day(4), day(2))
    site.clock(day(1), day(2))
    site.clock(day(1))
    assert snapshots.count(site.session, HUB, WEEK)
    return site.session


def score(session: Session, department: str = "public_security") -> SupervisionScore:
    return snapshots.get(session, WEEK.name, department)


def figure(session: Session, kept: SupervisionScore, key: str = "reply_timely") -> SupervisionFigure:
    query = select(SupervisionFigure).where(SupervisionFigure.score_id == kept.id, SupervisionFigure.key == key)
    return session.scalars(query.options(undefer(SupervisionFigure.cases))).one()


def test_a_week_is_counted_once_with_every_case(counted: Session) -> None:
    kept = figure(counted, score(counted))
    assert (kept.numerator, kept.denominator, kept.value) == (4, 6, 0.666667)
    assert len(kept.cases) == 6
    assert score(counted).score == 66.67
    assert score(counted, "civil_affairs").score is None
    assert not snapshots.count(counted, HUB, WEEK)


def test_the_digest_of_a_week_stands_in_evidence(counted: Session) -> None:
    week = counted.get_one(SupervisionWeek, WEEK.name)
    document = counted.get_one(Entry, week.receipt).document
    assert canonical_json({"digest": week.digest})[1:-1] in bytes(document)


@pytest.mark.parametrize("table", ["supervision_weeks", "supervision_scores", "supervision_figures"])
def test_what_was_counted_is_never_changed(counted: Session, table: str) -> None:
    with pytest.raises(DBAPIError, match="insert-only"), counted.begin_nested():
        counted.execute(text(f"DELETE FROM exchange.{table}"))


def test_a_week_that_is_not_over_is_not_counted(site: Site) -> None:
    with pytest.raises(Invalid) as refused:
        snapshots.count(site.session, HUB, weeks.last_whole().before(-1))
    assert refused.value.code == "supervision.week_open"


def test_counting_again_gives_the_same(counted: Session) -> None:
    assert recomputing.check(counted, WEEK.name) == []
    assert recomputing.compare(counted, WEEK.name) == []


def test_what_was_tampered_with_is_named(counted: Session) -> None:
    counted.execute(text("ALTER TABLE exchange.supervision_figures DISABLE TRIGGER insert_only"))
    counted.execute(text("UPDATE exchange.supervision_figures SET numerator = 6, value = 1"))
    (found,) = recomputing.check(counted, WEEK.name)
    assert (found.what, found.key, found.was, found.now) == ("figure", "reply_timely", "6/6 rated", "4/6 rated")
    counted.execute(text("UPDATE exchange.supervision_figures SET cases = jsonb_set(cases, '{0,n}', '0')"))
    assert {one.what for one in recomputing.check(counted, WEEK.name)} == {"score", "figure", "digest"}


def test_what_happened_since_is_named_by_case(counted: Session) -> None:
    counted.execute(
        text("UPDATE exchange.case_clocks SET state = 'cancelled', stopped_on = due_date WHERE state = 'running'")
    )
    (found,) = recomputing.compare(counted, WEEK.name)
    assert (found.what, found.key, found.was, found.now) == ("gone", "reply_timely", "0/1", "-")


def _late(session: Session) -> str:
    return next(str(one["id"]) for one in figure(session, score(session)).cases if one["n"] == 0)


def _object(session: Session, actor: Actor = POLICE, case: str | None = None) -> Any:
    what = ("reply_timely", "clock", case or _late(session))
    return objecting.file(session, actor, score(session).id, what, ("接口当日故障", "运维单 12 号"))


def told(session: Session, department: str) -> list[str]:
    return [one.key for one in notices.find(session, department)]


def test_an_upheld_objection_corrects_beside_the_former(counted: Session) -> None:
    former = score(counted)
    filed = _object(counted)
    objecting.decide(counted, SECOND, filed.id, "属实", is_upheld=True)
    now = score(counted)
    assert (now.revision, now.objection_id, now.score) == (2, filed.id, 80.0)
    assert (former.revision, former.score) == (1, 66.67)
    assert (figure(counted, now).numerator, figure(counted, now).denominator) == (4, 5)
    assert recomputing.check(counted, WEEK.name) == []
    assert "supervision.objection_upheld" in told(counted, "public_security")
    assert "supervision.objection_upheld" in told(counted, "data_bureau")


def test_a_rejected_objection_leaves_the_score_and_is_not_raised_again(counted: Session) -> None:
    filed = _object(counted)
    objecting.decide(counted, SECOND, filed.id, "证据不足", is_upheld=False)
    assert score(counted).revision == 1
    with pytest.raises(Invalid) as refused:
        _object(counted)
    assert refused.value.code == "supervision.objected"


def test_who_made_the_score_does_not_review_it(site: Site, day: Days) -> None:
    for _ in range(5):
        site.clock(day(1), day(2))
    snapshots.count(site.session, BUREAU, WEEK)
    filed = _object(site.session)
    with pytest.raises(Denied) as refused:
        objecting.decide(site.session, BUREAU, filed.id, "属实", is_upheld=True)
    assert refused.value.code == "supervision.same_officer"
    assert objecting.decide(site.session, SECOND, filed.id, "属实", is_upheld=True).state == "upheld"


def test_only_the_department_objects_to_its_own_cases_in_time(
    counted: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(HutongError) as refused:
        _object(counted, CIVIL)
    assert refused.value.code == "case.not_yours"
    with pytest.raises(HutongError) as refused:
        _object(counted, case="999")
    assert refused.value.code == "supervision.unknown_case"
    assert objecting.may_object(counted, POLICE, score(counted))
    last = objecting.until(counted, score(counted)).date
    monkeypatch.setattr(objecting, "today", lambda: last + timedelta(days=366))
    assert not objecting.may_object(counted, POLICE, score(counted))
    with pytest.raises(HutongError) as refused:
        _object(counted)
    assert refused.value.code == "supervision.too_late"


def test_an_objection_is_taken_back(counted: Session) -> None:
    filed = _object(counted)
    with pytest.raises(Denied):
        objecting.withdraw(counted, CIVIL, filed.id)
    assert objecting.withdraw(counted, POLICE, filed.id).state == "withdrawn"
    assert _object(counted).state == "open"


def test_departments_are_told_their_score_and_the_authority_of_the_report(site: Site, day: Days) -> None:
    for _ in range(5):
        site.clock(day(1), day(2))
    assert weekly.count_and_tell(site.session, HUB, WEEK)
    assert not weekly.count_and_tell(site.session, HUB, WEEK)
    assert told(site.session, "public_security") == ["supervision.scored"]
    assert told(site.session, "data_bureau") == ["supervision.reported"]
    assert told(site.session, "civil_affairs") == []


def test_missing_weeks_are_made_up_from_the_first_case_on(site: Site) -> None:
    assert weekly.find_missing(site.session) == []
    last = weeks.last_whole()
    site.demand(day=last.before(2).first_day)
    assert [one.name for one in weekly.find_missing(site.session)] == [last.before(back).name for back in (2, 1, 0)]
    snapshots.count(site.session, HUB, last.before(1))
    assert [one.name for one in weekly.find_missing(site.session)] == [last.before(2).name, last.name]
    site.demand(day=last.before(40).first_day)
    assert len(weekly.find_missing(site.session)) == weekly.MOST - 1


def test_the_authority_supervises_what_is_overdue_once(site: Site, day: Days) -> None:
    late = site.clock(day(1))
    with pytest.raises(Denied):
        supervising.supervise(site.session, POLICE, late.id, "请三日内办结")
    supervising.supervise(site.session, BUREAU, late.id, "请三日内办结")
    assert late.reminded == "supervised"
    assert told(site.session, "public_security") == ["clock.supervised"]
    (total, (one,)) = concerns.find(site.session, "overdue")
    assert (total, one.mark, one.department_id) == (1, "supervised", "public_security")
    with pytest.raises(Invalid) as refused:
        supervising.supervise(site.session, BUREAU, late.id, "请三日内办结")
    assert refused.value.code == "deadline.supervised"


def test_what_is_not_overdue_is_not_supervised(site: Site, day: Days) -> None:
    met = site.clock(day(1), day(1))
    with pytest.raises(Invalid) as refused:
        supervising.supervise(site.session, BUREAU, met.id, "快办")
    assert refused.value.code == "deadline.not_overdue"


def test_concerns_are_counted_as_they_are_listed(site: Site, day: Days) -> None:
    site.clock(day(1))
    site.clock(day(1), day(1))
    site.answer("refused", weeks.last_whole().last_day, decision="refuse")
    site.answer("waiting", None)
    numbers = concerns.count(site.session)
    assert numbers == {key: concerns.find(site.session, key)[0] for key in concerns.QUERIES}
    assert numbers == {"overdue": 1, "never_answered": 1, "refused": 1, "unused": 0, "over_used": 0, "findings": 0}
