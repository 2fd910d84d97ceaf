"""No answer ever holds a field, a row or a form outside its grant; hours, modes and bursts are kept by name; what changes is known everywhere in a second."""

import dataclasses
import json
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from exchange_api import replaying
from exchange_api.evidence.receipt import compose_receipt
from exchange_api.grant import foundations, grants, quota_requests
from exchange_api.grant.terms import RowRule, is_within
from exchange_api.masking import compile_mask
from schemas.calendar import CHINA, today
from schemas.library import library
from schemas.tables.exchange import Grant
from schemas.tables.grant_life import GrantFlag, QuotaRequest
from schemas.tables.operations import Notice
from schemas.tables.services import ServiceItem
from tests.desks.conftest import actor
from tests.exchange_api import promptly
from tests.exchange_api.conftest import NAME, PURPOSE
from tests.exchange_api.granted import grant
from tests.exchange_api.recalling import Hub

QUERY, VERIFY = "/v1/libraries/population/query", "/v1/libraries/population/verify"
ATTRIBUTES = ("name", "birth_date", "marital_status", "phone", "address")
FORMS = ("full", "masked", "yes_no")
MARRIED = [{"attribute": "marital_status", "kind": "in", "values": ["20"]}]
RULES = (
    {"attribute": "marital_status", "kind": "in", "values": ["20", "30"]},
    {"attribute": "phone", "kind": "prefix", "values": ["1380000000", "1380000001"]},
    {"attribute": "birth_date", "kind": "prefix", "values": ["1990-03", "1991"]},
    {"attribute": "subject", "kind": "prefix", "values": ["330106"]},
    {"attribute": "subject", "kind": "prefix", "values": ["440101"]},
    {"attribute": "address", "kind": "prefix", "values": ["杭州"]},
)
BUREAU, POLICE = actor("chen", "nowhere", "authority"), actor("wang", "public_security", "provider")


def held(site: Any, subject: str) -> dict[str, Any] | None:
    """What the library holds of a person, as the test's own figures say."""
    if subject not in site.people:
        return None
    n = site.people.index(subject)
    phone, married = f"138{n:08d}", "20" if n % 2 else None
    known = {"subject": subject, "name": f"欧阳小{n}", "birth_date": "1990-03-07", "address": None}
    return known | {"phone": phone, "marital_status": married}


def is_seen(record: dict[str, Any] | None, rules: list[dict[str, Any]]) -> bool:
    """Whether a grant with these rules may see a record."""
    if record is None:
        return False
    for rule in rules:
        value = record[rule["attribute"]]
        fits = (
            value in rule["values"]
            if rule["kind"] == "in"
            else any(str(value).startswith(one) for one in rule["values"])
        )
        if value is None or not fits:
            return False
    return True


def shown(attribute: str, form: str, value: Any) -> Any:
    return compile_mask(library("population").attribute(attribute), form)(value)  # type: ignore[arg-type]


@st.composite
def questions(draw: st.DrawFn) -> dict[str, Any]:
    """A grant and a question under it, any of both."""
    items = draw(st.dictionaries(st.sampled_from(ATTRIBUTES), st.sampled_from(FORMS), min_size=1))
    rules = draw(st.lists(st.sampled_from(RULES), max_size=2))
    modes = draw(st.sampled_from([["query", "verify"], ["verify"], ["query"]]))
    people = draw(st.lists(st.integers(0, 12), min_size=1, max_size=6, unique=True))
    wanted = draw(st.none() | st.lists(st.sampled_from(ATTRIBUTES), min_size=1, max_size=3, unique=True))
    asked = {
        "people": people,
        "wanted": wanted,
        "path": draw(st.sampled_from([QUERY, VERIFY])),
        "time": draw(st.sampled_from(["", "known_at"])),
    }
    return {"items": items, "rules": rules, "modes": modes, **asked}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=questions())
