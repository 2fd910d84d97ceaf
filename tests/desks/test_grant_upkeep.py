"""Time ends what nobody looks at: periods, unused grants, certificates, wishes for more; and use is held against what was declared."""

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, time, timedelta

import pytest
from sqlalchemy import URL, create_engine, select
from sqlalchemy.orm import Session

from exchange_api.actors import Actor
from exchange_api.evidence.ledger import Entry, record
from exchange_api.grant import certifying, flags, grants, life, quota_requests, use
from exchange_api.grant.grant_upkeep import Kept, keep_grants
from exchange_api.states import QUOTA
from schemas.calendar import CHINA, today
from schemas.errors import Denied, HutongError, Invalid
from schemas.migrations import upgrade
from schemas.tables.departments import Department
from schemas.tables.exchange import Application, Grant, GrantUse
from schemas.tables.grant_life import QUOTA_STATES, QuotaRequest
from schemas.tables.operations import Notice
from schemas.tables.services import ServiceItem
from tests.desks.conftest import BUREAU, CIVIL, HOUSING, POLICE, actor
from tests.desks.granting import MARITAL, NAME, authority, granted, wish

EVERYBODY = {"housing", "public_security", "data_bureau"}


def on(day: date, hour: int = 9) -> datetime:
    return datetime.combine(day, time(hour), CHINA)


def told(town: Session, key: str) -> list[str]:
    return sorted(town.scalars(select(Notice.department_id).where(Notice.key == key)))


def keep(town: Session, day: date, hour: int = 9) -> Kept:
    return keep_grants(town, on(day, hour))


def test_a_grant_ends_the_day_after_its_last(town: Session) -> None:
    authority(town)
    grant = granted(town, valid_until=today() + timedelta(days=3))
    assert keep(town, grant.valid_until).expired == []
    assert keep(town, grant.valid_until + timedelta(days=1)).expired == [grant.id]
    assert (grant.state, set(told(town, "grant.expired"))) == ("expired", EVERYBODY)
    assert keep(town, grant.valid_until + timedelta(days=1)) == Kept()


def test_what_is_not_used_is_warned_of_once_and_ends(town: Session) -> None:
    authority(town)
    grant = granted(town, valid_until=today() + timedelta(days=3000))
    grant.certified_until = None
    begun = today()
    assert keep(town, begun + timedelta(days=149)).warned == []
    assert keep(town, begun + timedelta(days=151)).warned == [grant.id]
    assert keep(town, begun + timedelta(days=152)).warned == []
    assert set(told(town, "grant.unused")) == EVERYBODY
    assert keep(town, begun + timedelta(days=180)).expired == []
    assert keep(town, begun + timedelta(days=181)).expired == [grant.id]


def test_using_it_once_lets_it_go_on(town: Session) -> None:
    grant = granted(town, valid_until=today() + timedelta(days=3000))
    grant.certified_until = None
    keep(town, today() + timedelta(days=160))
    town.add(GrantUse(grant_id=grant.id, day=today() + timedelta(days=170), subjects=1, calls=1))
    town.flush()
    assert keep(town, today() + timedelta(days=200)).expired == []
    assert keep(town, today() + timedelta(days=340)).warned == [grant.id]


def test_a_hub_that_stood_still_warns_before_it_ends_anything(town: Session) -> None:
    grant = granted(town, valid_until=today() + timedelta(days=3000))
    late = today() + timedelta(days=500)
    assert keep(town, late).expired == []
    assert keep(town, late + timedelta(days=29)).expired == []
    assert keep(town, late + timedelta(days=30)).expired == [grant.id]


def test_a_certificate_is_asked_for_given_and_lapses(town: Session) -> None:
    authority(town)
    grant = granted(town, valid_until=today() + timedelta(days=3000))
    town.add(GrantUse(grant_id=grant.id, day=today() + timedelta(days=330), subjects=1, calls=1))
    assert grant.certified_until
    due = grant.certified_until
    assert keep(town, due - timedelta(days=31)).warned == []
    assert keep(town, due - timedelta(days=29)).warned == [grant.id]
    assert set(told(town, "grant.certify_due")) == EVERYBODY
    assert keep(town, due).expired == []
    assert keep(town, due + timedelta(days=1)).expired == [grant.id]


@pytest.mark.parametrize("who", [POLICE, BUREAU])
def test_provider_and_authority_certify(town: Session, who: Actor) -> None:
    grant = granted(town)
    grant.certified_until = today()
    assert certifying.recertify(town, who, grant.id).certified_until == today() + timedelta(days=365)
    assert life.timeline(town, grant.id)[-1].action == "recertify"


