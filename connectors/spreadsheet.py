"""Why: Excel turns what it takes for numbers and dates into its own, and an 18-digit citizen id into 3.20106E+17 for good. Cells come out as the text
Excel shows, so that checking can see the damage; nothing is repaired here. Only `connectors.files` comes here.
"""

import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time
from typing import Any
from zipfile import BadZipFile

import pyarrow as pa
from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from connectors.columns import batch_of_columns, text_schema
from connectors.document import Document
from schemas.errors import Terminal

Row = tuple[Any, ...]
EXACT_DIGITS = 15  # Excel keeps no more; beyond them the last digits are already lost


class SpreadsheetDocument(Document):
    """An XLSX sheet whose first row that is not empty is the header. Options: sheet (name; default the first), malformed."""

    def schema(self) -> pa.Schema:
        """Return the header's columns, all text."""
        with self._rows() as rows:
            return text_schema(self._header(rows)[1])

    def require_whole(self) -> None:
        """Refuse a workbook whose archive is cut off."""
        with self._rows():
            pass

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Stream the rows; empty rows are left out, cells beyond the header make a row malformed."""
        with self._rows() as rows:
            start, names = self._header(rows)
            schema, waiting = text_schema(names), []
            for line, row in enumerate(rows, start + 1):
                cells = self._cells(line, row, len(names))
                if cells:
                    waiting.append(cells)
                if len(waiting) >= self.batch_rows:
                    yield batch_of_columns(list(zip(*waiting, strict=True)), schema)
                    waiting = []
            if waiting:
                yield batch_of_columns(list(zip(*waiting, strict=True)), schema)

    def _cells(self, line: int, row: Row, width: int) -> list[str | None] | None:
        cells = [shown(value) for value in row]
        if not any(cells):
            return None
        if any(cells[width:]):
            self.reject(line, "\t".join(cell or "" for cell in cells))
            return None
        return cells[:width] + [None] * (width - len(cells))

    def _header(self, rows: Iterator[Row]) -> tuple[int, list[str]]:
        for line, row in enumerate(rows, 1):
            names = [shown(value) or "" for value in row]
            while names and not names[-1].strip():
                names.pop()
            if names:
                return line, self.header(names)
        raise self.incomplete("it is empty")

    @contextmanager
    def _rows(self) -> Iterator[Iterator[Row]]:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # styles and extensions that do not touch values
                book = load_workbook(self.path, read_only=True, data_only=True)
            try:
                yield self._sheet_rows(book)
            finally:
                book.close()
        except (BadZipFile, zlib.error, EOFError):
            raise self.incomplete("its archive is cut off") from None
        except (InvalidFileException, KeyError, ValueError, OSError) as error:
            raise Terminal(
                "files.unreadable", file=self.name, reason=f"not an XLSX workbook ({type(error).__name__})"
            ) from error

    def _sheet_rows(self, book: Any) -> Iterator[Row]:
        name = self.options.get("sheet") or book.sheetnames[0]
        if name not in book.sheetnames:
            raise Terminal("connector.missing_table", connection=self.name, address=self.name, table=name)
        sheet = book[name]
        sheet.reset_dimensions()  # the stored extent is often wrong and would cut rows off
        found: Iterator[Row] = sheet.iter_rows(values_only=True)
        return found


def shown(value: Any) -> str | None:
    """Return a cell as the text Excel shows: dates as ISO 8601, whole numbers in full up to 15 digits and as 3.2E+17 beyond; empty is None."""
    if value is None or isinstance(value, str):
        return value or None
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, datetime):
        return (value.date() if value.time() == time() else value).isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    return _number(value) if isinstance(value, int | float) else str(value)


def _number(value: float) -> str:
    if abs(value) >= 10**EXACT_DIGITS:
        digits, exponent = f"{value:.5E}".split("E")
        return f"{digits.rstrip('0').rstrip('.')}E{exponent}"
    return str(int(value)) if value == int(value) else f"{value:.{EXACT_DIGITS}g}".upper()