def test_no_answer_holds_a_field_a_row_or_a_form_outside_its_grant(exchange_site: Any, drawn: dict[str, Any]) -> None:
    granted = grant(exchange_site, drawn["items"], rows=drawn["rules"], modes=drawn["modes"])
    subjects = [exchange_site.people[n] if n < 12 else exchange_site.unknown_person for n in drawn["people"]]
    asking: dict[str, Any] = {"grant": granted, "purpose": PURPOSE}
    if drawn["path"] == VERIFY:
        names = drawn["wanted"] or list(drawn["items"])
        claims = [
            {"subject": one, "values": {name: (held(exchange_site, one) or {}).get(name) for name in names}}
            for one in subjects
        ]
        asking |= {"claims": claims}
    else:
        asking |= {"subjects": subjects} | ({"items": drawn["wanted"]} if drawn["wanted"] else {})
        if drawn["time"] == "known_at":
            asking["known_at"] = (datetime.now(UTC) - timedelta(milliseconds=1)).isoformat()
    _, response = exchange_site.ask(asking, drawn["path"])
    document = json.loads(response.body)
    outside = set(drawn["wanted"] or ()) - drawn["items"].keys()
    is_compared_masked = drawn["path"] == VERIFY and any(
        drawn["items"].get(name) == "masked" for name in drawn["wanted"] or drawn["items"]
    )
    mode = "verify" if drawn["path"] == VERIFY else "query"
    if mode not in drawn["modes"] or outside or is_compared_masked:
        assert (response.status, document["code"]) in {
            (403, "grant.other_mode"),
            (403, "item.not_granted"),
            (403, "item.form"),
        }
        assert not any(
            one["name"] in response.body.decode()
            for one in (held(exchange_site, two) for two in exchange_site.people)
            if one
        )
        return
    assert response.status == 200, document
    told = document["verdicts"] if mode == "verify" else document["records"]
    asked_for = drawn["wanted"] or list(drawn["items"])
    for subject, one in zip(subjects, told, strict=True):
        record = held(exchange_site, subject)
        if not is_seen(record, drawn["rules"]):
            assert one["found"] is False
            assert "values" not in one
            assert not any(one.get("matches", {}).values())
        elif mode == "query":
            assert record
            assert one["values"] == {name: shown(name, drawn["items"][name], record[name]) for name in asked_for}
        else:
            assert one["matches"] == dict.fromkeys(asked_for, True)


def test_who_lies_outside_the_rows_is_answered_exactly_like_nobody(exchange_site: Any) -> None:
    granted = grant(exchange_site, {"name": "full"}, rows=MARRIED)
    hidden, nobody, seen = exchange_site.people[0], exchange_site.unknown_person, exchange_site.people[1]
    answers = []
    for one in (hidden, nobody):
        _, response = exchange_site.ask(exchange_site.asking(granted, [one]))
        entry = json.loads(exchange_site.entry(response.headers["x-receipt"]).document)
        document = json.loads(response.body)
        answers.append(
            (
                response.status,
                [{**record, "subject": "-"} for record in document["records"]],
                sorted(document),
                entry["batches"],
            )
        )
    assert answers[0] == answers[1]
    _, response = exchange_site.ask(exchange_site.asking(granted, [seen, hidden]))
    assert [record["found"] for record in json.loads(response.body)["records"]] == [True, False]


