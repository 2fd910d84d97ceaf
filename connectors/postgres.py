"""Why: PostgreSQL is read through ADBC, whose COPY stream arrives as Arrow without a Python object per value. Only `connectors.database` comes here.
Statements carry their values as literals: a bound parameter would make the driver collect the whole answer in memory instead of streaming it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import adbc_driver_manager as adbc
import adbc_driver_postgresql.dbapi as driver
import pyarrow as pa
from adbc_driver_postgresql import StatementOptions
from sqlalchemy import (
    Column,
    ColumnElement,
    Select,
    TableClause,
    Text,
    TextClause,
    cast,
    column,
    func,
    literal_column,
    select,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql import quoted_name

from connectors.base import Connection
from schemas.errors import HutongError, Terminal, Transient

BATCH_BYTES = 4 << 20
LOCK_MS = 30_000
# A server that vanishes is noticed in about a minute, not after the two hours TCP would wait.
_PATIENCE = {"connect_timeout": "10", "keepalives_idle": "30", "keepalives_interval": "10", "keepalives_count": "3"}
_REFUSED = (
    "authentication failed",
    "pg_hba.conf",
    "does not exist",
    "password",
    "认证失败",
    "不存在",
    "permission denied",
)
_SQLSTATES = {
    "42P01": "connector.missing_table",
    "3F000": "connector.missing_table",
    "42703": "connector.missing_column",
    "42501": "connector.refused",
    "28000": "connector.refused",
    "28P01": "connector.refused",
}
# Connection lost, resources exhausted, serialisation, cancelled by operator or time-out: the classes where trying again may help.
_PASSING = ("08", "53", "57", "40", "55")
# libpq calls every failed result fatal; only the server's own severity FATAL means that it closed the connection. It may arrive before the hang-up is seen.
_PASSING_WORDS = ("FATAL:", "致命错误:", "conflict with recovery", "user request", "deadlock", "could not")


class PostgresWire:
    """One PostgreSQL source; each call opens a read-only session and closes it. timeout_seconds: longest statement, 0 for no limit."""

    def __init__(self, connection: Connection, timeout_seconds: float = 0) -> None:
        self._connection, self._timeout = connection, timeout_seconds
        self._found: dict[str, pa.Field] = {}
        dialect = postgresql.dialect(paramstyle="named")  # type: ignore[no-untyped-call]  # "%" in a literal stays single
        dialect._backslash_escapes = False  # standard_conforming_strings is set on in every session below
        self._dialect = dialect

    def schema(self, relation: TableClause | TextClause) -> pa.Schema:
        """Return every column; the server only prepares the statement, no row is read."""
        with self._session() as cursor:
            raw = cursor.adbc_execute_schema(self._sql(select(literal_column("*")).select_from(relation)))
        self._found = {field.name: field for field in raw}
        return pa.schema([pa.field(field.name, _described(field)) for field in raw])

    def column(self, name: str) -> ColumnElement[Any]:
        """Return the column, turned into text by the server where Arrow has no equal type."""
        quoted = quoted_name(name, True)
        plain: Column[Any] = column(quoted)  # type: ignore[assignment]
        field = self._found[name]
        if not _needs_text(field):
            return plain
        nested = pa.types.is_nested(field.type)
        return cast(func.to_json(plain) if nested else plain, Text).label(quoted)

    def batches(self, statement: Select[Any], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """Stream rows in batches of about four MiB, so memory does not grow with the table."""
        with self._session() as cursor:
            cursor.adbc_statement.set_options(**{StatementOptions.BATCH_SIZE_HINT_BYTES.value: str(BATCH_BYTES)})
            cursor.execute(self._sql(statement))
            for batch in cursor.fetch_record_batch():
                yield pa.RecordBatch.from_arrays(
                    [_converted(batch.column(n), field) for n, field in enumerate(schema)], schema=schema
                )

    def _sql(self, statement: Select[Any]) -> str:
        return str(statement.compile(dialect=self._dialect, compile_kwargs={"literal_binds": True}))

    def _uri(self) -> str:
        url = self._connection.url.set(drivername="postgresql")
        return url.set(query=_PATIENCE | dict(url.query)).render_as_string(hide_password=False)

    def _settings(self) -> Iterator[str]:
        limit = int(self._timeout * 1_000)
        yield "SET standard_conforming_strings = on"
        yield f"SET lock_timeout = {min(limit, LOCK_MS) if limit else LOCK_MS}"
        yield f"SET statement_timeout = {limit}"
        yield "SET TRANSACTION READ ONLY"

    @contextmanager
    def _session(self) -> Iterator[driver.Cursor]:
        try:
            with driver.connect(self._uri()) as session, session.cursor() as cursor:
                for command in self._settings():
                    cursor.execute(command)
                yield cursor
        except adbc.Error as error:
            raise self._translated(error) from (None if self._secret_in(error) else error)
        except (pa.ArrowException, OSError) as error:
            raise self._stopped(error) from error

    def _stopped(self, error: Exception) -> HutongError:
        """Name a failure in the middle of the stream, where the driver passes on the server's words but no SQLSTATE."""
        words = str(error)
        if "canceling statement due to statement timeout" in words:
            return Transient("connector.timeout", **self._facts())
        if "PGRES_FATAL_ERROR" in words and not any(sign in words for sign in _PASSING_WORDS):
            return Terminal("connector.failed", **self._facts(), reason="the server stopped the statement")
        if isinstance(error, OSError):
            return Transient("connector.broken_off", **self._facts())
        return Terminal("connector.failed", **self._facts(), reason="the driver cannot read a value")

    def _translated(self, error: adbc.Error) -> HutongError:
        """Name the failure; the vendor's words stay out because they may quote rows."""
        facts = self._facts()
        state = (error.sqlstate or "").strip("\0")
        if state in _SQLSTATES:
            return Terminal(_SQLSTATES[state], **facts, table="", column=_quoted(error), found="")
        if not state and "connect" in str(error).lower():
            refused = any(words in str(error) for words in _REFUSED)
            return Terminal("connector.refused", **facts) if refused else Transient("connector.unreachable", **facts)
        if state in ("55P03", "57014"):
            return Transient("connector.timeout", **facts)
        if state[:2] in _PASSING or (not state and isinstance(error, adbc.OperationalError)):
            return Transient("connector.broken_off", **facts)
        return Terminal("connector.failed", **facts, reason=f"SQLSTATE {state or 'unknown'}")

    def _facts(self) -> dict[str, str]:
        return {"connection": self._connection.id, "address": self._connection.address}

    def _secret_in(self, error: Exception) -> bool:
        return bool(self._connection.url.password) and str(self._connection.url.password) in str(error)


