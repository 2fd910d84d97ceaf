"""A counter-offer waits for the demander: taken, it becomes part of the grant; declined, the item is not provided."""

import pytest
from sqlalchemy.orm import Session

from exchange_api import cases
from exchange_api.demand import demands, offers
from exchange_api.grant import grants
from exchange_api.supply import supplies
from schemas.errors import Denied, Invalid
from tests.desks.conftest import CIVIL, HOUSING, POLICE, actor
from tests.desks.demand_story import confirm, dispatched, offer, refuse, told


def test_an_offer_that_is_taken_is_granted_in_the_offered_form(town: Session) -> None:
    demand = dispatched(town, "户籍地址")
    offered = offer(town, demand)
    assert (demand.state, [one.id for one in offers.open_of(town, demand.id)]) == ("offered", [offered.id])
    assert told(town, "housing")[0] == "demand.offered"
    offers.take(town, HOUSING, offered.id, "足够")
    assert (demand.state, offered.state) == ("provided", "confirmed")
    (grant,) = grants.find(town, demand_id=demand.id)
    assert {item.attribute: item.form for item in grants.items(town, grant.id)} == {"address": "yes_no"}
    assert "offer.taken" in told(town, "public_security")


def test_an_offer_that_is_declined_leaves_the_item_out(town: Session) -> None:
    demand = dispatched(town, "户籍地址", "婚姻状况")
    offered = offer(town, demand)
    offers.decline(town, HOUSING, offered.id, "需要完整地址")
    assert (demand.state, offered.state) == ("provided", "declined")
    (grant,) = grants.find(town, demand_id=demand.id)
    assert [item.attribute for item in grants.items(town, grant.id)] == ["marital_status"]
    (event,) = [one for one in cases.timeline(town, demand.id) if one.action == "decline"]
    assert (event.note, event.facts["item"]) == ("需要完整地址", "户籍地址")


def test_a_demand_of_which_everything_is_declined_is_refused(town: Session) -> None:
    demand = dispatched(town, "户籍地址")
    offers.decline(town, HOUSING, offer(town, demand).id)
    assert demand.state == "refused"
    assert set(told(town, "public_security")) >= {"offer.declined", "demand.refused"}


def test_every_offer_is_decided_by_itself(town: Session) -> None:
    demand = dispatched(town, "户籍地址", "姓名")
    offer(town, demand)
    first, second = offers.open_of(town, demand.id)
    offers.take(town, HOUSING, first.id)
    assert (demand.state, second.state) == ("offered", "offered")
    offers.decline(town, HOUSING, second.id)
    assert demand.state == "provided"


def test_only_the_demander_decides_and_only_what_is_offered(town: Session) -> None:
    demand = dispatched(town, "户籍地址")
    offered = offer(town, demand)
    for stranger in (POLICE, CIVIL, actor("sun", "civil_affairs", "demander")):
        with pytest.raises(Denied):
            offers.take(town, stranger, offered.id)
    assert (demand.state, offered.state) == ("offered", "offered")
    offers.take(town, HOUSING, offered.id)
    with pytest.raises(Invalid, match=r"case\.wrong_state"):
        offers.decline(town, HOUSING, offered.id)
    with pytest.raises(Invalid, match=r"offer\.unknown"):
        offers.take(town, HOUSING, 10**9)


def test_a_refusal_is_no_offer(town: Session) -> None:
    demand = dispatched(town, "户籍地址", "婚姻状况")
    refuse(town, demand)
    refused = max(row.id for row in supplies.answers_of_demand(town, demand.id).values() if row.state == "refused")
    with pytest.raises(Invalid, match=r"case\.wrong_state"):
        offers.take(town, HOUSING, refused)


def test_what_was_offered_lapses_with_a_withdrawn_demand(town: Session) -> None:
    demand = dispatched(town, "户籍地址")
    offered = offer(town, demand)
    demands.withdraw(town, HOUSING, demand.id)
    assert (demand.state, offered.state) == ("withdrawn", "cancelled")
    with pytest.raises(Invalid, match=r"case\.wrong_state"):
        offers.take(town, HOUSING, offered.id)
    assert "demand.withdrawn" in told(town, "public_security")


def test_what_is_accepted_is_closed(town: Session) -> None:
    demand = dispatched(town, "户籍地址")
    confirm(town, demand)
    demands.accept(town, HOUSING, demand.id)
    assert demand.state == "closed"
    assert set(told(town, "public_security")) >= {"demand.accepted", "demand.closed"}
