"""Why: a directory sheet begins somewhere below its title, with one header row or two, in whatever order an office likes. Finds the header and says which
column stands where; splits the rows below into one group per resource. Called by reading and the report.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from catalog.findings import Findings, Place, finding_at
from catalog.workbook.cells import shown
from catalog.workbook.columns import FINDINGS_SHEET, GUIDE_SHEET, KEYS, OWN, Column, column_of, columns, known_header
from catalog.workbook.sheets import Row, Sheet, SheetRow

SEARCHED = 30  # rows in which the header may stand
NOTE_CELLS = 2  # a note and perhaps a signature
ENOUGH = 3  # known headers that make a header row
_NOTE = re.compile(r"^[(（]?(?:注|备注|说明|填表|填报|制表|审核|联系|单位盖章|第.*页|合计|共计)")
Token = tuple[str, ...]


@dataclass(frozen=True)
class Layout:
    """Where a sheet's columns stand: place from 0 → column, and the headers as they are written there."""

    sheet: Sheet
    header_row: int
    columns: dict[int, Column]
    headers: dict[int, str]
    by_key: dict[str, int] = field(default_factory=dict)

    def place(self, file: str, row: int | None, key: str | None = None) -> Place:
        """Return a place on this sheet; a column that is not there is named as the template names it."""
        if key is None:
            return Place(file, self.sheet.name, row)
        at = self.by_key.get(key)
        return Place(file, self.sheet.name, row, column_of(key).header if at is None else self.headers[at])

    def text(self, row: SheetRow, key: str) -> str:
        """Return a cell as text, "" when it is empty or its column is not there."""
        at = self.by_key.get(key)
        return shown(row.cells[at]).strip() if at is not None and at < len(row.cells) else ""


@dataclass
class Group:
    """The rows of one resource, and what names it in the first of them: id, name, code as text, and the cells themselves."""

    layout: Layout
    token: Token
    named: Row
    rows: list[SheetRow] = field(default_factory=list)

    @property
    def number(self) -> int:
        """Return its first row."""
        return self.rows[0].number


def find_layout(sheet: Sheet, file: str, findings: Findings) -> Layout | None:
    """Return the layout of a sheet, None when it holds no directory; what is passed over is told."""
    if sheet.name in (FINDINGS_SHEET, GUIDE_SHEET):  # the hub's own: a report that was sent back, a template's notes
        return None
    top = list(islice(sheet.rows(), SEARCHED))
    spans = sheet.header_spans()
    tried = [_layout(sheet, top[at], top[at + 1] if at + 1 < len(top) else None, spans) for at in range(len(top))]
    known = [layout for layout in tried if layout and "name" in layout.by_key]
    if not known:
        if top:
            findings.add(finding_at(Place(file, sheet.name), "workbook.sheet_passed_over", is_error=False))
        return None
    found = max(known, key=lambda layout: len(layout.by_key))  # the first of equals
    _tell_headers(found, file, findings)
    return found


def _layout(sheet: Sheet, row: SheetRow, below: SheetRow | None, spans: list[tuple[int, int, int]]) -> Layout | None:
    upper = _spread(row, spans)
    if sum(known_header(text) is not None for text in upper if text) < ENOUGH and not below:
        return None
    two = below is not None and below.number == row.number + 1 and _is_second(upper, below)
    lower = [shown(cell) for cell in below.cells] if two and below else []
    found = Layout(sheet, row.number + two, {}, {})
    for at in range(max(len(upper), len(lower))):
        over = upper[at] if at < len(upper) else ""
        under = lower[at] if at < len(lower) else ""
        if not (over or under):
            continue
        column = known_header(over, under) if under and under != over else known_header(over or under)
        found.headers[at] = under or over
        if column and column.key not in found.by_key:
            found.columns[at] = column
            found.by_key[column.key] = at
    return found if len(found.by_key) >= ENOUGH else None


def _spread(row: SheetRow, spans: list[tuple[int, int, int]]) -> list[str]:
    texts = [shown(cell).strip() for cell in row.cells]
    for number, left, right in spans:
        if number == row.number and left < len(texts):
            texts[left : right + 1] = [texts[left]] * (min(right, len(texts) - 1) - left + 1)
    return texts


