"""Why: a sheet as the person who made it saw it: values with merged cells carried down their rows, what was hidden, what a formula failed to say.
Called by reading and the report. Memory: one sheet's values at a time in the reader's own compact form; rows become Python one by one.
"""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook

from catalog.workbook import container
from catalog.workbook.scan import SheetScan, scan
from schemas.errors import Invalid

WIDEST = 30_000_000  # cells a sheet may spread over: the reader holds the whole rectangle
Row = list[Any]


@dataclass(frozen=True)
class SheetRow:
    """One row: its number from 1, its cells from column A on, and the columns (from 0) whose cell came down from a merged one above."""

    number: int
    cells: Row
    carried: frozenset[int] = frozenset()


class Sheet:
    """One worksheet of a sound workbook."""

    def __init__(self, sheet: CalamineSheet, beside: SheetScan, *, counts_from_1904: bool) -> None:
        self._sheet, self.beside, self.counts_from_1904 = sheet, beside, counts_from_1904
        self.name = beside.name
        self.problem_rows = frozenset(row for row, _ in (*beside.formulas, *beside.errors))

    def rows(self) -> Iterator[SheetRow]:
        """Stream the rows that are not empty."""
        start = self._sheet.start
        if start is None:
            return
        padding = [""] * start[1]
        merged = _merged_down(self._sheet.merged_cell_ranges or ())
        active: dict[int, tuple[Any, int]] = {}
        for number, values in enumerate(self._sheet.iter_rows(), 1):
            cells: Row = padding + values
            for column, last in merged.get(number, ()):
                if column < len(cells):
                    active[column] = (cells[column], last)
            carried = _carry(cells, active, number) if active else frozenset()
            if any(cell != "" for cell in cells):
                yield SheetRow(number, cells, carried)

    def header_spans(self) -> list[tuple[int, int, int]]:
        """Return (row, first column, last column) of cells merged sideways; rows from 1, columns from 0."""
        ranges = self._sheet.merged_cell_ranges or ()
        return [(top + 1, left, right) for (top, left), (_, right) in ranges if right > left]


def open_sheets(path: Path) -> list[Sheet]:
    """Return the worksheets of a workbook, after its container was found sound. Raises Invalid as `container.require_sound` and `scan`, `workbook.too_wide`."""
    container.require_sound(path)
    beside, counts_from_1904 = scan(path)
    for one in beside:
        if one.rows * one.columns > WIDEST:
            raise Invalid("workbook.too_wide", file=path.name, sheet=one.name, rows=one.rows, columns=one.columns)
    try:
        with warnings.catch_warnings(), path.open("rb") as file:
            warnings.simplefilter("ignore")
            book = CalamineWorkbook.from_object(file)
            return [Sheet(book.get_sheet_by_name(one.name), one, counts_from_1904=counts_from_1904) for one in beside]
    except CalamineError as error:
        raise Invalid("workbook.corrupt", file=path.name) from error


def _merged_down(ranges: Any) -> dict[int, list[tuple[int, int]]]:
    """Return first row → (column, last row) of cells merged downwards; rows from 1, columns from 0."""
    found: dict[int, list[tuple[int, int]]] = {}
    for (top, left), (bottom, _) in ranges:
        if bottom > top:
            found.setdefault(top + 1, []).append((left, bottom + 1))
    return found


def _carry(cells: Row, active: dict[int, tuple[Any, int]], number: int) -> frozenset[int]:
    carried = set()
    for column, (value, last) in list(active.items()):
        if number > last:
            del active[column]
        elif cells[column] == "":
            cells[column] = value
            carried.add(column)
    return frozenset(carried)
