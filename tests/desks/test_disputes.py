"""A refusal is not the last word: negotiated, decided by the authority, taken to the common superior; what is sent back is asked for again."""

import contextlib
import itertools
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from catalog import notices
from exchange_api import cases
from exchange_api.actors import Step
from exchange_api.clocks import clocks
from exchange_api.demand import demands
from exchange_api.dispute import dispute_cases, disputes
from exchange_api.dispute.disputes import Ruling
from exchange_api.states import DISPUTE
from exchange_api.supply import supplies
from exchange_api.supply.supplies import ItemAnswer
from schemas.calendar import today
from schemas.errors import Denied, Invalid
from schemas.tables.disputes import DISPUTE_STATES, Dispute
from schemas.tables.exchange import Demand
from schemas.tables.operations import Officer
from tests.desks.conftest import BUREAU, CIVIL, HOUSING, POLICE, actor, form

GROUND = "用于政务服务事项办理"
WHY = "公共租赁住房管理办法要求核验户籍，拒绝理由不成立"


@pytest.fixture
def town_with_bureau(town: Session) -> Session:
    town.add(Officer(id="chen", name="陈", department_id="data_bureau", roles=["authority"], password_hash="-"))
    town.flush()
    return town


@pytest.fixture
def refused(town_with_bureau: Session) -> Demand:
    """A demand of two items, both refused by the police."""
    demand = demands.register(town_with_bureau, HOUSING, form("户籍地址"))
    demands.submit(town_with_bureau, HOUSING, demand.id)
    demands.dispatch(town_with_bureau, BUREAU, demand.id)
    refuse(town_with_bureau, demand)
    assert demand.state == "refused"
    return demand


def refuse(town: Session, demand: Demand) -> None:
    (task,) = [one for one in supplies.tasks_of(town, demand_id=demand.id) if one.state == "open"]
    answers = [
        ItemAnswer(demand_item_id=row.demand_item_id, decision="refuse", reason=GROUND)
        for row in supplies.answers_of(town, task.id)
    ]
    supplies.answer(town, POLICE, task.id, answers)


def wanted(town: Session, demand: Demand) -> list[int]:
    return [item.id for item in demands.items(town, demand.id)]


def raised(town: Session, demand: Demand) -> Dispute:
    return disputes.raise_dispute(town, HOUSING, demand.id, wanted(town, demand), WHY)


def told(town: Session, department_id: str) -> set[str]:
    return {notice.key for notice in notices.find(town, department_id)}


def owed(town: Session, dispute: Dispute) -> list[tuple[str, str]]:
    return [(one.rule_key, one.department_id) for one in clocks.of(town, dispute.id)]


def test_what_the_parties_settle_is_asked_for_again_of_the_same_provider(
    town_with_bureau: Session, refused: Demand
) -> None:
    town = town_with_bureau
    dispute = raised(town, refused)
    assert owed(town, dispute) == [("negotiation", "public_security")]
    assert "dispute.negotiating" in told(town, "public_security")
    disputes.state_case(town, POLICE, dispute.id, "请补充法律依据")
    disputes.settle(town, POLICE, dispute.id, "同意提供")
    assert (dispute.state, refused.state, owed(town, dispute)) == ("settled", "dispatched", [])
    assert "dispute.settled" in told(town, "housing")
    (task,) = [one for one in supplies.tasks_of(town, demand_id=refused.id) if one.state == "open"]
    assert task.department_id == "public_security"
    assert [row.demand_item_id for row in supplies.answers_of(town, task.id)] == wanted(town, refused)
    assert [step.action for step in dispute_cases.timeline(town, dispute.id)] == ["raise", "state", "settle"]
    assert {"dispute_raise", "dispute_settle", "reopen"} <= {one.action for one in cases.timeline(town, refused.id)}


def test_the_authority_sends_a_refusal_back(town_with_bureau: Session, refused: Demand) -> None:
    town = town_with_bureau
    dispute = raised(town, refused)
    disputes.refer(town, HOUSING, dispute.id, "协商不成")
    assert owed(town, dispute) == [("adjudication", "data_bureau")]
    assert "dispute.adjudicating" in told(town, "data_bureau")
    disputes.decide(town, BUREAU, dispute.id, Ruling("send_back", "共享条件涵盖该用途"))
    assert (dispute.state, refused.state) == ("sent_back", "dispatched")
    assert {"dispute.sent_back"} <= told(town, "housing") & told(town, "public_security")
    refuse(town, refused)
    assert raised(town, refused).id != dispute.id, "what is refused again may be disputed again"


def test_an_upheld_refusal_goes_to_the_common_superior_within_its_days(
    town_with_bureau: Session, refused: Demand
) -> None:
    town = town_with_bureau
    dispute = raised(town, refused)
    disputes.refer(town, HOUSING, dispute.id)
    disputes.decide(town, BUREAU, dispute.id, Ruling("uphold", "用途超出共享范围"))
    assert (dispute.state, refused.state) == ("upheld", "refused")
    assert dispute.appeal_until is not None
    assert dispute.appeal_until > today()
    disputes.escalate(town, HOUSING, dispute.id, "提请共同上级")
    assert owed(town, dispute) == [("superior_adjudication", "data_bureau")]
    with pytest.raises(Invalid, match=r"dispute\.document_needed"):
        disputes.decide(town, BUREAU, dispute.id, Ruling("uphold", "维持"))
    disputes.decide(town, BUREAU, dispute.id, Ruling("uphold", "维持", "府办〔2026〕12号"))
    assert (dispute.state, dispute.document, refused.state) == ("finally_upheld", "府办〔2026〕12号", "refused")
    assert {"dispute.finally_upheld"} <= told(town, "housing") & told(town, "public_security")


