"""Why: two tables bound by a code, each with its own dirt. Reads them into entries, one a resource, and tells what does not fit. Called by `pairs`."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from catalog.findings import Findings, Place, finding_at
from catalog.lists.csv_table import Row, Table, header_of, read_table
from catalog.naming import organs
from catalog.naming.organs import fold
from schemas.errors import Invalid

RESOURCES: Mapping[str, tuple[str, ...]] = {
    "code": ("resource_code", "资源编码", "资源代码", "信息资源代码", "目录编码", "目录代码"),
    "name": ("name_zh", "resource_name_zh", "resource_name", "资源名称", "信息资源名称", "目录名称"),
    "department": ("department_zh", "department_name", "部门", "部门名称", "信息资源提供方", "提供单位", "来源单位"),
    "department_code": ("dept_code", "部门代码", "部门编码", "信息资源提供方代码"),
    "abstract": ("description", "摘要", "信息资源摘要", "资源摘要", "说明"),
    "identify": ("标识",),
    "en_code": ("英文代码",),
    "type_id": ("id", "序号", "编号"),
    "subject_type": ("主体类型", "主体类别"),
    "red_black": ("红黑名单",),
    "double_publicity": ("双公示",),
}
FIELDS: Mapping[str, tuple[str, ...]] = {
    "resource": ("resource_code", "资源编码", "资源代码", "信息资源代码", "目录编码", "目录代码"),
    "resource_name": ("resource_name_zh", "资源名称", "信息资源名称", "目录名称"),
    "department_code": ("dept_code", "部门代码", "部门编码"),
    "position": ("seq", "序号", "排序"),
    "code": ("field_en", "item_code", "field", "column", "字段名", "字段英文名", "信息项编码", "信息项代码"),
    "name": ("field_zh", "item_name", "信息项名称", "字段中文名", "信息项"),
    "type": ("data_type", "数据类型"),
    "length": ("数据长度", "长度"),
}
_TESTING = re.compile(r"测试|演示|^test", re.IGNORECASE)


@dataclass(frozen=True)
class Field:
    """One information item as the table lists it."""

    code: str
    name: str
    place: Place
    type: str = ""
    length: str = ""


@dataclass(frozen=True)
class Entry:
    """One resource as the table lists it, its fields in their order."""

    code: str
    name: str
    department_name: str
    department_code: str
    abstract: str
    keywords: tuple[str, ...]
    place: Place
    fields: list[Field] = field(default_factory=list)


def read_pair(folder: Path, findings: Findings) -> list[Entry]:
    """Return the resources of a folder's two tables (or of one file). Raises Invalid `pair.no_resources`, `directory.bad_document`."""
    files = sorted(folder.glob("*.csv")) if folder.is_dir() else [folder] if folder.is_file() else []
    resources = [file for file in files if _is_resources(header_of(file))]
    fields = [file for file in files if file not in resources and _is_fields(header_of(file))]
    if not resources:
        raise Invalid(
            "pair.no_resources", folder=str(folder), wanted="code, name, department / 资源代码, 资源名称, 部门"
        )
    entries: dict[str, Entry] = {}
    for file in resources:
        _take_resources(read_table(file, RESOURCES, findings), entries, findings)
    for file in fields:
        _take_fields(read_table(file, FIELDS, findings), entries, findings)
    _tell_repeated_names(entries.values(), findings)
    for entry in entries.values() if fields else ():
        if not entry.fields:
            findings.add(finding_at(entry.place, "pair.no_items", entry.code, is_error=False))
    return list(entries.values())


def _has(header: Sequence[str], known: Mapping[str, tuple[str, ...]], *columns: str) -> bool:
    written = {fold(name) for name in header}
    return all(any(fold(name) in written for name in (column, *known[column])) for column in columns)


def _is_fields(header: Sequence[str]) -> bool:
    return _has(header, FIELDS, "resource") and (_has(header, FIELDS, "code") or _has(header, FIELDS, "name"))


def _is_resources(header: Sequence[str]) -> bool:
    item_columns = {fold(name) for column in ("code", "name") for name in FIELDS[column]}
    is_items = any(fold(name) in item_columns for name in header)
    has_department = _has(header, RESOURCES, "department") or _has(header, RESOURCES, "department_code")
    return not is_items and has_department and _has(header, RESOURCES, "code", "name")


