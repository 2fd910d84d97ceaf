"""Why: a whole directory as a folder of YAML is how a city is set up, reviewed and carried from one hub to another. In one transaction: all of it or nothing.

departments.yml  elements.yml  service_items.yml  resources/<resource id>.yml — their JSON schema: `hutong catalog schema`, docs/schema/.
A single YAML file is taken too: one resource, or a stream of them. Called by commands, the demonstration city and tests.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial as bound
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog import deadlines, departments, elements, intake
from catalog.departments import DepartmentDocument
from catalog.elements import ElementDocument
from catalog.findings import Finding, Findings, Outcome, Place, finding_at, finding_of
from catalog.service import services
from catalog.service.services import ServiceItemDocument
from catalog.yaml_text import YamlText, json_path, read_documents, write_yaml
from schemas.errors import Invalid, error_codes
from schemas.resource import ResourceDocument, ResourceDraft
from schemas.tables.departments import Department
from schemas.tables.elements import DataElement

DEPARTMENTS, ELEMENTS, SERVICE_ITEMS, RESOURCES = "departments.yml", "elements.yml", "service_items.yml", "resources"
_Document = TypeVar("_Document", bound=BaseModel)


@dataclass
class Imported:
    """What an import did: how many of each kind, and which resources got a draft."""

    departments: int = 0
    elements: int = 0
    service_items: int = 0
    resources: int = 0
    drafts: list[str] = field(default_factory=list)


def import_folder(session: Session, folder: Path) -> Imported:
    """Read every document of `folder` and keep it; resources become drafts. Importing twice changes nothing.

    Raises Invalid: what the one wrong place calls for, or `directory.bad_document` with all of them when there are several.
    """
    outcome, done = _take(session, folder)
    errors = [finding for finding in outcome.findings if finding.is_error]
    if errors:
        raise _refusal(folder, errors)
    done.drafts = [*outcome.created, *outcome.changed]
    done.resources = len(done.drafts) + outcome.unchanged
    return done


def take_in(session: Session, path: Path, *, partial: bool = False, by: str = "") -> Outcome:
    """Take in a folder, or a file of resources; every wrong place of all files is told at once. All or nothing unless `partial`."""
    return _take(session, path, partial=partial, by=by)[0]


def write_folder(session: Session, folder: Path, drafts: Iterable[ResourceDraft]) -> list[Path]:
    """Write the directory's departments, elements and service items, and these drafts, as a folder that `import_folder` reads; return its files.

    Departments nobody has placed yet stay out: elsewhere nobody could place them either.
    """
    (folder / RESOURCES).mkdir(parents=True, exist_ok=True)
    written = []
    for draft in drafts:
        written.append(folder / RESOURCES / f"{draft.id}.yml")
        written[-1].write_text(text(draft), "utf-8")
    known = session.scalars(select(Department).where(Department.state != "proposed").order_by(Department.id))
    lists: dict[str, list[BaseModel]] = {
        DEPARTMENTS: [_stored(row, DepartmentDocument) for row in known],
        ELEMENTS: [_stored(row, ElementDocument) for row in session.scalars(select(DataElement).order_by(DataElement.id))],
        SERVICE_ITEMS: [services.document_of(row) for row in services.find(session)],
    }  # fmt: skip
    for name, documents in lists.items():
        written.append(folder / name)
        written[-1].write_text(
            write_yaml([one.model_dump(mode="json", exclude_defaults=True) for one in documents]), "utf-8"
        )
    return written


def text(draft: ResourceDraft) -> str:
    """Return a resource as it is written in resources/<resource id>.yml."""
    return write_yaml(draft.model_dump(mode="json", exclude_defaults=True))


def _stored(row: Any, kind: type[_Document]) -> _Document:
    return kind.model_validate({name: getattr(row, name) for name in kind.model_fields})


def _take(session: Session, path: Path, *, partial: bool = False, by: str = "") -> tuple[Outcome, Imported]:
    done, findings = Imported(), Findings()
    if not path.exists():
        findings.add(
            finding_at(
                Place(str(path)), "directory.bad_document", file=str(path), problem="no such folder / 没有这个文件夹"
            )
        )
    with session.begin_nested() as attempt:
        deadlines.seed_rules(session)
        if path.is_dir():
            done.departments = _take_departments(session, path, findings)
            done.elements = _take_list(
                path / ELEMENTS, ElementDocument, bound(elements.save, session, by=by), session, findings
            )
            done.service_items = _take_list(
                path / SERVICE_ITEMS, ServiceItemDocument, bound(services.save, session), session, findings
            )
        outcome = intake.take_in(session, _drafts(path, findings), findings, partial=partial, by=by)
        if findings.errors and not partial:
            attempt.rollback()
    return outcome, done


def _take_departments(session: Session, folder: Path, findings: Findings) -> int:
    """Parents before children; a parent that is not in the file must be in the directory already."""
    entries = {
        entry.id: (place, entry) for place, entry in _entries(folder / DEPARTMENTS, DepartmentDocument, findings)
    }
    there = set(session.scalars(select(Department.id)))
    waiting, done = dict(entries), 0
    while waiting:
        ready = [one for one, (_, entry) in waiting.items() if entry.parent_id not in waiting]
        for one in ready or list(waiting):
            place, entry = waiting.pop(one)
            if not ready:
                findings.add(_bad(place, DEPARTMENTS, f"parent_id in a circle: {one} / 上级部门循环"))
            elif entry.parent_id and entry.parent_id not in there:
                findings.add(finding_at(place, "directory.unknown_department", department=entry.parent_id))
            elif _kept(lambda entry=entry: departments.save(session, entry), session, place, findings):  # type: ignore[misc]
                there.add(one)
                done += 1
    return done


def _take_list(
    file: Path, kind: type[_Document], save: Callable[[_Document], Any], session: Session, findings: Findings
) -> int:
    found = list(_entries(file, kind, findings))
    return sum(_kept(bound(save, entry), session, place, findings) for place, entry in found)


def _kept(save: Callable[[], Any], session: Session, place: Place, findings: Findings) -> bool:
    """Save one entry; when the desk refuses it, tell where it stands and leave the session as it was."""
    try:
        with session.begin_nested():
            save()
    except Invalid as error:
        findings.add(finding_of(error, place))
        findings.refused += 1
        return False
    return True


def _drafts(path: Path, findings: Findings) -> Iterator[ResourceDraft]:
    folder = path / RESOURCES
    files = sorted(folder.glob("*.yml")) if path.is_dir() else [path] if path.exists() else []
    for file in files:
        name = f"{RESOURCES}/{file.name}" if path.is_dir() else file.name
        for number, document in enumerate(_documents(file, name, findings)):
            draft = _draft(name, document, findings)
            if draft is None:
                continue
            findings.places.setdefault(draft.id, Place(name, None, document.line(())))
            if path.is_dir() and (number or f"{draft.id}.yml" != file.name):
                findings.add(finding_at(findings.places[draft.id], "folder.other_name", draft.id, is_error=False))
            yield draft


def _draft(name: str, document: YamlText, findings: Findings) -> ResourceDraft | None:
    """Return a whole document as one that is held to that, anything less as a draft with its gaps."""
    try:
        return ResourceDocument.model_validate(document.value)
    except ValidationError:
        return _validated(name, document, (), ResourceDraft, findings)


def _entries(file: Path, kind: type[_Document], findings: Findings) -> Iterator[tuple[Place, _Document]]:
    """Yield the entries of a list with their places; a list that is not there is empty."""
    if not file.exists():
        return
    for document in _documents(file, file.name, findings):
        entries = [] if document.value is None else document.value
        if not isinstance(entries, list):
            findings.add(_bad(Place(file.name, None, 1), file.name, "not a list / 应为列表"))
            continue
        for number in range(len(entries)):
            if (entry := _validated(file.name, document, (number,), kind, findings)) is not None:
                yield Place(file.name, None, document.line((number,))), entry


def _documents(file: Path, name: str, findings: Findings) -> list[YamlText]:
    try:
        return read_documents(file)
    except Invalid as error:
        findings.add(finding_of(error, Place(name)))
        findings.refused += 1
        return []


def _validated(
    name: str, document: YamlText, path: tuple[int, ...], kind: type[_Document], findings: Findings
) -> _Document | None:
    value = document.value[path[0]] if path else document.value
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        for problem in error.errors(include_input=False, include_url=False):
            where = (*path, *problem["loc"])
            place = Place(name, None, document.line(where), json_path(where))
            findings.add(_bad(place, name, f"{json_path(where)}: {problem['msg']}"))
        findings.refused += 1
        return None


def _bad(place: Place, file: str, problem: str) -> Finding:
    return finding_at(place, "directory.bad_document", file=file, problem=problem)


def _refusal(folder: Path, errors: list[Finding]) -> Invalid:
    """One wrong place is told as itself, several in one; import commands tell each with its remedy."""
    if len(errors) == 1 and errors[0].code in error_codes():
        return Invalid(errors[0].code, **errors[0].facts)
    told = "; ".join(f"{one.place.words('en')}: {one.words('en')}" for one in errors[:20])
    return Invalid("directory.bad_document", file=folder.name, problem=f"{len(errors)} errors: {told}")
