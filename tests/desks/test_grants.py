"""What was agreed becomes what the API gives: item by item, in the less revealing form, under the strictest terms. Three sides suspend it for reasons."""

import itertools
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from exchange_api.actors import Actor, Step
from exchange_api.grant import flags, foundations, grants, life
from exchange_api.states import GRANT
from schemas.calendar import today
from schemas.errors import Denied, HutongError, Invalid
from schemas.tables.departments import Department
from schemas.tables.exchange import GRANT_STATES, DemandItem, Grant
from schemas.tables.operations import Notice
from schemas.tables.services import ServiceItem
from tests.desks.conftest import BUREAU, CIVIL, HOUSING, POLICE, actor
from tests.desks.granting import (
    ADDRESS,
    MARITAL,
    NAME,
    NAME_OF_MARRIAGE,
    authority,
    confirm,
    forms,
    granted,
    key,
    wish,
)


def told(town: Session, key_: str) -> set[str]:
    return set(town.scalars(select(Notice.department_id).where(Notice.key == key_)))


def actions(town: Session, grant: Grant) -> list[str]:
    return [event.action for event in life.timeline(town, grant.id)]


def test_confirmed_items_are_granted_and_nothing_else(town: Session) -> None:
    demand = wish(town)
    confirm(town, demand, NAME, form="masked")
    confirm(town, demand, ADDRESS, state="promised")
    confirm(town, demand, MARITAL)
    (grant,) = grants.release(town, demand)
    assert forms(town, grant) == {"name": "masked", "marital_status": "full"}
    assert (grant.state, grant.purpose, grant.modes) == ("active", "核验", ["query", "verify"])
    assert told(town, "grant.active") == {"housing", "public_security", "civil_affairs"}


def test_releasing_again_changes_nothing_and_what_is_fulfilled_later_is_added(town: Session) -> None:
    demand = wish(town)
    confirm(town, demand, NAME)
    promised = confirm(town, demand, ADDRESS, state="promised")
    (first,) = grants.release(town, demand)
    before = actions(town, first)
    assert grants.release(town, demand) == [first]
    assert actions(town, first) == before
    promised.state = "confirmed"
    town.flush()
    assert grants.release(town, demand) == [first]
    assert forms(town, first) == {"name": "full", "address": "full"}
    assert "housing" in told(town, "grant.widened")


@pytest.mark.parametrize(
    ("one", "other", "given"),
    [("full", "masked", "masked"), ("yes_no", "full", "yes_no"), ("masked", "yes_no", "yes_no")],
)
def test_of_two_answers_on_one_attribute_the_less_revealing_form_counts(
    town: Session, one: str, other: str, given: str
) -> None:
    demand = wish(town)
    confirm(town, demand, NAME, form=one)
    confirm(town, demand, NAME_OF_MARRIAGE, form=other)
    (grant,) = grants.release(town, demand)
    assert forms(town, grant) == {"name": given}


def test_nobody_gets_more_than_was_wanted(town: Session) -> None:
    demand = wish(town)
    confirm(town, demand, NAME, wanted="yes_no")
    (grant,) = grants.release(town, demand)
    assert forms(town, grant) == {"name": "yes_no"}


def test_the_newest_word_on_a_wanted_item_replaces_the_former(town: Session) -> None:
    demand = wish(town)
    first = confirm(town, demand, NAME, form="masked")
    (grant,) = grants.release(town, demand)
    wanted = town.get_one(DemandItem, first.demand_item_id)
    confirm(town, demand, ADDRESS, on=wanted)
    grants.release(town, demand)
    assert forms(town, grant) == {"address": "full"}


def test_the_strictest_of_all_terms_holds_within_what_was_declared(town: Session) -> None:
    demand = wish(town, hours="07-20", volume_per_day=500)
    row = {"attribute": "birth_place", "kind": "prefix", "values": ["3301"]}
    soon = today() + timedelta(days=40)
    confirm(
        town, demand, NAME, terms={"quota_per_day": 300, "hours": "08-18", "rows": [row], "is_case_required": False}
    )
    confirm(
        town,
        demand,
        MARITAL,
        terms={"quota_per_day": 900, "hours": "09-22", "burst_per_minute": 20, "valid_until": soon.isoformat()},
    )
    (grant,) = grants.release(town, demand)
    assert (grant.quota_per_day, grant.hours, grant.burst_per_minute, grant.valid_until) == (300, "09-18", 20, soon)
    assert [(rule["attribute"], rule["values"]) for rule in grant.rows] == [("birth_place", ["3301"])]
    assert grant.is_case_required


