"""Why: departments mend rows in a spreadsheet. Waiting rows go out as XLSX or CSV with their row ids, reasons and values, and come back with some cells
changed. Nothing in a file is ever taken for a formula, and a cell that Excel has rewritten is not taken for a correction. Called by
`libraries.correcting.corrections` and `hutong quarantine export`.
"""

import csv
import io
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from catalog.workbook.cells import CellError, guarded, plain_text
from catalog.workbook.sheets import open_sheets
from catalog.workbook.xlsx import HEADER, ITEM_HEADER, MARKED, PLAIN, SheetForm, Value, XlsxWriter
from schemas.errors import Invalid
from schemas.tables.landing import QuarantinedRow

ROW_ID, RESOURCE, BATCH, REASONS, REMEDY, TEXT, RESULT = (
    "row",
    "resource",
    "batch",
    "reasons",
    "remedy",
    "text",
    "result",
)
TITLES = {
    ROW_ID: "编号 row", RESOURCE: "资源 resource", BATCH: "批次 batch", REASONS: "原因 reasons", REMEDY: "处理办法 remedy", TEXT: "原文 text",
    RESULT: "结果 result",
}  # fmt: skip
_NO_ITEMS = ("", BATCH, REASONS, REMEDY, TEXT, RESULT)
SHEET = "quarantine"


@dataclass(frozen=True)
class Line:
    """One line of a file that came back: its number in the file, the row it names, the item cells as they now read (None: empty)."""

    number: int
    row_id: int | None
    resource: str | None
    cells: dict[str, "str | CellError | None"] = field(repr=False)


@dataclass(frozen=True)
class Form:
    """What a file of rows looks like: whose rows, items (id → Chinese name), what to do about each reason, and what may be shown of a row's values."""

    resource_id: str
    items: Mapping[str, str]
    remedies: Mapping[str, str]
    shown: Callable[[QuarantinedRow], Mapping[str, Any]] = lambda row: row.values


def write(path: Path, form: Form, rows: Sequence[QuarantinedRow]) -> None:
    """Write waiting rows for their department, faulty cells marked, remedies beside. The file is its owner's alone (mode 600).

    Raises Invalid `quarantine.bad_file` for another suffix than .xlsx and .csv.
    """
    leading = [ROW_ID, RESOURCE, BATCH, REASONS, REMEDY, *([TEXT] if any(TEXT in row.values for row in rows) else [])]
    head = [(TITLES[name], HEADER) for name in leading]
    head += [(f"{name} {item}", ITEM_HEADER) for item, name in form.items.items()]
    table = ([*_leading(row, form, leading), *_cells(row, form)] for row in rows)
    opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600) if path.suffix in (".xlsx", ".csv") else None
    if opened is None:
        raise Invalid("quarantine.bad_file", file=path.name, why="neither .xlsx nor .csv / 后缀须为 .xlsx 或 .csv")
    with os.fdopen(opened, "wb") as file:
        if path.suffix == ".xlsx":
            with XlsxWriter(file) as book:
                book.sheet(SheetForm(SHEET, widths=[10, 28, 40, 40, 48] + [18] * (len(head) - 5)), _with(head, table))
            return
        with io.TextIOWrapper(file, "utf-8-sig", newline="") as text:
            csv.writer(text).writerows([value for value, _ in line] for line in _with(head, table))


def read(path: Path) -> list[Line]:
    """Return the lines of a file that came back. Raises Invalid `quarantine.bad_file` and what reading a workbook raises."""
    if not path.is_file():
        raise Invalid("quarantine.bad_file", file=path.name, why="it is not there / 文件不存在")
    lines = _xlsx(path) if path.suffix.lower() == ".xlsx" else _csv(path)
    _, header = next(lines, (0, []))
    names = [str(title).split()[-1] if str(title or "").strip() else "" for title in header]
    if ROW_ID not in names or RESOURCE not in names:
        raise Invalid(
            "quarantine.bad_file", file=path.name, why=f"no columns {ROW_ID} and {RESOURCE} / 缺少编号列或资源列"
        )
    if repeated := sorted({name for name in names if name and names.count(name) > 1}):
        raise Invalid("quarantine.bad_file", file=path.name, why=f"columns repeat / 列重复: {', '.join(repeated)}")
    return [
        _line(number, dict(zip(names, cells, strict=False))) for number, cells in lines if any(map(_is_filled, cells))
    ]


def as_read(value: str | None) -> str | None:
    """Return what a value reads as after it was written into a file and read again untouched."""
    found = _text(guarded(value)) if value is not None else None
    return found if isinstance(found, str) else None


def _leading(row: QuarantinedRow, form: Form, names: list[str]) -> list[tuple[Value, int]]:
    known = {
        ROW_ID: str(row.id), RESOURCE: form.resource_id, BATCH: row.batch_id, REASONS: ", ".join(row.reasons),
        REMEDY: guarded("；".join(f"{reason}：{form.remedies[reason]}" for reason in row.reasons)),
        TEXT: guarded(str(form.shown(row).get(TEXT) or "")),
    }  # fmt: skip
    return [(known[name], PLAIN) for name in names]


def items_of(reasons: Iterable[str]) -> set[str]:
    """Return the items that reasons (ids of rules) are about."""
    return {part for reason in reasons for part in reason.split(".")[0].split("+")}


def _cells(row: QuarantinedRow, form: Form) -> Iterator[tuple[Value, int]]:
    faulty, shown = items_of(row.reasons), form.shown(row)
    for item in form.items:
        value = shown.get(item)
        yield None if value is None else guarded(str(value)), MARKED if item in faulty else PLAIN


def _with(head: Any, table: Iterable[Any]) -> Iterator[Any]:
    yield head
    yield from table


def _line(number: int, cells: dict[str, Any]) -> Line:
    row_id = _text(cells.pop(ROW_ID, None))
    resource = _text(cells.pop(RESOURCE, None))
    found = {name: _text(value) for name, value in cells.items() if name not in _NO_ITEMS}
    is_number = isinstance(row_id, str) and row_id.isascii() and row_id.isdigit() and len(row_id) < 19
    return Line(number, int(str(row_id)) if is_number else None, resource if isinstance(resource, str) else None, found)


def _text(value: Any) -> str | CellError | None:
    """Return a cell as text; what cannot be told for certain as the error that says so."""
    if isinstance(value, datetime) and value.time() == time():
        value = value.date()
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    try:
        return plain_text(value).replace("\r\n", "\n") or None if value is not None else None
    except CellError as error:
        return error


def _is_filled(value: Any) -> bool:
    return value is not None and str(value).strip() != ""


def _xlsx(path: Path) -> Iterator[tuple[int, list[Any]]]:
    sheets = open_sheets(path)
    found = next((sheet for sheet in sheets if sheet.name == SHEET), sheets[0])
    for row in found.rows():
        yield row.number, row.cells


def _csv(path: Path) -> Iterator[tuple[int, list[Any]]]:
    content = path.read_bytes()
    for encoding in ("utf-8-sig", "gb18030"):  # Chinese Excel saves CSV in the latter
        try:
            text = content.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        raise Invalid(
            "quarantine.bad_file", file=path.name, why="neither UTF-8 nor GB18030 / 编码须为 UTF-8 或 GB18030"
        )
    try:
        yield from enumerate(csv.reader(io.StringIO(text, newline=""), strict=True), 1)
    except csv.Error as error:
        raise Invalid("quarantine.bad_file", file=path.name, why=str(error)) from error
