"""Why: a department's table, view or read-only query as Arrow batches, whatever the dialect. PostgreSQL streams through ADBC (connectors.postgres),
every other dialect through SQLAlchemy (connectors.sql); this module knows only statements. Opened through `connectors.base.open_connector`.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import pyarrow as pa
from sqlalchemy import ColumnElement, Select, TableClause, TextClause, and_, column, func, or_, select, table, text
from sqlalchemy.sql import quoted_name

from connectors.base import Connection, Connector, Slice, bounded
from connectors.statistics import Statistics
from connectors.watermarks import before, typed
from schemas.errors import Terminal


class Wire(Protocol):
    """One way of sending statements to a server: what ADBC and SQLAlchemy have in common here."""

    def schema(self, relation: TableClause | TextClause) -> pa.Schema:
        """Return every column of the relation with the Arrow type it will be read as."""
        ...

    def column(self, name: str) -> ColumnElement[Any]:
        """Return the expression that reads a column as its described type."""
        ...

    def batches(self, statement: Select[Any], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """Stream a statement's rows, bounded in memory."""
        ...


class DatabaseConnector(Connector):
    """Reads `table` (with `schema`) or `query`; options: columns, key, watermark, overlap (seconds, or units of a numeric watermark),
    timeout_seconds (one statement; PostgreSQL, MySQL, MariaDB), types (column → Arrow type, other dialects).
    """

    def __init__(self, source: Mapping[str, Any], connection: Connection) -> None:
        super().__init__(source, connection)
        self._relation = self._relation_of()
        self._described: pa.Schema | None = None
        self._wire = self._wire_of()

    def describe(self) -> pa.Schema:
        """Return the columns of the table, view or query; numeric(p,s) as decimal, types without an Arrow twin as text."""
        self._described = self._wire.schema(self._relation)
        return self._described

    def slices(self, since: Any | None = None, count: int = 1) -> list[Slice]:
        """Plan key ranges of about equal row numbers over the first `key` column; one slice when there is no key."""
        schema = self._schema()
        since = self._earlier(schema, since)
        until = self._highest_watermark(schema)
        edges: list[Any] = [None, *self._edges(schema, since, count), None]
        total = len(edges) - 1
        return [Slice(f"{n:04d}-of-{total:04d}", edges[n - 1], edges[n], since, until) for n in range(1, total + 1)]

    def read(self, piece: Slice) -> Iterator[pa.RecordBatch]:
        """Stream the rows of one key range that are at or after the watermark; rows without a watermark always come along."""
        schema = self.selected(self._schema())
        statement = self._select(*(self._wire.column(name) for name in schema.names)).where(*self._conditions(piece))
        return bounded(self._wire.batches(statement, schema), self.batch_rows)

    def estimate(self) -> int | None:
        """Return the table's rows by the server's statistics (PostgreSQL, MySQL, MariaDB); None for a query, a view, another dialect."""
        return self._statistics.rows()

    @property
    def _statistics(self) -> Statistics:
        table = None if self.source.get("query") else self.option("table")
        dialect = self.connection.url.get_backend_name()
        return Statistics(self._wire, dialect, table, self.source.get("schema") or None)

    def _schema(self) -> pa.Schema:
        return self._described if self._described is not None else self.describe()

    def _select(self, *columns: ColumnElement[Any]) -> Select[Any]:
        return select(*columns).select_from(self._relation)

    def _values(self, statement: Select[Any], field: pa.Field) -> list[Any]:
        batches = self._wire.batches(statement, pa.schema([field]))
        return [value for batch in batches for value in batch.column(0).to_pylist()]

    def _conditions(self, piece: Slice) -> list[ColumnElement[bool]]:
        conditions: list[ColumnElement[bool]] = []
        key, watermark = self._key(), self.source.get("watermark")
        if piece.low is not None and key:
            conditions.append(_raw(key) >= piece.low)
        if piece.high is not None and key:
            below = _raw(key) < piece.high
            conditions.append(or_(below, _raw(key).is_(None)) if piece.low is None else below)
        if piece.since is not None and watermark:
            later = _raw(watermark) >= piece.since
            conditions.append(later if piece.to is not None else or_(later, _raw(watermark).is_(None)))
        if piece.to is not None and watermark:
            conditions.append(_raw(watermark) < self._typed(self._schema(), watermark, piece.to))
        return conditions

    def _edges(self, schema: pa.Schema, since: Any, count: int) -> list[Any]:
        """Return the keys at which one slice ends and the next begins, read from the rows themselves so that gaps in the keys do not matter."""
        key = self._key()
        if count < 2 or not key:
            return []
        self.require(schema, key)
        if since is None and (known := self._statistics.edges(schema.field(key), count)):
            return known
        wanted = and_(_raw(key).is_not(None), *self._conditions(Slice("", since=since)))
        total = self._values(self._select(func.count().label("n")).where(wanted), pa.field("n", pa.int64()))[0]
        edges: list[Any] = []
        for n in range(1, count):
            ordered = (
                self._select(self._wire.column(key))
                .where(wanted)
                .order_by(_raw(key))
                .offset(total * n // count)
                .limit(1)
            )
            found = self._values(ordered, schema.field(key))
            if found and found[0] not in edges:
                edges.append(found[0])
        return edges

    def _key(self) -> str | None:
        key = self.source.get("key")
        names = [key] if isinstance(key, str) else list(key or [])
        return names[0] if names else None

    def _highest_watermark(self, schema: pa.Schema) -> Any:
        name = self.source.get("watermark")
        if not name:
            return None
        self.require(schema, name)
        newest = (
            self._select(self._wire.column(name)).where(_raw(name).is_not(None)).order_by(_raw(name).desc()).limit(1)
        )
        found = self._values(newest, schema.field(name))
        return found[0] if found else None

    def _earlier(self, schema: pa.Schema, since: Any) -> Any:
        """Give the watermark the column's type and take the overlap off."""
        name = self.source.get("watermark")
        if since is None or not name:
            return None
        self.require(schema, name)
        return self._typed(schema, name, since, float(self.source.get("overlap") or 0))

    def _typed(self, schema: pa.Schema, name: str, value: Any, overlap: float = 0) -> Any:
        try:
            return before(typed(value, schema.field(name).type), overlap)
        except (ValueError, ArithmeticError):
            raise Terminal(
                "connector.bad_binding",
                connection=self.connection.id,
                option="watermark",
                reason="value and type differ",
            ) from None

    def _relation_of(self) -> TableClause | TextClause:
        query = self.source.get("query")
        if not query:
            return table(quoted_name(self.option("table"), True), schema=self._namespace())
        query = query.strip().rstrip(";")
        if not re.match(r"(?i)(select|with)\b", query) or ";" in query:
            raise Terminal(
                "connector.bad_binding", connection=self.connection.id, option="query", reason="not one SELECT"
            )
        return text("(" + query.replace(":", r"\:") + ") AS source")

    def _namespace(self) -> quoted_name | None:
        return quoted_name(self.source["schema"], True) if self.source.get("schema") else None

    def _wire_of(self) -> Wire:
        timeout = float(self.source.get("timeout_seconds") or 0)
        if self.connection.url.get_backend_name() == "postgresql":
            from connectors.postgres import PostgresWire

            return PostgresWire(self.connection, timeout)
        from connectors.sql import SqlWire

        return SqlWire(self.connection, self.batch_rows, self.source.get("types") or {}, timeout)


def _raw(name: str) -> ColumnElement[Any]:
    return column(quoted_name(name, True))
