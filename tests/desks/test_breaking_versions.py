"""A version that breaks others: named cases, a window, both versions served, and what becomes of grants when it takes effect or a resource is withdrawn."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog import directory, notices
from catalog.review import acknowledgements, reviews
from catalog.review.review_steps import CONSOLE, Reviewer
from exchange_api import cases, upkeep
from exchange_api.demand import demands
from exchange_api.grant import grants
from exchange_api.supply import supplies
from exchange_api.supply.supplies import ItemAnswer
from schemas.errors import Invalid
from schemas.resource import ResourceDocument
from schemas.tables.directory import Acknowledgement, ResourceVersion
from schemas.tables.exchange import Demand, Grant, GrantItem
from tests.desks.conftest import BUREAU, HOUSING, POLICE, form, resource

RESIDENT = "public_security.resident"
CONDITIONAL = {"type": 2, "condition": "用于政务服务事项办理"}
NAME = {"id": "name", "name": "姓名", "element": "person_name", "attribute": "name"}
ADDRESS = {"id": "address", "name": "户籍地址", "attribute": "address"}
LI = Reviewer("li", "housing", frozenset({"demander"}))


@pytest.fixture(autouse=True)
def _snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUTONG_SNAPSHOT", str(tmp_path / "snapshot.json"))


def change(session: Session, *items: dict[str, Any], sharing: dict[str, Any] = CONDITIONAL, **more: Any) -> None:
    """Draft a new version of the residents with these items."""
    directory.save_draft(session, resource(RESIDENT, sharing, list(items), name="常住人口登记信息", **more))


def approve(session: Session) -> ResourceVersion:
    reviews.submit(session, CONSOLE, RESIDENT)
    reviews.approve_office(session, CONSOLE, RESIDENT)
    return reviews.approve_authority(session, CONSOLE, RESIDENT)


def dispatched(session: Session, *wanted: str) -> Demand:
    demand = demands.register(session, HOUSING, form(*wanted))
    demands.submit(session, HOUSING, demand.id)
    demands.dispatch(session, BUREAU, demand.id)
    return demand


def confirm(session: Session, demand: Demand, **more: Any) -> Grant:
    (task,) = supplies.tasks_of(session, demand_id=demand.id)
    answers = [
        ItemAnswer.model_validate({"demand_item_id": row.demand_item_id, "decision": "confirm"} | more)
        for row in supplies.answers_of(session, task.id)
    ]
    supplies.answer(session, POLICE, task.id, answers)
    (grant,) = grants.find(session, demand_id=demand.id)
    return grant


def granted(session: Session, *wanted: str) -> Grant:
    return confirm(session, dispatched(session, *wanted))


def stands_on(session: Session, grant: Grant) -> dict[str, tuple[str, str]]:
    return {
        item.attribute: (item.item_id, item.resource_version_id.rpartition("@")[2])
        for item in grants.items(session, grant.id)
    }


def take_effect(session: Session, version: ResourceVersion) -> upkeep.Done:
    assert version.effective_at
    return upkeep.keep_up(session, version.effective_at + timedelta(seconds=1))


def test_a_breaking_version_waits_and_names_every_grant_and_demand_it_touches(town: Session) -> None:
    grant, under_way = granted(town, "户籍地址"), dispatched(town, "户籍地址")
    untouched = granted(town, "姓名")
    change(town, NAME)
    version = approve(town)
    assert version.state == "scheduled"
    assert version.effective_at
    asked = {(row.kind, row.case_id): row.department_id for row in acknowledgements.find(town, version.id)}
    assert asked == {("grant", grant.id): "housing", ("demand", under_way.id): "housing"}
    assert untouched.id not in {case for _, case in asked}
    told = notices.find(town, "housing")[0]
    assert told.key == "version.affected"
    assert grant.id in told.facts["cases"]
    assert under_way.id in told.facts["cases"]


def test_a_demand_that_only_matches_so_far_is_named_once_submitted(town: Session) -> None:
    draft = demands.register(town, HOUSING, form("户籍地址"))
    demand = demands.register(town, HOUSING, form("户籍地址"))
    demands.submit(town, HOUSING, demand.id)
    change(town, NAME)
    touched = [case.case_id for case in reviews.touched(town, directory.newest(town, RESIDENT))]
    assert touched == [demand.id]
    assert draft.id not in touched
    demands.withdraw(town, HOUSING, demand.id)
    assert reviews.touched(town, directory.newest(town, RESIDENT)) == []


def test_each_case_says_which_items_and_why(town: Session) -> None:
    grant = granted(town, "户籍地址", "姓名")
    change(town, NAME)
    (case,) = reviews.touched(town, directory.newest(town, RESIDENT))
    assert (case.kind, case.case_id, case.items) == ("grant", grant.id, ("address",))
    assert "户籍地址" in case.why("zh")
    assert "no longer provided" in case.why("en")


def test_a_change_of_the_subject_or_of_the_whole_resource_touches_every_grant_on_it(town: Session) -> None:
    grant = granted(town, "姓名")
    for items, sharing in [
        ((NAME, ADDRESS), {"type": 3, "condition": "《保密法》第九条"}),
        ((NAME, ADDRESS), CONDITIONAL),
    ]:
        body = resource(RESIDENT, sharing, list(items), name="常住人口登记信息").model_dump(mode="json")
        if sharing is CONDITIONAL:
            body["items"][0]["check"] = "uscc"
        directory.save_draft(town, ResourceDocument.model_validate(body))
        (case,) = reviews.touched(town, directory.newest(town, RESIDENT))
        assert case.case_id == grant.id


def test_a_pipeline_that_looks_for_subjects_of_the_library_is_named(town: Session) -> None:
    looks = {"id": "citizen_id.exists", "kind": "reference", "items": ["citizen_id"], "scope": "library",
             "options": {"libraries": ["population"]}}  # fmt: skip
    other = resource("civil_affairs.register", {"type": 1}, [NAME], name="婚姻登记簿", library=None, checks=[looks])
    directory.save_draft(town, other)
    directory.publish(town, other.id)
    source = {"connector": "database", "connection": "police", "mapping": {"a": "citizen_id"}, "key": ["citizen_id"]}
    change(town, NAME, ADDRESS, source=source)
    reviews.publish(town, CONSOLE, RESIDENT)
    change(town, NAME, ADDRESS, library=None, source=source)
    found = {
        (case.kind, case.case_id, case.department_id)
        for case in reviews.touched(town, directory.newest(town, RESIDENT))
    }
    assert found == {
        ("pipeline", RESIDENT, "public_security"),
        ("pipeline", "civil_affairs.register", "civil_affairs"),
    }


def test_until_its_day_both_versions_are_read_and_served(town: Session) -> None:
    grant = granted(town, "户籍地址", "姓名")
    change(town, NAME)
    approve(town)
    assert directory.get(town, RESIDENT).version == 1
    assert [item.id for item in directory.document(town, RESIDENT, 2).items] == ["citizen_id", "name"]
    assert stands_on(town, grant) == {"address": ("address", "1"), "name": ("name", "1")}
    assert grants.follow(town, [RESIDENT]) == []
    assert not grant.suspended_by_platform
    later = dispatched(town, "姓名")
    assert stands_on(town, confirm(town, later, resource_id=RESIDENT, item_id="name", version=2)) == {
        "name": ("name", "2")
    }
    now = granted(town, "姓名")
    assert stands_on(town, now) == {"name": ("name", "1")}


def test_a_draft_cannot_be_confirmed(town: Session) -> None:
    demand = dispatched(town, "姓名")
    change(town, NAME)
    with pytest.raises(Invalid, match=r"supply\.unknown_item"):
        confirm(town, demand, resource_id=RESIDENT, item_id="name", version=2)


def test_before_its_day_it_takes_effect_only_when_all_have_acknowledged(town: Session) -> None:
    grant = granted(town, "户籍地址")
    change(town, NAME)
    version = approve(town)
    with pytest.raises(Invalid, match="housing"):
        reviews.publish(town, CONSOLE, RESIDENT)
    (row,) = acknowledgements.acknowledge(town, LI, RESIDENT)
    assert (row.case_id, row.acknowledged_by) == (grant.id, "li")
    assert row.acknowledged_at
    assert notices.find(town, "public_security")[0].key == "version.acknowledged"
    reviews.publish(town, CONSOLE, RESIDENT)
    assert [v.state for v in directory.versions(town, RESIDENT)] == ["published", "superseded"]
    assert version.published_at


def test_acknowledging_twice_changes_nothing_and_nobody_speaks_for_others(town: Session) -> None:
    granted(town, "户籍地址")
    change(town, NAME)
    approve(town)
    with pytest.raises(Invalid, match=r"directory\.nothing_to_acknowledge"):
        acknowledgements.acknowledge(town, Reviewer("zhao", "civil_affairs", frozenset()), RESIDENT)
    (first,) = acknowledgements.acknowledge(town, LI, RESIDENT)
    at = first.acknowledged_at
    (again,) = acknowledgements.acknowledge(town, Reviewer("sun", "housing", frozenset()), RESIDENT)
    assert (again.acknowledged_at, again.acknowledged_by) == (at, "li")


def test_on_its_day_it_takes_effect_and_a_grant_that_lost_an_item_is_suspended_with_a_notice(town: Session) -> None:
    grant, other = granted(town, "户籍地址", "姓名"), granted(town, "姓名")
    change(town, NAME)
    version = approve(town)
    assert version.effective_at
    assert upkeep.keep_up(town, version.effective_at - timedelta(seconds=1)).effective == []
    done = take_effect(town, version)
    assert (done.effective, done.suspended) == ([RESIDENT], [grant.id])
    assert grant.suspended_by_platform
    assert not other.suspended_by_platform
    assert stands_on(town, grant) == {"address": ("address", "1"), "name": ("name", "2")}
    assert stands_on(town, other) == {"name": ("name", "2")}
    told = notices.find(town, "housing")[0]
    assert (told.key, told.demand_id) == ("grant.base_lost", grant.demand_id)
    assert told.facts["items"] == "address"
    last = cases.timeline(town, grant.demand_id)[-1]
    assert (last.action, last.facts) == ("suspend_grant", {"grant": grant.id, "items": ["address"]})
    (event,) = [e for e in reviews.history(town, RESIDENT) if e.action == "publish" and e.version_id == version.id]
    assert (event.actor, event.facts) == ("system", {"unacknowledged": [grant.id]})
    assert take_effect(town, version) == upkeep.Done([], [], [])


def test_lifting_the_suspension_drops_what_lost_its_base(town: Session) -> None:
    grant = granted(town, "户籍地址", "姓名")
    change(town, NAME)
    take_effect(town, approve(town))
    grants.resume(town, HOUSING, grant.id)
    assert grant.suspended_by_platform
    grants.resume(town, BUREAU, grant.id)
    assert not grant.suspended_by_platform
    assert stands_on(town, grant) == {"name": ("name", "2")}
    assert cases.timeline(town, grant.demand_id)[-1].facts == {"grant": grant.id, "items": ["address"]}
    assert grants.follow(town, [RESIDENT]) == []


def test_a_grant_of_which_nothing_is_left_cannot_be_resumed(town: Session) -> None:
    grant = granted(town, "户籍地址")
    change(town, NAME)
    take_effect(town, approve(town))
    with pytest.raises(Invalid, match=r"grant\.no_base"):
        grants.resume(town, BUREAU, grant.id)


def test_a_grant_follows_a_renamed_item_that_feeds_the_same_attribute(town: Session) -> None:
    grant = granted(town, "户籍地址")
    change(town, NAME, ADDRESS | {"id": "home_address"})
    take_effect(town, approve(town))
    assert stands_on(town, grant) == {"address": ("home_address", "2")}
    assert not grant.suspended_by_platform


def test_what_may_no_longer_be_shared_loses_its_base(town: Session) -> None:
    grant = granted(town, "户籍地址")
    change(town, NAME, ADDRESS | {"share_type": 3})
    take_effect(town, approve(town))
    assert grant.suspended_by_platform


def test_a_compatible_version_takes_effect_at_once_and_grants_move_to_it(town: Session) -> None:
    grant = granted(town, "户籍地址")
    change(town, NAME, ADDRESS | {"synonyms": ["住址"]})
    assert approve(town).state == "published"
    assert grants.follow(town, [RESIDENT]) == []
    assert stands_on(town, grant) == {"address": ("address", "2")}


def test_withdrawing_a_resource_suspends_every_grant_on_it(town: Session) -> None:
    grant = granted(town, "户籍地址", "姓名")
    reviews.withdraw_version(town, CONSOLE, RESIDENT, "职责调整")
    assert grants.follow(town, [RESIDENT]) == [grant.id]
    assert grants.follow(town, [RESIDENT]) == []
    assert {n.key for n in notices.find(town, "housing")} >= {"grant.base_lost"}


def test_a_scheduled_version_can_be_withdrawn_and_those_asked_hear_it(town: Session) -> None:
    granted(town, "户籍地址")
    change(town, NAME)
    approve(town)
    reviews.withdraw_version(town, CONSOLE, RESIDENT, "改变主意", 2)
    assert notices.find(town, "housing")[0].key == "version.withdrawn"
    assert directory.get(town, RESIDENT).version == 1
    with pytest.raises(Invalid, match=r"directory\.nothing_to_acknowledge"):
        acknowledgements.acknowledge(town, LI, RESIDENT)


def test_a_case_that_comes_up_during_the_window_is_asked_for_too(town: Session) -> None:
    granted(town, "户籍地址")
    change(town, NAME)
    version = approve(town)
    late = granted(town, "户籍地址")
    assert version.effective_at
    upkeep.keep_up(town, version.effective_at - timedelta(days=1))
    assert late.id in {row.case_id for row in acknowledgements.waiting(town, version_id=version.id)}
    assert len(town.scalars(select(Acknowledgement)).all()) == 2


def test_cases_of_the_changing_department_itself_are_known_to_it(town: Session) -> None:
    source = {"connector": "database", "connection": "police", "mapping": {"a": "citizen_id"}, "key": ["citizen_id"]}
    change(town, NAME, ADDRESS, source=source)
    reviews.publish(town, CONSOLE, RESIDENT)
    granted(town, "户籍地址")
    change(town, NAME, source=source)
    version = approve(town)
    rows = {row.kind: row.acknowledged_by for row in acknowledgements.find(town, version.id)}
    assert rows == {"grant": None, "pipeline": "console"}


def test_a_demand_matched_before_the_change_is_matched_again_at_dispatch(town: Session) -> None:
    demand = demands.register(town, HOUSING, form("婚姻状况"))
    demands.submit(town, HOUSING, demand.id)
    marriage = directory.document(town, "civil_affairs.marriage").model_dump(mode="json")
    marriage["sharing"] = {"type": 2, "condition": "仅限婚姻登记业务"}
    directory.save_draft(town, ResourceDocument.model_validate(marriage))
    reviews.publish(town, CONSOLE, "civil_affairs.marriage")
    demands.dispatch(town, BUREAU, demand.id)
    assert demand.state == "dispatched", "what is conditional now is not granted by itself on the former version"


def test_an_answer_given_after_the_change_counts_for_the_published_version(town: Session) -> None:
    demand = dispatched(town, "姓名")
    change(town, NAME, ADDRESS | {"synonyms": ["住址"]})
    reviews.publish(town, CONSOLE, RESIDENT)
    assert stands_on(town, confirm(town, demand)) == {"name": ("name", "2")}


def test_a_revoked_grant_is_no_case_and_stays_as_it_was(town: Session) -> None:
    grant = granted(town, "户籍地址")
    grants.revoke(town, BUREAU, grant.id)
    change(town, NAME)
    assert approve(town).state == "published"
    assert grants.follow(town, [RESIDENT]) == []
    (item,) = town.scalars(select(GrantItem).where(GrantItem.grant_id == grant.id))
    assert item.resource_version_id == f"{RESIDENT}@1"
