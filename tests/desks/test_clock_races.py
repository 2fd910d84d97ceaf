"""Two at once at one clock: one wins, the other is told; a pause and upkeep do not stand in each other's way."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest
from sqlalchemy import URL, Engine, create_engine, func, select
from sqlalchemy.orm import Session

from exchange_api.clocks import clocks, extensions
from exchange_api.clocks.clock_upkeep import keep_clocks
from schemas.errors import HutongError
from schemas.migrations import upgrade
from schemas.tables.clocks import CaseClock, ClockEvent
from schemas.tables.operations import Notice
from tests.desks.clocking import DEMAND, add_demand, add_places, moment, stand_on, start
from tests.desks.conftest import BUREAU, POLICE, actor

BEGUN = date(2026, 6, 1)


@pytest.fixture
def city(new_database: Callable[[], URL], monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """A demand with one clock, committed."""
    url = new_database()
    upgrade(url)
    engine = create_engine(url)
    stand_on(monkeypatch, BEGUN)
    with Session(engine) as session:
        add_places(session)
        add_demand(session)
        start(session)
        session.commit()
    yield engine
    engine.dispose()


def at_once(engine: Engine, *steps: Callable[[Session], object]) -> list[str]:
    """Take steps in sessions of their own at one moment; "done", or the code of the refusal of each."""
    together = threading.Barrier(len(steps))

    def take(step: Callable[[Session], object]) -> str:
        with Session(engine) as session:
            together.wait(timeout=30)
            try:
                step(session)
                session.commit()
            except HutongError as error:
                return error.code
            return "done"

    with ThreadPoolExecutor(len(steps)) as pool:
        return list(pool.map(take, steps))


def clock_id(engine: Engine) -> int:
    with Session(engine) as session:
        return session.scalars(select(CaseClock.id)).one()


def test_of_two_who_decide_one_wins(city: Engine) -> None:
    with Session(city) as session:
        asked = extensions.ask(session, POLICE, clock_id(city), 5, "系统改造").id
        session.commit()
    other = actor("sun", "data_bureau", "authority")
    told = at_once(
        city,
        lambda session: extensions.decide(session, BUREAU, asked, True),
        lambda session: extensions.decide(session, other, asked, False, "理由不充分"),
    )
    assert sorted(told) == ["case.wrong_state", "done"]
    with Session(city) as session:
        clock = session.scalars(select(CaseClock)).one()
        decided = extensions.of_clock(session, clock.id)[0]
        assert (decided.state == "granted") == (clock.extension_days == 5) == (clock.due_date == date(2026, 6, 23))


def test_of_two_who_ask_one_is_told_that_it_was_asked(city: Engine) -> None:
    clock = clock_id(city)
    told = at_once(city, *[lambda session: extensions.ask(session, POLICE, clock, 5, "系统改造")] * 2)
    assert sorted(told) == ["deadline.extension_once", "done"]


def test_pauses_at_once_are_one_pause(city: Engine) -> None:
    assert at_once(city, *[lambda session: clocks.pause(session, POLICE, DEMAND, DEMAND)] * 3) == ["done"] * 3
    with Session(city) as session:
        actions = session.scalars(select(ClockEvent.action).order_by(ClockEvent.id)).all()
        assert actions == ["start", "pause"]


def test_two_upkeeps_at_once_tell_everybody_once(city: Engine) -> None:
    late = moment(date(2026, 7, 1))
    for _ in range(2):
        assert at_once(city, *[lambda session: keep_clocks(session, late)] * 3) == ["done"] * 3
    with Session(city) as session:
        told = session.execute(select(Notice.key, func.count()).group_by(Notice.key).order_by(Notice.key)).all()
        assert [tuple(row) for row in told] == [("clock.red", 3), ("clock.supervised", 2)]


def test_upkeep_killed_before_its_commit_begins_again(city: Engine) -> None:
    late = moment(date(2026, 7, 1))
    with Session(city) as session:
        killed = keep_clocks(session, late)
        session.rollback()
    with Session(city) as session:
        assert keep_clocks(session, late) == killed
        session.commit()
    with Session(city) as session:
        assert session.scalar(select(func.count()).select_from(Notice)) == 5