def _take_resources(table: Table, entries: dict[str, Entry], findings: Findings) -> None:
    for row in table.rows:
        code, name = row.get("code"), row.get("name")
        if not code or not name:
            column = "name" if code else "code"
            findings.add(finding_at(table.place(row, column), "pair.resource_incomplete", code or name))
            findings.refused += 1
            continue
        if code in entries:
            place, first = table.place(row, "code"), entries[code].place.words()
            findings.add(finding_at(place, "pair.duplicate_resource", code, first=first))
            findings.refused += 1
            continue
        entries[code] = Entry(
            code, name, row.get("department"), row.get("department_code"), row.get("abstract"), _keywords(row),
            table.place(row),
        )  # fmt: skip
        _tell_resource(table, row, findings)


def _keywords(row: Row) -> tuple[str, ...]:
    words = {"RED": "红名单", "BLACK": "黑名单", "LICENSE": "行政许可", "SANCTION": "行政处罚"}
    said = [row.get("subject_type"), row.get("red_black"), row.get("double_publicity")]
    return tuple(dict.fromkeys(words.get(word.upper(), word) for word in said if word))


def _tell_resource(table: Table, row: Row, findings: Findings) -> None:
    code, department = row.get("code"), row.get("department")
    for column in ("identify", "en_code"):
        if row.get(column) and row.get(column).casefold() != code.casefold():
            place = table.place(row, column)
            findings.add(finding_at(place, "pair.codes_differ", row.get(column), is_error=False, code_given=code))
    if department and department.strip(" .。,，;；、") != department:
        findings.add(finding_at(table.place(row, "department"), "pair.untidy_name", department, is_error=False))
    if _TESTING.search(row.get("name")) or code.casefold() == "test":
        findings.add(finding_at(table.place(row, "name"), "pair.looks_like_a_test", row.get("name"), is_error=False))


def _take_fields(table: Table, entries: Mapping[str, Entry], findings: Findings) -> None:
    by_resource: dict[str, list[Row]] = defaultdict(list)
    for row in table.rows:
        by_resource[row.get("resource")].append(row)
    for code, rows in by_resource.items():
        if code not in entries:
            _tell_unknown(table, code, rows, entries.values(), findings)
            continue
        ordered = sorted(rows, key=lambda row: (_number(row.get("position")), row.number))
        entries[code].fields.extend(found for row in ordered if (found := _field(table, row, findings)))
        _tell_fields(table, entries[code], ordered, findings)


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 10 else 10**9


def _field(table: Table, row: Row, findings: Findings) -> Field | None:
    code, name = row.get("code"), row.get("name")
    if not code and not name:
        findings.add(finding_at(table.place(row, "name"), "pair.item_unnamed", row.get("resource")))
        return None
    if not code or not name:
        column = "name" if code else "code"
        findings.add(finding_at(table.place(row, column), "pair.item_half_named", code or name, is_error=False))
    return Field(code, name or code, table.place(row), row.get("type"), row.get("length"))


def _tell_unknown(table: Table, code: str, rows: Sequence[Row], entries: Iterable[Entry], findings: Findings) -> None:
    """Name the resources whose name the unknown code abbreviates, so that a person can mend the file."""
    likely = [one.code for one in entries if organs.is_initials_of(code, one.name)] if code else []
    for row in rows:
        findings.add(
            finding_at(
                table.place(row, "resource"), "pair.unknown_resource", code, is_error=False,
                item=row.get("name") or row.get("code"), likely=", ".join(likely) or "-",
            )
        )  # fmt: skip


def _tell_fields(table: Table, entry: Entry, rows: Sequence[Row], findings: Findings) -> None:
    for row in rows:
        theirs, said = row.get("department_code"), row.get("resource_name")
        if theirs and theirs.casefold() != entry.department_code.casefold():
            place = table.place(row, "department_code")
            findings.add(finding_at(place, "pair.item_code_differs", theirs, is_error=False, own=entry.department_code))
        if said and fold(said) != fold(entry.name):
            place = table.place(row, "resource_name")
            findings.add(finding_at(place, "pair.resource_name_differs", said, is_error=False, own=entry.name))
    for column, code in (("code", "pair.duplicate_item_code"), ("name", "pair.duplicate_item_name")):
        counts = Counter(fold(row.get(column)) for row in rows if row.get(column))
        for row in rows:
            if counts[fold(row.get(column))] > 1:
                place = table.place(row, column)
                findings.add(finding_at(place, code, row.get(column), is_error=False, resource=entry.code))


def _tell_repeated_names(entries: Iterable[Entry], findings: Findings) -> None:
    found: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        found[fold(entry.name)].append(entry)
    for group in found.values():
        for entry in group if len(group) > 1 else ():
            others = ", ".join(one.code for one in group if one is not entry)
            findings.add(finding_at(entry.place, "pair.name_repeated", entry.name, is_error=False, others=others))
