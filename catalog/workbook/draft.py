"""Why: the rows of one resource say what its document says. Turns a group of rows into a draft, or says of each cell why it cannot. Called by reading.

A column that is not on the sheet says nothing: what the directory already holds there stays. An empty cell of a column that is there empties it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from catalog.findings import Finding, Findings, finding_at
from catalog.workbook.cells import CellError, read_cell, shown
from catalog.workbook.columns import Column, columns
from catalog.workbook.identities import Identities, item_ids
from catalog.workbook.layout import Group, absent, merged_across
from catalog.workbook.sheets import SheetRow
from schemas.resource import ResourceDraft

CATEGORY = tuple(f"category.{level}" for level in range(1, 6))
NOT_OF_DOCUMENT = ("number", "provider_name", "provider_uscc", "id", "department")
EXAMPLE_CODE, EXAMPLE_ID = "306001/000001", "civil_affairs.marriage"
_EXAMPLES = {"code": EXAMPLE_CODE, "more_codes": EXAMPLE_CODE, "items.id": "citizen_id", "items.element": "citizen_id"}
_KEYS = frozenset(column.key for column in columns())
SINCE_1904 = 1462  # days between the two calendars of Excel


@dataclass
class DraftReader:
    """Makes drafts of groups; what is wrong goes to `findings`."""

    file: str
    identities: Identities
    findings: Findings
    department: str | None = None  # of resources that name none

    def draft_of(self, group: Group) -> ResourceDraft | None:
        """Return the draft, or None when something is wrong, which is then told and counted."""
        before = self.findings.errors
        draft = _Reading(self, group).draft()
        if self.findings.errors == before and draft is not None:
            self.findings.places[draft.id] = group.layout.place(self.file, group.number)
            return draft
        self.findings.refused += 1
        return None


@dataclass
class _Reading:
    """One group while it is read: its own cells, and its items with the row of each."""

    reader: DraftReader
    group: Group
    values: dict[str, Any] = field(default_factory=dict)
    first: dict[str, tuple[int, Any]] = field(default_factory=dict)  # key → row and raw cell that said it first
    items: list[dict[str, Any]] = field(default_factory=list)
    item_rows: list[int] = field(default_factory=list)
    unread: set[tuple[int, str]] = field(default_factory=set)  # row and part of the document of cells already told

    def draft(self) -> ResourceDraft | None:
        if key := merged_across(self.group):
            self._tell("workbook.merged_across", self.group.number, key)
            return None
        for row in self.group.rows:
            self._read_row(row)
        department = self._department()
        if department is None:
            return None
        name, code = str(self.values.get("name", "")), str(self.values.get("code", ""))
        if not name:
            self._tell("workbook.no_name", self.group.number, "name")
            return None
        resource_id = self.values.get("id") or self.reader.identities.resource_id(department, code, name)
        return self._validated(self._body(resource_id, department))

    def _read_row(self, row: SheetRow) -> None:
        item: dict[str, Any] = {}
        if row.number in self.group.layout.sheet.problem_rows:
            self._tell_problems(row)
        columns_here = self.group.layout.columns
        for at, value in enumerate(row.cells):
            if value == "" or (column := columns_here.get(at)) is None:
                continue
            if column.is_of_item:
                self._read(column, row.number, value, item)
            elif column.key not in self.first:
                self.first[column.key] = (row.number, value)
                self._read(column, row.number, value, self.values)
            elif self.first[column.key][1] != value:
                self._hold_alike(column, row.number, value)
        if item.get("items.name"):
            self._take_item(item, row)

    def _read(self, column: Column, row: int, value: Any, into: dict[str, Any]) -> None:
        if column.kind == "date" and self.group.layout.sheet.counts_from_1904 and isinstance(value, float | int):
            value += SINCE_1904
        try:
            read = read_cell(column, value)
        except CellError as error:
            self._tell(error.code, row, column.key, shown(value), **error.facts)
            self.unread.add((row if column.is_of_item else 0, column.key.partition(".")[0]))
            return
        if read is not None:
            into[column.key] = read

    def _hold_alike(self, column: Column, row: int, value: Any) -> None:
        said: dict[str, Any] = {}
        self._read(column, row, value, said)
        first_row, first = self.first[column.key]
        if column.kind != "ignored" and said and said.get(column.key) != self.values.get(column.key):
            self._tell(
                "workbook.cell_differs", row, column.key, shown(value), first=shown(first)[:80], first_row=first_row
            )

    def _tell_problems(self, row: SheetRow) -> None:
        """Tell error values, which are read as empty cells, and formulas whose value was never saved."""
        layout, beside = self.group.layout, self.group.layout.sheet.beside
        for at, column in layout.columns.items():
            cell = (row.number, at + 1)
            if column.kind == "ignored":
                continue
            if cell in beside.errors:
                self._tell("workbook.error_value", row.number, column.key, beside.errors[cell])
            elif cell in beside.formulas and (at >= len(row.cells) or row.cells[at] == ""):
                self._tell("workbook.formula_without_value", row.number, column.key)

    def _take_item(self, item: dict[str, Any], row: SheetRow) -> None:
        if self.group.layout.by_key["items.name"] in row.carried:
            self._tell("workbook.item_merged", row.number, "items.name", str(item["items.name"]))
            return
        self.items.append({key.removeprefix("items."): value for key, value in item.items()})
        self.item_rows.append(row.number)

    def _department(self) -> str | None:
        identities, values = self.reader.identities, self.values
        name, uscc = str(values.get("provider_name", "")), str(values.get("provider_uscc", ""))
        by_name = identities.department(name, uscc)
        given = values.get("department")
        if given:
            if given not in identities.departments:
                self._tell_unknown("department", given)
                return None
            if by_name not in (None, given) and identities.registry.current(given) != by_name:
                self._tell("workbook.department_differs", self.group.number, "department", given, given=name or uscc)
                return None
            return str(given)
        if by_name:
            return by_name
        if name or uscc:
            self._tell_unknown("provider_name" if name else "provider_uscc", name or uscc)
            return None
        found = self.reader.department or identities.department(self.group.layout.sheet.name, "")
        if found is None:
            self._tell("workbook.no_department", self.group.number, "provider_name")
        return found

    def _tell_unknown(self, key: str, given: str) -> None:
        alike = "、".join(self.reader.identities.alike(given)) or "-"
        self._tell("workbook.unknown_department", self.group.number, key, given, alike=alike)

    def _body(self, resource_id: str, department: str) -> dict[str, Any]:
        missing = absent(self.group.layout)
        held = (self.reader.identities.newest(resource_id) or {}) if missing - set(CATEGORY[1:]) else {}
        body: dict[str, Any] = {"id": resource_id, "department": department}
        body |= {key: value for key, value in held.items() if key not in body}
        for key in self.group.layout.by_key:
            if key not in NOT_OF_DOCUMENT and key not in CATEGORY and not key.startswith("items."):
                _put(body, key, self.values.get(key))
        if CATEGORY[0] in self.group.layout.by_key:
            said = [str(self.values[key]) for key in CATEGORY if key in self.values]
            body["category"] = "/".join(said) if said else None
        if "items.name" in self.group.layout.by_key:
            body["items"] = self._items(held)
        return {key: value for key, value in body.items() if value is not None}

    def _items(self, held: Mapping[str, Any]) -> list[dict[str, Any]]:
        known = {item["id"]: item for item in held.get("items", ())}
        unnamed = [item["name"] for item in self.items if "id" not in item]
        given = {item["id"]: item["id"] for item in self.items if "id" in item}
        made = iter(item_ids(unnamed, {item["name"]: item["id"] for item in known.values()} | given))
        here = self.group.layout.by_key
        found, seen = [], set()
        for item, row in zip(self.items, self.item_rows, strict=True):
            item_id = item.get("id") or next(made)
            if item_id in seen:
                self._tell("workbook.item_repeats", row, "items.id", item_id)
            seen.add(item_id)
            kept = {key: value for key, value in known.get(item_id, {}).items() if f"items.{key}" not in here}
            found.append({**kept, **item, "id": item_id})
        return found

    def _validated(self, body: dict[str, Any]) -> ResourceDraft | None:
        try:
            return ResourceDraft.model_validate(body)
        except ValidationError as error:
            self.reader.findings.extend(self._explained(error.errors(include_url=False)))
            return None

    def _explained(self, errors: list[ErrorDetails]) -> Iterator[Finding]:
        for error in errors:
            key, row = self._named(error["loc"])
            if (row if key.startswith("items.") else 0, key.partition(".")[0]) in self.unread:
                continue  # it only lacks what could not be read
            place = self.group.layout.place(self.reader.file, row, key if key in _KEYS else "name")
            given = "" if isinstance(error["input"], dict | list) else shown(error["input"])
            context = error.get("ctx") or {}
            match error["type"]:
                case "missing":
                    yield finding_at(place, "workbook.missing")
                case "string_too_long":
                    yield finding_at(place, "workbook.too_long", given, limit=context["max_length"])
                case "string_pattern_mismatch":
                    yield finding_at(place, "workbook.bad_pattern", given, example=_EXAMPLES.get(key, EXAMPLE_ID))
                case "literal_error":
                    yield finding_at(place, "workbook.not_in_list", given, known=context["expected"])
                case _:
                    problem = error["msg"].removeprefix("Value error, ")
                    yield finding_at(place, "intake.bad_field", given, field=place.column, problem=problem)

    def _named(self, loc: tuple[int | str, ...]) -> tuple[str, int]:
        """Return the column and row that a place in the document came from."""
        if len(loc) >= 2 and loc[0] == "items" and isinstance(loc[1], int):
            return f"items.{loc[2] if len(loc) > 2 else 'name'}", self.item_rows[loc[1]]
        key = ".".join(str(part) for part in loc if not isinstance(part, int))
        key = {"sharing": "sharing.condition", "format": "format.category", "assessment": "assessment.secrecy"}.get(
            key, key
        )
        key = key if key in _KEYS else str(loc[0]) if loc else "name"
        return key, self.first.get(key, (self.group.number, ""))[0]

    def _tell(self, code: str, row: int, key: str, value: str = "", **facts: Any) -> None:
        self.reader.findings.add(finding_at(self.group.layout.place(self.reader.file, row, key), code, value, **facts))


def _put(body: dict[str, Any], key: str, value: Any) -> None:
    """Set or clear one place of the document; a part all of whose cells are empty is none."""
    whole, _, part = key.partition(".")
    if not part:
        body[whole] = value
        return
    said = {name: old for name, old in (body.get(whole) or {}).items() if name != part}
    if value is not None:
        said[part] = value
    body[whole] = said or None