def test_too_late_for_the_superior(town_with_bureau: Session, refused: Demand) -> None:
    dispute = raised(town_with_bureau, refused)
    disputes.refer(town_with_bureau, HOUSING, dispute.id)
    disputes.decide(town_with_bureau, BUREAU, dispute.id, Ruling("uphold", "用途超出共享范围"))
    dispute.appeal_until = today() - timedelta(days=1)
    with pytest.raises(Invalid, match=r"dispute\.too_late"):
        disputes.escalate(town_with_bureau, HOUSING, dispute.id, "提请共同上级")


def test_a_withdrawn_dispute_leaves_the_refusal_and_may_be_raised_again(
    town_with_bureau: Session, refused: Demand
) -> None:
    dispute = raised(town_with_bureau, refused)
    with pytest.raises(Invalid, match=r"dispute\.running"):
        raised(town_with_bureau, refused)
    disputes.withdraw(town_with_bureau, HOUSING, dispute.id)
    assert (dispute.state, refused.state, owed(town_with_bureau, dispute)) == ("withdrawn", "refused", [])
    assert "dispute.withdrawn" in told(town_with_bureau, "public_security")
    with pytest.raises(Invalid, match=r"case\.wrong_state"):
        disputes.state_case(town_with_bureau, POLICE, dispute.id, "晚了")
    assert raised(town_with_bureau, refused).state == "negotiating"


STRANGERS = [
    ("raise", CIVIL), ("raise", POLICE), ("state", CIVIL), ("settle", HOUSING), ("settle", CIVIL), ("refer", POLICE),
    ("decide", HOUSING), ("decide", POLICE), ("decide", actor("wu", "public_security", "authority")), ("escalate", POLICE), ("withdraw", POLICE),
]  # fmt: skip


@pytest.mark.parametrize(("action", "who"), STRANGERS)
def test_nobody_does_what_is_another_partys(town_with_bureau: Session, refused: Demand, action: str, who: Any) -> None:
    town = town_with_bureau
    dispute = raised(town, refused)
    if action in ("decide", "escalate"):
        disputes.refer(town, HOUSING, dispute.id)
    before = (dispute.state, len(dispute_cases.timeline(town, dispute.id)))
    do: dict[str, Any] = {
        "raise": lambda: disputes.raise_dispute(town, who, refused.id, wanted(town, refused), WHY),
        "state": lambda: disputes.state_case(town, who, dispute.id, "说明"),
        "settle": lambda: disputes.settle(town, who, dispute.id),
        "refer": lambda: disputes.refer(town, who, dispute.id),
        "decide": lambda: disputes.decide(town, who, dispute.id, Ruling("send_back", "理由")),
        "escalate": lambda: disputes.escalate(town, who, dispute.id, "理由"),
        "withdraw": lambda: disputes.withdraw(town, who, dispute.id),
    }
    with pytest.raises(Denied):
        do[action]()
    assert (dispute.state, len(dispute_cases.timeline(town, dispute.id))) == before


def test_only_refused_items_of_one_provider_and_with_reasons(town_with_bureau: Session) -> None:
    town = town_with_bureau
    demand = demands.register(town, HOUSING, form("户籍地址", "婚姻状况"))
    demands.submit(town, HOUSING, demand.id)
    demands.dispatch(town, BUREAU, demand.id)
    address, marriage = wanted(town, demand)
    with pytest.raises(Invalid, match=r"case\.wrong_state"):
        disputes.raise_dispute(town, HOUSING, demand.id, [address], WHY)
    refuse(town, demand)
    for items, why, code in (
        ([marriage], WHY, "dispute.not_refused"),
        ([], WHY, "dispute.not_refused"),
        ([address, 10**9], WHY, "dispute.not_refused"),
        ([address], " ", "dispute.reason_needed"),
        ([address], "长" * 2_001, "dispute.reason_needed"),
    ):
        with pytest.raises(Invalid, match=code):
            disputes.raise_dispute(town, HOUSING, demand.id, items, why)
    with pytest.raises(Invalid, match=r"dispute\.unknown"):
        disputes.refer(town, HOUSING, "ZY-2026-999999")
    assert disputes.raise_dispute(town, HOUSING, demand.id, [address], WHY).against_id == "public_security"


@pytest.mark.parametrize(("state", "action"), list(itertools.product(DISPUTE_STATES, DISPUTE.ways)))
def test_the_table_alone_decides_where_a_dispute_goes(
    town_with_bureau: Session, refused: Demand, state: str, action: str
) -> None:
    dispute = raised(town_with_bureau, refused)
    dispute.state = state
    step = Step(action)
    with contextlib.ExitStack() as expected:
        if state not in DISPUTE.ways[action]:
            expected.enter_context(pytest.raises(Invalid, match=r"case\.wrong_state"))
        dispute_cases.move(town_with_bureau, HOUSING, dispute, refused, step)
    assert dispute.state == DISPUTE.ways[action].get(state, state)


def test_every_state_of_the_table_is_one_the_database_takes() -> None:
    assert set(DISPUTE_STATES) == DISPUTE.states
