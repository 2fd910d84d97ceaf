"""Why: see end_walks. Walks to the ends of objections to scores. Importing it enters them."""

from collections.abc import Iterator
from datetime import timedelta

from exchange_api.actors import system
from exchange_api.supervision import objecting, snapshots, weeks
from schemas.tables.clocks import CaseClock
from schemas.tables.supervision import ScoreObjection
from tests.desks.conftest import BUREAU, POLICE
from tests.desks.demand_story import dispatched
from tests.desks.end_walks import Around, B, P, Reached, leads_to


def _filed(at: Around) -> ScoreObjection:
    """An objection of the police to a step that was counted as late."""
    demand, week = dispatched(at.town, "户籍地址"), weeks.last_whole()
    clock = CaseClock(
        case=demand.id, demand_id=demand.id, department_id=P, rule_key="provide_after_agree", jurisdiction="national", day_type="working", days=20,
        basis="条例", state="running", started_on=week.first_day - timedelta(days=28), due_date=week.first_day,
    )  # fmt: skip
    at.town.add(clock)
    at.town.flush()
    snapshots.count(at.town, system(""), week)
    score = snapshots.get(at.town, week.name, P)
    return objecting.file(at.town, POLICE, score.id, ("provide_timely", "clock", str(clock.id)), ("不应计入", ""))


@leads_to("score_objection", "upheld")
def _upheld(at: Around) -> Iterator[Reached | None]:
    filed = _filed(at)
    yield None
    objecting.decide(at.town, BUREAU, filed.id, "属实", is_upheld=True)
    yield Reached(filed.state, BUREAU, ((P, "supervision.objection_upheld"),))


@leads_to("score_objection", "rejected")
def _rejected(at: Around) -> Iterator[Reached | None]:
    filed = _filed(at)
    yield None
    objecting.decide(at.town, BUREAU, filed.id, "证据不足", is_upheld=False)
    yield Reached(filed.state, BUREAU, ((P, "supervision.objection_rejected"),))


@leads_to("score_objection", "withdrawn")
def _withdrawn(at: Around) -> Iterator[Reached | None]:
    filed = _filed(at)
    yield None
    objecting.withdraw(at.town, POLICE, filed.id)
    yield Reached(filed.state, POLICE, ((B, "supervision.objection_withdrawn"),))
