"""Why: every dialect but PostgreSQL is read through SQLAlchemy's streaming cursor and turned into Arrow a column at a time. Only
`connectors.database` comes here.
"""

import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy import ColumnElement, Select, TableClause, TextClause, column, literal_column, select
from sqlalchemy.exc import DBAPIError, NoSuchModuleError, NoSuchTableError, SAWarning, SQLAlchemyError
from sqlalchemy.sql import quoted_name

from connectors import mysql
from connectors.base import Connection
from connectors.columns import batch_of_columns
from schemas.errors import HutongError, Terminal, Transient

_WORDS = {
    "connector.missing_table": ("no such table", "doesn't exist", "unknown table"),
    "connector.missing_column": ("no such column", "unknown column"),
    "connector.refused": ("access denied", "permission denied", "authentication", "not authorized"),
}


class SqlWire:
    """One source of any SQLAlchemy dialect. types: column → Arrow type name, for columns whose declared type the data do not keep.

    timeout_seconds: longest statement, 0 for no limit (MySQL and MariaDB; elsewhere it is the driver's business).
    """

    def __init__(
        self, connection: Connection, batch_rows: int, types: Mapping[str, str], timeout_seconds: float = 0
    ) -> None:
        self._connection, self._batch_rows, self._types, self._timeout = connection, batch_rows, types, timeout_seconds
        self._texts: set[str] = set()
        try:
            url = connection.url
            arguments = mysql.connect_arguments(timeout_seconds) if url.get_backend_name() in mysql.NAMES else {}
            self._engine = sa.create_engine(url, poolclass=sa.NullPool, hide_parameters=True, connect_args=arguments)
        except (NoSuchModuleError, ModuleNotFoundError) as error:
            raise Terminal(
                "connector.bad_connection", connection=connection.id, reason="no driver for this database installed"
            ) from error

    def schema(self, relation: TableClause | TextClause) -> pa.Schema:
        """Return every column of the table as declared; a query's columns have no declared type and are read as text."""
        name = relation.name if isinstance(relation, TableClause) else ""
        with self._session(name) as session:
            if isinstance(relation, TextClause):
                names = session.execute(select(literal_column("*")).select_from(relation).limit(0)).keys()
                return pa.schema([pa.field(name, self._type(name, pa.string())) for name in names])
            found = self._declared(session, relation)
            return pa.schema([pa.field(column, self._type(column, type)) for column, type in found.items()])

    def column(self, name: str) -> ColumnElement[Any]:
        """Return the column as the driver gives it, or as the server writes it where the driver's value would not keep it."""
        quoted = quoted_name(name, True)
        plain: sa.Column[Any] = column(quoted)  # type: ignore[assignment]
        return sa.cast(plain, sa.CHAR).label(quoted) if name in self._texts else plain

    def batches(self, statement: Select[Any], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """Stream rows through a server-side cursor where the dialect has one; a reader that stops early does not fetch the rest."""
        with self._session() as session:
            driver = session.connection.driver_connection
            try:
                rows = session.execution_options(stream_results=True, yield_per=self._batch_rows).execute(statement)
                for part in rows.partitions(self._batch_rows):
                    yield batch_of_columns(list(zip(*part, strict=True)), schema)
            except (GeneratorExit, DBAPIError):
                if self._is_mysql:
                    mysql.leave_rest(driver)
                session.invalidate()
                raise

    def _declared(self, session: sa.Connection, relation: TableClause) -> dict[str, pa.DataType]:
        if self._is_mysql:
            # not by SQLAlchemy's inspection: of a view it wants SHOW CREATE, which a reader is rarely granted
            name = session.dialect.identifier_preparer.format_table(relation)
            types = {row[0]: row[1] for row in session.exec_driver_sql(f"SHOW COLUMNS FROM {name}")}
            self._texts = {column for column, type in types.items() if mysql.needs_text(type)}
            return {column: mysql.arrow_type(type) for column, type in types.items()}
        arrow_type = _sqlite_type if self._engine.dialect.name == "sqlite" else _declared_type
        found = _columns(session, relation.name, relation.schema)
        return {entry["name"]: arrow_type(entry["type"]) for entry in found}

    def _type(self, name: str, found: pa.DataType) -> pa.DataType:
        return pa.type_for_alias(self._types[name]) if name in self._types else found

    @property
    def _is_mysql(self) -> bool:
        return self._engine.dialect.name in mysql.NAMES

    def _settings(self, session: sa.Connection) -> Iterable[str]:
        if self._is_mysql:
            return mysql.session_settings(self._timeout, bool(getattr(session.dialect, "is_mariadb", False)))
        return ["PRAGMA query_only = ON"] if self._engine.dialect.name == "sqlite" else []

    @contextmanager
    def _session(self, table: str = "") -> Iterator[sa.Connection]:
        facts = {"connection": self._connection.id, "address": self._connection.address}
        self._require_file(facts)
        try:
            with self._engine.connect() as session:
                for command in self._settings(session):
                    session.exec_driver_sql(command)
                yield session
        except NoSuchTableError:
            raise Terminal("connector.missing_table", **facts, table=table) from None
        except SQLAlchemyError as error:
            orig = getattr(error, "orig", None)
            known = mysql.translated(orig, facts) if self._is_mysql and isinstance(orig, Exception) else None
            raise known or _translated(error, facts) from error

    def _require_file(self, facts: dict[str, str]) -> None:
        """Refuse a SQLite file that is not there, which the driver would create."""
        path = self._engine.url.database
        if self._engine.dialect.name == "sqlite" and path and not Path(path).is_file():
            raise Transient("connector.unreachable", **facts)


def _columns(session: sa.Connection, table: str, schema: str | None) -> list[Any]:
    """Return a table's columns; a type SQLAlchemy does not know is read as text, which needs no warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)
        return list(sa.inspect(session).get_columns(table, schema=schema))


def _translated(error: SQLAlchemyError, facts: dict[str, str]) -> HutongError:
    words = str(getattr(error, "orig", error)).lower()
    for code, signs in _WORDS.items():
        if any(sign in words for sign in signs):
            name = words.rsplit(": ", 1)[-1] if "no such" in words else ""
            return Terminal(code, **facts, table=name, column=name, found="")
    if "locked" in words or "timeout" in words or "timed out" in words:
        return Transient("connector.timeout", **facts)
    if isinstance(error, DBAPIError) and (
        error.connection_invalidated or "connect" in words or "unable to open" in words
    ):
        return Transient("connector.unreachable", **facts)
    return Terminal("connector.failed", **facts, reason=type(getattr(error, "orig", error)).__name__)


def _sqlite_type(declared: sa.types.TypeEngine[Any]) -> pa.DataType:
    """SQLite keeps only whole numbers, floats, text and bytes; what it calls a date or a numeric is whatever was written, so it is read as text."""
    if isinstance(declared, sa.Integer):
        return pa.int64()
    if isinstance(declared, sa.Float):
        return pa.float64()
    return pa.binary() if isinstance(declared, sa.LargeBinary) else pa.string()


def _declared_type(declared: sa.types.TypeEngine[Any]) -> pa.DataType:
    """Return the Arrow type of a SQLAlchemy type; text where there is none that keeps every value."""
    plain = (
        (sa.Boolean, pa.bool_()),
        (sa.Integer, pa.int64()),
        (sa.Float, pa.float64()),
        (sa.DateTime, pa.timestamp("us")),
        (sa.Date, pa.date32()),
        (sa.LargeBinary, pa.binary()),
    )
    for kind, type in plain:
        if isinstance(declared, kind):
            return type
    if isinstance(declared, sa.Numeric) and declared.precision and declared.precision <= 38:
        return pa.decimal128(declared.precision, declared.scale or 0)
    return pa.string()
