"""Why: the database's shape moves only by numbered migrations.
`upgrade()` is called by `hutong migrate`, `hutong up` and the tests; nobody else creates tables.
"""

from importlib.resources import files

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Engine, create_engine, text


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(files("schemas") / "migrations"))
    return config


def upgrade(url: URL | str) -> None:
    """Bring the database at `url` to the newest migration; doing it again changes nothing. Two at once wait for each other."""
    found = create_engine(url)
    try:
        with found.connect() as lock:
            lock.execute(text("SELECT pg_advisory_lock(7311001)"))
            if current(found) != newest():
                config = _config()
                config.attributes["engine"] = found
                command.upgrade(config, "head")
    finally:
        found.dispose()


def current(engine: Engine) -> str | None:
    """Return the migration the database is at; None when it has none."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def newest() -> str | None:
    """Return the newest migration the program knows."""
    return ScriptDirectory.from_config(_config()).get_current_head()
