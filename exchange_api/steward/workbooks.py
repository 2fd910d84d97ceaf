"""Why: many held rows are mended in a spreadsheet. The rows of a batch that wait go out as a workbook, masked as on the page of a row (in clear for a case,
and noted), and the mended one comes back as a proposal, every line answered, before any of it is taken. Called by pages of workbooks.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from catalog.workbook.cells import CellError
from exchange_api.actors import Actor
from exchange_api.steward import looking, proposals, sight
from exchange_api.steward.looking import Purpose
from libraries import batches, quarantine
from libraries.batches import Task
from libraries.correcting import correction_files, corrections, reports
from libraries.correcting.correction_files import Line
from libraries.correcting.corrections import Answer
from libraries.holding import concealing
from schemas.errors import Invalid
from schemas.tables.landing import QuarantinedRow
from schemas.tables.steward import StewardOrder

NAME = "corrections.xlsx"
MOST = 2_000
"""Rows of one workbook: what is left goes into the next, when these are mended."""


def write(session: Session, actor: Actor, batch_id: str) -> bytes:
    """Return the batch's waiting rows as XLSX, masked. Raises what `sight.require_batch` raises."""
    task = sight.require_batch(session, actor, batch_id)
    return _written(session, task, quarantine.find(session, batch_id=batch_id, limit=MOST), in_clear=False)


def write_clear(session: Session, actor: Actor, batch_id: str, purpose: Purpose, keys: Path) -> bytes:
    """Return the same in clear, for a case; the look is noted. Raises what `looking.reveal_batch` raises."""
    task, rows = looking.reveal_batch(session, actor, (batch_id, MOST), purpose, keys)
    return _written(session, task, rows, in_clear=True)


def take_in(session: Session, actor: Actor, batch_id: str, content: bytes, name: str) -> StewardOrder:
    """Look at a mended workbook and write down what it proposes; nothing is taken yet. name: the file's, as its sender calls it.

    Raises what `sight.require_batch` raises, Invalid `quarantine.bad_file`, and what reading a workbook raises.
    """
    task = sight.require_batch(session, actor, batch_id)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / NAME
        path.write_bytes(content)
        lines = correction_files.read(path)
    _require_own(lines, task)
    looked = corrections.look_at(lines)
    said = {"name": Path(name).name[:100], "lines": [_kept(line) for line in lines]}
    found = {
        "answers": [asdict(answer) for answer in looked.answers],
        "changes": {str(row): changed for row, changed in looked.changes.items()},
    }
    return proposals.propose(session, actor, batch_id, said, found)


def report(session: Session, actor: Actor, order_id: int) -> bytes:
    """Return what was sent in with each mistake at its cell, while it is only proposed. Raises as `proposals.require`, and Invalid `steward.proposal_over`."""
    order = proposals.require(session, actor, order_id)
    if not order.said:
        raise Invalid("steward.proposal_over", order=order_id)
    names = {item.id: item.name for item in batches.get(session, order.target).document.items}
    answers = [Answer(**answer) for answer in order.found["answers"]]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / NAME
        reports.write(path, names, lines_of(order), answers)
        return path.read_bytes()


def lines_of(order: StewardOrder, state: str = "") -> list[Line]:
    """Return the lines that a proposal keeps; state: only those with this answer."""
    wanted = {answer["line"] for answer in order.found["answers"] if state in ("", answer["state"])}
    lines = [Line(number, row, resource, {item: _read(cell) for item, cell in cells.items()})
             for number, row, resource, cells in order.said["lines"]]  # fmt: skip
    return [line for line in lines if line.number in wanted]


def _written(session: Session, task: Task, rows: list[QuarantinedRow], *, in_clear: bool) -> bytes:
    form = corrections.form_of(session, task.batch.resource_id, rows)
    if not in_clear:
        form = replace(form, shown=lambda row: concealing.conceal(task.document, row.values))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / NAME
        correction_files.write(path, form, rows)
        return path.read_bytes()


def _require_own(lines: Sequence[Line], task: Task) -> None:
    resource = task.batch.resource_id
    if any(line.resource == resource for line in lines):
        return
    others = sorted({line.resource for line in lines if line.resource})
    why = f"it has no row of {resource} / 没有 {resource} 的行" + (f"（{', '.join(others[:3])}）" if others else "")
    raise Invalid("quarantine.bad_file", file=NAME, why=why)


def _kept(line: Line) -> list[Any]:
    cells = {item: {"code": cell.code} if isinstance(cell, CellError) else cell for item, cell in line.cells.items()}
    return [line.number, line.row_id, line.resource, cells]


def _read(cell: Any) -> "str | CellError | None":
    return CellError(cell["code"]) if isinstance(cell, dict) else cell
