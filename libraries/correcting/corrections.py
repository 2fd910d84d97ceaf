"""Why: thousands of rows mended in one file must go in as surely as one mended by hand. Every line is held against the row it names: only cells that
differ from what was sent out are corrections, a key stays what it was unless it was at fault, and each line is answered. Called by `hutong quarantine`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog import directory
from catalog.workbook.cells import CellError
from libraries import batches, quarantine
from libraries.correcting import correction_files, remedies
from libraries.correcting.correction_files import Form, Line, as_read
from libraries.correcting.rehearsal import still_broken
from libraries.holding import concealing, mending, tickets
from libraries.ingest import replay_rows
from libraries.quarantine import MALFORMED, WAITING, Wanted, among
from schemas.database import transaction
from schemas.resource import ResourceDocument
from schemas.tables.landing import Batch, QuarantinedRow

MOST = 1_000_000  # rows a sheet can hold
State = Literal[
    "released", "wrong", "unchanged", "already_in", "released_before", "superseded", "unknown_row", "other_resource",
    "key_changed", "unknown_item", "unreadable", "repeated", "masked", "still_wrong", "to_send",
]  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """What became of one line of a file (`still_wrong`, `to_send`: what would); `detail`: the batch, the reasons, the columns it is about."""

    line: int
    row_id: int | None
    state: State
    detail: str = ""


@dataclass(frozen=True)
class _Known:
    """What the rows of one batch are held against: their resource version, and what may be shown of each item."""

    document: ResourceDocument
    hidden: Mapping[str, Callable[[str], str]]


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
    correction_files.write(path, form_of(session, resource_id, rows), rows)
    return len(rows)


def form_of(session: Session, resource_id: str, rows: list[QuarantinedRow]) -> Form:
    """Return what a file of these rows has for columns and remedies, values in clear."""
    items: dict[str, str] = {}
    told: dict[str, str] = {}
    for batch_id, document in _documents(session, rows).items():
        mapped = set(document.source.mapping.values()) if document.source else set()
        items |= {item.id: item.name for item in document.items if item.id in mapped}
        rules = remedies.rules_by_id(session, batches.get(session, batch_id))
        chinese, english = remedies.remedies(rules, "zh"), remedies.remedies(rules, "en")
        reasons = {reason for row in rows if row.batch_id == batch_id for reason in row.reasons}
        told |= {reason: f"{chinese[reason]} {english[reason]}" for reason in reasons}
    return Form(resource_id, items, told)


def fix(path: Path) -> list[Answer]:
    """Take a mended file in: replay the rows whose cells changed, and answer every line. The same file sent again does nothing twice.

    Raises Invalid `quarantine.bad_file` and what the replay raises; what went in before a failure stays in, and the file can be sent again.
    """
    return fix_lines(correction_files.read(path), path.name)


def fix_lines(lines: list[Line], name: str) -> list[Answer]:
    """Take the lines of a mended file in, as `fix` does; name: the file's, for the tickets."""
    with transaction("ingest") as session:
        sent = _judged(session, lines)
    ended = replay_rows(sent.corrections) if sent.corrections else {}
    for row_id, mended in ended.items():
        state: State = mended.end if mended.end in ("released", "wrong") else "superseded"
        detail = ", ".join(mended.reasons) or mended.batch_id or ""
        sent.answers.append(Answer(sent.lines[row_id].number, sent.lines[row_id].row_id, state, detail))
    with transaction("ingest") as session:
        wrong = {row_id for row_id, mended in ended.items() if mended.end == "wrong"}
        tickets.note_file(session, wrong, name)
    return sorted(sent.answers, key=lambda answer: answer.line)


@dataclass(frozen=True)
class Looked:
    """Lines looked at without sending any: an answer for each, and what would change (row id → item → what may be shown of the new value)."""

    answers: list[Answer]
    changes: dict[int, dict[str, str | None]]


def look_at(lines: list[Line]) -> Looked:
    """Answer every line as `fix_lines` would, without sending any: those that would be sent are `to_send`, or `still_wrong` with the row rules they break.

    Raises Terminal `quality.bad_rule`.
    """
    with transaction("ingest") as session:
        sent = _judged(session, lines)
        wrong = _rehearsed(session, sent.corrections)
        changes = _changes(session, sent.corrections)
    for row_id, line in sent.lines.items():
        reasons = wrong.get(row_id, ())
        state: State = "still_wrong" if reasons else "to_send"
        sent.answers.append(Answer(line.number, line.row_id, state, ", ".join(reasons)))
    shown = {sent.lines[row_id].row_id or row_id: changed for row_id, changed in changes.items()}
    return Looked(sorted(sent.answers, key=lambda answer: answer.line), shown)


