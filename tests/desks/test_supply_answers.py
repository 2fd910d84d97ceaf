"""Four words on an item: confirm, promise, counter-offer, refuse; each with what it needs, and on terms that narrow what was asked."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy.orm import Session

from catalog import deadlines, directory, notices
from exchange_api import cases
from exchange_api.clocks import clocks
from exchange_api.demand import demands, offers
from exchange_api.grant import grants
from exchange_api.grant.terms import Terms
from exchange_api.supply import deciding, promises, supplies
from exchange_api.supply.supplies import ItemAnswer, Offered, Refusal
from schemas.calendar import today
from schemas.errors import Denied, HutongError, Invalid
from schemas.tables.exchange import Demand, SupplyAnswer, SupplyTask, TaskDemand
from tests.desks.conftest import BUREAU, CIVIL, HOUSING, POLICE, form, resource

RESIDENT = "public_security.resident"
CONDITION = "用于政务服务事项办理"
CONDITIONAL = {"type": 2, "condition": CONDITION}
NAME = {"id": "name", "name": "姓名", "element": "person_name", "attribute": "name"}
ADDRESS = {"id": "address", "name": "户籍地址", "attribute": "address"}
SEX = {"id": "sex", "name": "性别", "attribute": "sex"}


def asked(town: Session, *wanted: str, **changes: Any) -> tuple[Demand, SupplyTask, list[SupplyAnswer]]:
    demand = demands.register(town, HOUSING, form(*wanted, **changes))
    demands.submit(town, HOUSING, demand.id)
    demands.dispatch(town, BUREAU, demand.id)
    (task,) = [one for one in supplies.tasks_of(town, demand_id=demand.id) if one.state == "open"]
    return demand, task, supplies.answers_of(town, task.id)


def word(row: SupplyAnswer, decision: str, **more: Any) -> ItemAnswer:
    return ItemAnswer.model_validate({"demand_item_id": row.demand_item_id, "decision": decision} | more)


def say(town: Session, task: SupplyTask, *words: ItemAnswer) -> None:
    supplies.answer(town, POLICE, task.id, list(words))


def keys(town: Session, department_id: str) -> set[str]:
    return {notice.key for notice in notices.find(town, department_id, 100)}


def legal_day(town: Session) -> Any:
    return deadlines.due_date(town, deciding.PROVIDE, today()).date


def promised(town: Session) -> tuple[Demand, SupplyAnswer]:
    """One item confirmed, one promised."""
    demand, task, (address, name) = asked(town, "户籍地址", "姓名")
    say(town, task, word(address, "confirm"), word(name, "will_provide", promised_date=today() + timedelta(days=1)))
    return demand, name


# --- promises -----------------------------------------------------------------------------------------------------------------


def test_a_promise_runs_by_law_while_what_is_confirmed_is_granted_already(town: Session) -> None:
    demand, answer = promised(town)
    assert (demand.state, answer.state) == ("answered", "promised")
    (clock,) = clocks.of(town, f"answer:{answer.id}", demand.id)
    assert (clock.rule_key, clock.department_id, clock.due_date) == (
        "provide_after_agree", "public_security", legal_day(town),
    )  # fmt: skip
    (grant,) = grants.find(town, demand_id=demand.id)
    assert {item.attribute for item in grants.items(town, grant.id)} == {"address"}


def test_a_promise_is_kept_when_the_new_entry_is_published(town: Session) -> None:
    demand, answer = promised(town)
    directory.save_draft(
        town, resource("public_security.names", CONDITIONAL, [NAME], name="姓名登记信息", code="101001/names")
    )
    offered = Offered(resource_id="public_security.names", item_id="name", form="masked")
    with pytest.raises(Invalid, match=r"directory\.not_published"):
        promises.fulfil(town, POLICE, answer.id, offered)
    directory.publish(town, "public_security.names")
    promises.fulfil(town, POLICE, answer.id, offered)
    assert (demand.state, answer.state) == ("provided", "confirmed")
    assert clocks.of(town, f"answer:{answer.id}") == []
    (grant,) = grants.find(town, demand_id=demand.id)
    assert {item.attribute: item.form for item in grants.items(town, grant.id)} == {"address": "full", "name": "masked"}
    assert "answer.fulfilled" in keys(town, "housing")
    with pytest.raises(Invalid, match=r"case\.wrong_state"):
        promises.fulfil(town, POLICE, answer.id, offered)


def test_a_promise_given_up_needs_a_ground_and_ends_what_hung_on_it(town: Session) -> None:
    demand, answer = promised(town)
    with pytest.raises(Invalid, match=r"supply\.reason_needed"):
        promises.give_up(town, POLICE, answer.id, Refusal(None, "来不及"))
    promises.give_up(town, POLICE, answer.id, Refusal("no_longer_kept"))
    assert (demand.state, answer.state, answer.ground) == ("provided", "refused", {"kind": "no_longer_kept"})
    assert "answer.given_up" in keys(town, "housing")


def test_a_demand_of_nothing_but_a_broken_promise_is_refused(town: Session) -> None:
    demand, task, (row,) = asked(town, "户籍地址")
    say(town, task, word(row, "will_provide", promised_date=today()))
    assert demand.state == "answered"
    promises.give_up(town, POLICE, row.id, Refusal("law", "《中华人民共和国个人信息保护法》第十三条"))
    assert demand.state == "refused"


def test_nobody_keeps_or_breaks_anothers_promise(town: Session) -> None:
    _, answer = promised(town)
    steps: list[Callable[[], SupplyAnswer]] = [
        lambda: promises.fulfil(town, CIVIL, answer.id, Offered()),
        lambda: promises.give_up(town, CIVIL, answer.id, Refusal("condition")),
    ]
    for step in steps:
        with pytest.raises(Denied, match=r"case\.not_yours"):
            step()
    with pytest.raises(Invalid, match=r"case\.unknown"):
        promises.fulfil(town, POLICE, 999_999, Offered())


def test_a_promise_of_a_withdrawn_demand_lapses(town: Session) -> None:
    demand, task, (row,) = asked(town, "户籍地址")
    say(town, task, word(row, "will_provide", promised_date=today()))
    supplies.cancel_open(town, HOUSING, demand.id)
    assert row.state == "cancelled"
    assert clocks.of(town, f"answer:{row.id}") == []


def test_a_promise_names_a_day_to_come_and_a_late_one_its_reason(town: Session) -> None:
    _, task, (row,) = asked(town, "户籍地址")
    for day in (None, today() - timedelta(days=1)):
        with pytest.raises(Invalid, match=r"supply\.promise_date"), town.begin_nested():
            say(town, task, word(row, "will_provide", promised_date=day))
    late = legal_day(town) + timedelta(days=1)
    with pytest.raises(Invalid, match=r"supply\.promise_late"), town.begin_nested():
        say(town, task, word(row, "will_provide", promised_date=late))
    say(town, task, word(row, "will_provide", promised_date=late, reason="系统正在改造"))
    assert (row.state, row.promised_date) == ("promised", late)


# --- counter-offers -----------------------------------------------------------------------------------------------------------


def test_an_offer_waits_for_the_demander_and_becomes_what_was_offered(town: Session) -> None:
    demand, task, (row,) = asked(town, "户籍地址")
    say(town, task, word(row, "counter_offer", item_id="name", form="yes_no", reason="地址不可提供，可核对姓名"))
    assert (demand.state, row.state) == ("offered", "offered")
    assert "demand.offered" in keys(town, "housing")
    offers.take(town, HOUSING, row.id)
    assert demand.state == "provided"
    (grant,) = grants.find(town, demand_id=demand.id)
    assert {item.attribute: item.form for item in grants.items(town, grant.id)} == {"name": "yes_no"}


def test_a_declined_offer_with_nothing_else_ends_the_case(town: Session) -> None:
    demand, task, (row,) = asked(town, "户籍地址")
    say(town, task, word(row, "counter_offer", form="masked", reason="只能脱敏提供"))
    offers.decline(town, HOUSING, row.id)
    assert (demand.state, row.state) == ("refused", "declined")


def test_the_demand_is_offered_only_when_everybody_has_spoken(town: Session) -> None:
    directory.save_draft(town, resource("civil_affairs.sex", CONDITIONAL, [SEX], name="性别登记", code="101001/sex1"))
    directory.publish(town, "civil_affairs.sex")
    demand = demands.register(town, HOUSING, form("户籍地址", "性别"))
    demands.submit(town, HOUSING, demand.id)
    demands.dispatch(town, BUREAU, demand.id)
    tasks = {task.department_id: task for task in supplies.tasks_of(town, demand_id=demand.id)}
    (row,) = supplies.answers_of(town, tasks["public_security"].id)
    say(town, tasks["public_security"], word(row, "counter_offer", form="masked", reason="只能脱敏提供"))
    assert demand.state == "dispatched"
    (other,) = supplies.answers_of(town, tasks["civil_affairs"].id)
    supplies.answer(town, CIVIL, tasks["civil_affairs"].id, [word(other, "confirm")])
    assert demand.state == "offered"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"form": "masked"}, "supply.note_needed"),
        ({"reason": "就是这个"}, "supply.offer_same"),
        ({"reason": "别家的", "resource_id": "civil_affairs.marriage", "item_id": "marital"}, "supply.unknown_item"),
        ({"reason": "没有的", "item_id": "no_such"}, "supply.unknown_item"),
    ],
)
def test_an_offer_is_something_else_of_ones_own_with_a_note(town: Session, changes: dict[str, str], code: str) -> None:
    _, task, (row,) = asked(town, "户籍地址")
    with pytest.raises(HutongError) as refused:
        say(town, task, word(row, "counter_offer", **changes))
    assert refused.value.code == code


def test_nobody_gets_a_wider_form_than_is_enough_for_him(town: Session) -> None:
    demand = demands.register(town, HOUSING, form("户籍地址"))
    demands.items(town, demand.id)[0].form = "masked"
    demands.submit(town, HOUSING, demand.id)
    demands.dispatch(town, BUREAU, demand.id)
    (task,) = supplies.tasks_of(town, demand_id=demand.id)
    (row,) = supplies.answers_of(town, task.id)
    say(town, task, word(row, "confirm", form="full"))
    assert row.form == "masked"


# --- refusals -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ({"ground": "condition"}, {"kind": "condition", "condition": CONDITION}),
        ({"reason": CONDITION}, {"kind": "condition", "condition": CONDITION}),
        (
            {"ground": "law", "reason": "依据《中华人民共和国统计法》第二十八条，不得提供"},
            {"kind": "law", "law": "《中华人民共和国统计法》第二十八条"},
        ),
        (
            {"ground": "not_our_duty", "department": "civil_affairs"},
            {"kind": "not_our_duty", "department": "civil_affairs"},
        ),
        ({"ground": "no_longer_kept", "reason": "2020 年起不再采集"}, {"kind": "no_longer_kept"}),
    ],
)
def test_a_refusal_keeps_its_ground_and_the_case_says_who_refused_what_and_why(
    town: Session, said: dict[str, str], kept: dict[str, str]
) -> None:
    demand, task, (row,) = asked(town, "户籍地址")
    say(town, task, word(row, "refuse", **said))
    assert row.ground == kept
    last = cases.timeline(town, demand.id)[-1]
    assert (last.action, demand.state) == ("refuse", "refused")
    assert last.facts["refused"] == [
        {"item": "户籍地址", "department": "public_security", "state": "refused", "ground": kept}
    ]
    assert {"task.answered", "demand.refused"} <= keys(town, "housing")


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({}, "supply.reason_needed"),
        ({"reason": "我们不愿意"}, "supply.reason_needed"),
        ({"ground": "law", "reason": "《统计法》"}, "supply.reason_needed"),
        ({"ground": "invented", "reason": "《统计法》第一条"}, "supply.reason_needed"),
        ({"ground": "not_our_duty"}, "supply.duty_department"),
        ({"ground": "not_our_duty", "department": "public_security"}, "supply.duty_department"),
        ({"ground": "not_our_duty", "department": "no_such"}, "supply.duty_department"),
    ],
)
def test_no_ground_is_invented(town: Session, said: dict[str, str], code: str) -> None:
    _, task, (row,) = asked(town, "户籍地址")
    with pytest.raises(HutongError) as refused:
        say(town, task, word(row, "refuse", **said))
    assert refused.value.code == code


def test_a_resource_without_a_condition_is_not_refused_on_one(town: Session) -> None:
    document = directory.document(town, "civil_affairs.marriage")
    with pytest.raises(Invalid, match=r"supply\.reason_needed"):
        supplies.ground(town, document, Refusal("condition"), "婚姻状况")


# --- terms --------------------------------------------------------------------------------------------------------------------


def test_terms_are_kept_for_the_demand_they_were_set_for(town: Session) -> None:
    demand, task, (row,) = asked(town, "户籍地址", volume_per_day=500)
    other, same, _ = asked(town, "户籍地址")
    assert same.id == task.id
    terms = Terms.model_validate(
        {"hours": "08-18", "quota_per_day": 200, "is_case_required": True, "rows": [{"attribute": "address", "kind": "prefix", "values": ["兴和市"]}]}
    )  # fmt: skip
    supplies.set_terms(town, POLICE, (task.id, demand.id), terms)
    kept = town.get_one(TaskDemand, (task.id, demand.id))
    assert Terms.model_validate(kept.terms) == terms
    assert town.get_one(TaskDemand, (task.id, other.id)).terms == {}
    say(town, task, word(row, "confirm"))
    with pytest.raises(Invalid, match=r"case\.wrong_state"):
        supplies.set_terms(town, POLICE, (task.id, demand.id), Terms())


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ({"quota_per_day": 501}, "supply.terms_wider"),
        ({"burst_per_minute": 501}, "supply.terms_wider"),
        ({"quota_per_day": 10, "burst_per_minute": 11}, "supply.terms_wider"),
        ({"hours": "07-18"}, "supply.terms_wider"),
        ({"valid_until": timedelta(days=91)}, "supply.terms_wider"),
        ({"valid_until": timedelta(days=-1)}, "supply.terms_ended"),
        ({"rows": [{"attribute": "no_such", "values": ["1"]}]}, "supply.terms_attribute"),
    ],
)
def test_terms_only_narrow_what_was_asked(town: Session, terms: dict[str, Any], code: str) -> None:
    demand, task, _ = asked(town, "户籍地址", volume_per_day=500, valid_until=today() + timedelta(days=90))
    demand.hours = "08-20"
    dated = {name: today() + one for name, one in terms.items() if isinstance(one, timedelta)}
    with pytest.raises(HutongError) as refused:
        supplies.set_terms(town, POLICE, (task.id, demand.id), Terms.model_validate(terms | dated))
    assert refused.value.code == code
    assert town.get_one(TaskDemand, (task.id, demand.id)).terms == {}


def test_only_the_provider_sets_terms(town: Session) -> None:
    demand, task, _ = asked(town, "户籍地址")
    for who in (CIVIL, HOUSING):
        with pytest.raises(Denied):
            supplies.set_terms(town, who, (task.id, demand.id), Terms(quota_per_day=1))
    with pytest.raises(Invalid, match=r"case\.unknown"):
        supplies.set_terms(town, POLICE, (task.id, "XQ-2000-000001"), Terms())


def test_words_that_are_too_long_are_refused_before_the_desk() -> None:
    with pytest.raises(ValidationError):
        ItemAnswer.model_validate({"demand_item_id": 1, "decision": "refuse", "reason": "长" * 501})
