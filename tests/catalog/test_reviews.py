"""A draft's way: the department's office, the authority, published; each step by somebody else, on time, with its trace."""

import itertools
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog import directory, notices
from catalog.review import reminders, reviews
from catalog.review.review_steps import CONSOLE, TRANSITIONS, Reviewer
from schemas.calendar import CHINA, today
from schemas.errors import Denied, HutongError, Invalid
from schemas.resource import ResourceDocument
from schemas.tables.deadlines import DeadlineRule
from schemas.tables.directory import VERSION_STATES, ResourceVersion
from schemas.tables.operations import Notice, Officer
from tests.catalog.conftest import resource

RESIDENT = "public_security.resident"


def officer(name: str, department_id: str, *roles: str) -> Reviewer:
    return Reviewer(name, department_id, frozenset(roles))


LI = officer("li", "public_security", "provider")
WANG = officer("wang", "public_security", "provider")
CHEN = officer("chen", "city", "authority")
ZHAO = officer("zhao", "city", "provider")


@pytest.fixture
def desk(directory_session: Session) -> Session:
    for one in (LI, WANG, CHEN, ZHAO):
        row = Officer(id=one.id, name=one.id, department_id=one.department_id, roles=[*one.roles], password_hash="-")
        directory_session.add(row)
    directory_session.flush()
    return directory_session


def save(session: Session, by: str = "li", **changes: Any) -> None:
    directory.save_draft(session, ResourceDocument.model_validate(resource(**changes)), by=by)


def carry(session: Session) -> ResourceVersion:
    """Take the draft all the way."""
    reviews.submit(session, LI, RESIDENT)
    reviews.approve_office(session, WANG, RESIDENT)
    return reviews.approve_authority(session, CHEN, RESIDENT)


def states(session: Session) -> list[str]:
    return [version.state for version in directory.versions(session, RESIDENT)]


def test_a_draft_passes_office_and_authority_and_is_published(desk: Session) -> None:
    reviews.submit(desk, LI, RESIDENT, "首次编目")
    assert states(desk) == ["office_review"]
    reviews.approve_office(desk, WANG, RESIDENT)
    assert states(desk) == ["authority_review"]
    version = reviews.approve_authority(desk, CHEN, RESIDENT)
    assert states(desk) == ["published"]
    assert version.published_at is not None
    assert version.change == "first"


def test_every_step_leaves_who_when_and_why(desk: Session) -> None:
    reviews.submit(desk, LI, RESIDENT, "首次编目")
    reviews.return_(desk, WANG, RESIDENT, "摘要不完整")
    carry(desk)
    events = reviews.history(desk, RESIDENT)
    assert [(e.actor, e.action, e.from_state, e.to_state) for e in events] == [
        ("li", "submit", "draft", "office_review"),
        ("wang", "return", "office_review", "draft"),
        ("li", "submit", "draft", "office_review"),
        ("wang", "approve_office", "office_review", "authority_review"),
        ("chen", "publish", "authority_review", "published"),
    ]
    assert events[1].note == "摘要不完整"
    assert all(e.at <= datetime.now(UTC) and e.department_id for e in events)


def test_those_concerned_are_told(desk: Session) -> None:
    carry(desk)
    told = {(n.department_id, n.key) for n in desk.scalars(select(Notice))}
    assert told == {
        ("public_security", "version.office_review"),
        ("city", "version.authority_review"),
        ("public_security", "version.published"),
    }
    (first, *_) = notices.find(desk, "city")
    assert first.facts["name"] == "常住人口登记信息"


def test_a_new_version_supersedes_the_former_and_says_so(desk: Session) -> None:
    carry(desk)
    save(desk, abstract="全部户籍人口")
    version = carry(desk)
    assert states(desk) == ["published", "superseded"]
    assert version.change == "compatible"
    superseded = [e for e in reviews.history(desk, RESIDENT) if e.action == "supersede"]
    assert [(e.version_id, e.facts) for e in superseded] == [(f"{RESIDENT}@1", {"by": f"{RESIDENT}@2"})]


