"""More time: once, within the rule, before it is late, with the authority's consent and the demander told; nobody consents to his own."""

from collections.abc import Callable
from datetime import date

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from exchange_api import cases
from exchange_api.actors import Actor
from exchange_api.clocks import clocks, extensions
from exchange_api.clocks.clock_upkeep import keep_clocks
from schemas.errors import HutongError
from schemas.tables.clocks import CaseClock, ClockEvent
from tests.desks.clocking import DEMAND, add_demand, events, moment, stand_on, start, told
from tests.desks.conftest import BUREAU, CIVIL, POLICE, actor

BEGUN, DUE = date(2026, 6, 1), date(2026, 6, 15)


@pytest.fixture
def clock(town: Session, monkeypatch: pytest.MonkeyPatch) -> CaseClock:
    """Ten working days of the police, and at most ten more."""
    add_demand(town)
    stand_on(monkeypatch, BEGUN)
    return start(town)


def refused(code: str, step: Callable[[], object]) -> None:
    with pytest.raises(HutongError) as caught:
        step()
    assert caught.value.code == code


def test_an_extension_with_consent_moves_the_due_date_and_the_demander_hears(town: Session, clock: CaseClock) -> None:
    asked = extensions.ask(town, POLICE, clock.id, 5, "系统改造")
    assert (asked.state, clock.due_date, told(town, "clock.extension_asked")) == ("asked", DUE, ["data_bureau"])
    assert extensions.find(town) == [asked]
    extensions.decide(town, BUREAU, asked.id, True)
    assert (asked.state, asked.decided_by, clock.extension_days) == ("granted", "chen", 5)
    assert clock.due_date == date(2026, 6, 23)  # 06-19 is a holiday
    assert told(town, "clock.extended") == ["housing", "public_security"]
    assert events(town, clock) == ["start", "ask_extension", "extend"]
    assert [event.action for event in cases.timeline(town, DEMAND)] == ["extend_deadline"]
    assert extensions.find(town) == []


def test_what_is_declined_stays_due_and_may_be_asked_again(town: Session, clock: CaseClock) -> None:
    asked = extensions.ask(town, POLICE, clock.id, 5, "系统改造")
    refused("deadline.reason_needed", lambda: extensions.decide(town, BUREAU, asked.id, False, " "))
    extensions.decide(town, BUREAU, asked.id, False, "理由不充分")
    assert (asked.state, asked.decision, clock.due_date) == ("declined", "理由不充分", DUE)
    assert told(town, "clock.extension_declined") == ["public_security"]
    again = extensions.ask(town, POLICE, clock.id, 3, "机房搬迁")
    extensions.decide(town, BUREAU, again.id, True, "情况属实")
    assert clock.due_date == date(2026, 6, 18)
    refused("deadline.extension_once", lambda: extensions.ask(town, POLICE, clock.id, 1, "再延"))


@pytest.mark.parametrize(
    ("who", "days", "why", "code"),
    [
        (CIVIL, 5, "系统改造", "case.not_yours"),
        (actor("sun", "public_security", "auditor"), 5, "系统改造", "case.role_needed"),
        (POLICE, 0, "系统改造", "deadline.extension_days"),
        (POLICE, 11, "系统改造", "deadline.extension_days"),
        (POLICE, 5, "  ", "deadline.reason_needed"),
    ],
)
def test_who_may_ask_for_how_much(town: Session, clock: CaseClock, who: Actor, days: int, why: str, code: str) -> None:
    refused(code, lambda: extensions.ask(town, who, clock.id, days, why))
    assert (extensions.of_clock(town, clock.id), clock.due_date) == ([], DUE)


def test_two_requests_do_not_wait_side_by_side(town: Session, clock: CaseClock) -> None:
    extensions.ask(town, POLICE, clock.id, 5, "系统改造")
    refused("deadline.extension_once", lambda: extensions.ask(town, POLICE, clock.id, 5, "系统改造"))


