"""A demand is checked before anybody waits for it: all that is missing, unlawful, implausible or needless is said at once, with its remedy, and kept."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from catalog import directory
from exchange_api import cases
from exchange_api.clocks import clocks
from exchange_api.demand import conformity, demands, findings
from exchange_api.demand.findings import Finding
from exchange_api.supply import supplies
from schemas.calendar import today
from schemas.errors import Denied, Invalid
from schemas.tables.exchange import Demand
from tests.desks.conftest import BUREAU, HOUSING, POLICE, actor, form, resource
from tests.desks.demand_story import confirm, dispatched, submitted, told, with_authority

LAW = "《中华人民共和国某某法》第二十条：不得对外提供"
WHOLE = {
    "basis": "《公共租赁住房管理办法》第七条",
    "scenario": "窗口受理",
    "scope": "本市申请人",
    "purpose": "发放住房补贴",
}


def _found(town: Session, *wanted: Any, **changes: Any) -> dict[str, Finding]:
    demand = demands.register(town, HOUSING, form(*wanted, **(WHOLE | {"valid_until": today() + timedelta(days=300)} | changes)))  # fmt: skip
    return {one.code: one for one in demands.check(town, demand)}


@pytest.fixture
def with_secret(town: Session) -> Session:
    """The town with a resource that a law forbids to share."""
    shadow = resource(
        "public_security.case", {"type": 3, "condition": LAW}, [{"id": "record", "name": "侦查记录"}], name="案件信息"
    )
    directory.save_draft(town, shadow)
    directory.publish(town, shadow.id)
    return town


def test_nothing_speaks_against_a_whole_demand(town: Session) -> None:
    assert _found(town, "户籍地址") == {}


def test_everything_missing_is_said_at_once_and_keeps_a_demand_from_being_submitted(town: Session) -> None:
    demand = demands.register(town, HOUSING, form(application_id=None, purpose=" ", basis=""))
    found = demands.check(town, demand)
    assert {one.where for one in found if one.code == "missing"} == {"application_id", "purpose", "basis", "items"}
    assert {one.where for one in found if one.code == "missing_by_rule"} == {"scenario", "scope", "valid_until"}
    with pytest.raises(Invalid, match=r"demand\.incomplete") as refused:
        demands.submit(town, HOUSING, demand.id)
    assert all(word in refused.value.title() for word in ("应用系统", "使用目的", "使用依据", "信息项"))
    assert (demand.state, demand.submitted_at) == ("draft", None)


@pytest.mark.parametrize(
    ("changes", "code", "where"),
    [
        ({"basis": "按规定办理"}, "basis_cites_nothing", "basis"),
        ({"valid_until": today() + timedelta(days=4 * 366)}, "period_too_long", "valid_until"),
        ({"valid_until": today() - timedelta(days=1)}, "period_past", "valid_until"),
        ({"volume_per_day": 100_001}, "volume_implausible", "volume_per_day"),
    ],
)
def test_what_speaks_against_a_demand_says_where(town: Session, changes: dict[str, Any], code: str, where: str) -> None:
    assert _found(town, "户籍地址", **changes)[code].where == where


@pytest.mark.parametrize("changes", [{"mode": "verify"}, {"purpose": "核验收入"}, {"scenario": "比对申报的收入"}])
def test_who_only_verifies_is_told_that_yes_or_no_is_enough(town: Session, changes: dict[str, Any]) -> None:
    item = {"id": "income", "name": "家庭年收入", "sensitivity": "sensitive"}
    income = resource("civil_affairs.income", {"type": 2, "condition": "用于救助"}, [item], name="家庭收入信息")
    directory.save_draft(town, income)
    directory.publish(town, income.id)
    assert "yes_no_enough" not in _found(town, "家庭年收入")
    assert _found(town, "家庭年收入", **changes)["yes_no_enough"].where == "items.0"
    asked = {"name": "家庭年收入", "form": "yes_no"}
    assert "yes_no_enough" not in _found(town, **changes, items=[asked])


def test_a_volume_is_measured_by_what_others_declared_for_the_service_item(town: Session) -> None:
    submitted(town, "户籍地址", volume_per_day=10)
    assert "volume_implausible" not in _found(town, "户籍地址", volume_per_day=100)
    found = _found(town, "户籍地址", volume_per_day=101)
    assert found["volume_implausible"].facts == {"volume": "101", "usual": "10"}


def test_what_a_law_forbids_is_said_with_the_law_before_submission(with_secret: Session) -> None:
    found = _found(with_secret, "侦查记录", "户籍地址")
    assert found["law_refuses"].where == "items.0"
    assert LAW in found["law_refuses"].title("zh")
    assert LAW in found["law_refuses"].title("en")


def test_a_name_that_others_may_share_is_not_forbidden(with_secret: Session) -> None:
    shadow = resource(
        "public_security.watch", {"type": 3, "condition": LAW}, [{"id": "home", "name": "户籍地址"}], name="重点人员"
    )
    directory.save_draft(with_secret, shadow)
    directory.publish(with_secret, shadow.id)
    assert "law_refuses" not in _found(with_secret, "户籍地址")


def test_what_a_law_forbids_is_refused_at_dispatch_and_the_other_items_go_on(with_secret: Session) -> None:
    demand = dispatched(with_secret, "侦查记录", "户籍地址", "航天器轨道参数")
    assert demand.state == "dispatched"
    (event,) = [one for one in cases.timeline(with_secret, demand.id) if one.action == "dispatch"]
    assert event.facts == {"forbidden": [{"item": "侦查记录", "law": LAW}], "unmatched": ["航天器轨道参数"]}
    confirm(with_secret, demand)
    assert demand.state == "provided"


def test_a_demand_for_nothing_but_what_a_law_forbids_is_refused_with_the_law(with_secret: Session) -> None:
    demand = dispatched(with_secret, "侦查记录")
    assert demand.state == "refused"
    assert LAW in str(cases.timeline(with_secret, demand.id)[-1].note)
    assert told(with_secret, "housing")[0] == "demand.refused"


def test_what_the_department_may_use_already_is_said(town: Session) -> None:
    demand = dispatched(town, "婚姻状况")
    assert demand.state == "provided"
    assert _found(town, "婚姻状况")["already_held"].where == "items.0"


def test_what_is_said_of_a_submitted_demand_is_kept_for_the_authority(town: Session) -> None:
    demand = submitted(town, "户籍地址")
    kept = {one.code for one in findings.of(demand.findings)}
    assert kept >= {"basis_cites_nothing", "missing_by_rule"}
    demands.return_to_demander(town, BUREAU, demand.id, "请补充")
    (event,) = [one for one in cases.timeline(town, demand.id) if one.action == "return"]
    assert {one["code"] for one in event.facts["findings"]} == kept


def test_every_finding_speaks_both_languages(town: Session) -> None:
    with_facts = _found(town, "航天器轨道参数", basis="无", mode="verify", volume_per_day=10_000_000, scenario="")
    for one in with_facts.values():
        assert all(one.title(language) and one.remedy(language) for language in ("zh", "en"))
        assert findings.of([one.kept()]) == [one]
    assert findings.of([{"code": "known_no_more", "where": "-", "facts": {}, "severity": "error"}]) == []


def test_the_authority_owes_the_check_from_submission_until_it_decides(town: Session) -> None:
    with_authority(town)
    demand = submitted(town, "户籍地址")
    (clock,) = clocks.of(town, demand.id)
    assert (clock.rule_key, clock.department_id, clock.state) == ("conformity_check", "data_bureau", "running")
    demands.return_to_demander(town, BUREAU, demand.id, "请补充")
    assert clock.state == "met"
    demands.submit(town, HOUSING, demand.id)
    demands.dispatch(town, BUREAU, demand.id)
    assert clocks.of(town, demand.id) == []


def test_the_check_is_owed_no_more_when_the_demand_is_withdrawn(town: Session) -> None:
    with_authority(town)
    demand = submitted(town, "户籍地址")
    demands.withdraw(town, HOUSING, demand.id)
    (clock,) = clocks.of(town, demand.id, states=("cancelled",))
    assert clock.rule_key == "conformity_check"
    assert told(town, "data_bureau")[0] == "demand.withdrawn"


@pytest.mark.parametrize("step", ["register", "revise", "submit"])
def test_nobody_approves_what_he_filed(town: Session, step: str) -> None:
    both = actor("chen", "housing", "demander", "authority")
    filers = [both if step == one else HOUSING for one in ("register", "revise", "submit")]
    demand: Demand = demands.register(town, filers[0], form("户籍地址"))
    demands.revise(town, filers[1], demand.id, form("户籍地址"))
    demands.submit(town, filers[2], demand.id)
    with pytest.raises(Denied, match=r"case\.same_officer"):
        demands.dispatch(town, actor("chen", "data_bureau", "authority"), demand.id)
    assert (demand.state, supplies.tasks_of(town, demand_id=demand.id)) == ("submitted", [])


def test_who_withdraws_ends_everything_and_all_are_told(town: Session) -> None:
    demand = dispatched(town, "户籍地址")
    task = supplies.tasks_of(town, demand_id=demand.id)[0]
    demands.withdraw(town, HOUSING, demand.id, "不再需要")
    assert (demand.state, task.state, clocks.of(town, task.id)) == ("withdrawn", "cancelled", [])
    assert "demand.withdrawn" in told(town, "public_security")
    with pytest.raises(Invalid, match=r"case\.wrong_state"):
        confirm_again(town, demand)


def confirm_again(town: Session, demand: Demand) -> None:
    task = supplies.tasks_of(town, demand_id=demand.id)[0]
    supplies.answer(town, POLICE, task.id, [])


def test_the_settings_of_the_check_are_the_operators(monkeypatch: pytest.MonkeyPatch, town: Session) -> None:
    monkeypatch.setenv("HUTONG_DEMAND_YEARS", "1")
    assert conformity.ConformitySettings().demand_years == 1
    assert "period_too_long" in _found(town, "户籍地址", valid_until=today() + timedelta(days=400))
