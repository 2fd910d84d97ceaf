"""Why: the fast reader tells values only. What a person would have seen beside them (hidden rows, formulas without a value, error cells), and how far
the sheet spreads, is looked up here in one pass over the sheet's XML, before memory is given to it. Called by sheets.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from xml.parsers import expat

from catalog.workbook import container
from schemas.errors import Invalid

Cell = tuple[int, int]  # row and column, both from 1
MANY = 200_000  # remembered cells of a kind; a sheet with more of them is no directory


@dataclass
class SheetScan:
    """What lies beside the values of one sheet."""

    name: str
    is_hidden: bool
    part: str
    rows: int = 0
    columns: int = 0
    hidden_rows: set[int] = field(default_factory=set)
    formulas: set[Cell] = field(default_factory=set)
    errors: dict[Cell, str] = field(default_factory=dict)


def scan(path: Path) -> tuple[list[SheetScan], bool]:
    """Return every worksheet in order, and whether dates count from 1904. Raises Invalid `workbook.corrupt`, `workbook.too_wide`."""
    try:
        names, counts_from_1904 = _names(path)
        found = [sheet for sheet in names if sheet.part]
        for sheet in found:
            _SheetReader(path, sheet).read()
    except (expat.ExpatError, KeyError, ValueError, IndexError) as error:
        raise Invalid("workbook.corrupt", file=path.name) from error
    return found, counts_from_1904


@cache
def column_number(letters: str) -> int:
    """Return a column's number from 1: A is 1, XFD 16384."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number


@cache
def column_letters(at: int) -> str:
    """Return a column's letters by its place from 0: 0 is A, 16383 XFD."""
    letters, number = "", at + 1
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def _names(path: Path) -> tuple[list[SheetScan], bool]:
    present = set(container.parts(path))
    targets = {}
    for tag, attributes in _elements(path, "xl/_rels/workbook.xml.rels"):
        if tag == "Relationship" and attributes["Type"].endswith("/worksheet"):
            target = attributes["Target"]
            targets[attributes["Id"]] = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
    sheets, counts_from_1904 = [], False
    for tag, attributes in _elements(path, "xl/workbook.xml"):
        if tag == "workbookPr":
            counts_from_1904 = attributes.get("date1904") in ("1", "true")
        if tag == "sheet":
            relation = next((value for key, value in attributes.items() if key.endswith(":id")), "")
            part = targets.get(relation, "")
            hidden = attributes.get("state", "visible") != "visible"
            sheets.append(SheetScan(attributes["name"], hidden, part if part in present else ""))
    return sheets, counts_from_1904


def _elements(path: Path, part: str) -> Iterator[tuple[str, dict[str, str]]]:
    found: list[tuple[str, dict[str, str]]] = []
    parser = _parser()
    parser.StartElementHandler = lambda tag, attributes: found.append((tag.rpartition(":")[2], attributes))
    for chunk in container.part_chunks(path, part):
        parser.Parse(chunk, False)
        yield from found
        found.clear()
    parser.Parse(b"", True)
    yield from found


def _parser() -> expat.XMLParserType:
    parser = expat.ParserCreate()

    def refuse(*_: object) -> None:
        raise ValueError("a workbook has no document type declaration")

    parser.StartDoctypeDeclHandler = refuse  # entities have no business here, and expanding them can fill memory
    return parser


class _SheetReader:
    """Walks one sheet's XML; a method per kind of element, because there are millions of them."""

    def __init__(self, path: Path, sheet: SheetScan) -> None:
        self.path, self.sheet = path, sheet
        self.row = self.column = 0
        self.kind: str | None = None
        self.parser = _parser()
        self.parser.StartElementHandler = self._start
        self.steps = {"c": self._cell, "v": self._value, "is": self._value, "f": self._formula, "row": self._row}

    def read(self) -> None:
        for chunk in container.part_chunks(self.path, self.sheet.part):
            self.parser.Parse(chunk, False)
        self.parser.Parse(b"", True)

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        step = self.steps.get(tag)
        if step is None and ":" in tag:
            step = self.steps.get(tag.rpartition(":")[2])
        if step:
            step(attributes)

    def _row(self, attributes: dict[str, str]) -> None:
        self.row = int(attributes["r"]) if "r" in attributes else self.row + 1
        self.column = 0
        if attributes.get("hidden") in ("1", "true"):
            self.sheet.hidden_rows.add(self.row)

    def _cell(self, attributes: dict[str, str]) -> None:
        self.kind = attributes.get("t")
        if place := attributes.get("r"):
            self.column = column_number(place.rstrip("0123456789"))
        else:
            self.column += 1

    def _value(self, _: dict[str, str]) -> None:
        sheet = self.sheet
        if self.row > sheet.rows:
            sheet.rows = self.row
        if self.column > sheet.columns:
            sheet.columns = self.column
        if self.kind == "e":
            self.parser.CharacterDataHandler = self._error

    def _error(self, text: str) -> None:
        self.parser.CharacterDataHandler = None
        self._limit(len(self.sheet.errors))
        self.sheet.errors[self.row, self.column] = text

    def _formula(self, _: dict[str, str]) -> None:
        if self.kind != "str":  # a formula that yields an empty text has its value: the empty text
            self._limit(len(self.sheet.formulas))
            self.sheet.formulas.add((self.row, self.column))
            self.sheet.rows, self.sheet.columns = max(self.sheet.rows, self.row), max(self.sheet.columns, self.column)

    def _limit(self, count: int) -> None:
        if count >= MANY:
            raise Invalid(
                "workbook.too_wide", file=self.path.name, sheet=self.sheet.name,
                rows=self.sheet.rows, columns=self.sheet.columns,
            )  # fmt: skip
