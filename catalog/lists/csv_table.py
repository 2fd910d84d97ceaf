"""Why: a department's CSV may be UTF-8, with or without its mark, GB18030 or UTF-16, its columns named in either language, its rows too short.
Reads one small table with its dirt told by row. Called by importers of plain CSV.
"""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from catalog.findings import Finding, Findings, Place, finding_at
from catalog.naming.organs import fold
from schemas.errors import Invalid

LARGEST_BYTES = 200 * 1024 * 1024
ENCODINGS = ("utf-8-sig", "gb18030")
NOTHING = frozenset({"", "null", "none", "nan", "n/a", "无", "\\n"})


@dataclass(frozen=True)
class Row:
    """One row: its number as editors show it (the header is 1) and its values by canonical column; "" where nothing is said."""

    number: int
    values: Mapping[str, str]

    def get(self, column: str) -> str:
        """Return the value, "" when the column is missing."""
        return self.values.get(column, "")


@dataclass(frozen=True)
class Table:
    """A file's rows under canonical column names, and how the file writes each of them."""

    file: str
    columns: Mapping[str, str]
    rows: tuple[Row, ...]

    def place(self, row: Row | None = None, column: str | None = None) -> Place:
        """Return where a row's value lies, the column named as the file writes it."""
        return Place(self.file, None, row.number if row else None, self.columns.get(column or "", column))


def read_table(path: Path, known: Mapping[str, tuple[str, ...]], findings: Findings) -> Table:
    """Return the table of `path`, its columns named by `known` (canonical name → names it may be written with).

    Rows that do not fit the header are told and left out; so are columns nobody knows. Raises Invalid `directory.bad_document` when it is no table.
    """
    lines = csv.reader(io.StringIO(_text(path), newline=""), strict=True)
    try:
        header = next(lines, [])
        columns = _columns(header, known)
        rows = list(_rows(lines, path.name, header, columns, findings))
    except csv.Error as error:
        raise _bad(path, f"line {lines.line_num}: {error}") from error
    if unknown := [name for name in header if name.strip() and name not in columns.values()]:
        place = Place(path.name, None, 1)
        findings.add(finding_at(place, "pair.column_ignored", "、".join(unknown), is_error=False))
    return Table(path.name, columns, tuple(rows))


def header_of(path: Path) -> list[str]:
    """Return the first row of a CSV. Raises Invalid `directory.bad_document`."""
    return next(csv.reader(io.StringIO(_text(path), newline="")), [])


def _text(path: Path) -> str:
    if path.stat().st_size > LARGEST_BYTES:
        raise _bad(path, f"larger than {LARGEST_BYTES >> 20} MiB / 文件过大")
    content = path.read_bytes()
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return _decoded(path, content, ("utf-16",))
    if b"\0" in content:
        raise _bad(path, "not text / 不是文本文件")
    return _decoded(path, content, ENCODINGS)


def _decoded(path: Path, content: bytes, encodings: tuple[str, ...]) -> str:
    for encoding in encodings:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise _bad(path, f"not {' or '.join(encodings)} / 无法识别的编码")


def _columns(header: list[str], known: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    written = {fold(name): name for name in reversed(header)}
    return {
        column: written[fold(name)]
        for column, names in known.items()
        for name in reversed((column, *names))
        if fold(name) in written
    }


def _rows(lines: Any, file: str, header: list[str], columns: Mapping[str, str], findings: Findings) -> Iterator[Row]:
    at = {column: header.index(name) for column, name in columns.items()}
    for line in lines:
        place = Place(file, None, lines.line_num)
        if not any(cell.strip() for cell in line):
            continue
        if len(line) != len(header):
            sizes = {"found": len(line), "wanted": len(header)}
            findings.add(Finding(place.file, None, place.row, None, ",".join(line), "pair.row_length", sizes))
            findings.refused += 1
            continue
        yield Row(lines.line_num, {column: _said(line[position]) for column, position in at.items()})


def _said(cell: str) -> str:
    cell = cell.strip()
    return "" if cell.casefold() in NOTHING else cell


def _bad(path: Path, problem: str) -> Invalid:
    return Invalid("directory.bad_document", file=path.name, problem=problem)