@pytest.mark.parametrize("who", [HOUSING, CIVIL, actor("x", "housing", "authority")])
def test_whoever_uses_a_grant_does_not_decide_on_it(town: Session, who: Actor) -> None:
    grant = granted(town)
    with pytest.raises(Denied):
        certifying.recertify(town, who, grant.id)
    with pytest.raises(Denied):
        certifying.prolong(town, who, grant.id, grant.valid_until + timedelta(days=100))


def test_a_renewal_is_asked_for_and_decided(town: Session) -> None:
    authority(town)
    grant = granted(town)
    until = grant.valid_until + timedelta(days=100)
    certifying.ask_renewal(town, HOUSING, grant.id, until, "业务持续")
    assert told(town, "grant.renewal_asked") == ["data_bureau", "public_security"]
    with pytest.raises(Denied, match=r"case\.not_yours"):
        certifying.ask_renewal(town, POLICE, grant.id, until, "x")
    with pytest.raises(Invalid, match=r"grant\.until_past"):
        certifying.prolong(town, POLICE, grant.id, grant.valid_until)
    certifying.prolong(town, POLICE, grant.id, until)
    assert grant.valid_until == until


def request_of(town: Session, grant: Grant) -> QuotaRequest:
    return quota_requests.ask(town, HOUSING, grant.id, (5000, today()), "季节性高峰")


STEPS: dict[str, Callable[[Session, QuotaRequest], object]] = {
    "approve": lambda town, one: quota_requests.approve(town, POLICE, one.id, 4000, today()),
    "decline": lambda town, one: quota_requests.decline(town, BUREAU, one.id, "不必"),
    "lapse": lambda town, _: quota_requests.lapse(town, today() + timedelta(days=1)),
}


@pytest.mark.parametrize(("state", "action"), list(itertools.product(QUOTA_STATES, QUOTA.ways)))
def test_the_table_alone_moves_a_wish_for_more(town: Session, state: str, action: str) -> None:
    request = request_of(town, granted(town))
    request.state = state
    town.flush()
    if state in QUOTA.ways[action]:
        STEPS[action](town, request)
        assert request.state == QUOTA.ways[action][state]
        assert request.decided_by
        assert set(told(town, f"grant.quota_{request.state}")) >= {"housing", "public_security"}
    elif action == "lapse":
        assert STEPS[action](town, request) == []
        assert request.state == state
    else:
        with pytest.raises(Invalid, match=r"case\.wrong_state"):
            STEPS[action](town, request)
        assert request.state == state


def test_an_approved_quota_holds_for_its_days_only(town: Session) -> None:
    grant = granted(town)
    quota_requests.approve(town, POLICE, request_of(town, grant).id, 4000, today() + timedelta(days=1))
    days = [today() + timedelta(days=n) for n in (-1, 0, 1, 2)]
    assert [quota_requests.quota_on(town, grant, day) for day in days] == [1000, 4000, 4000, 1000]


@pytest.mark.parametrize(("quota", "until"), [(1000, 0), (4000, -1), (20_000_000, 0), (4000, 400)])
def test_a_raise_that_is_none_is_refused(town: Session, quota: int, until: int) -> None:
    request = request_of(town, granted(town))
    with pytest.raises(Invalid, match=r"grant\.quota_wanted"):
        quota_requests.approve(town, POLICE, request.id, quota, today() + timedelta(days=until))


def test_nobody_approves_for_himself(town: Session) -> None:
    request = request_of(town, granted(town))
    for who in (HOUSING, actor("li", "data_bureau", "authority"), actor("x", "housing", "authority"), CIVIL):
        with pytest.raises(Denied):
            quota_requests.approve(town, who, request.id, 4000, today())


def test_a_day_asks_once_however_often_it_is_refused(town: Session) -> None:
    authority(town)
    grant = granted(town)
    assert quota_requests.note_overrun(town, grant.id, today())
    assert quota_requests.note_overrun(town, grant.id, today()) is None
    assert quota_requests.note_overrun(town, grant.id, today() + timedelta(days=1))
    assert set(told(town, "grant.quota_asked")) == EVERYBODY


def evidence(town: Session, grant: Grant, at: datetime, **changes: object) -> None:
    """One entry of the exchange, as it stands at a moment."""
    head = int(at.timestamp() * 1000) << 80
    number = next(_numbers)
    digits = f"{head | 0x7 << 76 | 0x2 << 62 | number:032x}"
    entry = f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
    known = {"kind": "answer", "grant_id": grant.id, "subjects": [f"s{number}"]} | changes
    record(town, [Entry(id=entry, at=at, **known)])  # type: ignore[arg-type]


_numbers = itertools.count(1)