def test_a_draft_with_gaps_is_not_reviewed_and_every_gap_is_named(desk: Session) -> None:
    save(desk, assessment=None, name="人口系统")
    with pytest.raises(Invalid, match=r"directory\.has_gaps"):
        reviews.submit(desk, LI, RESIDENT)
    assert states(desk) == ["draft"]


def test_the_console_may_stand_in_and_is_recorded(desk: Session) -> None:
    reviews.submit(desk, CONSOLE, RESIDENT)
    reviews.approve_office(desk, CONSOLE, RESIDENT)
    reviews.approve_authority(desk, CONSOLE, RESIDENT)
    assert states(desk) == ["published"]
    assert {event.actor for event in reviews.history(desk, RESIDENT)} == {"console"}


def test_only_the_console_publishes_without_review(desk: Session) -> None:
    for one in (LI, CHEN):
        with pytest.raises(Denied, match=r"directory\.role_needed"):
            reviews.publish(desk, one, RESIDENT)
    reviews.publish(desk, CONSOLE, RESIDENT)
    assert [(e.actor, e.action) for e in reviews.history(desk, RESIDENT)] == [("console", "publish")]


@pytest.mark.parametrize(
    ("step", "who", "code"),
    [
        (reviews.submit, ZHAO, "directory.role_needed"),  # another department
        (reviews.submit, officer("sun", "public_security", "demander"), "directory.role_needed"),
        (reviews.approve_office, LI, "directory.wrong_state"),
        (reviews.approve_authority, CHEN, "directory.wrong_state"),
    ],
)
def test_nobody_takes_a_step_that_is_not_his_or_not_its_turn(
    desk: Session, step: Any, who: Reviewer, code: str
) -> None:
    with pytest.raises(HutongError) as refused:
        step(desk, who, RESIDENT)
    assert refused.value.code == code
    assert states(desk) == ["draft"]


def test_neither_a_deputy_nor_whom_he_stands_in_for_approves_what_either_carried(desk: Session) -> None:
    save(desk, by="wu", abstract="另一摘要")
    provider = frozenset({"provider"})
    reviews.submit(desk, Reviewer("wang", "public_security", provider, in_place_of="qian"), RESIDENT)
    for hand, place in (("qian", None), ("wang", None), ("sun", "qian"), ("sun", "wang"), ("sun", "wu")):
        with pytest.raises(Denied, match=r"directory\.same_officer"):
            reviews.approve_office(desk, Reviewer(hand, "public_security", provider, in_place_of=place), RESIDENT)
    assert reviews.history(desk, RESIDENT)[-1].facts["in_place_of"] == "qian"
    reviews.approve_office(desk, officer("sun", "public_security", "provider"), RESIDENT)


def test_whoever_wrote_or_submitted_a_version_cannot_approve_it_anywhere(desk: Session) -> None:
    both = officer("li", "public_security", "provider", "authority")
    save(desk, by="li", abstract="另一摘要")
    reviews.submit(desk, WANG, RESIDENT)
    for one in (LI, WANG):
        with pytest.raises(Denied, match=r"directory\.same_officer"):
            reviews.approve_office(desk, one, RESIDENT)
    reviews.approve_office(desk, officer("sun", "public_security", "provider"), RESIDENT)
    for one in (both, officer("wang", "city", "authority"), officer("sun", "city", "authority")):
        with pytest.raises(Denied, match=r"directory\.same_officer"):
            reviews.approve_authority(desk, one, RESIDENT)
    reviews.approve_authority(desk, CHEN, RESIDENT)
    assert states(desk) == ["published"]


