"""Why: the database's shape moves only by numbered migrations and, for the base libraries, by their declarations (`declared`).
`upgrade()` is called by `hutong migrate`, `hutong up` and the tests; nobody else creates tables.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import files

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Engine, create_engine, text

from schemas.migrations import declared


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(files("schemas") / "migrations"))
    return config


def upgrade(url: URL | str) -> None:
    """Bring the database at `url` to the newest migration and to the declared libraries; doing it again changes nothing.

    Two at once wait for each other. Raises what `declared.plan` raises.
    """
    with _alone(url) as found:
        if current(found) != newest():
            config = _config()
            config.attributes["engine"] = found
            command.upgrade(config, "head")
        declared.apply(found)


def declare(url: URL | str, tell: Callable[[str], None]) -> int:
    """Bring the base libraries' tables to their declarations; return how many statements that took, 0 when there was nothing to do. Raises as `upgrade`."""
    with _alone(url) as found:
        return declared.apply(found, tell)


def planned(url: URL | str) -> list[str]:
    """Return the statements that `declare` would carry out. Raises as `upgrade`."""
    with _alone(url) as found, found.connect() as connection:
        return declared.plan(connection)


@contextmanager
def _alone(url: URL | str) -> Iterator[Engine]:
    found = create_engine(url)
    try:
        with found.connect() as lock:
            lock.execute(text("SELECT pg_advisory_lock(7311001)"))
            yield found
    finally:
        found.dispose()


def current(engine: Engine) -> str | None:
    """Return the migration the database is at; None when it has none."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def newest() -> str | None:
    """Return the newest migration the program knows."""
    return ScriptDirectory.from_config(_config()).get_current_head()