def test_a_later_provider_tightens_the_living_grant(town: Session) -> None:
    demand = wish(town)
    confirm(town, demand, NAME)
    (grant,) = grants.release(town, demand)
    assert grants.get(town, grant.id).hours is None
    confirm(town, demand, MARITAL, terms={"hours": "08-12", "quota_per_day": 5})
    grants.release(town, demand)
    assert (grant.hours, grant.quota_per_day) == ("08-12", 5)


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ([{"hours": "08-10"}, {"hours": "14-18"}], "grant.hours_disjoint"),
        ([{"rows": [{"attribute": "colour", "values": ["red"]}]}, {}], "grant.row_unknown"),
    ],
)
def test_terms_that_cannot_be_kept_are_refused_by_name(town: Session, terms: list[dict[str, Any]], code: str) -> None:
    demand = wish(town)
    for item, one in zip((NAME, MARITAL), terms, strict=True):
        confirm(town, demand, item, terms=one)
    with pytest.raises(Invalid) as refused:
        grants.release(town, demand)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("mode", "modes", "by_case"),
    [
        ("query", {"query", "verify"}, True), ("verify", {"verify"}, True), ("changes", {"query", "verify", "changes"}, False),
        ("export", {"query", "verify", "export"}, False),
    ],
)  # fmt: skip
def test_the_declared_mode_says_which_questions_are_granted(
    town: Session, mode: str, modes: set[str], by_case: bool
) -> None:
    grant = granted(town, mode=mode)
    assert (set(grant.modes), grant.is_case_required) == (modes, by_case)


def test_a_case_number_is_waived_only_when_every_provider_does(town: Session) -> None:
    one, both = wish(town, 1), wish(town, 2)
    confirm(town, one, NAME, terms={"is_case_required": False})
    confirm(town, one, MARITAL)
    for item in (NAME, MARITAL):
        confirm(town, both, item, terms={"is_case_required": False})
    assert [grant.is_case_required for demand in (one, both) for grant in grants.release(town, demand)] == [True, False]


STEPS: dict[str, Callable[[Session, Grant], None]] = {
    "activate": lambda town, grant: life.move(town, BUREAU, grant, Step("activate")),
    "expire": lambda town, grant: life.move(town, BUREAU, grant, Step("expire")),
    "revoke": lambda town, grant: grants.revoke(town, BUREAU, grant.id, "x"),
    "close": lambda town, grant: grants.close(town, HOUSING, grant.id, "x"),
}


@pytest.mark.parametrize(("state", "action"), list(itertools.product(GRANT_STATES, GRANT.ways)))
def test_the_table_alone_moves_a_grant_and_every_end_is_told_to_all(town: Session, state: str, action: str) -> None:
    authority(town)
    grant = granted(town, NAME, MARITAL)
    grant.state = state
    if state not in GRANT.ways[action]:
        with pytest.raises(Invalid, match=r"case\.wrong_state"):
            STEPS[action](town, grant)
        assert grant.state == state
        return
    STEPS[action](town, grant)
    assert grant.state == GRANT.ways[action][state]
    last = life.timeline(town, grant.id)[-1]
    assert (last.action, last.from_state, last.to_state) == (action, state, grant.state)
    if grant.state in GRANT.ends:
        assert told(town, f"grant.{grant.state}") == {"housing", "public_security", "civil_affairs", "data_bureau"}


@pytest.mark.parametrize("state", ["expired", "revoked", "closed"])
@pytest.mark.parametrize("step", [grants.suspend, grants.resume])
def test_what_has_ended_is_neither_suspended_nor_resumed(town: Session, state: str, step: Callable[..., None]) -> None:
    grant = granted(town)
    grant.state = state
    with pytest.raises(Invalid, match=r"case\.wrong_state"):
        step(town, BUREAU, grant.id)


SIDES = {"consumer": HOUSING, "provider": POLICE, "platform": BUREAU}