def test_nobody_consents_to_his_own_and_no_provider_to_anyones(town: Session, clock: CaseClock) -> None:
    both = actor("wang", "public_security", "provider", "authority")
    asked = extensions.ask(town, both, clock.id, 5, "系统改造")
    refused("case.same_officer", lambda: extensions.decide(town, both, asked.id, True))
    refused("case.role_needed", lambda: extensions.decide(town, CIVIL, asked.id, True))
    assert (asked.state, clock.due_date) == ("asked", DUE)


def test_a_colleague_who_was_stood_in_for_does_not_consent(town: Session, clock: CaseClock) -> None:
    roles = frozenset({"provider", "authority"})
    asked = extensions.ask(town, Actor("wang", "public_security", roles, in_place_of="qian"), clock.id, 5, "系统改造")
    away = Actor("qian", "public_security", roles)
    refused("case.same_officer", lambda: extensions.decide(town, away, asked.id, True))
    deputy = Actor("li", "public_security", roles, in_place_of="qian")
    refused("case.same_officer", lambda: extensions.decide(town, deputy, asked.id, True))
    noted = select(ClockEvent.actor, ClockEvent.in_place_of).where(ClockEvent.action == "ask_extension")
    assert town.execute(noted).all() == [("wang", "qian")]
    extensions.decide(town, BUREAU, asked.id, True)


def test_a_decision_is_made_once(town: Session, clock: CaseClock) -> None:
    asked = extensions.ask(town, POLICE, clock.id, 5, "系统改造")
    extensions.decide(town, BUREAU, asked.id, True)
    refused("case.wrong_state", lambda: extensions.decide(town, BUREAU, asked.id, False, "改变主意"))
    assert clock.extension_days == 5


def test_a_rule_without_extension_knows_none(town: Session, clock: CaseClock) -> None:
    strict = clocks.start(town, POLICE, "provide_after_agree", ("answer:1", DEMAND, "public_security"))
    refused("deadline.no_extension", lambda: extensions.ask(town, POLICE, strict.id, 1, "系统改造"))
    assert clock.state == "running"


def test_after_the_day_nobody_asks_and_nobody_consents(
    town: Session, clock: CaseClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = extensions.ask(town, POLICE, clock.id, 5, "系统改造")
    stand_on(monkeypatch, DUE)
    assert keep_clocks(town, moment(DUE)).lapsed == []
    stand_on(monkeypatch, date(2026, 6, 16))
    refused("deadline.extension_late", lambda: extensions.decide(town, BUREAU, asked.id, True))
    assert keep_clocks(town, moment(date(2026, 6, 16))).lapsed == [asked.id]
    assert (asked.state, told(town, "clock.extension_lapsed")) == ("lapsed", ["data_bureau", "public_security"])
    refused("case.wrong_state", lambda: extensions.decide(town, BUREAU, asked.id, True))
    refused("deadline.extension_late", lambda: extensions.ask(town, POLICE, clock.id, 5, "系统改造"))
    assert keep_clocks(town, moment(date(2026, 6, 16))).lapsed == []


def test_an_extension_lapses_with_the_step_that_was_done(town: Session, clock: CaseClock) -> None:
    asked = extensions.ask(town, POLICE, clock.id, 5, "系统改造")
    clocks.stop(town, POLICE, DEMAND)
    refused("case.wrong_state", lambda: extensions.ask(town, POLICE, clock.id, 5, "系统改造"))
    assert keep_clocks(town, moment(BEGUN)).lapsed == [asked.id]
    assert (asked.state, clock.extension_days) == ("lapsed", 0)


def test_an_extension_of_a_paused_clock_adds_to_its_pause(
    town: Session, clock: CaseClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    clocks.pause(town, POLICE, DEMAND, DEMAND)
    asked = extensions.ask(town, POLICE, clock.id, 2, "系统改造")
    stand_on(monkeypatch, date(2026, 6, 17))  # the day has passed, the clock has not
    extensions.decide(town, BUREAU, asked.id, True)
    clocks.resume(town, POLICE, DEMAND, DEMAND)
    # ten days of the rule, twelve of the pause, two granted: 24 working days after 06-01
    assert (clock.paused_days, clock.due_date) == (12, date(2026, 7, 6))


def test_an_unknown_extension_is_named(town: Session) -> None:
    refused("deadline.unknown_extension", lambda: extensions.decide(town, BUREAU, 999_999, True))