def test_a_refusal_that_no_worker_could_turn_into_a_wish_is_made_up(town: Session) -> None:
    grant = granted(town)
    evidence(town, grant, on(today()), kind="refusal", code="quota.exceeded", subjects=[])
    assert keep(town, today()).asked == [grant.id]
    assert keep(town, today()).asked == []
    (request,) = quota_requests.find(town, grant.id, waiting=True)
    assert (request.origin, request.day) == ("overrun", today())
    assert keep(town, today() + timedelta(days=1)).lapsed == [request.id]


def test_use_is_held_against_what_was_declared(town: Session) -> None:
    authority(town)
    grant, quiet = granted(town, hours="08-18", volume_per_day=40), granted(town, number=2)
    for n in range(30):
        evidence(town, grant, on(today(), 21 if n < 10 else 10), subjects=["one"] if n < 7 else [f"p{n}"])
    evidence(town, grant, on(today()), kind="refusal", code="grant.outside_hours", subjects=[])
    town.add(GrantUse(grant_id=grant.id, day=today(), subjects=130, calls=30))
    town.flush()
    done = use.find(town, [grant, quiet], today())
    found = done[grant.id]
    assert (found.answers, found.subjects, found.one_subject, found.refusals) == (30, 130, 7, 1)
    assert (round(found.outside_hours, 2), found.volume_ratio) == (0.33, 3.25)
    assert (done[quiet.id].answers, done[quiet.id].idle_days) == (0, 0)
    kept = keep(town, today(), 23)
    assert kept.findings == [f"{grant.id} use.volume", f"{grant.id} use.hours"]
    assert kept.suspended == []
    assert set(told(town, "grant.use_finding")) == EVERYBODY
    assert keep(town, today(), 23).findings == []


def test_grave_use_suspends_and_is_not_suspended_again_once_lifted(town: Session) -> None:
    authority(town)
    grant = granted(town)
    for _ in range(501):
        evidence(town, grant, on(today()), subjects=["one"])
    done = keep(town, today(), 23)
    assert done.suspended == [grant.id]
    assert [flag.code for flag in flags.of(town, grant.id)] == ["use.repeated_grave"]
    assert set(told(town, "grant.suspended")) == EVERYBODY
    grants.resume(town, BUREAU, grant.id)
    assert keep(town, today(), 23).suspended == []
    assert not grant.suspended_by_platform


def test_what_came_after_the_days_last_look_is_seen_in_the_next_ones_first_hours(town: Session) -> None:
    grant = granted(town)
    day = today() + timedelta(days=1)
    for _ in range(51):
        evidence(town, grant, on(day, 23), subjects=["one"])
    assert keep(town, day + timedelta(days=1), 9).findings == []
    assert keep(town, day + timedelta(days=1), 1).findings == [f"{grant.id} use.repeated"]


def test_idleness_is_said_once(town: Session) -> None:
    grant = granted(town, NAME, MARITAL)
    assert keep(town, today() + timedelta(days=60)).findings == []
    assert keep(town, today() + timedelta(days=61)).findings == [f"{grant.id} use.idle"]
    assert keep(town, today() + timedelta(days=62)).findings == []


def test_an_unknown_wish_is_named(town: Session) -> None:
    with pytest.raises(HutongError) as refused:
        quota_requests.decline(town, BUREAU, 99_999_999, "x")
    assert refused.value.code == "case.unknown"


def test_two_officers_at_once_end_a_grant_once(new_committed_grant: tuple[Callable[[], Session], str]) -> None:
    begin, grant_id = new_committed_grant
    with begin() as first, begin() as second, ThreadPoolExecutor(1) as other:
        grants.revoke(first, BUREAU, grant_id, "一")
        waiting = other.submit(grants.close, second, HOUSING, grant_id, "二")
        first.commit()
        with pytest.raises(Invalid, match=r"case\.wrong_state"):
            waiting.result(30)
    with begin() as now:
        assert [event.to_state for event in life.timeline(now, grant_id)] == ["revoked"]


@pytest.fixture
def new_committed_grant(new_database: Callable[[], URL]) -> Iterator[tuple[Callable[[], Session], str]]:
    """A grant that every connection sees, in a database of its own."""
    url = new_database()
    upgrade(url)
    engine = create_engine(url)
    with Session(engine) as session:
        for name in ("housing", "public_security"):
            session.add(Department(id=name, name=name, short_name=name))
        session.flush()
        session.add(ServiceItem(id="gzf", name="公租房", department_id="housing"))
        session.add(Application(id="zufang", name="公租房系统", department_id="housing"))
        session.flush()
        demand = wish(session)
        grant = Grant(
            id="SQ-2026-000001", demand_id=demand.id, application_id="zufang", library="population", service_item_id="gzf",
            valid_from=today(), valid_until=today() + timedelta(days=9),
        )  # fmt: skip
        session.add(grant)
        session.commit()
    yield lambda: Session(engine), "SQ-2026-000001"
    engine.dispose()
