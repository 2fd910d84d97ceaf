"""Why: every list has search, sort, paging with its total, and leaves as XLSX; written once for all of them. Called by `pages.lists`."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from fastapi.responses import Response
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell

PAGE_SIZE = 20
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@dataclass(frozen=True)
class Asked:
    """What the address asks of a list: words, column (a leading "-" turns the order round), page."""

    q: str = ""
    sort: str = ""
    page: int = 1


@dataclass(frozen=True)
class Column:
    """One column: its key and its heading."""

    key: str
    title: str


@dataclass(frozen=True)
class Listing:
    """One page of a list, and what stands around it."""

    columns: tuple[Column, ...]
    rows: list[dict[str, Any]]
    total: int
    page: int
    asked: Asked

    @property
    def pages(self) -> int:
        """Return how many pages there are."""
        return max(1, ceil(self.total / PAGE_SIZE))

    @property
    def sorted_by(self) -> str:
        """Return the key of the sorted column."""
        return self.asked.sort.lstrip("-")


def listed(columns: tuple[Column, ...], rows: Sequence[dict[str, Any]], asked: Asked) -> Listing:
    """Return the page that was asked for; a page beyond the end is the last one."""
    kept = _chosen(columns, rows, asked)
    last = max(1, ceil(len(kept) / PAGE_SIZE))
    number = min(max(1, asked.page), last)
    return Listing(columns, kept[(number - 1) * PAGE_SIZE : number * PAGE_SIZE], len(kept), number, asked)


def workbook(columns: tuple[Column, ...], rows: Sequence[dict[str, Any]], asked: Asked, name: str) -> Response:
    """Return everything the search finds as XLSX. Texts stay texts: nothing becomes a formula."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet(name)
    sheet.append([column.title for column in columns])
    for row in _chosen(columns, rows, asked):
        sheet.append([_cell(sheet, row[column.key]) for column in columns])
    out = io.BytesIO()
    book.save(out)
    return Response(
        out.getvalue(), media_type=XLSX, headers={"content-disposition": f'attachment; filename="{name}.xlsx"'}
    )


def _chosen(columns: tuple[Column, ...], rows: Sequence[dict[str, Any]], asked: Asked) -> list[dict[str, Any]]:
    words = asked.q.lower().split()
    kept = [row for row in rows if all(word in _searched(row) for word in words)]
    key = asked.sort.lstrip("-")
    if key in {column.key for column in columns}:
        kept.sort(key=lambda row: str(row[key]), reverse=asked.sort.startswith("-"))
    return kept


def _searched(row: dict[str, Any]) -> str:
    return " ".join(str(value) for key, value in row.items() if not key.startswith("_") or key == "_words").lower()


def _cell(sheet: Any, value: Any) -> Any:
    cell = WriteOnlyCell(sheet, value=value if isinstance(value, int) else str(value))
    if not isinstance(value, int):
        cell.data_type = "s"  # openpyxl takes "=…" for a formula otherwise
    return cell
