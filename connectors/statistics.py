"""Why: how large a table is, and where its keys lie, is known to the server that plans by it; asking its statistics costs milliseconds, counting ten
million rows costs the department. Only `connectors.database` comes here.
"""

from typing import Any

import pyarrow as pa
from sqlalchemy import BigInteger, Select, cast, column, func, literal, literal_column, select, table, text

from connectors.watermarks import typed
from schemas.errors import HutongError

_MYSQL = ("mysql", "mariadb")
_STORED = ("r", "m", "p", "f")  # tables, materialised views, partitioned and foreign tables: what PostgreSQL analyses
_OF_COLUMN = text(
    "pg_catalog.pg_stats s JOIN pg_catalog.pg_class c ON c.relname = s.tablename AND (c.relkind = 'p') = s.inherited"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace AND n.nspname = s.schemaname"
)


class Statistics:
    """The figures a server keeps of one table. They may be old: a plan may follow them, a promise may not."""

    def __init__(self, wire: Any, dialect: str, name: str | None, namespace: str | None) -> None:
        self._wire, self._dialect, self._name, self._namespace = wire, dialect, name, namespace

    def rows(self) -> int | None:
        """Return about how many rows the table has; None where nothing is known (never analysed, a view, another dialect)."""
        if self._name is None or self._dialect not in ("postgresql", *_MYSQL):
            return None
        statement = self._rows_of_postgres() if self._dialect == "postgresql" else self._rows_of_mysql()
        found = self._ask(statement, pa.field("n", pa.int64()))
        return int(found[0]) if found and found[0] is not None and found[0] >= 0 else None

    def edges(self, key: pa.Field, count: int) -> list[Any]:
        """Return up to `count - 1` keys that part the table into about equal ranges, by PostgreSQL's histogram; empty where there is none."""
        if self._name is None or self._dialect != "postgresql":
            return []
        bounds = self._ask(self._bounds_of(key.name), pa.field("bound", pa.string()))
        if len(bounds) <= count:
            return []
        try:
            picked = [typed(bounds[len(bounds) * n // count], key.type) for n in range(1, count)]
        except (ValueError, ArithmeticError):
            return []
        return list(dict.fromkeys(picked))

    def _ask(self, statement: Select[Any], field: pa.Field) -> list[Any]:
        try:
            found = self._wire.batches(statement, pa.schema([field]))
            return [value for batch in found for value in batch.column(0).to_pylist()]
        except HutongError:  # figures this login may not see: plan without them
            return []

    def _rows_of_postgres(self) -> Select[Any]:
        """Return the planner's figure: -1 when the table was never analysed, nothing for a view."""
        classes = table("pg_class", schema="pg_catalog")
        known = (column("oid") == self._oid(), column("relkind").in_(_STORED))
        return select(cast(column("reltuples"), BigInteger).label("n")).select_from(classes).where(*known)

    def _rows_of_mysql(self) -> Select[Any]:
        schema = literal(self._namespace) if self._namespace else func.database()
        wanted = (column("table_schema") == schema, column("table_name") == self._name)
        tables = table("tables", schema="information_schema")
        return select(cast(column("table_rows"), BigInteger).label("n")).select_from(tables).where(*wanted)

    def _bounds_of(self, name: str) -> Select[Any]:
        bounds: Any = literal_column("unnest(s.histogram_bounds::text::text[])").label(
            "bound"
        )  # anyarray casts to text alone
        wanted = (literal_column("c.oid") == self._oid(), literal_column("s.attname") == name)
        return select(bounds).select_from(_OF_COLUMN).where(*wanted)

    def _oid(self) -> Any:
        parts = [part for part in (self._namespace, self._name) if part]
        return func.to_regclass(".".join('"' + part.replace('"', '""') + '"' for part in parts))
