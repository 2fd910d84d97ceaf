"""Why: one door to PostgreSQL. Everybody reads and writes through `transaction()`, the only place that commits, under the role of their storey.

A role is one login's hat: `owner` migrates, `ingest` fills landing and libraries, `exchange` answers and may only insert evidence, `directory` edits what
resources there are, with what follows for grants and tasks, `sequencer` keeps the log, `reader` looks. By default all connect with HUTONG_DATABASE_URL and
put the hat on with libpq's `-c role=`; a bureau that wants separate logins sets HUTONG_DATABASE_URL_<ROLE>.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Literal

from pydantic import Field
from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from schemas import priority
from schemas.errors import Transient
from schemas.settings import HutongSettings
from schemas.tables.base import Base

Role = Literal["owner", "ingest", "exchange", "directory", "sequencer", "reader"]
ROLES: tuple[Role, ...] = ("ingest", "exchange", "directory", "sequencer", "reader")


class DatabaseSettings(HutongSettings):
    """Where the hub's own database is."""

    database_url: str = Field(
        default="postgresql+psycopg://127.0.0.1:5432/hutong",
        description="SQLAlchemy URL of the hub's PostgreSQL database; set by `hutong up` for the embedded server.",
    )


def database_url(role: Role = "owner") -> URL:
    """Return the SQLAlchemy URL for `role`: its own HUTONG_DATABASE_URL_<ROLE> if set, else the owner's with the role put on at connect."""
    own = os.environ.get(f"HUTONG_DATABASE_URL_{role.upper()}")
    return _url(role, own, os.environ.get("HUTONG_DATABASE_URL"))


@cache
def _url(role: Role, own: str | None, _all: str | None) -> URL:
    """Return a role's URL under these two settings: asked for at every transaction, so it is made once."""
    if own:
        return make_url(own)
    url = make_url(DatabaseSettings().database_url)
    return url if role == "owner" else url.update_query_dict({"options": f"-c role=hutong_{role}"})


_ENGINES: dict[str, Engine] = {}


def engine(role: Role = "owner") -> Engine:
    """Return this process's engine for `role` (pooled, made once)."""
    url = database_url(role).render_as_string(hide_password=False)
    found = _ENGINES.get(url)
    if found is None:
        made = create_engine(url, pool_pre_ping=True, pool_size=5, max_overflow=15)
        event.listen(made, "connect", _lend)
        found = _ENGINES.setdefault(url, made)  # of two threads that made one, the later's has connected to nothing
    return found


def _lend(connection: Any, _: object) -> None:
    if priority.lend(connection.info.backend_pid):
        connection.autocommit = True  # else the first rollback would take it back
        connection.execute(priority.ALONE)
        connection.autocommit = False


def rest() -> None:
    """Close the connections that this process keeps and nobody is using; the next transaction opens new ones."""
    for one in list(_ENGINES.values()):
        one.dispose()


def libpq_uri(role: Role = "owner") -> str:
    """Return the plain `postgresql://` URI for tools that speak libpq themselves (ADBC, asyncpg takes role by server_settings)."""
    # libpq takes a plus for a plus: spaces of the role option must be written %20
    return database_url(role).set(drivername="postgresql").render_as_string(hide_password=False).replace("+", "%20")


class StreamCut(OSError):
    """A stream of columns ended before it was whole; `state`: the SQLSTATE, if the server named one."""

    def __init__(self, state: str | None) -> None:
        super().__init__("the server ended a stream")
        self.state = state


@contextmanager
def streaming(role: Role) -> Iterator[Any]:
    """Open a cursor of Arrow's own driver, for whoever reads columns by the million. Raises StreamCut when the server is lost or refuses."""
    import adbc_driver_postgresql.dbapi as adbc  # brings pandas along: 1.5 s that whoever reads no columns need not wait

    try:
        with adbc.connect(libpq_uri(role), autocommit=True) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            if priority.lend(cursor.fetchone()[0]):
                cursor.execute(priority.ALONE)
            yield cursor
    except (adbc.Error, OSError) as error:  # a server lost while streaming is an OSError of Arrow
        raise StreamCut(getattr(error, "sqlstate", None)) from error


def keep(session: Session, table: type[Base], values: dict[str, Any]) -> None:
    """Insert one row, or update the one with its `id`; every other column takes the given value."""
    statement = insert(table).values(**values)
    changed = {name: statement.excluded[name] for name in values if name != "id"}
    session.execute(statement.on_conflict_do_update(index_elements=["id"], set_=changed))


@contextmanager
def transaction(role: Role = "owner") -> Iterator[Session]:
    """Open a session, commit when the block ends well, roll back when it raises. Raises Transient `database.unreachable`."""
    session = Session(engine(role), expire_on_commit=False)
    try:
        with session:
            yield session
            session.commit()
    except OperationalError as error:
        if error.connection_invalidated or not error.statement:
            url = database_url(role)
            raise Transient("database.unreachable", address=f"{url.host}:{url.port or 5432}") from error
        raise