def _is_second(upper: list[str], below: SheetRow) -> bool:
    """Tell whether the row below belongs to the header: cells merged down from it, or more headers under a group's name."""
    if below.carried and any(known_header(shown(below.cells[at])) for at in below.carried):
        return True
    texts = [shown(cell).strip() for cell in below.cells]
    known = sum(known_header(text) is not None for text in texts if text)
    return known >= ENOUGH and known > sum(known_header(text) is not None for text in upper if text) // 4


def _tell_headers(layout: Layout, file: str, findings: Findings) -> None:
    for at, header in layout.headers.items():
        if at in layout.columns:
            continue
        column = known_header(header)
        place = Place(file, layout.sheet.name, layout.header_row, header)
        if column and column.key in layout.by_key and column.key != "number":
            first = layout.headers[layout.by_key[column.key]]
            findings.add(finding_at(place, "workbook.header_repeats", header, first=first))
        elif not column:
            findings.add(finding_at(place, "workbook.unknown_column", header, is_error=False))


def groups(layout: Layout, file: str, findings: Findings | None = None) -> Iterator[Group]:
    """Split the rows below the header into resources; rows that belong to none are told where `findings` is given."""
    current: Group | None = None
    keyed = [layout.by_key[key] for key in KEYS if key in layout.by_key]
    used = [at for at, column in layout.columns.items() if column.key != "number"]
    for row in layout.sheet.rows():
        if not _is_content(layout, row, used):
            continue
        if _says_something(row.cells, keyed):
            if current and not _belongs(current, row, keyed):
                yield current
                current = None
            current = current or Group(layout, _token(layout, row), _named(row, keyed))
            current.rows.append(row)
        elif current and layout.text(row, "items.name"):
            current.rows.append(row)
        elif findings is not None and not _is_carried(row, used):
            findings.add(finding_at(layout.place(file, row.number, "name"), "workbook.no_name", _first_text(row)))
            findings.refused += 1
    if current:
        yield current


def _is_content(layout: Layout, row: SheetRow, used: list[int]) -> bool:
    return row.number > layout.header_row and _says_something(row.cells, used) and not _is_note(layout, row)


def _says_something(cells: Row, used: list[int]) -> bool:
    return any(at < len(cells) and cells[at] != "" for at in used)


def _is_note(layout: Layout, row: SheetRow) -> bool:
    """A line under the table like 注：…, which is nobody's resource."""
    if layout.text(row, "items.name") or not _NOTE.match(_first_text(row)):
        return False
    filled = [at for at, cell in enumerate(row.cells) if cell != "" and at not in row.carried]
    return len(filled) <= NOTE_CELLS


def _is_carried(row: SheetRow, used: list[int]) -> bool:
    """Tell whether a row holds nothing but cells merged down from the resource above."""
    return all(at in row.carried for at in used if at < len(row.cells) and row.cells[at] != "")


def _first_text(row: SheetRow) -> str:
    return next((shown(cell).strip() for cell in row.cells if cell != ""), "")


def _token(layout: Layout, row: SheetRow) -> Token:
    return tuple(layout.text(row, key) for key in KEYS)


def _named(row: SheetRow, keyed: list[int]) -> Row:
    return [row.cells[at] for at in keyed if at < len(row.cells)]


def _belongs(group: Group, row: SheetRow, keyed: list[int]) -> bool:
    return _named(row, keyed) == group.named or _continues(group, _token(group.layout, row))  # most rows repeat them


def _continues(group: Group, token: Token) -> bool:
    """Tell whether a row names the same resource: same id, or else nothing that differs."""
    if token[0] and group.token[0]:
        return token[0] == group.token[0]
    if any(mine and theirs and mine != theirs for mine, theirs in zip(group.token, token, strict=True)):
        return False
    return bool(token[1] == group.token[1] or not token[1] or not group.token[1])


def merged_across(group: Group) -> str | None:
    """Return the key of a cell that came down from the resource above though it can belong to one only, None when there is none."""
    first = group.rows[0]
    return next((key for key in OWN if group.layout.by_key.get(key) in first.carried), None)


def absent(layout: Layout) -> frozenset[str]:
    """Return the keys of the template's columns that a sheet does not have."""
    return frozenset(column.key for column in columns()) - layout.by_key.keys()