def _changes(session: Session, corrections: Mapping[int, Mapping[str, Any]]) -> dict[int, dict[str, str | None]]:
    rows = list(session.scalars(select(QuarantinedRow).where(among(corrections))))
    documents = _documents(session, rows)
    return {row.id: concealing.conceal(documents[row.batch_id], corrections[row.id]) for row in rows}


def _rehearsed(session: Session, corrections: Mapping[int, Mapping[str, Any]]) -> dict[int, tuple[str, ...]]:
    held: dict[str, dict[int, dict[str, Any]]] = {}
    documents: dict[str, ResourceDocument] = {}
    for row in session.scalars(select(QuarantinedRow).where(among(corrections))):
        documents.setdefault(row.batch_id, batches.get(session, row.batch_id).document)
        mended = mending.mended_values(row, documents[row.batch_id], corrections[row.id])
        held.setdefault(row.batch_id, {})[row.id] = mended
    found: dict[int, tuple[str, ...]] = {}
    for batch_id, rows in held.items():
        task = batches.get(session, batch_id)
        found |= still_broken(task, list(remedies.rules_by_id(session, task).values()), rows)
    return found


def _judged(session: Session, lines: list[Line]) -> _Sent:
    mending.bring_up_to_date(session, [line.row_id for line in lines if line.row_id is not None])
    return _judge(session, lines)


def _judge(session: Session, lines: list[Line]) -> _Sent:
    sent, seen = _Sent(), set[int]()
    named = {line.row_id for line in lines if line.row_id is not None}
    rows = {row.id: row for row in session.scalars(select(QuarantinedRow).where(among(named)))}
    heirs = _heirs(session, list(rows.values()))
    documents = _documents(session, [*rows.values(), *heirs.values()])
    known = {batch_id: _Known(one, concealing.concealers(one)) for batch_id, one in documents.items()}
    for line in lines:
        row = rows.get(line.row_id or -1)
        if row is None:
            sent.answers.append(Answer(line.number, line.row_id, "unknown_row"))
        elif row.id in seen:
            sent.answers.append(Answer(line.number, row.id, "repeated"))
        else:
            seen.add(row.id)
            current = heirs.get(row.id, row)
            answer = _answer(line, current, known[current.batch_id], sent)
            if answer is not None:
                sent.answers.append(answer)
    return sent


def _answer(line: Line, row: QuarantinedRow, known: _Known, sent: _Sent) -> Answer | None:
    """Return what is wrong with a line, or None when its corrections were put among those to send."""
    changed = _changed(line, row, known)
    refused = _refusal(line, row, known, changed)
    if refused is None and changed:
        sent.corrections[row.id], sent.lines[row.id] = changed, line
        return None
    state, detail = refused or ("unchanged", ", ".join(row.reasons))
    return Answer(line.number, line.row_id, state, detail)


def _refusal(line: Line, row: QuarantinedRow, known: _Known, changed: Mapping[str, Any]) -> tuple[State, str] | None:
    document = known.document
    if line.resource != document.id:
        return "other_resource", f"{line.resource or '—'} ≠ {document.id}"
    if unknown := sorted(set(changed) - {item.id for item in document.items}):
        return "unknown_item", ", ".join(unknown)
    if lost := [item for item, value in changed.items() if isinstance(value, CellError)]:
        return "unreadable", ", ".join(lost)
    if row.released_at is None and (masked := _masked(changed, known)):
        return "masked", ", ".join(masked)
    if row.released_at is not None:
        same = row.replay_digest == mending.digest_of(mending.mended_values(row, document, changed))
        return ("already_in" if same or not changed else "released_before"), row.released_by_batch_id or ""
    if row.superseded_at is not None:
        return "superseded", f"{row.superseded_how} {row.superseded_by_batch_id or ''}".strip()
    if keys := [
        item for item in changed if document.source and item in document.source.key and not _at_fault(row, item)
    ]:
        return "key_changed", ", ".join(keys)
    return None


def _changed(line: Line, row: QuarantinedRow, known: _Known) -> dict[str, Any]:
    """Return the cells that differ from what the file was written with, in clear or masked."""
    values: Mapping[str, Any] = {} if row.reasons == [MALFORMED] else row.values
    return {
        item: cell
        for item, cell in line.cells.items()
        if (item in values or cell is not None) and cell not in _as_sent(item, values.get(item), known)
    }


def _as_sent(item: str, value: Any, known: _Known) -> tuple[str | None, ...]:
    if value is None:
        return (None,)
    return as_read(value), as_read(known.hidden[item](value) if item in known.hidden else value)


def _masked(changed: Mapping[str, Any], known: _Known) -> list[str]:
    """Return the cells that bear a mask's marks: copied from another row, they are nobody's word."""
    starred = {item: cell.replace("*", "1") for item, cell in changed.items() if isinstance(cell, str) and "*" in cell}
    return [item for item, plain in starred.items() if known.hidden[item](plain) != plain]


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
