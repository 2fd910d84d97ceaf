"""Why: the contract every source system is reached through, so that landing never knows whether rows came from a database, a REST service or a
folder of files. `libraries` and `dags` open connectors with `open_connector` and send slices between tasks as JSON; sources are only ever read.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from decimal import Decimal
from importlib import import_module
from typing import Any

import pyarrow as pa
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from schemas.errors import Terminal

BATCH_ROWS = 65_536
KINDS = {
    "database": "connectors.database:DatabaseConnector",
    "rest": "connectors.rest:RestConnector",
    "files": "connectors.files:FilesConnector",
}
_DRIVERS = {
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "sqlite": "sqlite",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
}


@dataclass(frozen=True)
class Connection:
    """What a secrets backend knows of one source system. Its text never shows the password or the extra settings."""

    id: str
    kind: str
    host: str | None = None
    port: int | None = None
    database: str | None = None
    login: str | None = None
    password: str | None = field(default=None, repr=False)
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def url(self) -> URL:
        """Return the SQLAlchemy URL: `extra["url"]` (its password filled in when it has none), else built from the parts.

        Raises Terminal connector.bad_connection.
        """
        try:
            given = make_url(self.extra["url"]) if self.extra.get("url") else self._built()
        except (ArgumentError, KeyError, ValueError):
            raise Terminal("connector.bad_connection", connection=self.id, reason="no usable database URL") from None
        return given.set(password=self.password) if given.password is None and self.password else given

    @property
    def uri(self) -> str:
        """Return the SQLAlchemy URL as text with its password: for drivers only, never for a log."""
        return self.url.render_as_string(hide_password=False)

    @property
    def address(self) -> str:
        """Return where the source system is, fit for an error message: no login, no secret."""
        if self.extra.get("url"):
            return f"{self.url.host or ''}{f':{self.url.port}' if self.url.port else ''}/{self.url.database or ''}"
        return f"{self.host or ''}{f':{self.port}' if self.port else ''}{f'/{self.database}' if self.database else ''}"

    def _built(self) -> URL:
        driver = _DRIVERS[self.kind]
        if driver == "sqlite":
            return URL.create(driver, database=self.database or self.host)
        return URL.create(driver, self.login, self.password, self.host, self.port, self.database, self._query())

    def _query(self) -> dict[str, str]:
        return {name: str(self.extra[name]) for name in ("sslmode", "sslrootcert", "charset") if name in self.extra}


@dataclass(frozen=True)
class Slice:
    """One piece of a source, small enough to travel between tasks: read it anywhere and get the same rows.

    low: first key or page, inclusive (None: from the start, rows without a key included); high: exclusive (None: to the end).
    since: watermark from which rows are wanted, overlap already taken off. until: highest watermark seen when the slice was planned; the next
    plan's `since`, so that a row changed while slices are being read is read again. to: watermark up to which, exclusive, rows are wanted (a back-fill;
    rows without one are then left out). name, digest: file and SHA-256, for files.
    """

    id: str
    low: Any = None
    high: Any = None
    since: Any = None
    until: Any = None
    name: str | None = None
    digest: str | None = None
    to: Any = None

    def to_json(self) -> str:
        """Return the slice as JSON text; dates, times and decimals keep their type."""
        return json.dumps(
            {key: _packed(value) for key, value in asdict(self).items() if value is not None}, ensure_ascii=False
        )

    @classmethod
    def from_json(cls, text: str) -> "Slice":
        """Return the slice that `to_json` wrote."""
        return cls(**{key: _unpacked(value) for key, value in json.loads(text).items()})


class Connector(ABC):
    """One source behind one binding: `source` holds the plain options of the directory binding, `connection` the address and secrets."""

    def __init__(self, source: Mapping[str, Any], connection: Connection) -> None:
        self.source, self.connection = source, connection
        self.batch_rows = int(source.get("batch_rows") or BATCH_ROWS)

    @abstractmethod
    def describe(self) -> pa.Schema:
        """Return every column name and type as the source has them now, whatever the binding selects.

        Raises Transient (unreachable), Terminal (refused, missing).
        """

    @abstractmethod
    def slices(self, since: Any | None = None, count: int = 1) -> list[Slice]:
        """Plan up to `count` slices that cover every wanted row exactly once.

        since: watermark (or, for files, SHA-256 digests already landed); None wants everything.
        """

    @abstractmethod
    def read(self, piece: Slice) -> Iterator[pa.RecordBatch]:
        """Yield the rows of one slice in batches of at most `batch_rows` rows, the bound columns only, in no promised order."""

    def estimate(self) -> int | None:
        """Return about how many rows the source has, by its own statistics and without counting; None where it does not tell."""
        return None

    def fingerprint(self, piece: Slice) -> str | None:
        """Return a cheap identity of the slice's content, so that the same delivery twice can be recognised; None where there is none."""
        return piece.digest

    def option(self, name: str) -> str:
        """Return a required text option of the binding. Raises Terminal connector.bad_binding."""
        value = self.source.get(name)
        if not isinstance(value, str) or not value:
            raise Terminal("connector.bad_binding", connection=self.connection.id, option=name, reason="missing")
        return value

    def selected(self, schema: pa.Schema) -> pa.Schema:
        """Return the part of `schema` the binding reads, in its order. Raises Terminal connector.missing_column."""
        names: Sequence[str] = self.source.get("columns") or schema.names
        for name in names:
            self.require(schema, name)
        return pa.schema([schema.field(name) for name in names])

    def require(self, schema: pa.Schema, name: str) -> None:
        """Raise Terminal connector.missing_column unless the source has the column."""
        if name not in schema.names:
            raise Terminal(
                "connector.missing_column", connection=self.connection.id, column=name, found=", ".join(schema.names)
            )


def open_connector(kind: str, source: Mapping[str, Any], connection: Connection) -> Connector:
    """Return the connector of a kind ("database", "rest", "files"); nothing is opened yet. Raises Terminal connector.unknown_kind."""
    if kind not in KINDS:
        raise Terminal("connector.unknown_kind", kind=kind, known=", ".join(sorted(KINDS)))
    module, name = KINDS[kind].split(":")
    found: Connector = getattr(import_module(module), name)(source, connection)
    return found


def bounded(batches: Iterator[pa.RecordBatch], rows: int) -> Iterator[pa.RecordBatch]:
    """Cut batches to at most `rows` rows without copying; empty ones are left out."""
    for batch in batches:
        for start in range(0, batch.num_rows, rows):
            yield batch.slice(start, rows)


def _packed(value: Any) -> Any:
    if isinstance(value, datetime):
        return {"as": "datetime", "value": value.isoformat()}
    if isinstance(value, date):
        return {"as": "date", "value": value.isoformat()}
    if isinstance(value, Decimal):
        return {"as": "decimal", "value": str(value)}
    return value


def _unpacked(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    readers: dict[str, Callable[[str], Any]] = {
        "datetime": datetime.fromisoformat,
        "date": date.fromisoformat,
        "decimal": Decimal,
    }
    return readers[value["as"]](value["value"])