def test_returning_needs_a_reason_and_the_department_hears_it(desk: Session) -> None:
    reviews.submit(desk, LI, RESIDENT)
    reviews.approve_office(desk, WANG, RESIDENT)
    with pytest.raises(Invalid, match=r"directory\.reason_needed"):
        reviews.return_(desk, CHEN, RESIDENT, "  ")
    reviews.return_(desk, CHEN, RESIDENT, "共享条件过宽")
    assert states(desk) == ["draft"]
    told = notices.find(desk, "public_security")[0]
    assert (told.key, told.facts["why"]) == ("version.returned", "共享条件过宽")


def test_a_version_under_review_cannot_be_edited(desk: Session) -> None:
    reviews.submit(desk, LI, RESIDENT)
    with pytest.raises(Invalid, match=r"directory\.in_review"):
        save(desk, abstract="趁审核时改")


def test_a_returned_version_can_be_mended_and_goes_the_same_way(desk: Session) -> None:
    reviews.submit(desk, LI, RESIDENT)
    reviews.return_(desk, WANG, RESIDENT, "摘要")
    save(desk, abstract="补正后的摘要")
    carry(desk)
    assert directory.document(desk, RESIDENT).abstract == "补正后的摘要"
    assert len(directory.versions(desk, RESIDENT)) == 1


def test_due_dates_follow_the_rule_table(desk: Session) -> None:
    desk.query(DeadlineRule).filter(DeadlineRule.key.like("catalogue_%")).update({"day_type": "calendar"})
    version = reviews.submit(desk, LI, RESIDENT)
    assert version.due_date == today() + timedelta(days=10)
    reviews.approve_office(desk, WANG, RESIDENT)
    assert version.due_date == today() + timedelta(days=2)
    reviews.return_(desk, CHEN, RESIDENT, "补正")
    assert version.due_date == today() + timedelta(days=10)
    carry(desk)
    assert version.due_date is None


def test_reminders_come_when_two_days_are_left_and_when_the_day_has_passed_once_each(desk: Session) -> None:
    version = reviews.submit(desk, LI, RESIDENT)
    version.due_date = date(2026, 6, 12)  # a Friday
    desk.flush()

    def reminded(day: date) -> list[str]:
        return reminders.remind(desk, day)

    assert reminded(date(2026, 6, 1)) == []
    assert reminded(date(2026, 6, 10)) == [version.id]
    assert reminded(date(2026, 6, 11)) == []
    assert reminded(date(2026, 6, 15)) == [version.id]
    assert reminded(date(2026, 6, 16)) == []
    keys = [n.key for n in notices.find(desk, "public_security")]
    assert keys[:2] == ["version.due_red", "version.due_yellow"]
    reviews.approve_office(desk, WANG, RESIDENT)
    version.due_date = date(2026, 6, 12)
    desk.flush()
    assert reminded(date(2026, 6, 1)) == []
    assert notices.find(desk, "city")[0].key == "version.authority_review"


def test_the_authority_is_reminded_of_what_it_holds(desk: Session) -> None:
    reviews.submit(desk, LI, RESIDENT)
    version = reviews.approve_office(desk, WANG, RESIDENT)
    assert version.due_date
    assert reminders.remind(desk, version.due_date + timedelta(days=1)) == [version.id]
    assert notices.find(desk, "city")[0].key == "version.due_red"


def test_pending_lists_what_waits_most_urgent_first(desk: Session) -> None:
    reviews.submit(desk, LI, RESIDENT)
    assert [v.id for v in reviews.pending(desk, "public_security")] == [f"{RESIDENT}@1"]
    assert reviews.pending(desk, "city") == []
    reviews.approve_office(desk, WANG, RESIDENT)
    reviews.approve_authority(desk, CHEN, RESIDENT)
    assert reviews.pending(desk) == []


