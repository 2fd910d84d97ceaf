"""A provider that must know more asks; its clock stands still for this demand alone until it is told, and what nobody needs to answer any more is dropped."""

import pytest
from sqlalchemy.orm import Session

from exchange_api.actors import Actor
from exchange_api.clocks import clocks
from exchange_api.demand import demands, information
from schemas.calendar import today
from schemas.errors import Denied, HutongError, Invalid
from schemas.tables.case_papers import INFORMATION_STATES
from schemas.tables.clocks import CaseClock
from schemas.tables.exchange import Demand, TaskDemand
from tests.desks.conftest import BUREAU, CIVIL, HOUSING, POLICE, actor
from tests.desks.demand_story import confirm, dispatched, task_of, told


def _clock(town: Session, demand: Demand) -> CaseClock:
    (clock,) = clocks.of(town, task_of(town, demand).id, demand.id)
    return clock


def test_a_question_stops_the_clock_and_the_answer_lets_it_run_again(town: Session) -> None:
    demand = dispatched(town, "户籍地址")
    task, clock = task_of(town, demand), _clock(town, demand)
    asked = information.ask(town, POLICE, task.id, demand.id, "为何需要户籍地址？")
    assert (demand.state, clock.state, clock.paused_on) == ("needs_information", "paused", today())
    assert told(town, "housing")[0] == "information.asked"
    information.tell(town, HOUSING, asked.id, "核对是否本市户籍")
    assert (demand.state, clock.state, asked.state, asked.told_by) == ("dispatched", "running", "told", "li")
    assert "information.told" in told(town, "public_security")
    confirm(town, demand)
    assert demand.state == "provided"


def test_only_when_the_last_question_is_answered_the_task_goes_on(town: Session) -> None:
    demand = dispatched(town, "户籍地址")
    task, clock = task_of(town, demand), _clock(town, demand)
    first = information.ask(town, POLICE, task.id, demand.id, "用途？")
    second = information.ask(town, BUREAU, task.id, demand.id, "频次？")
    assert [one.id for one in information.open_of(town, demand.id)] == [first.id, second.id]
    information.tell(town, HOUSING, first.id, "资格审核")
    assert (demand.state, clock.state) == ("needs_information", "paused")
    information.drop(town, BUREAU, second.id, "已明确")
    assert (demand.state, clock.state, second.state) == ("dispatched", "running", "dropped")


def test_a_question_stops_only_the_share_of_the_demand_it_is_about(town: Session) -> None:
    mine = dispatched(town, "户籍地址")
    other = dispatched(town, "户籍地址")
    task = task_of(town, mine)
    assert task_of(town, other).id == task.id
    information.ask(town, POLICE, task.id, mine.id, "用途？")
    assert (mine.state, other.state) == ("needs_information", "dispatched")
    assert [clock.state for clock in clocks.of(town, task.id)] == ["paused", "running"]
    confirm(town, other)
    assert (other.state, mine.state, town.get_one(TaskDemand, (task.id, mine.id)).state) == ("provided", "needs_information", "needs_information")  # fmt: skip


def test_while_a_question_is_open_the_demand_is_not_answered(town: Session) -> None:
    demand = dispatched(town, "户籍地址")
    information.ask(town, POLICE, task_of(town, demand).id, demand.id, "用途？")
    with pytest.raises(Invalid, match=r"case\.wrong_state|supply\.answer_missing"):
        confirm(town, demand)
    assert demand.state == "needs_information"


def test_a_withdrawn_demand_drops_its_questions_and_says_so(town: Session) -> None:
    demand = dispatched(town, "户籍地址")
    task = task_of(town, demand)
    asked = information.ask(town, POLICE, task.id, demand.id, "用途？")
    demands.withdraw(town, HOUSING, demand.id)
    assert (asked.state, demand.state, task.state, clocks.of(town, task.id)) == ("dropped", "withdrawn", "cancelled", [])  # fmt: skip
    assert set(told(town, "public_security")) >= {"information.dropped", "demand.withdrawn"}
    with pytest.raises(Invalid, match=r"case\.wrong_state"):
        information.tell(town, HOUSING, asked.id, "晚了")


@pytest.mark.parametrize(
    ("who", "code"),
    [
        (CIVIL, "case.not_yours"), (HOUSING, "case.not_yours"), (actor("x", "public_security", "demander"), "case.role_needed"),
    ],
)  # fmt: skip
def test_nobody_else_asks(town: Session, who: Actor, code: str) -> None:
    demand = dispatched(town, "户籍地址")
    with pytest.raises(HutongError) as refused:
        information.ask(town, who, task_of(town, demand).id, demand.id, "为什么？")
    assert (refused.value.code, demand.state) == (code, "dispatched")


def test_a_task_asks_only_about_the_demands_that_share_it(town: Session) -> None:
    demand, other = dispatched(town, "户籍地址"), dispatched(town, "婚姻状况")
    with pytest.raises(Denied, match=r"case\.not_yours"):
        information.ask(town, POLICE, task_of(town, demand).id, other.id, "为什么？")
    with pytest.raises(Invalid, match=r"case\.unknown"):
        information.ask(town, POLICE, "GJ-2026-999999", demand.id, "为什么？")


def test_only_the_demander_answers_and_only_once(town: Session) -> None:
    demand = dispatched(town, "户籍地址")
    asked = information.ask(town, POLICE, task_of(town, demand).id, demand.id, "用途？")
    for stranger in (POLICE, actor("sun", "civil_affairs", "demander")):
        with pytest.raises(Denied):
            information.tell(town, stranger, asked.id, "随便")
    with pytest.raises(Denied, match=r"case\.not_yours"):
        information.drop(town, CIVIL, asked.id)
    with pytest.raises(Invalid, match=r"information\.unknown"):
        information.tell(town, HOUSING, "BC-2026-999999", "随便")
    information.tell(town, HOUSING, asked.id, "资格审核")
    with pytest.raises(Invalid, match=r"case\.wrong_state"):
        information.tell(town, HOUSING, asked.id, "资格审核")


@pytest.mark.parametrize("words", ["", "  ", "问" * 2001, "问\x00", "\u202e问"])
def test_questions_and_answers_are_plain_words(town: Session, words: str) -> None:
    demand = dispatched(town, "户籍地址")
    task = task_of(town, demand)
    with pytest.raises(Invalid, match=r"information\.text_needed"):
        information.ask(town, POLICE, task.id, demand.id, words)
    assert demand.state == "dispatched"
    asked = information.ask(town, POLICE, task.id, demand.id, "用途？\n频次？")
    with pytest.raises(Invalid, match=r"information\.text_needed"):
        information.tell(town, HOUSING, asked.id, words)
    assert asked.state in INFORMATION_STATES[:1]


def test_an_answered_task_is_asked_nothing_more(town: Session) -> None:
    demand = dispatched(town, "户籍地址")
    task = task_of(town, demand)
    confirm(town, demand)
    with pytest.raises(Invalid, match=r"case\.wrong_state"):
        information.ask(town, POLICE, task.id, demand.id, "用途？")
    assert demand.state == "provided"
