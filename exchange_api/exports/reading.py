"""Why: from golden records at a moment to the rows of a file: what is granted, masked, within the rules, in key order from any key on, so that a file begun
again is the same file. One stream from the server, a few megabytes at a time. Called by `building`; it writes nothing.
"""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime
from queue import SimpleQueue as Queue
from typing import Any

import pyarrow as pa
from psycopg import sql as quoting

from exchange_api.exports.columns import masked, once_each
from exchange_api.feeds.changes import alias
from exchange_api.feeds.versions import held_in_order
from exchange_api.grant.terms import RowRule
from exchange_api.masking import Form
from libraries import history, serving
from libraries.timeline import day_of
from schemas.bound import SUBJECT
from schemas.database import StreamCut, streaming
from schemas.errors import Transient
from schemas.library import Attribute, Library

STRETCH = 100_000
_PIECE = str(4 << 20)
_AHEAD = 4
"""Pieces read before they are written: what the server sorts at once is then written while it sorts the next."""
_TYPES = {"text": pa.string(), "date": pa.date32(), "number": pa.float64(), "geometry": pa.string()}


@dataclass(frozen=True)
class Plan:
    """What an export holds. names: how its entries are named, None of a profile: by their key ("") or by names salted so."""

    spec: Library
    forms: dict[str, Form]
    rules: tuple[RowRule, ...]
    known_at: datetime
    as_of: date | None
    secret: bytes
    salt: str | None

    @property
    def schema(self) -> Any:
        """Return the columns of a file."""
        names = [("subject", pa.string()), *([("entry", pa.string())] if self.salt is not None else [])]
        items = [(name, _shown_type(self.spec.attribute(name), form)) for name, form in self.forms.items()]
        return pa.schema([*names, *items])

    @property
    def attributes(self) -> list[tuple[Attribute, Form]]:
        """Return the items in their order, each with its form."""
        return [(self.spec.attribute(name), form) for name, form in self.forms.items()]


@dataclass(frozen=True)
class Rows:
    """A stretch of an export: the records' keys, which leave no file unless they are granted, and the columns of the file."""

    keys: Any
    shown: Any

    def slice(self, start: int, length: int | None = None) -> "Rows":
        """Return a part of it."""
        return Rows(self.keys.slice(start, length), self.shown.slice(start, length))


def read(plan: Plan, after: str | None) -> Iterator[Rows]:
    """Yield the rows of an export after a key, in key order. Raises Transient `export.interrupted` when the server is lost."""
    for batch in _ahead(_batches(plan, after or "")):
        yield Rows(batch.column(0), _shown(plan, batch))


def _batches(plan: Plan, after: str) -> Iterator[Any]:
    """Yield what the server sends, one stretch of keys after the other: each is sorted in memory, and memory does not grow with the library."""
    try:
        with streaming("exchange") as cursor:
            cursor.execute("SET work_mem = '64MB'")
            cursor.adbc_statement.set_options(**{"adbc.postgresql.batch_size_hint_bytes": _PIECE})
            count = STRETCH
            while count == STRETCH:
                count = 0
                cursor.execute(statement(plan, after))
                for batch in cursor.fetch_record_batch():
                    count += batch.num_rows
                    if batch.num_rows:
                        after = batch.column(0)[-1].as_py()
                        yield batch
    except StreamCut as error:
        raise Transient("export.interrupted", library=plan.spec.library) from error


def statement(plan: Plan, after: str) -> str:
    """Return the SQL of the next stretch of rows after a key; all names in it are of our own definition, all values are quoted."""
    spec = plan.spec
    columns = ["subject", *([] if spec.key == "subject" else ["entry"])]
    listed = [*(f"b.{name}" for name in columns)]
    listed += [f"{_expression(attribute, form)} AS {attribute.id}" for attribute, form in plan.attributes]
    moment = f"{_quote(plan.known_at.isoformat())}::timestamptz"
    return held_in_order(spec, ", ".join(listed), conditions(plan), (moment, _quote(after), str(STRETCH)))


