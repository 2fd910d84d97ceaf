"""Why: whoever made a workbook mends it there. Sends it back with every error marked in its cell and listed with place and remedy on a sheet of its own.
Called by `hutong catalog import --report`.

A workbook of ordinary size comes back as it was, comments on the marked cells; a very large one is written anew with its values and the marks alone,
because holding it whole would take gigabytes. What is not a workbook gets the list alone.
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from openpyxl import load_workbook
from openpyxl.comments import Comment
from openpyxl.styles import PatternFill
from openpyxl.worksheet.worksheet import Worksheet

from catalog.findings import Finding, Findings, Outcome
from catalog.workbook.cells import guarded, shown
from catalog.workbook.columns import FINDINGS_SHEET
from catalog.workbook.layout import find_layout
from catalog.workbook.sheets import Sheet, open_sheets
from catalog.workbook.xlsx import ADVICE, HEADER, LONGEST_TEXT, MARKED, PLAIN, SheetForm, Value, XlsxWriter, rows_of

HEADERS = (
    "类别 kind",
    "工作表 sheet",
    "行 row",
    "列 column",
    "内容 value",
    "问题",
    "处理办法",
    "what is wrong",
    "remedy",
    "代码 code",
)
WIDTHS = (10, 16, 8, 20, 24, 48, 48, 48, 48, 24)
WHOLE = 400_000  # cells up to which a workbook is kept whole: a few hundred bytes each
ERROR_FILL, ADVICE_FILL = "FFFFC7CE", "FFFFEB9C"
COMMENTS = 2_000  # comments a workbook can carry and still open quickly; further cells are marked by colour
Marks = Mapping[str, Mapping[tuple[int, int], list[Finding]]]  # sheet → (row, column from 1) → what is wrong there


def write_report(path: Path, outcome: Outcome, source: Path | None = None) -> None:
    """Write the findings of an import to `path`; with its workbook `source`, in a copy of it. The file appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    try:
        if source is None:
            with XlsxWriter(part) as book:
                book.sheet(SheetForm(FINDINGS_SHEET, WIDTHS), _list(outcome.findings))
        else:
            sheets = open_sheets(source)
            marks = _marks(sheets, outcome.findings)
            if sum(sheet.beside.rows * sheet.beside.columns for sheet in sheets) <= WHOLE:
                _mark_copy(part, source, marks, outcome.findings)
            else:
                _write_anew(part, sheets, marks, outcome.findings)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _list(findings: Findings) -> Iterator[list[tuple[Value, int]]]:
    yield [(header, HEADER) for header in HEADERS]
    errors = sorted(findings, key=lambda finding: not finding.is_error)
    yield from rows_of(_line(finding) for finding in errors)
    kept = len(findings.kept)
    if len(findings) > kept:
        yield [(f"… 另有 {len(findings) - kept} 条未列出 more are not listed", PLAIN)]


def _line(finding: Finding) -> Sequence[Value]:
    texts = (
        finding.column or "", finding.value, finding.words("zh"), finding.remedy("zh"), finding.words("en"),
        finding.remedy("en"), finding.code,
    )  # fmt: skip
    kind = "错误 error" if finding.is_error else "提示 advice"
    return (
        kind,
        guarded(finding.sheet or finding.file),
        finding.row,
        *(guarded(text)[:LONGEST_TEXT] for text in texts),
    )


def _marks(sheets: Sequence[Sheet], findings: Findings) -> Marks:
    """Return where each finding's cell is; one without a column of its own is marked in the first column."""
    marks: dict[str, dict[tuple[int, int], list[Finding]]] = {sheet.name: {} for sheet in sheets}
    columns = {sheet.name: _columns(sheet) for sheet in sheets}
    for finding in findings:
        if finding.sheet in marks and finding.row:
            column = columns[finding.sheet].get(finding.column or "", columns[finding.sheet].get("", 1))
            marks[finding.sheet].setdefault((finding.row, column), []).append(finding)
    return marks


def _columns(sheet: Sheet) -> dict[str, int]:
    """Return header → column from 1; under "" the column of the resource's name."""
    layout = find_layout(sheet, "", Findings())
    if layout is None:
        return {}
    return {"": layout.by_key["name"] + 1} | {
        header: at + 1 for at, header in sorted(layout.headers.items(), reverse=True)
    }


def _mark_copy(part: Path, source: Path, marks: Marks, findings: Findings) -> None:
    with source.open("rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of extensions that the copy will lack; the values are all there
        book = load_workbook(file, rich_text=True)
        try:
            if FINDINGS_SHEET in book.sheetnames:
                book.remove(book[FINDINGS_SHEET])
            comments = COMMENTS
            for name, cells in marks.items():
                if name in book.sheetnames:
                    comments -= _mark(book[name], cells, comments)
            listed = book.create_sheet(FINDINGS_SHEET)
            for row in _list(findings):
                listed.append([value for value, _ in row])
            for letter, width in zip("ABCDEFGHIJ", WIDTHS, strict=True):
                listed.column_dimensions[letter].width = width
            listed.freeze_panes = "A2"
            book.save(part)
        finally:
            book.close()


def _mark(sheet: Worksheet, cells: Mapping[tuple[int, int], list[Finding]], comments: int) -> int:
    merged = {
        (row, column): (span.min_row, span.min_col)
        for span in sheet.merged_cells.ranges
        for row, column in islice(span.cells, WHOLE)
    }
    written = 0
    for place, found in sorted(cells.items(), key=lambda entry: not any(finding.is_error for finding in entry[1])):
        row, column = merged.get(place, place)
        cell: Any = sheet.cell(row, column)
        is_error = any(finding.is_error for finding in found)
        cell.fill = PatternFill("solid", fgColor=ERROR_FILL if is_error else ADVICE_FILL)
        if written < comments:
            cell.comment = Comment(
                "\n".join(_comment(finding) for finding in found)[:LONGEST_TEXT], "互通 Hutong", 160, 360
            )
            written += 1
    return written


def _comment(finding: Finding) -> str:
    return f"{finding.words('zh')}{finding.remedy('zh')}\n{finding.words('en')} {finding.remedy('en')}"


def _write_anew(part: Path, sheets: Sequence[Sheet], marks: Marks, findings: Findings) -> None:
    with XlsxWriter(part) as book:
        for sheet in sheets:
            if sheet.name != FINDINGS_SHEET:
                book.sheet(SheetForm(sheet.name, frozen_rows=0), _marked_rows(sheet, marks[sheet.name]))
        book.sheet(SheetForm(FINDINGS_SHEET, WIDTHS), _list(findings))


def _marked_rows(sheet: Sheet, marks: Mapping[tuple[int, int], list[Finding]]) -> Iterator[list[tuple[Value, int]]]:
    marked = {row for row, _ in marks}
    expected = 1
    for row in sheet.rows():
        while expected < row.number:
            yield []
            expected += 1
        expected += 1
        cells: list[tuple[Value, int]] = [
            (None if at in row.carried else _value(value), PLAIN) for at, value in enumerate(row.cells)
        ]
        if row.number in marked:
            for at in range(len(cells)):
                if found := marks.get((row.number, at + 1)):
                    cells[at] = (cells[at][0], MARKED if any(one.is_error for one in found) else ADVICE)
        yield cells


def _value(value: Any) -> Value:
    if value == "":
        return None
    return value if isinstance(value, str | float) else shown(value)
