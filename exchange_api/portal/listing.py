"""Why: every list has search, sort, paging with its total, columns to choose, and leaves as XLSX; written once for all of them. `listed` is for rows that are
few and at hand; what may be long is searched in the database (`queried`). Called by `pages.lists` and `queried`.
"""

import io
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any

from fastapi.responses import Response, StreamingResponse
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

PAGE_SIZE = 20
SIZES = (10, 20, 50, 100)
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_IN_MEMORY = 2**20
_CHUNK = 64 * 1024


@dataclass(frozen=True)
class Asked:
    """What the address asks of a list: words, column (a leading "-" turns the order round), page, filters by name."""

    q: str = ""
    sort: str = ""
    page: int = 1
    filters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Column:
    """One column: its key and its heading, whether a list may be sorted by it, whether it is shown to who has chosen nothing."""

    key: str
    title: str
    is_sortable: bool = True
    is_shown: bool = True


@dataclass(frozen=True)
class Chosen:
    """What an officer chose for a list: columns by key (none: those shown by themselves) and rows on a page."""

    columns: tuple[str, ...] = ()
    size: int = PAGE_SIZE

    def of(self, columns: tuple[Column, ...]) -> tuple[Column, ...]:
        """Return the columns to show, in the list's own order; the first leads to the row's page and stays."""
        if not set(self.columns) & {one.key for one in columns}:
            return tuple(one for place, one in enumerate(columns) if one.is_shown or not place)
        return tuple(one for place, one in enumerate(columns) if one.key in self.columns or not place)


@dataclass(frozen=True)
class Sieve:
    """One filter of a list as its page shows it: name in the address, heading, what may be chosen."""

    key: str
    title: str
    options: Mapping[str, str]


@dataclass(frozen=True)
class Listing:
    """One page of a list, and what stands around it. `every`: the columns there are; `columns`: those shown."""

    columns: tuple[Column, ...]
    rows: list[dict[str, Any]]
    total: int
    page: int
    asked: Asked
    size: int = PAGE_SIZE
    every: tuple[Column, ...] = ()
    sieves: tuple[Sieve, ...] = ()

    @property
    def pages(self) -> int:
        """Return how many pages there are."""
        return max(1, ceil(self.total / self.size))

    @property
    def sorted_by(self) -> str:
        """Return the key of the sorted column."""
        return self.asked.sort.lstrip("-")

    @property
    def kept(self) -> dict[str, str]:
        """Return what links of the list carry on: words, order and filters."""
        known = {one.key for one in self.sieves}
        return {
            "q": self.asked.q,
            "sort": self.asked.sort,
            **{name: text for name, text in self.asked.filters.items() if name in known},
        }

    @property
    def is_narrowed(self) -> bool:
        """Return whether words or filters leave something out."""
        return any(text for name, text in self.kept.items() if name != "sort")


def listed(
    columns: tuple[Column, ...], rows: Sequence[dict[str, Any]], asked: Asked, chosen: Chosen | None = None
) -> Listing:
    """Return the page that was asked for; a page beyond the end is the last one."""
    view = chosen or Chosen()
    kept = found_in(columns, rows, asked)
    number, start = placed(asked.page, len(kept), view.size)
    return Listing(view.of(columns), kept[start : start + view.size], len(kept), number, asked, view.size, columns)


def placed(wished: int, total: int, size: int) -> tuple[int, int]:
    """Return the number of the page that was asked for, or of the last one, and where it starts."""
    number = min(max(1, wished), max(1, ceil(total / size)))
    return number, (number - 1) * size


def workbook(columns: tuple[Column, ...], rows: Sequence[dict[str, Any]], asked: Asked, name: str) -> Response:
    """Return everything the search finds as XLSX. Texts stay texts: nothing becomes a formula."""
    return exported(columns, found_in(columns, rows, asked), name)


def exported(columns: tuple[Column, ...], rows: Iterable[dict[str, Any]], name: str) -> Response:
    """Return rows as XLSX: written row by row, sent piece by piece. Texts stay texts: nothing becomes a formula."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet(name)
    sheet.append([text_cell(sheet, column.title) for column in columns])
    for row in rows:
        sheet.append([text_cell(sheet, row[column.key]) for column in columns])
    return sent(book, name)


def sent(book: Workbook, name: str) -> Response:
    """Return a workbook as a file to save."""
    file = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - it is closed when it was sent
    book.save(file)
    length = file.tell()
    headers = {"content-disposition": f'attachment; filename="{name}.xlsx"', "content-length": str(length)}
    return StreamingResponse(_pieces(file), media_type=XLSX, headers=headers)


def attached(content: bytes, name: str) -> Response:
    """Return a whole XLSX as a file to save under this name."""
    return Response(content, media_type=XLSX, headers={"content-disposition": f'attachment; filename="{name}"'})


def text_cell(sheet: Any, value: Any) -> Any:
    """Return a cell that is a number or a text, never a formula; what XML cannot hold is left out."""
    is_number = isinstance(value, int) and not isinstance(value, bool)
    cell = WriteOnlyCell(sheet, value=value if is_number else ILLEGAL_CHARACTERS_RE.sub("", str(value)))
    if not is_number:
        cell.data_type = "s"  # openpyxl takes "=…" for a formula otherwise
    return cell


def found_in(columns: tuple[Column, ...], rows: Sequence[dict[str, Any]], asked: Asked) -> list[dict[str, Any]]:
    """Return the rows that hold every word, sorted as asked."""
    words = asked.q.lower().split()
    kept = [row for row in rows if all(word in _searched(row) for word in words)]
    key = asked.sort.lstrip("-")
    if key in {column.key for column in columns}:
        kept.sort(key=lambda row: str(row[key]), reverse=asked.sort.startswith("-"))
    return kept


def _searched(row: dict[str, Any]) -> str:
    return " ".join(str(value) for key, value in row.items() if not key.startswith("_") or key == "_words").lower()


def _pieces(file: "tempfile.SpooledTemporaryFile[bytes]") -> Iterator[bytes]:
    with file:
        file.seek(0, io.SEEK_SET)
        while piece := file.read(_CHUNK):
            yield piece
