"""A demander owes steps too: while a question, a counter-offer or a grant waits for it, a clock runs; and a number that was given is never given again."""

from sqlalchemy.orm import Session

from exchange_api.clocks import clocks
from exchange_api.demand import demands, information, offers
from exchange_api.supply import supplies
from exchange_api.supply.supplies import ItemAnswer
from schemas.tables.exchange import Demand
from tests.desks.conftest import BUREAU, HOUSING, POLICE, form


def turn(town: Session, demand: Demand) -> list[str]:
    return [one.rule_key for one in clocks.of(town, demand.id) if one.department_id == "housing"]


def met(town: Session, demand: Demand, state: str = "met") -> set[str]:
    return {one.rule_key for one in clocks.of(town, demand.id, states=(state,)) if one.department_id == "housing"}


def dispatched(town: Session) -> tuple[Demand, str]:
    demand = demands.register(town, HOUSING, form("户籍地址"))
    demands.submit(town, HOUSING, demand.id)
    demands.dispatch(town, BUREAU, demand.id)
    (task,) = supplies.tasks_of(town, demand_id=demand.id)
    return demand, task.id


def test_question_offer_and_acceptance_are_each_the_demanders_turn(town: Session) -> None:
    demand, task = dispatched(town)
    assert turn(town, demand) == []
    question = information.ask(town, POLICE, task, demand.id, "请说明核验频次")
    assert turn(town, demand) == ["information_answer"]
    information.tell(town, HOUSING, question.id, "每户申请时一次")
    assert turn(town, demand) == []
    (row,) = supplies.answers_of(town, task)
    offer = ItemAnswer(
        demand_item_id=row.demand_item_id, decision="counter_offer", form="yes_no", reason="仅提供比对结果"
    )
    supplies.answer(town, POLICE, task, [offer])
    assert (demand.state, turn(town, demand)) == ("offered", ["offer_answer"])
    offers.take(town, HOUSING, row.id)
    assert (demand.state, turn(town, demand)) == ("provided", ["acceptance"])
    demands.accept(town, HOUSING, demand.id)
    assert turn(town, demand) == []
    assert met(town, demand) == {"information_answer", "offer_answer", "acceptance"}


def test_a_withdrawn_demand_owes_nothing_and_did_not_keep_a_date_either(town: Session) -> None:
    demand, task = dispatched(town)
    information.ask(town, POLICE, task, demand.id, "请说明核验频次")
    demands.withdraw(town, HOUSING, demand.id)
    assert (turn(town, demand), met(town, demand), met(town, demand, "cancelled")) == (
        [],
        set(),
        {"information_answer"},
    )


def test_the_number_of_a_discarded_draft_is_not_given_again(town: Session) -> None:
    first = demands.register(town, HOUSING, form("姓名")).id
    demands.discard(town, HOUSING, first)
    assert int(demands.register(town, HOUSING, form("姓名")).id[-6:]) == int(first[-6:]) + 1
