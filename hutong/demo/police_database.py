"""Why: public security keeps a PostgreSQL database of its own, with native types and a login that may only read: the hub is a guest there.

Called by hutong/demo/story.py and tests with the address of a server that may hold further databases.
"""

from pathlib import Path

import psycopg
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq
from psycopg import sql
from sqlalchemy import URL

from schemas.errors import Terminal

DATABASE = "public_security"
LOGIN = "public_security_reader"
_TABLE = """
    CREATE SCHEMA police;
    CREATE TABLE police.resident (
        gxsj timestamp NOT NULL, bz text, gmsfhm varchar(18), xm varchar(100), xb char(1), mz char(2),
        csrq date, csd char(6), hjdz varchar(500), hjzt char(2));
    COMMENT ON TABLE police.resident IS '户籍人口';
"""


def fill(server: URL, rows: Path, password: str, edition: str, database: str = DATABASE) -> URL:
    """Create the police's database beside the hub's and fill it from a Parquet file, unless it holds this edition already; return the reader's URL.

    Raises Terminal `demo.no_database_right`.
    """
    try:
        with psycopg.connect(_uri(server), autocommit=True) as connection:
            _ensure_login(connection, password)
            _ensure_database(connection, database)
    except psycopg.errors.InsufficientPrivilege:
        raise Terminal("demo.no_database_right", database=database) from None
    own = server.set(database=database)
    with psycopg.connect(_uri(own)) as connection:
        if _edition(connection) != edition:
            _load(connection, rows, edition)
    return own.set(username=LOGIN, password=password)


def _load(connection: psycopg.Connection, rows: Path, edition: str) -> None:
    connection.execute("DROP SCHEMA IF EXISTS police CASCADE")
    connection.execute(_TABLE)
    table = pq.read_table(rows)
    names = sql.SQL(", ").join(map(sql.Identifier, table.column_names))
    statement = sql.SQL("COPY police.resident ({}) FROM STDIN (FORMAT csv)").format(names)
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        arrow_csv.write_csv(table, _Sink(copy), arrow_csv.WriteOptions(include_header=False))
    for grant in ("USAGE ON SCHEMA police", "SELECT ON police.resident"):
        connection.execute(sql.SQL("GRANT {} TO {}").format(sql.SQL(grant), sql.Identifier(LOGIN)))
    connection.execute(sql.SQL("COMMENT ON SCHEMA police IS {}").format(sql.Literal(edition)))


class _Sink:
    """A file object whose writes go into a COPY."""

    closed = False

    def __init__(self, copy: psycopg.Copy) -> None:
        self._copy = copy

    def write(self, data: bytes) -> int:
        self._copy.write(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """The COPY ends with its own block."""


def _edition(connection: psycopg.Connection) -> str | None:
    row = connection.execute("SELECT obj_description(to_regnamespace('police'), 'pg_namespace')").fetchone()
    return row[0] if row else None


def _ensure_login(connection: psycopg.Connection, password: str) -> None:
    known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [LOGIN]).fetchone()
    verb = sql.SQL("ALTER" if known else "CREATE")
    connection.execute(
        sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(verb, sql.Identifier(LOGIN), sql.Literal(password))
    )


def _ensure_database(connection: psycopg.Connection, name: str) -> None:
    if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is None:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))


def _uri(url: URL) -> str:
    return url.set(drivername="postgresql").render_as_string(hide_password=False)
