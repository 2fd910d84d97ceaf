"""Why: "every end state notifies everyone concerned" holds when somebody has walked to each of them. The register of walks, and those of demands and supply.

A walk prepares a case, yields, takes the last step through the desks, and yields what it reached and who must have been told since.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from catalog import directory
from exchange_api.actors import Actor
from exchange_api.clocks import clocks
from exchange_api.demand import demands, information, offers
from exchange_api.supply import promises, supplies
from exchange_api.supply.deciding import Offered
from exchange_api.supply.grounds import Refusal
from exchange_api.supply.withdrawn import follow
from schemas.calendar import today
from schemas.tables.clocks import CaseClock
from schemas.tables.exchange import Demand, SupplyAnswer, TaskDemand
from tests.desks.conftest import BUREAU, HOUSING, POLICE
from tests.desks.demand_story import confirm, dispatched, offer, refuse, say, submitted, task_of


@dataclass(frozen=True)
class Reached:
    """state: the case's, read after the step. actor: whose step it was. told: department and key of each notice there must be."""

    state: str
    actor: Actor
    told: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Around:
    """The town, and what a walk may need besides."""

    town: Session
    patch: pytest.MonkeyPatch


Walk = Callable[[Around], Iterator[Reached | None]]
WALKS: dict[tuple[str, str], list[Walk]] = {}
P, C, H, B = "public_security", "civil_affairs", "housing", "data_bureau"


def leads_to(kind: str, state: str) -> Callable[[Walk], Walk]:
    """Enter a walk for an end state; several may lead to the same."""

    def enter(walk: Walk) -> Walk:
        WALKS.setdefault((kind, state), []).append(walk)
        return walk

    return enter


def newest(town: Session, demand: Demand) -> SupplyAnswer:
    """The newest word on the demand's one item."""
    (row,) = supplies.answers_of_demand(town, demand.id).values()
    return row


def promise(town: Session, demand: Demand) -> SupplyAnswer:
    say(town, demand, decision="will_provide", promised_date=today() + timedelta(days=5), reason="系统改造中")
    return newest(town, demand)


def withdrawn_resource(town: Session) -> None:
    directory.withdraw(town, "public_security.resident")
    follow(town)


@leads_to("demand", "closed")
def _accepted(at: Around) -> Iterator[Reached | None]:
    demand = dispatched(at.town, "户籍地址")
    confirm(at.town, demand)
    yield None
    demands.accept(at.town, HOUSING, demand.id)
    yield Reached(demand.state, HOUSING, ((P, "demand.closed"),))


@leads_to("demand", "withdrawn")
def _withdrawn_from_its_provider(at: Around) -> Iterator[Reached | None]:
    demand = dispatched(at.town, "户籍地址")
    yield None
    demands.withdraw(at.town, HOUSING, demand.id)
    yield Reached(demand.state, HOUSING, ((P, "demand.withdrawn"),))


@leads_to("demand", "withdrawn")
def _withdrawn_from_the_authority(at: Around) -> Iterator[Reached | None]:
    demand = submitted(at.town, "户籍地址")
    yield None
    demands.withdraw(at.town, HOUSING, demand.id)
    yield Reached(demand.state, HOUSING, ((B, "demand.withdrawn"),))


@leads_to("demand", "refused")
def _refused_by_its_provider(at: Around) -> Iterator[Reached | None]:
    demand = dispatched(at.town, "户籍地址")
    yield None
    refuse(at.town, demand)
    yield Reached(demand.state, POLICE, ((H, "demand.refused"),))


@leads_to("demand", "refused")
def _refused_because_nobody_has_it(at: Around) -> Iterator[Reached | None]:
    demand = submitted(at.town, "航天器轨道参数")
    yield None
    demands.dispatch(at.town, BUREAU, demand.id)
    yield Reached(demand.state, BUREAU, ((H, "demand.refused"),))


@leads_to("demand", "refused")
def _refused_because_an_offer_was_declined(at: Around) -> Iterator[Reached | None]:
    demand = dispatched(at.town, "户籍地址")
    offered = offer(at.town, demand)
    yield None
    offers.decline(at.town, HOUSING, offered.id)
    yield Reached(demand.state, HOUSING, ((P, "demand.refused"),))


@leads_to("supply_task", "answered")
def _answered_for_two(at: Around) -> Iterator[Reached | None]:
    first, _ = dispatched(at.town, "户籍地址"), dispatched(at.town, "户籍地址")
    task = task_of(at.town, first)
    yield None
    confirm(at.town, first)
    rest = [row for row in supplies.answers_of(at.town, task.id) if row.state == "waiting"]
    assert len(rest) == 1, "the other demand's share waits still"
    supplies.answer(
        at.town, POLICE, task.id, [supplies.ItemAnswer(demand_item_id=rest[0].demand_item_id, decision="confirm")]
    )
    yield Reached(task.state, POLICE, ((H, "task.answered"), (H, "task.answered")))


@leads_to("supply_task", "cancelled")
def _left_by_all(at: Around) -> Iterator[Reached | None]:
    demand = dispatched(at.town, "户籍地址")
    task = task_of(at.town, demand)
    yield None
    demands.withdraw(at.town, HOUSING, demand.id)
    yield Reached(task.state, HOUSING, ((P, "demand.withdrawn"),))


@leads_to("supply_task", "cancelled")
def _its_resource_is_gone(at: Around) -> Iterator[Reached | None]:
    demand = dispatched(at.town, "户籍地址")
    task = task_of(at.town, demand)
    yield None
    withdrawn_resource(at.town)
    yield Reached(task.state, BUREAU, ((P, "task.item_gone"), (H, "task.item_gone")))


def _share(town: Session, demand: Demand, task_id: str) -> str:
    return town.get_one(TaskDemand, (task_id, demand.id), populate_existing=True).state


