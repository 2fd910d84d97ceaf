"""Two officers at once: one wins, the other is told; a crash between steps leaves the version where it was and the next try goes on."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, Engine, create_engine, event, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from catalog import directory
from catalog.folder import import_folder
from catalog.review import reviews
from catalog.review.review_steps import CONSOLE, Reviewer
from schemas.errors import HutongError, Invalid
from schemas.migrations import upgrade
from schemas.resource import ResourceDocument
from schemas.tables.directory import ResourceEvent, ResourceVersion
from tests.catalog.conftest import resource

RESIDENT = "public_security.resident"


@pytest.fixture(scope="module")
def engine(new_database: Callable[[], URL]) -> Iterator[Engine]:
    url = new_database()
    upgrade(url)
    made = create_engine(url)
    yield made
    made.dispose()


@pytest.fixture
def town_on_disk(engine: Engine, town: Path) -> Engine:
    """The town's directory, committed, with a draft; nothing of a former test."""
    with engine.begin() as connection:
        connection.execute(text("TRUNCATE directory.resources, directory.departments CASCADE"))
    with Session(engine) as session:
        import_folder(session, town)
        session.commit()
    return engine


def take(engine: Engine, step: Callable[..., Any], *facts: Any) -> None:
    with Session(engine) as session:
        step(session, CONSOLE, RESIDENT, *facts)
        session.commit()


def state(engine: Engine) -> str:
    with Session(engine) as session:
        return directory.newest(session, RESIDENT).state


def at_once(engine: Engine, *steps: Callable[[Session], Any]) -> list[str]:
    """Take steps in sessions of their own at one moment; return "done" or the code of the refusal of each."""
    ready = threading.Barrier(len(steps))

    def run(step: Callable[[Session], Any]) -> str:
        with Session(engine) as session:
            ready.wait(20)
            try:
                step(session)
            except HutongError as error:
                return error.code
            session.commit()
            return "done"

    with ThreadPoolExecutor(len(steps)) as pool:
        return list(pool.map(run, steps))


def officer(name: str, department: str = "city", role: str = "authority") -> Reviewer:
    return Reviewer(name, department, frozenset({role}))


@pytest.mark.parametrize("_round", range(3))
def test_of_two_officers_who_approve_at_once_one_wins_and_the_other_is_told(town_on_disk: Engine, _round: int) -> None:
    take(town_on_disk, reviews.submit)
    take(town_on_disk, reviews.approve_office)
    said = at_once(
        town_on_disk,
        lambda session: reviews.approve_authority(session, officer("chen"), RESIDENT),
        lambda session: reviews.approve_authority(session, officer("zhou"), RESIDENT),
    )
    assert sorted(said) == ["directory.wrong_state", "done"]
    with Session(town_on_disk) as session:
        published = [e for e in session.scalars(select(ResourceEvent)) if e.action == "publish"]
        assert len(published) == 1
        assert directory.get(session, RESIDENT).version == 1


def test_of_an_approval_and_a_return_at_once_only_one_counts(town_on_disk: Engine) -> None:
    take(town_on_disk, reviews.submit)
    take(town_on_disk, reviews.approve_office)
    said = at_once(
        town_on_disk,
        lambda session: reviews.approve_authority(session, officer("chen"), RESIDENT),
        lambda session: reviews.return_(session, officer("zhou"), RESIDENT, "补正"),
    )
    assert sorted(said) == ["directory.wrong_state", "done"]
    assert state(town_on_disk) == ("published" if said[0] == "done" else "draft")


def test_two_that_let_a_window_end_at_once_publish_once(town_on_disk: Engine) -> None:
    take(town_on_disk, reviews.publish)
    with Session(town_on_disk) as session:
        directory.save_draft(session, ResourceDocument.model_validate(resource(abstract="全部户籍人口")))
        session.flush()
        draft = directory.newest(session, RESIDENT)
        directory.complete(session, draft)
        draft.state, draft.effective_at = "scheduled", datetime.now(UTC) - timedelta(minutes=1)
        session.commit()
    done: list[list[str]] = []
    said = at_once(town_on_disk, *[lambda session: done.append(reviews.take_effect(session))] * 3)
    assert said == ["done"] * 3
    assert sorted(done) == [[], [], [RESIDENT]]
    with Session(town_on_disk) as session:
        assert [v.state for v in directory.versions(session, RESIDENT)] == ["published", "superseded"]


class CrashError(Exception):
    """The machine stops here."""


@pytest.mark.parametrize("statement", [*range(1, 12)])
def test_a_crash_at_any_statement_of_a_step_leaves_the_version_where_it_was(
    town_on_disk: Engine, statement: int
) -> None:
    take(town_on_disk, reviews.publish)
    with Session(town_on_disk) as session:
        directory.save_draft(session, ResourceDocument.model_validate(resource(abstract="全部户籍人口")))
        session.commit()
    take(town_on_disk, reviews.submit)
    take(town_on_disk, reviews.approve_office)
    with town_on_disk.connect() as connection, Session(connection) as session:
        left = iter(range(statement))

        def crash(*_: Any) -> None:
            if next(left, None) is None:
                raise CrashError

        event.listen(connection, "before_cursor_execute", crash)
        with pytest.raises(CrashError):
            reviews.approve_authority(session, officer("chen"), RESIDENT)
    with Session(town_on_disk) as session:
        assert [v.state for v in directory.versions(session, RESIDENT)] == ["authority_review", "published"]
    take(town_on_disk, reviews.approve_authority)
    with Session(town_on_disk) as session:
        assert [v.state for v in directory.versions(session, RESIDENT)] == ["published", "superseded"]


@pytest.mark.parametrize("to_state", ["draft", "office_review", "authority_review"])
def test_nobody_takes_a_scheduled_or_published_version_back_behind_the_desk(
    town_on_disk: Engine, to_state: str
) -> None:
    take(town_on_disk, reviews.publish)
    changes: tuple[dict[str, Any], ...] = ({"state": to_state}, {"document": {}}, {"digest": "other"})
    for change in changes:
        with Session(town_on_disk) as session, pytest.raises(DBAPIError, match="never changes"):
            session.query(ResourceVersion).update(change)  # type: ignore[arg-type]
    with Session(town_on_disk) as session, pytest.raises(DBAPIError):
        session.query(ResourceVersion).delete()


def test_the_database_itself_holds_that_only_one_version_is_published(town_on_disk: Engine) -> None:
    take(town_on_disk, reviews.publish)
    with Session(town_on_disk) as session:
        directory.save_draft(session, ResourceDocument.model_validate(resource(abstract="全部户籍人口")))
        second = directory.newest(session, RESIDENT)
        second.state = "published"
        with pytest.raises(DBAPIError, match="one_published"):
            session.flush()


def test_a_step_on_what_somebody_else_just_moved_is_refused_with_what_is_possible(town_on_disk: Engine) -> None:
    take(town_on_disk, reviews.submit)
    with Session(town_on_disk) as late:
        assert directory.newest(late, RESIDENT).state == "office_review"
        late.rollback()
        take(town_on_disk, reviews.return_, "补正")
        with pytest.raises(Invalid) as refused:
            reviews.approve_office(late, CONSOLE, RESIDENT)
    assert "submit" in refused.value.remedy("zh")
