"""Why: the hub and Airflow each need a database of their own, Airflow under a login that cannot read the hub's tables.
Run by the supervisor as a step: `python -m hutong.embedded.databases [hub] [login] [airflow]` makes the named ones where they are missing."""

import os
import sys

import psycopg
from psycopg import sql
from sqlalchemy import URL, make_url

from hutong.embedded.home import find_home, read_secrets
from schemas.errors import HutongError, Terminal, Transient


def prepare(hub: URL, airflow: URL, wanted: set[str], airflow_password: str) -> None:
    """Create what is wanted and missing: the `hub`'s database, Airflow's `login`, the `airflow` database.

    Raises Transient `database.unreachable`, Terminal `embedded.no_database_right`."""
    try:
        connection = psycopg.connect(_uri(hub.set(database="postgres") if "hub" in wanted else hub), autocommit=True, connect_timeout=10)
    except psycopg.OperationalError as error:
        raise Transient("database.unreachable", address=f"{hub.host}:{hub.port or 5432}") from error
    with connection:
        if "hub" in wanted:
            _ensure_database(connection, str(hub.database), str(hub.username))
        if "login" in wanted:
            _ensure_login(connection, str(airflow.username), airflow_password)
        if "airflow" in wanted and not _answers(airflow):
            try:
                _ensure_database(connection, str(airflow.database), str(airflow.username))
            except psycopg.Error as error:
                raise Terminal("embedded.no_database_right", database=airflow.database) from error


def _ensure_login(connection: psycopg.Connection, name: str, password: str) -> None:
    known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone()
    verb = sql.SQL("ALTER" if known else "CREATE")
    connection.execute(sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(verb, sql.Identifier(name), sql.Literal(password)))


def _ensure_database(connection: psycopg.Connection, name: str, owner: str) -> None:
    if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is None:
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(owner)))


def _answers(url: URL) -> bool:
    try:
        psycopg.connect(_uri(url), connect_timeout=10).close()
    except psycopg.OperationalError:
        return False
    return True


def _uri(url: URL) -> str:
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


if __name__ == "__main__":
    try:
        prepare(
            make_url(os.environ["HUTONG_DATABASE_URL"]),
            make_url(os.environ["HUTONG_AIRFLOW_DATABASE_URL"]),
            set(sys.argv[1:]),
            read_secrets(find_home())["airflow_database"],
        )
    except HutongError as failure:
        sys.exit(str(failure))
