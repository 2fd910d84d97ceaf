"""Why: thousands of rows mended in one file must go in as surely as one mended by hand. Every line is held against the row it names: only cells that
differ from what was sent out are corrections, a key stays what it was unless it was at fault, and each line is answered. Called by `hutong quarantine`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog import directory
from catalog.workbook.cells import CellError
from libraries import batches, quarantine
from libraries.correcting import correction_files
from libraries.correcting.correction_files import Line, as_read
from libraries.holding import mending, tickets
from libraries.ingest import replay_rows
from libraries.quarantine import MALFORMED, WAITING, Wanted, among
from schemas.database import transaction
from schemas.resource import ResourceDocument
from schemas.tables.landing import Batch, QuarantinedRow

MOST = 1_000_000  # rows a sheet can hold
State = Literal[
    "released", "wrong", "unchanged", "already_in", "released_before", "superseded", "unknown_row", "other_resource",
    "key_changed", "unknown_item", "unreadable", "repeated",
]  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """What became of one line of a file; `detail`: the batch, the reasons, the columns it is about."""

    line: int
    row_id: int | None
    state: State
    detail: str = ""


@dataclass
class _Sent:
    """Lines on their way: answers so far, corrections to send, and which line each row came from."""

    answers: list[Answer] = field(default_factory=list)
    corrections: dict[int, dict[str, Any]] = field(default_factory=dict)
    lines: dict[int, Line] = field(default_factory=dict)


def export(session: Session, resource_id: str, path: Path, wanted: Wanted | None = None) -> int:
    """Write the waiting rows of a resource as a file to be mended, in clear; return how many. Raises Invalid `directory.unknown_resource`,
    `quarantine.bad_file`.
    """
    directory.get(session, resource_id)
    rows = quarantine.find(session, resource_id=resource_id, wanted=wanted, limit=MOST)
    items: dict[str, str] = {}
    for document in _documents(session, rows).values():
        items |= (
            {item.id: item.name for item in document.items if item.id in document.source.mapping.values()}
            if document.source
            else {}
        )
    correction_files.write(path, resource_id, items, rows)
    return len(rows)


def fix(path: Path) -> list[Answer]:
    """Take a mended file in: replay the rows whose cells changed, and answer every line. The same file sent again does nothing twice.

    Raises Invalid `quarantine.bad_file` and what the replay raises; what went in before a failure stays in, and the file can be sent again.
    """
    lines = correction_files.read(path)
    with transaction("ingest") as session:
        mending.bring_up_to_date(session, [line.row_id for line in lines if line.row_id is not None])
        sent = _judge(session, lines)
    ended = replay_rows(sent.corrections) if sent.corrections else {}
    for row_id, mended in ended.items():
        state: State = mended.end if mended.end in ("released", "wrong") else "superseded"
        detail = ", ".join(mended.reasons) or mended.batch_id or ""
        sent.answers.append(Answer(sent.lines[row_id].number, sent.lines[row_id].row_id, state, detail))
    with transaction("ingest") as session:
        wrong = {row_id for row_id, mended in ended.items() if mended.end == "wrong"}
        tickets.note_file(session, wrong, path.name)
    return sorted(sent.answers, key=lambda answer: answer.line)


def _judge(session: Session, lines: list[Line]) -> _Sent:
    sent, seen = _Sent(), set[int]()
    named = {line.row_id for line in lines if line.row_id is not None}
    rows = {row.id: row for row in session.scalars(select(QuarantinedRow).where(among(named)))}
    heirs = _heirs(session, list(rows.values()))
    documents = _documents(session, [*rows.values(), *heirs.values()])
    for line in lines:
        row = rows.get(line.row_id or -1)
        if row is None:
            sent.answers.append(Answer(line.number, line.row_id, "unknown_row"))
        elif row.id in seen:
            sent.answers.append(Answer(line.number, row.id, "repeated"))
        else:
            seen.add(row.id)
            current = heirs.get(row.id, row)
            answer = _answer(line, current, documents[current.batch_id], sent)
            if answer is not None:
                sent.answers.append(answer)
    return sent


def _answer(line: Line, row: QuarantinedRow, document: ResourceDocument, sent: _Sent) -> Answer | None:
    """Return what is wrong with a line, or None when its corrections were put among those to send."""
    changed = _changed(line, row)
    refused = _refusal(line, row, document, changed)
    if refused is None and changed:
        sent.corrections[row.id], sent.lines[row.id] = changed, line
        return None
    state, detail = refused or ("unchanged", ", ".join(row.reasons))
    return Answer(line.number, line.row_id, state, detail)


def _refusal(
    line: Line, row: QuarantinedRow, document: ResourceDocument, changed: Mapping[str, Any]
) -> tuple[State, str] | None:
    if line.resource != document.id:
        return "other_resource", f"{line.resource or '—'} ≠ {document.id}"
    if unknown := sorted(set(changed) - {item.id for item in document.items}):
        return "unknown_item", ", ".join(unknown)
    if lost := [item for item, value in changed.items() if isinstance(value, CellError)]:
        return "unreadable", ", ".join(lost)
    if row.released_at is not None:
        same = row.replay_digest == mending.digest_of(mending.mended_values(row, document, changed))
        return ("already_in" if same or not changed else "released_before"), row.released_by_batch_id or ""
    if row.superseded_at is not None:
        return "superseded", f"{row.superseded_how} {row.superseded_by_batch_id}"
    if keys := [
        item for item in changed if document.source and item in document.source.key and not _at_fault(row, item)
    ]:
        return "key_changed", ", ".join(keys)
    return None


def _changed(line: Line, row: QuarantinedRow) -> dict[str, Any]:
    """Return the cells that differ from what the file was written with."""
    values: Mapping[str, Any] = {} if row.reasons == [MALFORMED] else row.values
    return {
        item: cell
        for item, cell in line.cells.items()
        if (item in values or cell is not None) and cell != as_read(values.get(item))
    }


def _at_fault(row: QuarantinedRow, item: str) -> bool:
    return row.reasons == [MALFORMED] or any(item in reason.split(".")[0].split("+") for reason in row.reasons)


def _heirs(session: Session, rows: list[QuarantinedRow]) -> dict[int, QuarantinedRow]:
    """Return, by row id, the waiting row that a later delivery put in the place of one that came again just as wrong: corrections hold for it too."""
    old = {(row.record_key, mending.digest_of(row.values)): row.id for row in rows if row.superseded_how == "again"}
    if not old:
        return {}
    resources = select(Batch.resource_id).where(Batch.id.in_({row.batch_id for row in rows}))
    query = (
        select(QuarantinedRow).join(Batch, Batch.id == QuarantinedRow.batch_id).where(Batch.resource_id.in_(resources))
    )
    found = session.scalars(query.where(*WAITING))
    return {
        old[mark]: row for row in found if (mark := (row.record_key, mending.digest_of(row.values))) in old
    }  # fmt: skip


def _documents(session: Session, rows: list[QuarantinedRow]) -> dict[str, ResourceDocument]:
    return {batch_id: batches.get(session, batch_id).document for batch_id in sorted({row.batch_id for row in rows})}
