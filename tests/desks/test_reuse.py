"""Reuse before request: what a department has, was granted, has asked for, what a base library holds and what others were granted
is said before it asks again.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from catalog.service import services
from exchange_api.demand import demands, reuse
from exchange_api.demand.reuse import Reuse
from exchange_api.matching import Wanted, candidates, find_matches
from exchange_api.portal import words
from schemas.calendar import today
from schemas.tables.exchange import Application, Demand, DemandItem, Grant, GrantItem, GrantUse, SupplyAnswer
from schemas.tables.landing import Batch
from tests.desks.conftest import HOUSING, actor, form

CIVIL_DEMANDER = actor("sun", "civil_affairs", "demander")
SECRET = "内部专项核查第七号"


def wanted(town: Session, department_id: str, *names: str, service_item_id: str = "gzf") -> list[Reuse]:
    found = find_matches([Wanted(name) for name in names], candidates(town))
    found_of_department = reuse.already(town, department_id, dict(enumerate(found)), service_item_id)
    for one in found_of_department:
        assert words.REUSE[one.key] % one.facts
    return found_of_department


def granted(town: Session, attribute: str = "marital_status", **changes: Any) -> Grant:
    """A grant of one attribute of the population library, as release leaves it."""
    number = f"{len(town.new) + town.query(Grant).count() + 1:06d}"
    of = {
        "application_id": "zufang",
        "form": "full",
        "service_item_id": "gzf",
        "purpose": SECRET,
        "department_id": "housing",
    } | changes
    asked = datetime.now(UTC) - timedelta(days=9)
    town.add(
        Demand(id=f"XQ-2020-{number}", department_id=of["department_id"], application_id=of["application_id"], service_item_id=of["service_item_id"],
               purpose=of["purpose"], basis="办法", state="closed", created_by="li", submitted_at=asked)
    )  # fmt: skip
    town.flush()
    more = {name: of[name] for name in of if name in ("valid_until", "state", "quota_per_day")}
    grant = Grant(
        **({"id": f"SQ-2020-{number}", "demand_id": f"XQ-2020-{number}", "application_id": of["application_id"], "library": "population",
            "service_item_id": of["service_item_id"], "valid_from": today(), "valid_until": today() + timedelta(days=30)} | more)
    )  # fmt: skip
    town.add(grant)
    town.flush()
    town.add(
        GrantItem(grant_id=grant.id, attribute=attribute, form=of["form"], resource_version_id="civil_affairs.marriage@1", item_id="marital")
    )  # fmt: skip
    town.flush()
    return grant


def test_where_nothing_is_there_nothing_is_said(town: Session) -> None:
    assert wanted(town, "housing", "婚姻状况", "航天器轨道参数") == []
    assert reuse.already(town, "housing", {}) == []


def test_ones_own_resource_need_not_be_asked_for(town: Session) -> None:
    (found,) = wanted(town, "civil_affairs", "婚姻情况")
    assert (found.key, found.is_enough) == ("own_resource", True)
    assert found.facts == {"resource": "婚姻登记信息", "item": "婚姻状况"}


def test_a_living_grant_tells_form_period_and_what_is_left_today(town: Session) -> None:
    grant = granted(town, quota_per_day=500)
    town.add(GrantUse(grant_id=grant.id, day=today(), subjects=120, calls=3))
    town.flush()
    (found,) = wanted(town, "housing", "婚姻状况")
    assert (found.row, found.key, found.is_enough) == (0, "own_grant", True)
    assert found.facts.items() >= {"grant": grant.id, "form": "full", "left": "380", "quota": "500"}.items()
    assert found.facts["until"] == grant.valid_until.isoformat()


@pytest.mark.parametrize(
    "ended", [{"state": "revoked"}, {"state": "expired"}, {"valid_until": today() - timedelta(days=1)}]
)
def test_an_ended_grant_is_no_reason_not_to_ask(town: Session, ended: dict[str, Any]) -> None:
    granted(town, **ended)
    assert wanted(town, "housing", "婚姻状况") == []


@pytest.mark.parametrize("flag", ["suspended_by_consumer", "suspended_by_provider", "suspended_by_platform"])
def test_a_suspended_grant_is_to_be_resumed_not_asked_for_again(town: Session, flag: str) -> None:
    setattr(granted(town), flag, True)
    town.flush()
    (found,) = wanted(town, "housing", "婚姻状况")
    assert (found.key, found.is_enough) == ("own_grant_suspended", False)


def test_a_grant_for_another_service_item_needs_only_its_purpose_extended(town: Session) -> None:
    services.save(town, services.ServiceItemDocument(id="other", name="住房补贴申请", department="housing"))
    granted(town, service_item_id="other")
    (found,) = wanted(town, "housing", "婚姻状况")
    assert (found.key, found.is_enough) == ("own_grant_purpose", False)
    assert found.facts["service_item"] == "住房补贴申请"
    assert wanted(town, "housing", "婚姻状况", service_item_id="other")[0].is_enough


def test_a_demand_that_needs_more_than_a_grants_form_is_told_so(town: Session) -> None:
    granted(town, form="yes_no")
    demand = demands.register(town, HOUSING, form("婚姻状况"))
    (found,) = reuse.already(town, demand)
    assert (found.row, found.key, found.facts["form"]) == (0, "own_grant_form", "yes_no")
    (item,) = demands.items(town, demand.id)
    item.form = "yes_no"
    town.flush()
    assert [one.key for one in reuse.already(town, demand)] == ["own_grant"]


def test_what_the_department_waits_for_already_is_named_but_not_to_itself(town: Session) -> None:
    first = demands.register(town, HOUSING, form("户籍地址"))
    demands.submit(town, HOUSING, first.id)
    demands.dispatch(town, actor("chen", "data_bureau", "authority"), first.id)
    assert town.query(SupplyAnswer).join(DemandItem).filter(DemandItem.demand_id == first.id).count() == 1
    second = demands.register(town, HOUSING, form("户籍地址"))
    assert [(one.key, one.facts) for one in reuse.already(town, second)] == [("own_asked", {"demand": first.id})]
    assert reuse.already(town, first) == []
    assert all(one.key != "own_asked" for one in wanted(town, "data_bureau", "户籍地址"))


def test_what_a_base_library_holds_is_said_with_its_source_and_day(town: Session) -> None:
    assert wanted(town, "housing", "婚姻状况") == []
    town.add(
        Batch(id="b1", resource_id="civil_affairs.marriage", resource_version_id="civil_affairs.marriage@1", run_id="r", state="merged",
              merged_at=datetime(2026, 3, 1, 20, tzinfo=UTC), rows_in=3, rows_good=3)
    )  # fmt: skip
    town.flush()
    (found,) = wanted(town, "housing", "婚姻状况")
    assert (found.key, found.is_enough) == ("library", False)
    assert found.facts == {"library": "population", "resources": "婚姻登记信息", "day": "2026-03-02"}


def test_others_grants_tell_provider_form_and_days_but_not_to_whom_or_for_what(town: Session) -> None:
    town.add(Application(id="dibao", name="低保系统", department_id="public_security"))
    town.flush()
    secret = granted(
        town, application_id="dibao", department_id="public_security", form="masked", valid_until=today() - timedelta(1)
    )
    (found,) = wanted(town, "housing", "婚姻状况")
    assert (found.key, found.is_enough) == ("granted_before", False)
    assert found.facts == {"department": "civil_affairs", "times": "1", "form": "masked", "days": "9"}
    for hidden in (SECRET, secret.id, secret.demand_id, "dibao", "public_security"):
        assert hidden not in str(found)


def test_what_helps_most_comes_first(town: Session) -> None:
    granted(town)
    granted(town, state="expired")
    granted(town).suspended_by_platform = True
    town.flush()
    assert [one.key for one in wanted(town, "housing", "姓名", "婚姻状况")] == ["own_grant"]
    assert [one.row for one in wanted(town, "housing", "姓名", "婚姻状况")] == [1]
    assert wanted(town, CIVIL_DEMANDER.department_id, "婚姻状况")[0].key == "own_resource"