@leads_to("task_demand", "answered")
def _share_answered(at: Around) -> Iterator[Reached | None]:
    demand = dispatched(at.town, "户籍地址")
    task = task_of(at.town, demand)
    yield None
    confirm(at.town, demand)
    yield Reached(_share(at.town, demand, task.id), POLICE, ((H, "task.answered"),))


@leads_to("task_demand", "answered")
def _share_answered_by_itself(at: Around) -> Iterator[Reached | None]:
    demand = submitted(at.town, "婚姻状况")
    yield None
    demands.dispatch(at.town, BUREAU, demand.id)
    (task,) = supplies.tasks_of(at.town, demand_id=demand.id)
    yield Reached(_share(at.town, demand, task.id), BUREAU, ((C, "task.automatic"), (H, "demand.provided")))


@leads_to("task_demand", "withdrawn")
def _share_withdrawn_while_another_waits(at: Around) -> Iterator[Reached | None]:
    mine, _ = dispatched(at.town, "户籍地址"), dispatched(at.town, "户籍地址")
    task = task_of(at.town, mine)
    information.ask(at.town, POLICE, task.id, mine.id, "用途？")
    yield None
    demands.withdraw(at.town, HOUSING, mine.id)
    assert task.state == "open"
    yield Reached(_share(at.town, mine, task.id), HOUSING, ((P, "demand.withdrawn"), (P, "information.dropped")))


@leads_to("supply_answer", "confirmed")
def _confirmed(at: Around) -> Iterator[Reached | None]:
    demand = dispatched(at.town, "户籍地址")
    yield None
    confirm(at.town, demand)
    yield Reached(newest(at.town, demand).state, POLICE, ((H, "task.answered"), (H, "demand.provided")))


@leads_to("supply_answer", "confirmed")
def _a_promise_kept(at: Around) -> Iterator[Reached | None]:
    demand = dispatched(at.town, "户籍地址")
    promised = promise(at.town, demand)
    yield None
    promises.fulfil(at.town, POLICE, promised.id, Offered())
    yield Reached(newest(at.town, demand).state, POLICE, ((H, "answer.fulfilled"), (H, "demand.provided")))


@leads_to("supply_answer", "confirmed")
def _an_offer_taken(at: Around) -> Iterator[Reached | None]:
    demand = dispatched(at.town, "户籍地址")
    offered = offer(at.town, demand)
    yield None
    offers.take(at.town, HOUSING, offered.id)
    yield Reached(newest(at.town, demand).state, HOUSING, ((P, "offer.taken"), (P, "demand.provided")))


@leads_to("supply_answer", "refused")
def _refused(at: Around) -> Iterator[Reached | None]:
    demand = dispatched(at.town, "户籍地址", "婚姻状况")
    yield None
    refuse(at.town, demand)
    states = {row.state for row in supplies.answers_of_demand(at.town, demand.id).values()}
    assert demand.state == "provided", "the other item is provided all the same"
    (state,) = states - {"confirmed"}
    yield Reached(state, POLICE, ((H, "task.answered"), (C, "demand.provided")))


@leads_to("supply_answer", "refused")
def _a_promise_given_up(at: Around) -> Iterator[Reached | None]:
    demand = dispatched(at.town, "户籍地址")
    promised = promise(at.town, demand)
    yield None
    promises.give_up(at.town, POLICE, promised.id, Refusal("no_longer_kept", "系统停用"))
    yield Reached(newest(at.town, demand).state, POLICE, ((H, "answer.given_up"), (H, "demand.refused")))


@leads_to("supply_answer", "declined")
def _an_offer_declined(at: Around) -> Iterator[Reached | None]:
    demand = dispatched(at.town, "户籍地址")
    offered = offer(at.town, demand)
    yield None
    offers.decline(at.town, HOUSING, offered.id)
    yield Reached(newest(at.town, demand).state, HOUSING, ((P, "offer.declined"),))


@leads_to("supply_answer", "cancelled")
def _an_offer_lapses(at: Around) -> Iterator[Reached | None]:
    demand = dispatched(at.town, "户籍地址")
    offer(at.town, demand)
    yield None
    demands.withdraw(at.town, HOUSING, demand.id)
    yield Reached(newest(at.town, demand).state, HOUSING, ((P, "demand.withdrawn"),))


@leads_to("supply_answer", "cancelled")
def _an_item_is_gone(at: Around) -> Iterator[Reached | None]:
    demand = dispatched(at.town, "户籍地址")
    yield None
    withdrawn_resource(at.town)
    yield Reached(
        newest(at.town, demand).state, BUREAU, ((H, "task.item_gone"), (P, "task.item_gone"), (H, "demand.refused"))
    )


@leads_to("information_request", "told")
def _told(at: Around) -> Iterator[Reached | None]:
    demand = dispatched(at.town, "户籍地址")
    asked = information.ask(at.town, BUREAU, task_of(at.town, demand).id, demand.id, "用途？")
    yield None
    information.tell(at.town, HOUSING, asked.id, "资格审核")
    yield Reached(asked.state, HOUSING, ((P, "information.told"), (B, "information.told")))


@leads_to("information_request", "dropped")
def _dropped(at: Around) -> Iterator[Reached | None]:
    demand = dispatched(at.town, "户籍地址")
    asked = information.ask(at.town, POLICE, task_of(at.town, demand).id, demand.id, "用途？")
    yield None
    information.drop(at.town, POLICE, asked.id)
    yield Reached(asked.state, POLICE, ((H, "information.dropped"),))


def clock_of(town: Session, demand: Demand) -> CaseClock:
    (clock,) = clocks.of(town, task_of(town, demand).id, demand.id)
    return clock