def _described(field: pa.Field) -> pa.DataType:
    if _vendor_type(field) == "numeric":
        return _decimal(int((field.metadata or {}).get(b"POSTGRESQL:typmod", b"-1")))
    return pa.string() if _needs_text(field) else field.type


def _decimal(typmod: int) -> pa.DataType:
    """Read PostgreSQL's packed precision and scale; text where none is declared or Arrow's 128 bits are too few."""
    precision, scale = (typmod - 4) >> 16 & 0xFFFF, (typmod - 4) & 0x7FF
    return pa.decimal128(precision, scale) if typmod >= 4 and precision <= 38 and scale <= precision else pa.string()


def _needs_text(field: pa.Field) -> bool:
    """Say whether the server must write the column as text: extension types but numeric, nested types, intervals, money."""
    if _vendor_type(field) in ("numeric", "money"):
        return _vendor_type(field) == "money"
    return (
        isinstance(field.type, pa.BaseExtensionType)
        or pa.types.is_nested(field.type)
        or pa.types.is_interval(field.type)
    )


def _vendor_type(field: pa.Field) -> str:
    return str((field.metadata or {}).get(b"POSTGRESQL:type", b""), "ascii")


def _converted(values: pa.Array, field: pa.Field) -> pa.Array:
    if isinstance(values, pa.ExtensionArray):
        values = values.storage
    if values.type == field.type:
        return values
    try:
        return values.cast(field.type)
    except pa.ArrowInvalid:
        raise Terminal("connector.bad_value", column=field.name, type=str(field.type)) from None


def _quoted(error: Exception) -> str:
    """Return the name the server quoted in its message, which is a column or table of the binding and no datum."""
    parts = str(error).split('"')
    return parts[1] if len(parts) > 2 else ""
