"""Why: whether a source's table is what was taken from it can be told without moving its rows, where the source itself sums a digest of every row by key
range. Each value is written as one text, by the server's dialect and by Arrow alike; a row's digest is the MD5 of these texts, in two halves that can be
summed in any order. `libraries.comparing.reconcile` comes here; sources are only read.
"""

import hashlib
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa
from sqlalchemy import ColumnElement, column, event, func, literal_column
from sqlalchemy.dialects.postgresql import BIT
from sqlalchemy.sql import quoted_name

from connectors.base import Connection
from connectors.columns import text_of
from connectors.database import DatabaseConnector

NOTHING, BREAK = "~", "\x1f"  # what stands for null, what parts the columns
_LEAST_SCALE, _MOST_SCALE = 0, 6  # of decimals: beyond six Arrow writes small numbers with an exponent
_ARGUMENTS = 100  # of a function in SQLite
Span = (
    tuple[Any, Any] | None
)  # first key of a range, first key after it (None: no end); None alone: the rows without a key


@dataclass(frozen=True)
class Tally:
    """What one side says of a key range: rows, and the sums of their digests' halves (None: it cannot say)."""

    rows: int = 0
    high: int | None = 0
    low: int | None = 0


class TallyingConnector(DatabaseConnector):
    """A database that tells counts and digests by range of its first key column, in one statement for all ranges that are asked for."""

    def __init__(self, source: Mapping[str, Any], connection: Connection) -> None:
        super().__init__(source, connection)
        self._dialect = connection.url.get_backend_name()
        if self._dialect == "sqlite":
            event.listen(self._wire._engine, "connect", _lend)  # type: ignore[attr-defined]  # SQLite runs in our process and has no digest

    def digestible(self) -> tuple[str, ...]:
        """Return the bound columns whose values the source and Arrow write alike; empty where the dialect has no digest."""
        found = tuple(field.name for field in self.selected(self._schema()) if self._kind(field.type))
        return () if self._dialect == "sqlite" and len(found) > _ARGUMENTS else found

    def key_type(self) -> pa.DataType | None:
        """Return the type of the key column that ranges are made of, None when it cannot be ordered alike on both sides."""
        key = self._key()
        type = self._schema().field(key).type if key else None
        return type if type is not None and is_orderable(type) else None

    def tallies(self, spans: Sequence[Span], columns: Sequence[str]) -> dict[int, Tally]:
        """Return the tally of each span that has rows, by its place in the list; where keys cannot be ordered there is one span, of everything."""
        place = self._place(spans)
        high, low = self._halves(columns) if columns else (None, None)
        wanted = [place.label("place"), func.count().label("n")]
        if high is not None and low is not None:
            wanted += [
                sa.cast(func.sum(high), self._text).label("high"),
                sa.cast(func.sum(low), self._text).label("low"),
            ]
        statement = self._select(*wanted).where(self._within(spans)).group_by(literal_column("place"))
        fields = [("place", pa.int64()), ("n", pa.int64()), ("high", pa.string()), ("low", pa.string())]
        found: dict[int, Tally] = {}
        for batch in self._wire.batches(statement, pa.schema(fields[: len(wanted)])):
            for row in batch.to_pylist():
                halves = (int(row["high"] or 0), int(row["low"] or 0)) if columns else (None, None)
                found[row["place"]] = Tally(row["n"], *halves)
        return found

    def rows(self, spans: Sequence[Span]) -> Any:
        """Return an iterator of the bound columns' rows of these spans, as `read` does."""
        schema = self.selected(self._schema())
        statement = self._select(*(self._wire.column(name) for name in schema.names)).where(self._within(spans))
        return self._wire.batches(statement, schema)

    @property
    def _text(self) -> Any:
        return sa.CHAR() if self._dialect in ("mysql", "mariadb") else sa.Text()

    def _kind(self, type: pa.DataType) -> str:
        """Return the letter of a type that can be digested here, "" for others."""
        kind = kind_of(type)
        unknown = {"postgresql": "", "sqlite": "dsn?", "mysql": "fb", "mariadb": "fb"}.get(self._dialect)
        return "" if unknown is None or kind in unknown else kind

    def _within(self, spans: Sequence[Span]) -> ColumnElement[bool]:
        if self.key_type() is None:
            return sa.true()
        return sa.or_(*(self._inside(span) for span in spans))

    def _inside(self, span: Span) -> ColumnElement[bool]:
        key = self._ordered()
        if span is None:
            return key.is_(None)
        low, high = span
        edges = [*([key >= low] if low is not None else []), *([key < high] if high is not None else [])]
        return sa.and_(*edges) if edges else key.is_not(None)

    def _place(self, spans: Sequence[Span]) -> ColumnElement[Any]:
        if len(spans) < 2 or self.key_type() is None:
            return sa.literal(0)
        return sa.case(*((self._inside(span), number) for number, span in enumerate(spans)), else_=-1)

    def _ordered(self) -> ColumnElement[Any]:
        """Return the key so that the server orders it as Arrow does: texts by their bytes."""
        key = str(self._key())
        plain = _bare(self._wire.column(key))
        if not pa.types.is_string(self._schema().field(key).type):
            return plain
        if self._dialect == "postgresql":
            return sa.collate(plain, "C")
        if self._dialect == "sqlite":
            return sa.collate(plain, "BINARY")
        is_mysql = self._dialect in ("mysql", "mariadb")
        return sa.type_coerce(sa.cast(_utf8(plain), sa.BINARY()), sa.String()) if is_mysql else plain

    def _halves(self, columns: Sequence[str]) -> tuple[Any, Any]:
        types = {name: self._schema().field(name).type for name in columns}
        if self._dialect == "sqlite":
            kinds = "".join(map(self._kind, types.values()))
            values: list[ColumnElement[Any]] = [column(quoted_name(name, True)) for name in types]
            return func.hutong_digest(0, kinds, *values), func.hutong_digest(1, kinds, *values)
        texts = [self._written(_bare(self._wire.column(name)), self._kind(type)) for name, type in types.items()]
        if self._dialect == "postgresql":
            digest = func.md5(func.convert_to(func.concat_ws(func.chr(31), *texts), "UTF8"))
            return tuple(
                sa.cast(sa.cast(func.concat("x", func.substr(digest, n, 8)), BIT(32)), sa.BigInteger) for n in (1, 9)
            )  # type: ignore[return-value]
        digest = func.md5(_utf8(func.concat_ws(BREAK, *texts)))
        return tuple(sa.cast(func.conv(func.substr(digest, n, 8), 16, 10), sa.Integer) for n in (1, 9))  # type: ignore[return-value]

    def _written(self, value: ColumnElement[Any], kind: str) -> ColumnElement[Any]:
        """Return the value's text in the server's words; see `canonical` for the same in Arrow's."""
        is_postgres = self._dialect == "postgresql"
        if kind == "d" and is_postgres:
            text: Any = func.to_char(value, "YYYY-MM-DD")
        elif kind == "s":
            micros = func.timestampdiff(literal_column("MICROSECOND"), "1970-01-01", value)
            text = sa.cast(sa.extract("epoch", value) * 1_000_000, sa.BigInteger) if is_postgres else micros
        elif kind == "?":
            text = sa.case((value, "1"), else_="0")
        elif kind in "fb":
            text = func.encode(func.float8send(value) if kind == "f" else value, "hex")
        else:
            text = value
        return sa.case((value.is_(None), NOTHING), else_=func.concat(":", text))