def test_a_published_resource_is_withdrawn_by_the_authority_with_a_reason(desk: Session) -> None:
    carry(desk)
    with pytest.raises(Denied):
        reviews.withdraw_version(desk, LI, RESIDENT, "不再产生")
    version = reviews.withdraw_version(desk, CHEN, RESIDENT, "职责调整")
    assert (states(desk), version.ended_at is not None) == (["withdrawn"], True)
    with pytest.raises(Invalid, match=r"directory\.wrong_state"):
        reviews.withdraw_version(desk, CHEN, RESIDENT, "再撤一次")


def test_a_department_withdraws_its_own_draft_and_the_published_one_stays(desk: Session) -> None:
    carry(desk)
    save(desk, abstract="另一摘要")
    reviews.withdraw_version(desk, LI, RESIDENT, "写错了", 2)
    assert states(desk) == ["withdrawn", "published"]
    assert directory.document(desk, RESIDENT).abstract == "户籍登记的常住人口"


def test_a_breaking_version_that_touches_nobody_else_waits_for_nobody(desk: Session) -> None:
    carry(desk)
    body = resource(checks=[])
    body["items"] = [item | {"length": 20} if item["id"] == "name" else item for item in body["items"]]
    directory.save_draft(desk, ResourceDocument.model_validate(body))
    version = carry(desk)
    assert (version.state, version.change) == ("published", "breaking")
    assert [(case.kind, case.department_id) for case in reviews.touched(desk, version)] == []


def test_an_unknown_resource_is_named(desk: Session) -> None:
    for step in (reviews.submit, reviews.approve_office, reviews.approve_authority, reviews.publish):
        with pytest.raises(Invalid, match=r"directory\.unknown_resource"):
            step(desk, CONSOLE, "no.such")


_COUNTER = itertools.count()
STEPS: dict[str, Any] = {
    "submit": reviews.submit,
    "approve_office": reviews.approve_office,
    "approve_authority": reviews.approve_authority,
    "return": lambda s, who, it: reviews.return_(s, who, it, "补正"),
    "publish": reviews.publish,
    "withdraw": lambda s, who, it: reviews.withdraw_version(s, who, it, "撤回"),
    "save": lambda s, who, _it: save(s, by=who.id, abstract=f"摘要 {next(_COUNTER)}"),
}
EVERYBODY = (LI, WANG, CHEN, officer("li", "city", "authority"), officer("wang", "city", "authority", "provider"))
DECLARED = {
    (action, from_state, way.to_state) for action, ways in TRANSITIONS.items() for from_state, way in ways.items()
} | {("save", None, "draft"), ("save", "draft", "draft")}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(sorted(STEPS)), st.sampled_from(EVERYBODY)), min_size=5, max_size=25))
def test_no_sequence_of_steps_leaves_the_table(desk: Session, sequence: list[tuple[str, Reviewer]]) -> None:
    point = desk.begin_nested()
    for action, who in sequence:
        step = desk.begin_nested()
        try:
            STEPS[action](desk, who, RESIDENT)
            step.commit()
        except HutongError:
            step.rollback()
            desk.expire_all()
        found = states(desk)
        assert set(found) <= set(VERSION_STATES)
        assert found.count("published") <= 1
        assert sum(state in ("draft", "office_review", "authority_review", "scheduled") for state in found) <= 1
    events = reviews.history(desk, RESIDENT)
    assert {(e.action, e.from_state, e.to_state) for e in events} <= DECLARED
    wrote: dict[str, set[str]] = {}
    for event in events:
        people = wrote.setdefault(event.version_id, set())
        if event.action in ("save", "submit"):
            people.add(event.actor)
        elif event.action in ("approve_office", "schedule", "publish"):
            assert event.actor not in people, "whoever drafted or submitted never approves"
    point.rollback()
    desk.expire_all()


def test_a_window_is_counted_in_days_of_china(desk: Session) -> None:
    from catalog.review.acknowledgements import window_end

    end = window_end(desk).astimezone(CHINA)
    assert (end.hour, end.minute) == (0, 0)
    assert end.date() > today()
