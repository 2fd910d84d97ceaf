"""Why: a bad row is kept as it came, with every reason, until its department mends it; nothing is dropped in silence, and no row is ever deleted (the
role that collects may not). Holding is set-based (COPY). How rows leave: `mending` replays mended ones, `libraries.holding.superseding` tells those
that the source itself put right. Called by `libraries.verdicts` and, for looking, by commands and pages.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import ARRAY, BigInteger, ColumnElement, any_, func, insert, literal, select
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import Session

from libraries import batches
from libraries.checking import Verdict
from libraries.frames import Frame
from libraries.judging.duplicates import Rows
from libraries.landing import ROW
from libraries.texts import plain
from schemas.errors import Invalid
from schemas.tables.landing import QuarantinedRow

MALFORMED = "row.malformed"
_COPY = "COPY landing.quarantined_rows (batch_id, row_number, record_key, reasons, values) FROM STDIN (FORMAT csv)"
_CONTROLS = "".join(map(chr, range(0x20)))
WAITING = (QuarantinedRow.released_at.is_(None), QuarantinedRow.superseded_at.is_(None))
AGES = {">90": (90, 1e9), "30-90": (30, 90), "7-30": (7, 30), "1-7": (1, 7), "<1": (-1e9, 1)}
"""Age in days: from (inclusive), to."""


@dataclass(frozen=True)
class Wanted:
    """Which rows: those with a reason, those that wait at least so long, those that still wait."""

    reason: str | None = None
    older_than: timedelta | None = None
    waiting: bool = True


@dataclass(frozen=True)
class Group:
    """Rows that wait for one reason: how many, since when, the first few by id, and a batch that holds them."""

    reason: str
    rows: int
    since: datetime
    examples: tuple[int, ...]
    batch_id: str


@dataclass(frozen=True)
class Balance:
    """Where the rows of one batch are."""

    rows: int
    good: int
    duplicates: int
    held: int
    waiting: int
    released: int
    superseded: int


def reasons_of(verdict: Verdict, rows: Rows) -> pa.Array:
    """Return per row (sorted numbers) the list of ids of every rule it breaks, in the order of the rules."""
    numbers = [np.searchsorted(rows, found.rows) for found in verdict.rules]
    places = np.concatenate([np.empty(0, np.int64), *numbers])
    rules = np.concatenate([np.empty(0, np.int64), *(np.full(len(n), i) for i, n in enumerate(numbers))])
    order = np.lexsort((rules, places))
    offsets = np.searchsorted(places[order], np.arange(len(rows) + 1)).astype(np.int32)
    ids = pa.array([found.rule.id for found in verdict.rules], pa.string())
    return pa.ListArray.from_arrays(pa.array(offsets), ids.take(pa.array(rules[order].astype(np.int64))))


def hold(session: Session, batch_id: str, landed: pa.Table, frame: Frame, reasons: pa.Array) -> None:
    """Put landed rows into quarantine, values as they came. frame: the same rows, for their keys; reasons: a list per row."""
    lines = pc.binary_join_element_wise(
        _quoted(pa.array([batch_id] * landed.num_rows)),
        landed.column(ROW).combine_chunks().cast(pa.string()),
        _quoted(frame.key()),
        _quoted(_array_literals(reasons)),
        _quoted(_documents(landed)),
        ",",
    )
    _copy(session, lines)


def hold_malformed(session: Session, batch_id: str, lines: Iterable[Mapping[str, Any]]) -> None:
    """Put lines that fit no header into quarantine, word for word."""
    rows = [
        {"batch_id": batch_id, "row_number": line.get("line") or 0, "reasons": [MALFORMED], "values": dict(line)}
        for line in lines
    ]
    if rows:
        session.execute(insert(QuarantinedRow), rows)


def find(
    session: Session, *, batch_id: str | None = None, resource_id: str | None = None, wanted: Wanted | None = None, limit: int = 1000
) -> list[QuarantinedRow]:  # fmt: skip
    """Return quarantined rows of a batch or resource, those waiting longest first; only those that wait unless `wanted` says otherwise."""
    query = select(QuarantinedRow).order_by(QuarantinedRow.waiting_since, QuarantinedRow.id).limit(limit)
    if batch_id:
        query = query.where(QuarantinedRow.batch_id == batch_id)
    if resource_id:
        query = query.where(QuarantinedRow.batch_id.in_(batches.ids_of(resource_id)))
    return list(session.scalars(query.where(*_narrowed(wanted or Wanted()))))


def get(session: Session, row_id: int) -> QuarantinedRow:
    """Return one row, waiting or not. Raises Invalid `quarantine.unknown_row`."""
    row = session.get(QuarantinedRow, row_id)
    if row is None:
        raise Invalid("quarantine.unknown_row", row=row_id)
    return row


def among(row_ids: Iterable[int]) -> ColumnElement[bool]:
    """Return the condition that a row is one of these, however many: as one array, since a statement takes 65,535 values at most."""
    return QuarantinedRow.id == any_(literal(list(row_ids), ARRAY(BigInteger)))


def count_reasons(session: Session, batch_id: str) -> dict[str, int]:
    """Return how many rows of a batch were held for each reason, most first."""
    reason = func.unnest(QuarantinedRow.reasons).label("reason")
    rows = select(reason).where(QuarantinedRow.batch_id == batch_id).subquery()
    query = select(rows.c.reason, func.count()).group_by(rows.c.reason).order_by(func.count().desc(), rows.c.reason)
    found = session.execute(query).all()
    return {name: count for name, count in found}  # noqa: C416 — rows of a result are not pairs to a type checker


def groups(session: Session, resource_id: str, wanted: Wanted | None = None, examples: int = 2) -> list[Group]:
    """Return the waiting rows of a resource by reason, most first; a row with two reasons is in two groups."""
    reason = func.unnest(QuarantinedRow.reasons).label("reason")
    rows = select(reason, QuarantinedRow.id, QuarantinedRow.batch_id, QuarantinedRow.waiting_since)
    rows = rows.where(QuarantinedRow.batch_id.in_(batches.ids_of(resource_id)), *_narrowed(wanted or Wanted()))
    each = rows.subquery()
    place = func.row_number().over(partition_by=each.c.reason, order_by=(each.c.waiting_since, each.c.id))
    placed = select(each, place.label("place")).subquery()
    ids = aggregate_order_by(placed.c.id, placed.c.place)
    query = select(
        placed.c.reason,
        func.count().label("count"),
        func.min(placed.c.waiting_since).label("since"),
        func.array_agg(ids).filter(placed.c.place <= examples).label("ids"),
        func.max(placed.c.batch_id).label("batch_id"),
    )
    found = session.execute(query.group_by(placed.c.reason).order_by(func.count().desc(), placed.c.reason)).all()
    return [Group(one.reason, int(one[1]), one.since, tuple(one.ids), one.batch_id) for one in found]


def ages(session: Session, resource_id: str) -> dict[str, int]:
    """Return how many rows of a resource wait for how long, oldest first, by the names of AGES."""
    days = func.extract("epoch", func.now() - QuarantinedRow.waiting_since) / 86_400
    columns = [func.count().filter(days >= low, days < high) for low, high in AGES.values()]
    query = select(*columns).where(QuarantinedRow.batch_id.in_(batches.ids_of(resource_id)), *WAITING)
    return dict(zip(AGES, session.execute(query).one(), strict=True))


def balance(session: Session, batch_id: str) -> Balance:
    """Return where every row of a checked batch is. rows = good + duplicates + held, and held = waiting + released + superseded, always."""
    batch = batches.get(session, batch_id).batch
    duplicates = int((batch.repairs or {}).get("duplicate_row", 0))
    waiting = func.count().filter(*WAITING)
    ended = (func.count(QuarantinedRow.released_at), func.count(QuarantinedRow.superseded_at))
    query = select(func.count(), waiting, *ended).where(QuarantinedRow.batch_id == batch_id)
    held = session.execute(query).one()
    return Balance(batch.rows_in or 0, batch.rows_good or 0, duplicates, *held)


def _narrowed(wanted: Wanted) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = list(WAITING) if wanted.waiting else []
    if wanted.reason:
        conditions.append(QuarantinedRow.reasons.contains([wanted.reason]))
    if wanted.older_than is not None:
        conditions.append(QuarantinedRow.waiting_since <= func.now() - wanted.older_than)
    return conditions


def _documents(landed: pa.Table) -> Any:
    """Return each row as one JSON object of texts, item ids as keys."""
    parts: list[Any] = []
    for place, name in enumerate(name for name in landed.column_names if name != ROW):
        lead = ("{" if place == 0 else ",") + json.dumps(name) + ":"
        parts += [pa.scalar(lead), pc.fill_null(_json_texts(plain(landed.column(name))), "null")]
    return pc.binary_join_element_wise(*parts, pa.scalar("}"), "") if parts else pa.array(["{}"] * landed.num_rows)


def _json_texts(texts: Any) -> Any:
    escaped = pc.replace_substring(pc.replace_substring(texts, "\\", "\\\\"), '"', '\\"')
    if pc.any(pc.match_substring_regex(escaped, r"[\x00-\x1f]")).as_py():
        for control in _CONTROLS:  # NUL has no place in PostgreSQL's JSON: shown as its picture
            written = "\u2400" if control == "\0" else json.dumps(control)[1:-1]
            escaped = pc.replace_substring(escaped, control, written)
    return pc.binary_join_element_wise(pa.scalar('"'), escaped, pa.scalar('"'), "")


def _array_literals(lists: Any) -> Any:
    return pc.binary_join_element_wise(pa.scalar('{"'), pc.binary_join(lists, '","'), pa.scalar('"}'), "")


def _quoted(texts: Any) -> Any:
    """Return CSV fields: quoted, or empty (NULL) where null."""
    doubled = pc.replace_substring(plain(pc.replace_substring(texts, "\0", "\u2400")), '"', '""')
    return pc.fill_null(pc.binary_join_element_wise(pa.scalar('"'), doubled, pa.scalar('"'), ""), "")


def _copy(session: Session, lines: Any) -> None:
    text = pc.binary_join(pa.ListArray.from_arrays(pa.array([0, len(lines)], pa.int32()), lines), "\n")
    driver = session.connection().connection.driver_connection
    assert driver is not None
    with driver.cursor() as cursor, cursor.copy(_COPY) as copy:
        copy.write(memoryview(text.buffers()[2]) if len(lines) else b"")