@pytest.mark.parametrize(("side", "lifter"), list(itertools.product(SIDES, SIDES)))
def test_a_suspension_is_lifted_by_its_owner_alone(town: Session, side: str, lifter: str) -> None:
    authority(town)
    grant = granted(town)
    grants.suspend(town, SIDES[side], grant.id, "异常")
    (flag,) = flags.of(town, grant.id)
    assert (flag.side, flag.code, flag.by, flag.why) == (side, "ordered", SIDES[side].id, "异常")
    assert flag.since
    assert told(town, "grant.suspended") == {"housing", "public_security"} | (
        {"data_bureau"} if side == "platform" else set()
    )
    grants.resume(town, SIDES[lifter], grant.id)
    assert getattr(grant, f"suspended_by_{side}") is (side != lifter)
    assert bool(flags.of(town, grant.id)) is (side != lifter)


@pytest.mark.parametrize(
    ("who", "code"),
    [
        (CIVIL, "case.not_yours"), (actor("x", "data_bureau"), "case.not_yours"), (actor("x", "housing", "auditor"), "case.role_needed"),
        (actor("x", "public_security", "steward"), "case.role_needed"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("step", [grants.suspend, grants.resume, grants.close])
def test_others_have_no_say(town: Session, who: Actor, code: str, step: Callable[..., None]) -> None:
    grant = granted(town)
    before = actions(town, grant)
    with pytest.raises(HutongError) as refused:
        step(town, who, grant.id)
    assert refused.value.code == code
    assert actions(town, grant) == before
    assert not any((grant.suspended_by_consumer, grant.suspended_by_provider, grant.suspended_by_platform))


@pytest.mark.parametrize("who", [HOUSING, POLICE])
def test_only_the_authority_revokes(town: Session, who: Actor) -> None:
    grant = granted(town)
    with pytest.raises(Denied, match=r"case\.role_needed"):
        grants.revoke(town, who, grant.id)


def test_suspending_twice_leaves_one_reason_and_one_trace(town: Session) -> None:
    grant = granted(town)
    grants.suspend(town, POLICE, grant.id)
    grants.suspend(town, POLICE, grant.id)
    assert actions(town, grant).count("suspend") == 1


def _cancel_item(town: Session) -> Callable[[], None]:
    item = town.get_one(ServiceItem, "gzf")
    item.state = "3"
    return lambda: setattr(item, "state", "1")


def _dissolve(department_id: str) -> Callable[[Session], Callable[[], None]]:
    def lose(town: Session) -> Callable[[], None]:
        department = town.get_one(Department, department_id)
        department.state = "dissolved"
        return lambda: setattr(department, "state", "active")

    return lose


def _end_keys(town: Session) -> Callable[[], None]:
    row = key(town)
    row.state = "revoked"
    return lambda: setattr(row, "state", "active")


@pytest.mark.parametrize(
    ("lose", "code"),
    [
        (_cancel_item, "base.service_item"), (_dissolve("housing"), "base.department"), (_dissolve("public_security"), "base.department"),
        (_end_keys, "base.keys"),
    ],
)  # fmt: skip
def test_what_loses_its_foundation_stands_still_until_it_is_back(
    town: Session, lose: Callable[[Session], Callable[[], None]], code: str
) -> None:
    authority(town)
    grant, other = granted(town), granted(town, number=2)
    other.state = "closed"
    give_back = lose(town)
    town.flush()
    assert foundations.hold(town) == ([grant.id], [])
    assert foundations.hold(town) == ([], [])
    assert (grant.suspended_by_platform, other.suspended_by_platform) == (True, False)
    assert [flag.code for flag in flags.of(town, grant.id)] == [code]
    assert told(town, "grant.suspended") == {"housing", "public_security", "data_bureau"}
    with pytest.raises(Invalid, match=r"grant\.base_missing"):
        grants.resume(town, BUREAU, grant.id)
    give_back()
    town.flush()
    assert foundations.hold(town) == ([], [grant.id])
    assert not grant.suspended_by_platform
    assert told(town, "grant.resumed") == {"housing", "public_security", "data_bureau"}


def test_a_base_that_comes_back_does_not_lift_what_an_officer_ordered(town: Session) -> None:
    grant = granted(town)
    grants.suspend(town, BUREAU, grant.id)
    give_back = _cancel_item(town)
    town.flush()
    foundations.hold(town)
    give_back()
    town.flush()
    foundations.hold(town)
    assert grant.suspended_by_platform
    assert [flag.code for flag in flags.of(town, grant.id)] == ["ordered"]