def batches_statement(plan: Plan) -> str:
    """Return the SQL of the numbers of all batches whose values the export holds: by these a recall finds it."""
    places = ", ".join(f"one.batches[{plan.spec.attribute_ids.index(name) + 1}]" for name in plan.forms)
    kinds = f"SELECT b.batches FROM {_held(plan)} AS b WHERE {conditions(plan)} GROUP BY b.batches"  # noqa: S608
    return f"SELECT DISTINCT number FROM ({kinds}) AS one, unnest(ARRAY[{places}]) AS of (number) WHERE number IS NOT NULL ORDER BY 1"  # noqa: S608


def conditions(plan: Plan) -> str:
    """Return the SQL condition on the records `b` of an export: served on its day, holding on the day asked for, within the grant's rules."""
    spec, parts = plan.spec, ["true"]
    if spec.serving:
        parts.append(serving.condition(spec, f"{_quote(day_of(plan.known_at).isoformat())}::date", "b.", _held(plan)))
    if plan.as_of is not None:
        parts.append(history.holding(spec, f"{_quote(plan.as_of.isoformat())}::date", "b."))
    return " AND ".join([*parts, *(_rule(spec, rule) for rule in plan.rules)])


def _held(plan: Plan) -> str:
    return history.believed(plan.spec, f"{_quote(plan.known_at.isoformat())}::timestamptz")


def _rule(spec: Library, rule: RowRule) -> str:
    """Return a rule of `exchange_api.grant.rows` as SQL: a value that is missing fits none."""
    value = f"b.{rule.attribute}"
    if rule.attribute != SUBJECT and spec.attribute(rule.attribute).type == "number":
        value = f"trim_scale({value})"
    values = ", ".join(_quote(one) for one in rule.values)
    if rule.kind == "in":
        return f"{value}::text IN ({values})"
    return f"EXISTS (SELECT FROM unnest(ARRAY[{values}]) AS r (beginning) WHERE starts_with({value}::text, beginning))"


def _expression(attribute: Attribute, form: Form) -> str:
    if _is_masked(attribute, form):
        return f"b.{attribute.id}::text"
    return f"b.{attribute.id}::float8" if attribute.type == "number" else f"b.{attribute.id}"


def _shown(plan: Plan, batch: Any) -> Any:
    columns, place = [batch.column(1)], 2
    if plan.spec.key != "subject":
        entries, place = batch.column(2), 3
        if plan.salt is not None:
            columns.append(_named(plan, entries))
    for number, (attribute, form) in enumerate(plan.attributes, place):
        column = batch.column(number)
        columns.append(masked(column, attribute.mask) if _is_masked(attribute, form) else column)
    return pa.RecordBatch.from_arrays(
        [column.cast(kind.type) for column, kind in zip(columns, plan.schema, strict=True)], schema=plan.schema
    )


def _named(plan: Plan, entries: Any) -> Any:
    return entries if not plan.salt else once_each(entries, lambda entry: alias(plan.secret, plan.salt or "", entry))


def _is_masked(attribute: Attribute, form: Form) -> bool:
    return form == "masked" and attribute.mask != "none"


def _shown_type(attribute: Attribute, form: Form) -> Any:
    return pa.string() if _is_masked(attribute, form) else _TYPES[attribute.type]


def _quote(value: str) -> str:
    return quoting.quote(value)


def _ahead(batches: Iterator[Any]) -> Iterator[Any]:
    """Yield the batches while the next ones are read: the server never waits for the file."""
    coming: Queue[Future[Any]] = Queue()
    with ThreadPoolExecutor(1) as aside:
        for _ in range(_AHEAD):
            coming.put(aside.submit(next, batches, None))
        while (batch := coming.get().result()) is not None:
            coming.put(aside.submit(next, batches, None))
            yield batch
