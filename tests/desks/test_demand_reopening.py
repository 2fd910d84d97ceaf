"""What was provided may be objected to, item by item and in time; the providers are asked again, and former answers stay as history."""

from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from exchange_api import cases
from exchange_api.actors import Actor
from exchange_api.clocks import clocks
from exchange_api.demand import demands, reopening
from exchange_api.demand.reopening import ReopeningSettings
from exchange_api.grant import grants
from exchange_api.supply import supplies
from schemas.calendar import today
from schemas.errors import Denied, HutongError, Invalid
from schemas.tables.exchange import CaseEvent, Demand
from tests.desks.conftest import BUREAU, CIVIL, HOUSING, POLICE, actor
from tests.desks.demand_story import confirm, dispatched, offer, refuse, say, task_of, told

WHY = "地址缺少门牌"


def _closed(town: Session, *wanted: str) -> tuple[Demand, list[int]]:
    demand = dispatched(town, *wanted)
    confirm(town, demand)
    demands.accept(town, HOUSING, demand.id)
    return demand, [item.id for item in demands.items(town, demand.id)]


def test_only_the_items_objected_to_are_asked_again(town: Session) -> None:
    demand, (address, name) = _closed(town, "户籍地址", "姓名")
    before = supplies.answers_of_demand(town, demand.id)
    reopening.object_to(town, HOUSING, demand.id, [address], WHY)
    assert demand.state == "dispatched"
    task = task_of(town, demand)
    assert [row.demand_item_id for row in supplies.answers_of(town, task.id)] == [address]
    now = supplies.answers_of_demand(town, demand.id)
    assert (now[address].state, now[name].id, before[address].state) == ("waiting", before[name].id, "confirmed")
    assert told(town, "public_security")[0] == "task.opened"
    confirm(town, demand)
    assert demand.state == "provided"
    assert {item.attribute for grant in grants.find(town, demand_id=demand.id) for item in grants.items(town, grant.id)} == {"address", "name"}  # fmt: skip
    event = next(one for one in cases.timeline(town, demand.id) if one.action == "reopen")
    assert (event.note, event.facts, event.from_state) == (WHY, {"items": ["户籍地址"]}, "closed")


def test_what_was_provided_may_be_rejected_before_it_is_accepted(town: Session) -> None:
    demand = dispatched(town, "户籍地址")
    confirm(town, demand)
    reopening.object_to(town, HOUSING, demand.id, [item.id for item in demands.items(town, demand.id)], WHY)
    refuse(town, demand)
    assert demand.state == "refused"


def test_after_its_days_a_closed_demand_stays_closed(town: Session) -> None:
    demand, items = _closed(town, "户籍地址")
    days = ReopeningSettings().demand_reopen_days
    for late, code in ((days, ""), (days + 1, "demand.reopen_too_late")):
        _close_earlier(town, demand, late)
        if code:
            with pytest.raises(Invalid, match=r"demand\.reopen_too_late"):
                reopening.object_to(town, HOUSING, demand.id, items, WHY)
            assert demand.state == "closed"
        else:
            reopening.object_to(town, HOUSING, demand.id, items, WHY)
            confirm(town, demand)
            demands.accept(town, HOUSING, demand.id)


def _close_earlier(town: Session, demand: Demand, days: int) -> None:
    """Let all that happened to a demand have happened so many days ago."""
    town.execute(
        update(CaseEvent).where(CaseEvent.demand_id == demand.id).values(at=CaseEvent.at - timedelta(days=days))
    )
    town.expire_all()


@pytest.mark.parametrize("why", ["", "  ", "长" * 2001])
def test_an_objection_has_its_reason(town: Session, why: str) -> None:
    demand, items = _closed(town, "户籍地址")
    with pytest.raises(Invalid, match=r"demand\.reason_needed"):
        reopening.object_to(town, HOUSING, demand.id, items, why)
    assert demand.state == "closed"


def test_an_objection_names_items_of_this_demand(town: Session) -> None:
    demand, items = _closed(town, "户籍地址")
    _, others = _closed(town, "户籍地址")
    for wrong in ([], others, [*items, others[0]], [10**12]):
        with pytest.raises(Invalid, match=r"demand\.item_unknown"):
            reopening.object_to(town, HOUSING, demand.id, wrong, WHY)
    assert demand.state == "closed"


@pytest.mark.parametrize(
    "who", [CIVIL, actor("sun", "civil_affairs", "demander"), actor("x", "public_security", "demander"), actor("li", "housing", "auditor")]
)  # fmt: skip
def test_strangers_open_nothing(town: Session, who: Actor) -> None:
    demand, items = _closed(town, "户籍地址")
    with pytest.raises(Denied):
        reopening.object_to(town, who, demand.id, items, WHY)
    assert demand.state == "closed"


def test_a_refusal_is_opened_again_by_the_authority_or_the_provider_that_agrees_never_by_the_demander(
    town: Session,
) -> None:
    for judge in (BUREAU, POLICE):
        demand = dispatched(town, "户籍地址")
        refuse(town, demand)
        items = [item.id for item in demands.items(town, demand.id)]
        with pytest.raises(Invalid, match=r"case\.wrong_state"):
            reopening.object_to(town, HOUSING, demand.id, items, WHY)
        reopening.reopen(town, judge, demand, items, "同意重新办理")
        assert demand.state == "dispatched"


def test_whoever_filed_it_does_not_judge_it(town: Session) -> None:
    demand, items = _closed(town, "户籍地址")
    with pytest.raises(Denied, match=r"case\.same_officer"):
        reopening.reopen(town, actor("li", "data_bureau", "authority"), demand, items, WHY)


@pytest.mark.parametrize("way", ["dispatched", "offered"])
def test_what_is_not_ended_is_not_opened_again(town: Session, way: str) -> None:
    demand = dispatched(town, "户籍地址")
    if way == "offered":
        offer(town, demand)
    items = [item.id for item in demands.items(town, demand.id)]
    for who in (HOUSING, BUREAU):
        with pytest.raises(HutongError) as refused:
            reopening.reopen(town, who, demand, items, WHY)
        assert refused.value.code == "case.wrong_state"


def test_a_promise_for_what_is_asked_anew_is_owed_no_more(town: Session) -> None:
    demand = dispatched(town, "户籍地址")
    say(town, demand, POLICE, decision="will_provide", promised_date=today())
    (former,) = supplies.answers_of_demand(town, demand.id).values()
    assert (demand.state, len(clocks.of(town, f"answer:{former.id}"))) == ("answered", 1)
    reopening.reopen(town, BUREAU, demand, [item.id for item in demands.items(town, demand.id)], "重新办理")
    assert (former.state, clocks.of(town, f"answer:{former.id}")) == ("cancelled", [])
    refuse(town, demand)
    assert demand.state == "refused"
