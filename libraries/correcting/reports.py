"""Why: whoever mended a file wants each mistake at its cell. Writes the lines as they came with what is said of each beside and the cells at fault marked;
the report can be mended and sent in again. Called by the steward's desk.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from catalog.workbook.cells import CellError, guarded
from catalog.workbook.xlsx import HEADER, ITEM_HEADER, MARKED, PLAIN, SheetForm, Value, XlsxWriter
from libraries.correcting.correction_files import RESOURCE, RESULT, ROW_ID, SHEET, TITLES, Line, items_of
from libraries.correcting.corrections import Answer
from schemas.errors import Language

GOOD = ("released", "to_send", "unchanged", "already_in", "superseded")
"""States of a line with which nothing is wrong."""
_WHOLE_LINE = {"other_resource": RESOURCE}
_IN_CELLS = ("key_changed", "unknown_item", "unreadable", "masked")


def said(state: str, language: Language) -> str:
    """Return what a state of a line means."""
    return words()[state][language]


@cache
def words() -> dict[str, dict[str, str]]:
    """Return the words by state and language."""
    found: dict[str, dict[str, str]] = yaml.safe_load(files(__package__).joinpath("answers.yml").read_text("utf-8"))
    return found


def write(path: Path, names: Mapping[str, str], lines: Sequence[Line], answers: Sequence[Answer]) -> None:
    """Write lines with their answers as XLSX. names: item → Chinese name."""
    told = {answer.line: answer for answer in answers}
    items = list(dict.fromkeys(item for line in lines for item in line.cells))
    head: list[tuple[Value, int]] = [(TITLES[name], HEADER) for name in (ROW_ID, RESOURCE, RESULT)]
    head += [(guarded(f"{names.get(item, '')} {item}".strip()), ITEM_HEADER) for item in items]
    with XlsxWriter(path) as book:
        form = SheetForm(SHEET, widths=[10, 28, 60] + [18] * len(items))
        book.sheet(form, _rows(head, [(line, told[line.number]) for line in lines], items))


def _rows(
    head: Sequence[tuple[Value, int]], lines: Sequence[tuple[Line, Answer]], items: Sequence[str]
) -> Iterator[Sequence[tuple[Value, int]]]:
    yield head
    for line, answer in lines:
        wrong = _at_fault(answer)
        leading: dict[str, Value] = {
            ROW_ID: str(line.row_id or ""), RESOURCE: guarded(line.resource or ""), RESULT: guarded(_told(answer)),
        }  # fmt: skip
        cells: list[tuple[Value, int]] = [
            (value, MARKED if name in wrong else PLAIN) for name, value in leading.items()
        ]
        cells += [(_shown(line.cells.get(item)), MARKED if item in wrong else PLAIN) for item in items]
        yield cells


def _told(answer: Answer) -> str:
    detail = f"：{answer.detail}" if answer.detail and answer.state not in ("unchanged", "to_send") else ""
    return f"{said(answer.state, 'zh')} {said(answer.state, 'en')}{detail}"


def _at_fault(answer: Answer) -> set[str]:
    parts = answer.detail.split(", ") if answer.detail else []
    if answer.state in GOOD:
        return set()
    if answer.state in _IN_CELLS:
        return {RESULT, *parts}
    if answer.state in ("wrong", "still_wrong"):
        return {RESULT, *items_of(parts)}
    return {RESULT, _WHOLE_LINE.get(answer.state, ROW_ID)}


def _shown(cell: Any) -> Value:
    if cell is None or isinstance(cell, CellError):
        return None
    return guarded(str(cell))
