"""Who has a grant may still abuse it: from elsewhere, by walking through numbers, by looking where nobody should. It is seen, told, and stopped in seconds."""

import asyncio
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from exchange_api.actors import Actor
from exchange_api.evidence.ledger import subject_secret
from exchange_api.grant import grants
from exchange_api.guarding import findings, lists
from exchange_api.guarding.addresses import caller_of, is_within, parse_networks
from exchange_api.guarding.guard import Guard
from exchange_api.guarding.rules import rules
from exchange_api.guarding.windows import MOST, STEP, Runs, Window
from schemas.errors import Denied, Invalid
from schemas.tables.evidence import Entry
from schemas.tables.grant_life import GrantEvent, GrantFlag
from schemas.tables.guarding import GuardFinding, ProtectedSubject
from schemas.tables.operations import Notice
from tests.exchange_api.recalling import Hub
from tests.exchange_api.watched import LIMITS, Caller, person, worker
from tests.hutong.installation import wait_until

CHEN = Actor("chen", "public_security", frozenset({"authority"}))
SECONDS = 60


@pytest.fixture(scope="module")
def strict(hub: Hub, serve: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A worker whose rules are soon broken, and which believes the proxy at 127.0.0.9."""
    folder = tmp_path_factory.mktemp("strict")
    (folder / "rules.yml").write_text(LIMITS)
    settings = {"HUTONG_GUARD_RULES": str(folder / "rules.yml"), "HUTONG_TRUSTED_PROXIES": "127.0.0.9/32"}
    with worker(serve, hub.site, folder, **settings) as authority:
        yield authority


@pytest.fixture
def caller(hub: Hub, strict: str) -> Caller:
    """An application before that worker."""
    return Caller(hub.site, strict)


def _flags(hub: Hub, grant_id: str) -> list[str]:
    with Session(hub.site.engine) as session:
        return list(session.scalars(select(GrantFlag.code).where(GrantFlag.grant_id == grant_id)))


def _found(hub: Hub, grant_id: str, rule: str) -> GuardFinding:
    """The finding of this rule, awaited: it is written beside the answers."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        with Session(hub.site.engine) as session:
            query = select(GuardFinding).where(GuardFinding.grant_id == grant_id, GuardFinding.rule == rule)
            if one := session.scalar(query):
                return one
        time.sleep(0.02)
    raise AssertionError(f"{rule} was not found within {SECONDS} seconds")


def _set_networks(hub: Hub, caller: Caller, *networks: str) -> None:
    with Session(hub.site.engine) as session:
        lists.set_networks(session, CHEN, caller.id, networks)
        session.commit()


def _until(caller: Caller, grant_id: str, status: int, **more: Any) -> Any:
    """Ask, less and less often: eleven refusals within a minute are a finding of their own."""
    deadline, pause = time.monotonic() + SECONDS, 0.05
    while (said := caller.ask(grant_id, [person(1, 1)], **more))[0] != status:
        assert time.monotonic() < deadline, said
        time.sleep(pause)
        pause *= 2
    return said[1]


def test_an_application_asks_only_from_its_networks(hub: Hub, caller: Caller) -> None:
    grant_id = caller.grant()
    assert caller.ask(grant_id, [person(1, 1)])[0] == 200
    _set_networks(hub, caller, "127.0.0.2/32", "10.20.0.0/16")
    refused = _until(caller, grant_id, 403)
    assert (refused["code"], refused["facts"]["address"]) == ("application.address", "127.0.0.1")
    assert caller.ask(grant_id, [person(1, 1)], source="127.0.0.2")[0] == 200
    with Session(hub.site.engine) as session:
        entry = session.get(Entry, refused["receipt"])
        assert entry is not None
        assert (entry.kind, entry.application_id) == ("refusal", caller.id)
    _set_networks(hub, caller)
    _until(caller, grant_id, 200)


def test_only_a_trusted_proxy_says_where_somebody_is(hub: Hub, caller: Caller) -> None:
    grant_id = caller.grant()
    _set_networks(hub, caller, "10.20.0.0/16")
    _until(caller, grant_id, 403)
    forged = {"x-forwarded-for": "10.20.1.1"}
    assert caller.ask(grant_id, [person(1, 1)], headers=forged)[0] == 403
    assert caller.ask(grant_id, [person(1, 1)], source="127.0.0.9", headers=forged)[0] == 200
    behind = {"x-forwarded-for": "10.20.1.1, 192.0.2.7"}
    assert (
        caller.ask(grant_id, [person(1, 1)], source="127.0.0.9", headers=behind)[1]["facts"]["address"] == "192.0.2.7"
    )


@pytest.mark.parametrize(
    ("peer", "told", "trusted", "expected"),
    [
        ("192.0.2.1", None, "", "192.0.2.1"),
        ("::ffff:192.0.2.1", None, "", "192.0.2.1"),
        ("127.0.0.1", "192.0.2.1", "", None),
        ("192.0.2.1", "10.0.0.1", "10.0.0.0/8", "192.0.2.1"),
        ("10.0.0.2", "192.0.2.5, 10.0.0.1", "10.0.0.0/8", "192.0.2.5"),
        ("10.0.0.2", "spoofed, 192.0.2.5", "10.0.0.0/8", "192.0.2.5"),
        ("10.0.0.2", "not an address", "10.0.0.0/8", None),
    ],
)
def test_a_header_is_believed_as_far_as_trust_goes(
    peer: str, told: str | None, trusted: str, expected: str | None
) -> None:
    headers = [(b"x-forwarded-for", told.encode())] if told else []
    found = caller_of({"client": (peer, 1), "headers": headers}, parse_networks([trusted] if trusted else []))
    assert (str(found) if found else None) == expected
    assert not is_within(None, parse_networks(["0.0.0.0/0"]))


def test_a_network_that_is_none_is_named() -> None:
    with pytest.raises(Invalid, match=r"network\.malformed"):
        parse_networks(["10.1.2.3/8"])


def test_enumeration_is_stopped_at_once_and_everywhere_within_seconds(hub: Hub, caller: Caller) -> None:
    grant_id = caller.grant()
    asked = [caller.ask(grant_id, [person(2, number)])[0] for number in range(1, 12)]
    assert asked == [200] * 9 + [403] * 2, "the ninth neighbour is seen, the tenth question refused"
    found = _found(hub, grant_id, "neighbours_grave")
    assert (found.has_suspended, found.measured, found.application_id) == (True, 9, caller.id)
    assert _flags(hub, grant_id) == ["guard.neighbours_grave"]
    refused = _until(caller, grant_id, 403, at=hub.site.authority)
    assert (refused["code"], refused["facts"]["by"]) == ("grant.suspended", "platform")
    with Session(hub.site.engine) as session:
        notices = session.scalars(select(Notice).where(Notice.facts["grant"].as_string() == grant_id)).all()
        events = session.scalars(select(GrantEvent).where(GrantEvent.grant_id == grant_id)).all()
    assert {one.key for one in notices} == {"grant.use_finding", "grant.suspended"}
    assert {one.department_id for one in notices} >= {"housing", "public_security"}
    told = f"{[one.facts for one in notices]} {[(one.note, one.facts) for one in events]}"
    assert "3301061991" not in told, "nobody is named"


def test_a_finding_that_only_tells_ends_nobodys_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be written long after it was seen, when another rule holds the grant already."""
    written = threading.Event()
    monkeypatch.setattr(findings, "keep", lambda found: found.suspends or written.wait(SECONDS))
    asked = SimpleNamespace(application_id="a", grant_id="SQ-2026-000001", library="population", receipt=str(uuid4()))

    async def look() -> int:
        guard = Guard(None, lambda: None)
        guard._find(next(one for one in rules() if not one.suspends and one.measure == "run"), asked, 100)
        guard._held.add((asked.grant_id, asked.application_id))
        written.set()
        await guard.close()
        return guard.held

    assert asyncio.run(look()) == 1


def test_of_two_readings_of_the_protected_the_last_begun_counts() -> None:
    """Two changes are announced at once, and what was read before the second one comes last."""
    begun: list[str] = []
    come = asyncio.Event()

    async def fetch(*_: Any, **__: Any) -> list[dict[str, Any]]:
        begun.append(f"reading {len(begun) + 1}")
        mine = begun[-1]
        if mine == "reading 1":
            await come.wait()
        come.set()
        return [{"subject_hash": mine, "level": "case", "until": None}]

    async def look() -> list[str]:
        guard = Guard(SimpleNamespace(fetch=fetch), lambda: None)
        for _ in range(2):
            guard.changed("protected_subjects")
        await guard.close()
        return [*guard._protected]

    assert asyncio.run(look()) == ["reading 2"]


def test_a_suspension_is_lifted_as_any_other_and_then_begins_anew(hub: Hub, caller: Caller) -> None:
    grant_id = caller.grant()
    while caller.ask(grant_id, [person(3, number := 1)])[0] == 200:
        for number in range(2, 10):
            caller.ask(grant_id, [person(3, number)])
    found = _found(hub, grant_id, "neighbours_grave")
    with Session(hub.site.engine) as session:
        grants.resume(session, CHEN, grant_id, "误报：批量核对")
        findings.review(session, CHEN, found.id, is_false_alarm=True)
        session.commit()
    assert _flags(hub, grant_id) == []
    _until(caller, grant_id, 200)
    assert [caller.ask(grant_id, [person(3, number)])[0] for number in range(1, 4)] == [200] * 3
    with Session(hub.site.engine) as session:
        assert [(one.rule, one.review) for one in findings.find(session, grant_id=grant_id)][-1][0] == "neighbours"
        assert found.id not in {one.id for one in findings.find(session, grant_id=grant_id, unreviewed_only=True)}


def test_birth_days_in_a_row_are_seen_although_no_numbers_follow_one_another(hub: Hub, caller: Caller) -> None:
    grant_id = caller.grant()
    asked = [caller.ask(grant_id, [person(day, 77)])[0] for day in range(1, 12)]
    assert asked == [200] * 9 + [403] * 2
    assert _found(hub, grant_id, "days").has_suspended


def test_ordinary_work_alarms_nobody(hub: Hub, caller: Caller) -> None:
    grant_id = caller.grant()
    known = hub.site.people
    for subject in (known[0], known[12], known[24], known[36], person(9, 500), known[5], known[30]):
        assert caller.ask(grant_id, [subject])[0] == 200
    assert _found_none(hub, grant_id)


def _found_none(hub: Hub, grant_id: str) -> bool:
    with Session(hub.site.engine) as session:
        return not findings.find(session, grant_id=grant_id)


def test_neighbours_who_exist_are_told_of_and_not_stopped(hub: Hub, caller: Caller) -> None:
    """A school enrols children born on one day: that happens."""
    grant_id = caller.grant()
    assert {caller.ask(grant_id, [one])[0] for one in hub.site.people[:20]} == {200}
    assert not _found(hub, grant_id, "neighbours").has_suspended
    assert _flags(hub, grant_id) == []


def test_one_subject_again_and_again_is_told_once(hub: Hub, caller: Caller) -> None:
    grant_id = caller.grant()
    assert {caller.ask(grant_id, [hub.site.people[3]])[0] for _ in range(12)} == {200}
    assert _found(hub, grant_id, "repeats").measured == 7
    with Session(hub.site.engine) as session:
        assert len(findings.find(session, grant_id=grant_id)) == 1


def test_many_unknown_subjects_are_told(hub: Hub, caller: Caller) -> None:
    grant_id = caller.grant(subjects_per_call=100)
    far = [person(day, 100 + 37 * day) for day in range(1, 24)]
    assert caller.ask(grant_id, far)[0] == 200
    assert not _found(hub, grant_id, "unknown").has_suspended


def test_a_burst_of_refusals_suspends(hub: Hub, caller: Caller) -> None:
    grant_id = caller.grant(library="population")
    for _ in range(11):
        assert caller.ask(grant_id, ["not an id"])[0] == 422
    assert _found(hub, grant_id, "refusals_grave").has_suspended
    assert caller.ask(grant_id, [person(1, 1)])[0] == 403


@pytest.fixture
def protected(hub: Hub) -> Iterator[str]:
    """A person whose look-ups need a case."""
    someone = hub.site.people[38]
    with Session(hub.site.engine) as session:
        assert "population" in lists.protect(session, CHEN, _secret(hub), someone, ("case", None))
        session.commit()
    yield someone
    with Session(hub.site.engine) as session:
        lists.unprotect(session, CHEN, _secret(hub), someone)
        session.commit()


def _secret(hub: Hub) -> bytes:
    return subject_secret(hub.keys)


def test_a_protected_subject_needs_a_case_and_the_authority_hears_of_every_look(
    hub: Hub, caller: Caller, protected: str
) -> None:
    another = Caller(hub.site, caller.authority)  # what it is told of does not count against the caller
    scouted = another.grant(is_case_required=False)
    wait_until(lambda: another.ask(scouted, [protected], case="")[0] == 422)
    grant_id = caller.grant(is_case_required=False)
    assert caller.ask(grant_id, [protected], case="")[1]["code"] == "purpose.case_missing"
    assert caller.ask(grant_id, [hub.site.people[1]], case="")[0] == 200
    assert caller.ask(grant_id, [protected])[0] == 200
    found = _found(hub, grant_id, "protected")
    with Session(hub.site.engine) as session:
        query = select(Notice).where(Notice.facts["grant"].as_string() == grant_id)
        assert {one.department_id for one in session.scalars(query)} == {"public_security"}, "the authority alone"
        stored = session.scalars(select(ProtectedSubject)).all()
        assert protected not in str([(one.subject_hash, one.library) for one in stored])
    assert not found.has_suspended


def test_only_the_authority_keeps_the_lists(hub: Hub, caller: Caller) -> None:
    somebody = Actor("li", "housing", frozenset({"demander"}))
    with Session(hub.site.engine) as session:
        for step in (
            lambda: lists.protect(session, somebody, b"k" * 32, hub.site.people[0]),
            lambda: lists.set_networks(session, somebody, caller.id, []),
            lambda: findings.review(session, somebody, 1, is_false_alarm=True),
        ):
            with pytest.raises(Denied, match=r"case\.role_needed"):
                step()
        with pytest.raises(Invalid, match=r"access\.subject"):
            lists.protect(session, CHEN, b"k" * 32, "not a subject of anything!")


def test_the_hubs_own_rules_can_be_read() -> None:
    assert {one.measure for one in rules()} == {"run", "day_run", "unknown", "repeats", "refusals", "protected"}
    assert all(one.pause or one.suspends for one in rules()), "what only tells must not tell without end"


@given(st.lists(st.integers(0, 60), max_size=80), st.integers(0, 60))
def test_a_run_is_what_counting_finds(numbers: list[int], through: int) -> None:
    kept = sorted({*numbers, through})
    runs = Runs()
    for number in {*numbers, through}:
        runs.add(number)
    here = kept.index(through)
    first = last = here
    while first > 0 and kept[first] - kept[first - 1] <= STEP:
        first -= 1
    while last + 1 < len(kept) and kept[last + 1] - kept[last] <= STEP:
        last += 1
    assert runs.around(through) == last - first + 1


@given(st.lists(st.tuples(st.integers(1, 28), st.integers(1, 40), st.booleans()), max_size=200), st.integers(1, 50))
def test_a_window_forgets_all_that_is_old(looked: list[tuple[int, int, bool]], seconds: int) -> None:
    window = Window(seconds)
    for moment, (day, number, is_known) in enumerate(looked):
        window.add(moment, person(day, number), is_known=is_known)
    lately = [person(day, number) for day, number, _ in looked][-seconds:]
    assert window.counts == {one: lately.count(one) for one in lately}
    assert window.unknown <= set(lately)


def test_a_window_stays_small_however_much_is_asked() -> None:
    window = Window(600)
    for number in range(3 * MOST):
        window.add(0.0, f"{number:020d}", is_known=True)
    assert len(window.counts) == MOST