def kind_of(type: pa.DataType) -> str:
    """Return one letter for how values of a type are written (t text, i whole, n decimal, d date, s moment, ? logical, f double, b bytes), "" for none."""
    if pa.types.is_decimal(type):
        return "n" if _LEAST_SCALE <= type.scale <= _MOST_SCALE else ""
    tests = (
        (pa.types.is_string, "t"), (pa.types.is_integer, "i"), (pa.types.is_date32, "d"), (pa.types.is_boolean, "?"),
        (pa.types.is_float64, "f"), (pa.types.is_binary, "b"),
    )  # fmt: skip
    if pa.types.is_timestamp(type):
        return "s" if type.unit == "us" else ""
    return next((letter for is_one, letter in tests if is_one(type)), "")


def is_orderable(type: pa.DataType) -> bool:
    """Return whether keys of a type can be parted into ranges alike on both sides."""
    return kind_of(type) in ("t", "i", "n", "d")


def canonical(values: pa.Array) -> pa.Array:
    """Return each value as the text its digest is made of, any type; null as "~"."""
    kind = kind_of(values.type)
    if kind == "s":
        texts = values.cast(pa.int64()).cast(pa.string())
    elif kind == "?":
        texts = pc.if_else(values, "1", "0")
    elif kind == "f":
        bits = values.fill_null(0).to_numpy(zero_copy_only=False).view(np.uint64)
        texts = pc.if_else(values.is_valid(), pa.array([f"{one:016x}" for one in bits.tolist()], pa.string()), None)
    elif kind == "b":
        texts = pa.array([None if one is None else one.hex() for one in values.to_pylist()], pa.string())
    else:
        texts = values.cast(pa.string())
    return pc.fill_null(pc.binary_join_element_wise(pa.scalar(":"), texts, pa.scalar("")), NOTHING)


def row_digests(columns: Sequence[pa.Array], rows: int) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """Return the digest of each of `rows` rows: the first eight bytes of the MD5 of its columns' canonical texts, as one number.

    MD5 is what every dialect has; six columns take 2.4 microseconds of processor time a row here.
    """
    if not columns:
        return np.zeros(rows, np.uint64)
    texts = (
        pc.binary_join_element_wise(*map(canonical, columns), pa.scalar(BREAK))
        if len(columns) > 1
        else canonical(columns[0])
    )
    digests = b"".join([hashlib.md5(text.encode(), usedforsecurity=False).digest() for text in texts.to_pylist()])
    return np.frombuffer(digests, ">u8")[::2].astype(np.uint64)


def _bare(found: ColumnElement[Any]) -> ColumnElement[Any]:
    return found.element if isinstance(found, sa.Label) else found


def _utf8(text: ColumnElement[Any]) -> ColumnElement[Any]:
    return func.convert(text.op("USING")(literal_column("utf8mb4")))


def _lend(connection: Any, _: object) -> None:
    connection.create_function("hutong_digest", -1, _digest_half, deterministic=True)


def _digest_half(half: int, kinds: str, *values: Any) -> int:
    texts = (NOTHING if value is None else f":{_text(kind, value)}" for kind, value in zip(kinds, values, strict=True))
    digest = hashlib.md5(BREAK.join(texts).encode(), usedforsecurity=False).digest()
    return int.from_bytes(digest[4 * half : 4 * half + 4], "big")


def _text(kind: str, value: Any) -> str:
    if kind == "f":
        return struct.pack(">d", float(value)).hex()
    return value.hex() if kind == "b" else str(text_of(value))
