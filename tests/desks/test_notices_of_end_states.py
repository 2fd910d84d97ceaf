"""No case ends in silence: a walk leads to every end state of every kind of case, and everyone concerned but the actor is told on its last step."""

from collections import Counter

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from exchange_api.noticing import wording
from exchange_api.objections import objection_cases
from exchange_api.portal.words import NOTICE
from exchange_api.recalls import recall
from exchange_api.states import MACHINES, Machine
from schemas.tables.objections import LIVE_STATES, OBJECTION_STATES
from schemas.tables.operations import Notice
from schemas.tables.recall import RECIPIENT_STATES
from tests.desks import end_walks_of_grants, end_walks_of_others, end_walks_of_scores
from tests.desks.demand_story import with_authority
from tests.desks.end_walks import WALKS, Around, Walk

__all__ = ["end_walks_of_grants", "end_walks_of_others", "end_walks_of_scores"]  # importing them enters their walks
OTHER_ENDS = {("objection", state) for state in set(OBJECTION_STATES) - set(LIVE_STATES)} | {
    ("recall_recipient", state)
    for state in set(RECIPIENT_STATES) - {state for way in recall.TRANSITIONS.values() for state in way}
}


def ends(machines: tuple[Machine, ...]) -> set[tuple[str, str]]:
    return {(machine.kind, state) for machine in machines for state in machine.ends}


def test_every_end_state_has_a_walk_and_no_walk_leads_nowhere() -> None:
    assert ends(MACHINES) | OTHER_ENDS == set(WALKS)


def test_a_planted_end_state_would_be_missed() -> None:
    planted = Machine("demand", "draft", frozenset({"forgotten"}), {"forget": {"draft": "forgotten"}})
    assert ends((*MACHINES, planted)) - set(WALKS) == {("demand", "forgotten")}


def test_the_ends_of_objections_are_those_its_table_leaves_nobody_from() -> None:
    left = {state for ways in objection_cases.TRANSITIONS.values() for state in ways}
    assert set(OBJECTION_STATES) - left == set(OBJECTION_STATES) - set(LIVE_STATES)


@pytest.mark.parametrize(
    ("kind", "state", "walk"),
    [
        pytest.param(kind, state, walk, id=f"{kind}-{state}-{walk.__name__.strip('_')}")
        for (kind, state), found in sorted(WALKS.items(), key=lambda one: one[0])
        for walk in found
    ],
)
def test_everyone_concerned_is_told(
    town: Session, monkeypatch: pytest.MonkeyPatch, kind: str, state: str, walk: Walk
) -> None:
    with_authority(town)
    steps = walk(Around(town, monkeypatch))
    next(steps)
    town.flush()
    before = town.scalar(select(func.max(Notice.id))) or 0
    reached = next(steps)
    assert reached is not None
    town.flush()
    fresh = list(town.scalars(select(Notice).where(Notice.id > before).order_by(Notice.id)))
    told = Counter((one.department_id, one.key) for one in fresh)
    assert (kind, reached.state) == (kind, state)
    assert Counter(reached.told) - told == Counter(), f"told were {dict(told)}"
    assert all(
        department != reached.actor.department_id or reached.actor.id == "system" for department, _ in reached.told
    )
    for notice in fresh:
        assert notice.key in NOTICE, "said in words"
        assert wording.MISSING not in wording.say(notice.key, notice.facts), notice.key
