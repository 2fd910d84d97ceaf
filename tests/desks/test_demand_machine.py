"""Whatever officers of all desks do, in any order: no undeclared state, no lost notice, no filer who approves, no stranger who changes anything."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Select, func, select, text
from sqlalchemy.orm import Session

from exchange_api.actors import Actor
from exchange_api.demand import demands, information, offers, reopening
from exchange_api.states import ANSWER, DEMAND, INFORMATION, SHARE, TASK, Machine
from exchange_api.supply import promises, supplies
from exchange_api.supply.supplies import ItemAnswer, Offered
from schemas.calendar import today
from schemas.errors import Denied, Invalid
from schemas.tables.case_papers import InformationRequest
from schemas.tables.exchange import CaseEvent, Demand, SupplyAnswer, SupplyTask, TaskDemand
from schemas.tables.operations import Notice
from tests.desks.conftest import BUREAU, CIVIL, HOUSING, POLICE, actor, form
from tests.desks.demand_story import CONDITION, with_authority

Row = TypeVar("Row")
STRANGER = actor("sun", "market_regulation", "demander", "provider", "steward", "auditor")
FILER_AS_AUTHORITY = actor("li", "data_bureau", "authority")
EVERYBODY = (HOUSING, POLICE, CIVIL, BUREAU, STRANGER, FILER_AS_AUTHORITY)
WANTED = ("户籍地址", "姓名", "婚姻状况", "航天器轨道参数")
WORDS: dict[str, dict[str, Any]] = {
    "confirm": {}, "refuse": {"reason": CONDITION}, "will_provide": {"promised_date": today()}, "counter_offer": {"form": "yes_no", "reason": "只能核对"},
}  # fmt: skip
TABLES = (
    "exchange.demands", "exchange.demand_items", "exchange.matches", "exchange.supply_tasks", "exchange.task_demands", "exchange.supply_answers",
    "exchange.case_events", "exchange.case_clocks", "exchange.clock_events", "exchange.information_requests", "exchange.grants",
    "exchange.grant_items", "operations.notices",
)  # fmt: skip
DIGEST = " UNION ALL ".join(
    f"SELECT '{name}', md5(string_agg(t::text, chr(10) ORDER BY t::text)) FROM {name} t" for name in TABLES
)
STATES: tuple[tuple[Any, Machine], ...] = (
    (Demand.state, DEMAND), (SupplyTask.state, TASK), (TaskDemand.state, SHARE), (SupplyAnswer.state, ANSWER), (InformationRequest.state, INFORMATION),
)  # fmt: skip
EXAMPLES = 10
LEFT = (
    "SELECT count(*) FROM exchange.{} x JOIN exchange.demands d ON d.id = x.demand_id "
    "WHERE d.state IN ('closed', 'withdrawn', 'refused') AND x.state IN {}"
)
OWED = {
    "task_demands": "('open', 'needs_information')", "information_requests": "('asked')", "case_clocks": "('running', 'paused')",
}  # fmt: skip


def mostly(*right: Actor) -> st.SearchStrategy[Actor]:
    """The one whose step it is, most of the time; anybody else now and then."""
    return st.sampled_from([*(right * 6), *EVERYBODY])


class Desks(RuleBasedStateMachine):
    """One town's officers at their desks; every step is tried for real and undone where it is refused."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session, self.whole = session, session.begin_nested()
        self.registered: list[str] = []
        self.before: Sequence[object] | None = None  # the digest of what stands now, where it is known
        self.told = session.scalar(select(func.max(Notice.id))) or 0
        self.noted = session.scalar(select(func.max(CaseEvent.id))) or 0

    def teardown(self) -> None:
        self.whole.rollback()
        self.session.expunge_all()  # the next example gives the same numbers again

    @initialize(wanted=st.sets(st.sampled_from(WANTED), min_size=1))
    def begin(self, wanted: set[str]) -> None:
        self.register(wanted, is_sent=True)

    @precondition(lambda self: len(self.registered) < 3)
    @rule(wanted=st.sets(st.sampled_from(WANTED), min_size=1), is_sent=st.booleans())
    def register(self, wanted: set[str], is_sent: bool) -> None:
        self.before = None
        self.registered.append(demands.register(self.session, HOUSING, form(*sorted(wanted))).id)
        if is_sent:
            self._send(demands.submit, HOUSING, self.registered[-1])
            self._send(demands.dispatch, BUREAU, self.registered[-1])

    @precondition(lambda self: self._fit("submit"))
    @rule(who=mostly(HOUSING), place=st.integers(0, 2), is_revised=st.booleans())
    def submit(self, who: Actor, place: int, is_revised: bool) -> None:
        demand_id = self._demand(place, "submit")
        if is_revised:
            self._try(who, lambda: demands.revise(self.session, who, demand_id, form("户籍地址")))
        self._send(demands.submit, who, demand_id)

    @precondition(lambda self: self._fit("dispatch"))
    @rule(who=mostly(BUREAU), place=st.integers(0, 2), is_returned=st.sampled_from([False, False, False, True]))
    def review(self, who: Actor, place: int, is_returned: bool) -> None:
        demand_id = self._demand(place, "dispatch")
        if is_returned:
            self._try(who, lambda: demands.return_to_demander(self.session, who, demand_id, "请补充"))
        else:
            self._send(demands.dispatch, who, demand_id)

    @precondition(lambda self: self._fit("accept"))
    @rule(who=mostly(HOUSING), place=st.integers(0, 2))
    def accept(self, who: Actor, place: int) -> None:
        self._send(demands.accept, who, self._demand(place, "accept"))

    @rule(who=st.sampled_from(EVERYBODY), place=st.integers(0, 2))
    def withdraw(self, who: Actor, place: int) -> None:
        self._send(demands.withdraw, who, self._demand(place))

    @rule(
        who=mostly(POLICE),
        place=st.integers(0, 5),
        said=st.lists(st.sampled_from(sorted(WORDS)), min_size=1, max_size=3),
        alone=st.booleans(),
    )
    def answer(self, who: Actor, place: int, said: list[str], alone: bool) -> None:
        if share := self._pick(self._shares(), place):
            waiting = [row for row in supplies.answers_of(self.session, share.task_id) if row.state == "waiting"]
            words = [self._word(row, said[n % len(said)]) for n, row in enumerate(waiting)]
            one = share.demand_id if alone else None
            self._try(who, lambda: supplies.answer(self.session, who, share.task_id, words, one))

    @rule(who=mostly(POLICE, BUREAU), place=st.integers(0, 5))
    def ask(self, who: Actor, place: int) -> None:
        if share := self._pick(self._shares(), place):
            self._try(who, lambda: information.ask(self.session, who, share.task_id, share.demand_id, "用途？"))

    @precondition(lambda self: self._questions())
    @rule(who=mostly(HOUSING), place=st.integers(0, 5), is_told=st.sampled_from([True, True, False]))
    def tell(self, who: Actor, place: int, is_told: bool) -> None:
        asked = self._questions()[place % len(self._questions())]
        if is_told:
            self._try(who, lambda: information.tell(self.session, who, asked.id, "资格审核"))
        else:
            asker = POLICE if who is HOUSING else who
            self._try(asker, lambda: information.drop(self.session, asker, asked.id))

    @precondition(lambda self: self._answers("offered"))
    @rule(who=mostly(HOUSING), place=st.integers(0, 5), is_taken=st.booleans())
    def decide(self, who: Actor, place: int, is_taken: bool) -> None:
        answer = self._answers("offered")[place % len(self._answers("offered"))]
        self._try(who, lambda: (offers.take if is_taken else offers.decline)(self.session, who, answer.id))

    @precondition(lambda self: self._answers("promised", "confirmed"))
    @rule(who=mostly(POLICE), place=st.integers(0, 5))
    def fulfil(self, who: Actor, place: int) -> None:
        answers = self._answers("promised") or self._answers("confirmed")
        answer = answers[place % len(answers)]
        self._try(who, lambda: promises.fulfil(self.session, who, answer.id, Offered()))

    @precondition(lambda self: self._fit("reopen"))
    @rule(who=mostly(HOUSING, BUREAU), place=st.integers(0, 2), count=st.integers(0, 4))
    def reopen(self, who: Actor, place: int, count: int) -> None:
        demand_id = self._demand(place, "reopen")
        items = [item.id for item in demands.items(self.session, demand_id)][:count]
        self._try(who, lambda: reopening.object_to(self.session, who, demand_id, items, "与约定不符"))

    @invariant()
    def every_state_is_declared(self) -> None:
        for column, machine in STATES:
            assert set(self.session.scalars(select(column).distinct())) <= machine.states

    @invariant()
    def every_step_is_one_of_the_table_and_nobody_approves_his_own(self) -> None:
        for demand in self._all(select(Demand)):
            events = self._all(select(CaseEvent).where(CaseEvent.demand_id == demand.id).order_by(CaseEvent.id))
            moves = [one for one in events if one.to_state and one.action != "register"]
            assert [one.from_state for one in moves] == ["draft", *(one.to_state for one in moves)][: len(moves)]
            assert all(DEMAND.ways[one.action][str(one.from_state)] == one.to_state for one in moves)
            assert demand.state == (moves[-1].to_state if moves else "draft")
            filers = {one.actor for one in events if one.action in ("register", "revise", "submit")}
            assert not filers & {one.actor for one in events if one.action == "dispatch"}

    @invariant()
    def what_has_ended_owes_nothing(self) -> None:
        for table, states in OWED.items():
            assert self.session.scalar(text(LEFT.format(table, states))) == 0, table

    @invariant()
    def every_end_was_told_to_all_it_concerns(self) -> None:
        events = self._all(select(CaseEvent).where(CaseEvent.id > self.noted).order_by(CaseEvent.id))
        notices = self._all(select(Notice).where(Notice.id > self.told))
        told = {(one.key, one.department_id, one.demand_id) for one in notices}
        for one in events:
            if one.to_state in DEMAND.ends:
                for department_id in self._concerned(one) - {one.department_id}:
                    assert (f"demand.{one.to_state}", department_id, one.demand_id) in told
            if one.action in ("take", "decline"):
                asked = self.session.get_one(SupplyTask, one.facts["task"]).department_id
                assert (f"offer.{'taken' if one.action == 'take' else 'declined'}", asked, one.demand_id) in told
            if one.action in ("tell", "drop"):
                self._was_told(one, told)
        self.noted = max([self.noted, *(one.id for one in events)])
        self.told = max([self.told, *(one.id for one in notices)])

    def _was_told(self, one: CaseEvent, told: set[tuple[str, str, str | None]]) -> None:
        asked = self.session.get_one(InformationRequest, one.facts["request"])
        own = self.session.get_one(Demand, one.demand_id).department_id
        key = "information.told" if one.action == "tell" else "information.dropped"
        others = {asked.department_id, own} - {one.department_id}
        assert all((key, department_id, one.demand_id) in told for department_id in others)

    def _concerned(self, one: CaseEvent) -> set[str]:
        """Whom the end of a demand concerns: its department, all it was asked of, and the authority while it was at its desk."""
        asked = select(SupplyTask.department_id).join(TaskDemand).where(TaskDemand.demand_id == one.demand_id)
        deciding = {"data_bureau"} if one.from_state == "submitted" else set[str]()
        return {self.session.get_one(Demand, one.demand_id).department_id, *self.session.scalars(asked), *deciding}

    def _send(self, step: Callable[[Session, Actor, str], object], who: Actor, demand_id: str) -> None:
        self._try(who, lambda: step(self.session, who, demand_id))

    def _try(self, who: Actor, step: Callable[[], object]) -> None:
        """Take a step; a stranger's must be refused, and who is refused has changed nothing, even before it is undone."""
        before = self.before or self._digest()
        save = self.session.begin_nested()
        try:
            step()
        except (Denied, Invalid) as refused:
            if who is STRANGER or isinstance(refused, Denied):
                self.session.flush()
                assert self._digest() == before
            save.rollback()
            self.before = before
        else:
            save.commit()
            self.before = None
            assert who is not STRANGER

    def _digest(self) -> Sequence[object]:
        return self.session.execute(text(DIGEST)).all()

    def _demand(self, place: int, action: str | None = None) -> str:
        """One of the demands, one for which the action is possible where there is any."""
        fit = (self._fit(action) if action else []) or self.registered
        return fit[place % len(fit)]

    def _fit(self, action: str) -> list[str]:
        states = {one: self.session.get_one(Demand, one).state for one in self.registered}
        return [one for one, state in states.items() if state in DEMAND.ways[action]]

    def _shares(self) -> list[TaskDemand]:
        query = select(TaskDemand).order_by(TaskDemand.task_id.desc(), TaskDemand.demand_id)
        waiting = query.where(TaskDemand.state.in_(("open", "needs_information")))
        return self._all(waiting) or self._all(query)

    def _answers(self, *states: str) -> list[SupplyAnswer]:
        return self._all(select(SupplyAnswer).where(SupplyAnswer.state.in_(states)).order_by(SupplyAnswer.id))

    def _questions(self) -> list[InformationRequest]:
        query = select(InformationRequest).order_by(InformationRequest.id)
        return self._all(query.where(InformationRequest.state == "asked")) or self._all(query)

    def _all(self, query: Select[Row]) -> list[Row]:
        return list(self.session.scalars(query))

    @staticmethod
    def _pick(rows: list[Row], place: int) -> Row | None:
        return rows[place % len(rows)] if rows else None

    @staticmethod
    def _word(row: SupplyAnswer, decision: str) -> ItemAnswer:
        return ItemAnswer.model_validate({"demand_item_id": row.demand_item_id, "decision": decision} | WORDS[decision])


def test_no_order_of_steps_breaks_the_desks(town: Session) -> None:
    with_authority(town)

    class Here(Desks):
        def __init__(self) -> None:
            super().__init__(town)

    enough = settings(
        max_examples=EXAMPLES, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
    )
    run_state_machine_as_test(Here, settings=enough)
