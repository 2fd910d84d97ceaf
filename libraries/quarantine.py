"""Why: a bad row is kept as it came, with every reason, until its department mends it; nothing is dropped in silence. Holding is set-based (COPY), and a
mended row is replayed through the same check and merge. Called by `libraries.ingest` and, for looking and replaying, by commands and pages.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from libraries import batches
from libraries.checking import Verdict
from libraries.duplicates import Rows
from libraries.frames import Frame
from libraries.landing import ROW
from libraries.texts import plain
from schemas.errors import Invalid, Terminal
from schemas.tables.landing import QuarantinedRow

MALFORMED = "row.malformed"
_COPY = "COPY landing.quarantined_rows (batch_id, row_number, record_key, reasons, values) FROM STDIN (FORMAT csv)"
_CONTROLS = "".join(map(chr, range(0x20)))


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


def clear(session: Session, batch_id: str) -> None:
    """Forget what an earlier, unfinished check of the batch held."""
    session.execute(delete(QuarantinedRow).where(QuarantinedRow.batch_id == batch_id))


def find(
    session: Session,
    *,
    batch_id: str | None = None,
    resource_id: str | None = None,
    held: bool = True,
    limit: int = 1000,
) -> list[QuarantinedRow]:
    """Return quarantined rows of a batch or resource in order; `held` leaves out those released."""
    query = select(QuarantinedRow).order_by(QuarantinedRow.id).limit(limit)
    if batch_id:
        query = query.where(QuarantinedRow.batch_id == batch_id)
    if resource_id:
        query = query.where(QuarantinedRow.batch_id.in_(batches.ids_of(resource_id)))
    if held:
        query = query.where(QuarantinedRow.released_at.is_(None))
    return list(session.scalars(query))


def count_reasons(session: Session, batch_id: str) -> dict[str, int]:
    """Return how many rows of a batch are held for each reason, most first."""
    reason = func.unnest(QuarantinedRow.reasons).label("reason")
    rows = select(reason).where(QuarantinedRow.batch_id == batch_id).subquery()
    query = select(rows.c.reason, func.count()).group_by(rows.c.reason).order_by(func.count().desc(), rows.c.reason)
    found = session.execute(query).all()
    return {name: count for name, count in found}  # noqa: C416 — rows of a result are not pairs to a type checker


def corrected(session: Session, row_id: int, values: Mapping[str, Any]) -> tuple[QuarantinedRow, dict[str, Any]]:
    """Return a held row, locked, and its landed values with the corrections put in.

    Raises Invalid `quarantine.unknown_row`, `quarantine.unknown_item`, Terminal `quarantine.released`.
    """
    row = session.scalar(select(QuarantinedRow).where(QuarantinedRow.id == row_id).with_for_update())
    if row is None:
        raise Invalid("quarantine.unknown_row", row=row_id)
    if row.released_at is not None:
        raise Terminal("quarantine.released", row=row_id, batch=row.released_by_batch_id)
    if unknown := sorted(set(values) - set(row.values)):
        raise Invalid("quarantine.unknown_item", items=", ".join(unknown), known=", ".join(row.values))
    return row, {**row.values, **values}


def release(session: Session, row_id: int, batch_id: str) -> None:
    """Say that a held row is right now and came in by another batch."""
    row = session.get_one(QuarantinedRow, row_id)
    row.released_at, row.released_by_batch_id = batches.now(), batch_id


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
