"""Tables and migrations say the same, and each role can do its own work and no more."""

from collections.abc import Callable

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import URL, create_engine, text
from sqlalchemy.exc import ProgrammingError

from schemas.migrations import current, newest, upgrade
from schemas.tables import SCHEMAS, Base


def _ours(name: str | None, kind: str, _parent: object) -> bool:
    return kind != "schema" or name in SCHEMAS


def test_migrated_database_is_what_the_tables_say(database: URL) -> None:
    engine = create_engine(database)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"include_schemas": True, "include_name": _ours, "compare_server_default": False}
        )
        difference = compare_metadata(context, Base.metadata)
    engine.dispose()
    assert difference == []


def test_migrating_again_changes_nothing(new_database: Callable[[], URL]) -> None:
    url = new_database()
    upgrade(url)
    upgrade(url)
    engine = create_engine(url)
    assert current(engine) == newest()
    engine.dispose()


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        ("exchange", "UPDATE evidence.entries SET id = id"),
        ("exchange", "DELETE FROM evidence.entries"),
        ("exchange", "INSERT INTO evidence.checkpoints DEFAULT VALUES"),
        ("exchange", "UPDATE library.population SET name = ''"),
        ("ingest", "INSERT INTO evidence.entries DEFAULT VALUES"),
        ("ingest", "DELETE FROM exchange.grants"),
        ("ingest", "SELECT * FROM operations.officers"),
        ("reader", "INSERT INTO directory.resources DEFAULT VALUES"),
        ("reader", "SELECT password_hash FROM operations.officers"),
        ("sequencer", "UPDATE exchange.grants SET state = state"),
        ("sequencer", "DELETE FROM evidence.leaves"),
    ],
)
def test_a_role_may_not_do_anothers_work(database: URL, role: str, statement: str) -> None:
    engine = create_engine(database.update_query_dict({"options": f"-c role=hutong_{role}"}))
    with engine.connect() as connection, pytest.raises(ProgrammingError, match="permission denied"):
        connection.execute(text(statement))
    engine.dispose()
