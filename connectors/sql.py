"""Why: every dialect but PostgreSQL is read through SQLAlchemy's streaming cursor and turned into Arrow a column at a time. Only
`connectors.database` comes here.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy import ColumnElement, Select, TableClause, TextClause, column, literal_column, select
from sqlalchemy.exc import DBAPIError, NoSuchModuleError, NoSuchTableError, SQLAlchemyError
from sqlalchemy.sql import quoted_name

from connectors.base import Connection
from connectors.columns import batch_of_columns
from schemas.errors import HutongError, Terminal, Transient

_READ_ONLY = {
    "sqlite": "PRAGMA query_only = ON",
    "mysql": "SET SESSION TRANSACTION READ ONLY",
    "mariadb": "SET SESSION TRANSACTION READ ONLY",
}
_WORDS = {
    "connector.missing_table": ("no such table", "doesn't exist", "unknown table"),
    "connector.missing_column": ("no such column", "unknown column"),
    "connector.refused": ("access denied", "permission denied", "authentication", "not authorized"),
}


class SqlWire:
    """One source of any SQLAlchemy dialect. types: column → Arrow type name, for columns whose declared type the data do not keep."""

    def __init__(self, connection: Connection, batch_rows: int, types: Mapping[str, str]) -> None:
        self._connection, self._batch_rows, self._types = connection, batch_rows, types
        try:
            self._engine = sa.create_engine(connection.url, poolclass=sa.NullPool, hide_parameters=True)
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
                return pa.schema([pa.field(name, self._type(name, sa.Text())) for name in names])
            found = sa.inspect(session).get_columns(name, schema=relation.schema)
            return pa.schema([pa.field(entry["name"], self._type(entry["name"], entry["type"])) for entry in found])

    def column(self, name: str) -> ColumnElement[Any]:
        """Return the column as the driver gives it."""
        return column(quoted_name(name, True))

    def batches(self, statement: Select[Any], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """Stream rows through a server-side cursor where the dialect has one."""
        with self._session() as session:
            rows = session.execution_options(stream_results=True, yield_per=self._batch_rows).execute(statement)
            for part in rows.partitions(self._batch_rows):
                yield batch_of_columns(list(zip(*part, strict=True)), schema)

    def _type(self, name: str, declared: sa.types.TypeEngine[Any]) -> pa.DataType:
        if name in self._types:
            return pa.type_for_alias(self._types[name])
        return _sqlite_type(declared) if self._engine.dialect.name == "sqlite" else _declared_type(declared)

    @contextmanager
    def _session(self, table: str = "") -> Iterator[sa.Connection]:
        facts = {"connection": self._connection.id, "address": self._connection.address}
        self._require_file(facts)
        try:
            with self._engine.connect() as session:
                if self._engine.dialect.name in _READ_ONLY:
                    session.exec_driver_sql(_READ_ONLY[self._engine.dialect.name])
                yield session
        except NoSuchTableError:
            raise Terminal("connector.missing_table", **facts, table=table) from None
        except SQLAlchemyError as error:
            raise _translated(error, facts) from error

    def _require_file(self, facts: dict[str, str]) -> None:
        """Refuse a SQLite file that is not there, which the driver would create."""
        path = self._engine.url.database
        if self._engine.dialect.name == "sqlite" and path and not Path(path).is_file():
            raise Transient("connector.unreachable", **facts)


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
    )
    for kind, type in (*plain, (sa.Date, pa.date32()), (sa.LargeBinary, pa.binary())):
        if isinstance(declared, kind):
            return type
    if isinstance(declared, sa.Numeric) and declared.precision and declared.precision <= 38:
        return pa.decimal128(declared.precision, declared.scale or 0)
    return pa.string()
