"""Why: service items are kept in plain lists, older than the codes they should bear. Takes such a CSV in with all its dirt told: old code forms and invalid
credit codes are flagged and kept, departments placed, doubles named. Called by `hutong catalog import --format services`.

What people added to an item in the hub (materials, basis, state) stays as it is: the list says nothing of it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.findings import Findings, Outcome, Place, finding_at
from catalog.lists.csv_table import Row, Table, read_table
from catalog.naming.placing import Given, Placed, place
from catalog.service import services
from catalog.service.service_codes import ServiceCode, read_code, uscc_flags
from catalog.service.services import ServiceItemDocument
from schemas.errors import Invalid
from schemas.tables.services import ServiceItem

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "department": ("department_name", "部门", "部门名称", "实施主体", "实施主体名称", "实施部门"),
    "main_item": ("主项", "主项名称", "基本目录名称"),
    "name": ("item_name", "事项名称", "子项名称", "办理项名称"),
    "area_code": ("division", "区划代码", "行政区划代码", "行政区划"),
    "item_code": ("task_code", "实施编码", "事项编码", "业务办理项编码", "实施清单编码"),
    "catalog_code": ("基本编码", "基本目录编码"),
    "task_type": ("kind", "事项类型"),
    "dept_code": ("department_code", "实施主体编码", "部门编码", "部门代码"),
}
KINDS = frozenset({*(f"{number:02}" for number in range(1, 11)), "20"})  # 事项类型: 01 to 10, 20 public service
NO_MAIN_ITEM = frozenset({"未分类"})


@dataclass(frozen=True)
class Entry:
    """One service item as the list gives it, and where."""

    name: str
    code: ServiceCode
    department: str
    department_code: str
    division: str
    main_item: str | None
    kind: str | None
    catalog_code: str | None
    place: Place


def take_in(session: Session, path: Path, *, partial: bool = False, by: str = "") -> Outcome:  # noqa: ARG001 - every importer is called alike
    """Take in a CSV of service items; twice changes nothing. With errors nothing is kept, not even proposed departments, unless `partial`.

    Raises Invalid `directory.bad_document` when the file is no table, or has no column for names or codes.
    """
    findings = Findings()
    entries = read_services(path, findings)
    with session.begin_nested() as attempt:
        wanted = _documents(session, entries, findings)
        saved = services.save_all(session, wanted)
        if findings.errors and not partial:
            attempt.rollback()
            return Outcome([], [], 0, findings.refused + len(wanted), findings)
    return Outcome(list(saved.created), list(saved.changed), saved.unchanged, findings.refused, findings)


def read_services(path: Path, findings: Findings) -> list[Entry]:
    """Return the service items of a CSV; what does not conform is told in `findings`. Pure: no database. Raises as `take_in`."""
    table = read_table(path, COLUMNS, findings)
    if missing := [name for name in ("name", "item_code", "department") if name not in table.columns]:
        wanted = ", ".join("/".join((name, *COLUMNS[name][:2])) for name in missing)
        raise Invalid("directory.bad_document", file=path.name, problem=f"no column for / 缺少列: {wanted}")
    entries = list(_entries(table, findings))
    _tell_department_codes(table, entries, findings)
    _tell_same_names(entries, findings)
    return entries


def _entries(table: Table, findings: Findings) -> Iterator[Entry]:
    first: dict[str, Place] = {}
    for row in table.rows:
        if _is_incomplete(table, row, findings):
            findings.refused += 1
            continue
        code, where = row.get("item_code"), table.place(row, "item_code")
        if code in first:
            findings.add(finding_at(where, "service.duplicate_code", code, first=first[code].words()))
            findings.refused += 1
            continue
        first[code] = where
        yield _entry(table, row, findings)


def _is_incomplete(table: Table, row: Row, findings: Findings) -> bool:
    missing = [column for column in ("name", "item_code", "department") if not row.get(column)]
    findings.extend(finding_at(table.place(row, column), "service.missing_value") for column in missing)
    return bool(missing)


def _entry(table: Table, row: Row, findings: Findings) -> Entry:
    code = read_code(row.get("item_code"))
    for flag in code.flags:
        told = "service.invalid_uscc_in_code" if flag.code == "service.invalid_uscc" else flag.code
        findings.add(finding_at(table.place(row, "item_code"), told, code.text, is_error=False, **_facts(flag.facts)))
    kind = row.get("task_type")
    if kind and kind.zfill(2) not in KINDS:
        findings.add(finding_at(table.place(row, "task_type"), "service.unknown_kind", kind, is_error=False))
    main_item = row.get("main_item")
    return Entry(
        row.get("name"), code, row.get("department"), row.get("dept_code"), row.get("area_code"),
        None if main_item in NO_MAIN_ITEM else main_item or None, kind.zfill(2) if kind else None,
        row.get("catalog_code") or None, table.place(row),
    )  # fmt: skip


def _facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if name != "value"}  # the value is the finding's own


def _tell_department_codes(table: Table, entries: Sequence[Entry], findings: Findings) -> None:
    """Tell each wrong department code once, at its first row: a list repeats it a hundred times."""
    for (code,), first in _first(entries, lambda entry: (entry.department_code,)):
        for flag in uscc_flags(code, "dept_code"):
            where = Place(first.place.file, None, first.place.row, table.columns.get("dept_code", "dept_code"))
            facts = dict(flag.facts) | {"rows": sum(entry.department_code == code for entry in entries)}
            findings.add(finding_at(where, "service.invalid_department_code", code, is_error=False, **facts))


def _tell_same_names(entries: Sequence[Entry], findings: Findings) -> None:
    first: dict[tuple[str, str], Place] = {}
    for entry in entries:
        before = first.setdefault((entry.department, entry.name), entry.place)
        if before is not entry.place:
            facts = {"first": before.words(), "department": entry.department}
            findings.add(finding_at(entry.place, "service.same_name", entry.name, is_error=False, **facts))


def _documents(session: Session, entries: Sequence[Entry], findings: Findings) -> list[ServiceItemDocument]:
    given = [
        Given(e.department, e.department_code or None, e.division[:6] or None, f"{e.place.file}:{e.place.row}")
        for e in entries
    ]
    placed = place(session, given, source=entries[0].place.file if entries else "")
    _tell_departments(entries, placed, findings)
    known = _known(session, [entry.code.text for entry in entries])
    return [_document(e, where, known.get(e.code.text)) for e, where in zip(entries, placed, strict=True)]


def _tell_departments(entries: Sequence[Entry], placed: Sequence[Placed], findings: Findings) -> None:
    where = dict(zip((entry.place for entry in entries), placed, strict=True))
    for (name,), first in _first(entries, lambda entry: (entry.department,)):
        at = where[first.place]
        if not at.is_certain:
            code = "pair.department_suggested" if at.candidates else "pair.department_unknown"
            facts = {"department": at.department_id, "candidates": at.candidates, "suggestion": at.suggestion}
            findings.add(finding_at(first.place, code, name, is_error=False, **facts))


def _document(entry: Entry, placed: Placed, former: ServiceItemDocument | None) -> ServiceItemDocument:
    code = entry.code
    flags = [{"code": f.code, "facts": f.facts} for f in (*code.flags, *uscc_flags(entry.department_code, "dept_code"))]
    national = code.form in ("task", "handle")
    said: dict[str, Any] = {
        "name": entry.name, "department": placed.department_id, "main_item": entry.main_item, "kind": entry.kind,
        "catalog_code": entry.catalog_code or code.catalog_code, "level": code.level,
        "task_code": code.text[:31] if national else None,
        "handle_codes": (code.text,) if code.form == "handle" else None,
    }  # fmt: skip
    told = {name: value for name, value in said.items() if value is not None}
    base = former or ServiceItemDocument(id=code.text, **told)
    base = base.model_copy(update=told | {"flags": ()})
    own = {(flag.code, str(flag.facts)) for flag in services.flags_of(base)}
    kept = tuple(flag for flag in flags if (flag["code"], str(flag["facts"])) not in own)
    return base.model_copy(update={"flags": kept})


def _known(session: Session, ids: Sequence[str]) -> dict[str, ServiceItemDocument]:
    rows = session.scalars(select(ServiceItem).where(ServiceItem.id.in_(ids)))
    return {row.id: services.document_of(row) for row in rows}


def _first(entries: Sequence[Entry], key: Callable[[Entry], tuple[str]]) -> list[tuple[tuple[str], Entry]]:
    found: dict[tuple[str], Entry] = {}
    for entry in entries:
        found.setdefault(key(entry), entry)
    return list(found.items())