def test_an_old_answer_is_repeated_under_the_rows_it_was_given_under(
    exchange_site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUTONG_DATABASE_URL", exchange_site.environment["HUTONG_DATABASE_URL"])
    granted = grant(exchange_site, {"name": "full"}, rows=MARRIED)
    request, response = exchange_site.ask(exchange_site.asking(granted, exchange_site.people[:3]))
    receipt = compose_receipt(request, response, {"entry": {}, "proof": ""})
    assert replaying.replay(receipt).is_same
    told = json.loads(response.body)["records"]
    assert [one["found"] for one in told] == [False, True, False]


def test_an_objection_does_not_tell_that_somebody_outside_the_rows_is_known(hub: Hub) -> None:
    granted = grant(hub.site, {"name": "full"}, rows=MARRIED)
    hidden, nobody, seen = hub.site.people[0], hub.site.unknown_person, hub.site.people[1]
    receipt = hub.query([hidden, nobody, seen], granted)
    answers = []
    for one in (hidden, nobody, seen):
        form = {"receipt": receipt, "subject": one, "attribute": "name", "reason": "不符"}
        status, document, _ = hub.ask(form, "/v1/objections")
        answers.append((status, document.get("code")))
    assert answers == [(403, "objection.not_in_receipt"), (403, "objection.not_in_receipt"), (200, None)]


def test_hours_are_named_and_kept(exchange_site: Any) -> None:
    hour = datetime.now(CHINA).hour
    far = (hour + 12) % 24  # no hour that may begin while this is asked
    around, elsewhere = f"{hour:02d}-{hour + 1:02d}", f"{far:02d}-{far + 1:02d}"
    open_now, closed = grant(exchange_site, NAME, hours="00-24"), grant(exchange_site, NAME, hours=elsewhere)
    assert is_within(around, datetime.now(CHINA).replace(hour=hour))
    assert exchange_site.ask(exchange_site.asking(open_now))[1].status == 200
    request, response = exchange_site.ask(exchange_site.asking(closed))
    assert (response.status, json.loads(response.body)["facts"]["hours"]) == (403, elsewhere)
    assert exchange_site.check(request, response).code == "grant.outside_hours"


@pytest.mark.parametrize(
    ("hours", "hour", "is_open"),
    [("08-18", 7, False), ("08-18", 8, True), ("08-18", 17, True), ("08-18", 18, False), ("00-24", 23, True)],
)
def test_hours_begin_with_the_first_and_end_before_the_last(hours: str, hour: int, is_open: bool) -> None:
    assert is_within(hours, datetime(2026, 3, 2, hour, 59 if is_open else 0, tzinfo=CHINA).astimezone(UTC)) is is_open


def test_a_burst_is_held_back_by_name(exchange_site: Any) -> None:
    granted = grant(exchange_site, NAME, burst_per_minute=3)
    statuses = [exchange_site.ask(exchange_site.asking(granted, exchange_site.people[:2]))[1] for _ in range(3)]
    codes = [json.loads(one.body).get("code") for one in statuses]
    assert codes[0] is None
    assert "quota.burst" in codes


def test_a_row_rule_names_no_person() -> None:
    with pytest.raises(ValueError, match="前六位"):
        RowRule(attribute="subject", kind="in", values=("33010619900307001X",))


@pytest.fixture(scope="module")
def workers(
    exchange_site: Any, serve: Callable[..., AbstractContextManager[str]], tmp_path_factory: pytest.TempPathFactory
) -> Any:
    """Two workers of one exchange, each a process of its own."""
    log = Path(tmp_path_factory.mktemp("second")) / "server.log"
    with serve(exchange_site.environment, log) as authority:
        yield exchange_site, dataclasses.replace(exchange_site, authority=authority, url=f"http://{authority}", log=log)


def within_a_second(workers: Any, granted: str, status: int) -> None:
    """Every worker answers this way before a second has passed."""
    promptly.within_a_second(lambda: {site.ask(site.asking(granted))[1].status for site in workers}, {status}.__eq__)


@pytest.mark.parametrize("side", ["consumer", "provider", "platform"])
def test_each_sides_suspension_reaches_every_worker_within_a_second(workers: Any, side: str) -> None:
    granted = grant(workers[0], NAME)
    who = {"consumer": actor("li", "housing", "demander"), "provider": POLICE, "platform": BUREAU}[side]
    within_a_second(workers, granted, 200)
    for step, status in ((grants.suspend, 403), (grants.resume, 200)):
        with Session(workers[0].engine) as session:
            step(session, who, granted, "演练")
            session.commit()
        within_a_second(workers, granted, status)


def test_a_cancelled_service_item_ends_answers_within_a_second_before_anybody_is_told(workers: Any) -> None:
    site = workers[0]
    item = "housing.cancelled_soon"
    with Session(site.engine) as session:
        session.merge(ServiceItem(id=item, name="将取消", department_id="housing"))
        session.commit()
    granted = grant(site, NAME, service_item_id=item)

    def asking() -> set[int]:
        body = {"purpose": {"service_item": item, "case": "BJ-1"}}
        return {one.ask(one.asking(granted) | body)[1].status for one in workers}

    assert asking() == {200}
    with Session(site.engine) as session:
        session.get_one(ServiceItem, item).state = "3"
        session.commit()
    promptly.within_a_second(asking, {403}.__eq__)
    with Session(site.engine) as session:
        assert foundations.hold(session, Grant.id == granted) == ([granted], [])
        session.commit()
        assert session.get_one(GrantFlag, (granted, "platform", "base.service_item"))


def test_going_over_the_quota_asks_once_and_an_approval_counts_within_a_second(workers: Any) -> None:
    site = workers[0]
    granted = grant(site, NAME, quota_per_day=1)
    within_a_second(workers[:1], granted, 200)
    for one in (*workers, *workers):
        assert one.ask(one.asking(granted))[1].status == 429
    deadline = time.monotonic() + 60
    with Session(site.engine) as session:
        while not (found := session.scalars(select(QuotaRequest).where(QuotaRequest.grant_id == granted)).all()):
            assert time.monotonic() < deadline
            session.rollback()
            time.sleep(0.02)
        (request,) = found
        assert (request.origin, request.state, request.day) == ("overrun", "asked", today())
        told = session.scalars(select(Notice).where(Notice.key == "grant.quota_asked")).all()
        assert {one.department_id for one in told if one.facts["grant"] == granted} >= {"housing", "public_security"}
        quota_requests.approve(session, POLICE, request.id, 100, today())
        session.commit()
    within_a_second(workers, granted, 200)
