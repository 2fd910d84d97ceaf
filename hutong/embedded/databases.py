"""Why: the hub and Airflow each need a database of their own, Airflow under a login that cannot read the hub's tables.
Run by the supervisor as a step: `python -m hutong.embedded.databases [hub] [login] [airflow]` makes the named ones where they are missing.
"""

import os
import sys

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from hutong.embedded.environment import libpq
from hutong.embedded.home import find_home, read_secrets
from schemas.errors import HutongError, Terminal, Transient


def prepare(hub: str, airflow: str, wanted: set[str], airflow_password: str) -> None:
    """Create what is wanted and missing: the `hub`'s database, Airflow's `login`, the `airflow` database.

    Raises Transient `database.unreachable`, Terminal `embedded.no_database_right`.
    """
    hub_parts, airflow_parts = conninfo_to_dict(hub), conninfo_to_dict(airflow)
    entry = hub_parts | ({"dbname": "postgres"} if "hub" in wanted else {})
    try:
        connection = psycopg.connect(**entry | {"connect_timeout": 10}, autocommit=True)  # type: ignore[arg-type]
    except psycopg.OperationalError as error:
        address = f"{hub_parts.get('host')}:{hub_parts.get('port', 5432)}"
        raise Transient("database.unreachable", address=address) from error
    with connection:
        if "hub" in wanted:
            _ensure_database(connection, str(hub_parts["dbname"]), str(hub_parts["user"]))
        if "login" in wanted:
            _ensure_login(connection, str(airflow_parts["user"]), airflow_password)
        if "airflow" in wanted and not _answers(airflow):
            database = str(airflow_parts["dbname"])
            try:
                _ensure_database(connection, database, str(airflow_parts["user"]))
            except psycopg.Error as error:
                raise Terminal("embedded.no_database_right", database=database) from error


def _ensure_login(connection: psycopg.Connection, name: str, password: str) -> None:
    known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone()
    verb = sql.SQL("ALTER" if known else "CREATE")
    connection.execute(
        sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(verb, sql.Identifier(name), sql.Literal(password))
    )


def _ensure_database(connection: psycopg.Connection, name: str, owner: str) -> None:
    if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is None:
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(owner)))


def _answers(uri: str) -> bool:
    try:
        psycopg.connect(uri, connect_timeout=10).close()
    except psycopg.OperationalError:
        return False
    return True


if __name__ == "__main__":
    try:
        prepare(
            libpq(os.environ["HUTONG_DATABASE_URL"]),
            libpq(os.environ["HUTONG_AIRFLOW_DATABASE_URL"]),
            set(sys.argv[1:]),
            read_secrets(find_home())["airflow_database"],
        )
    except HutongError as failure:
        sys.exit(str(failure))
