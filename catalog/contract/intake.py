"""Why: contracts come as files of others. Each is held against the standard first; what breaks it is told with path, line and remedy, and nothing of it is
taken. Called by `catalog.contract`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog import intake
from catalog.contract.reading import Reading, identifier, readings
from catalog.contract.standard import problems
from catalog.findings import Findings, Outcome, Place, finding_at, finding_of
from catalog.naming import placing
from catalog.yaml_text import Steps, YamlText, json_path, read_documents
from schemas.errors import Invalid
from schemas.resource import ResourceDraft
from schemas.tables.departments import Department

ENDINGS = (".yaml", ".yml", ".json")


@dataclass
class _Read:
    """One table of a contract. The text itself is let go: ten thousand contracts must fit, and few need a line told."""

    file: Path
    name: str
    number: int  # of the document in its file
    reading: Reading
    table: Place

    def place(self, path: Steps) -> Place:
        """Return where `path` stands."""
        return Place(self.name, None, _documents_of(self.file)[self.number].line(path), json_path(path))


@lru_cache(maxsize=1)
def _documents_of(file: Path) -> list[YamlText]:
    return read_documents(file)


def read(path: Path) -> tuple[list[ResourceDraft], Findings]:
    """Return the drafts that a contract, or a folder of contracts, describes, and what was found; the departments as the contracts name them.

    Broken contracts and those without a department of ours are errors among the findings and make no draft.
    """
    findings = Findings()
    found = list(_readings(path, findings))
    return list(_drafts(found, {one.reading.department: one.reading.department for one in found}, findings)), findings


def take_in(session: Session, path: Path, *, partial: bool = False, by: str = "") -> Outcome:
    """Take in a contract, or a folder of contracts: departments placed by name, drafts saved; all or nothing unless `partial`."""
    findings = Findings()
    found = list(_readings(path, findings))
    with session.begin_nested() as attempt:
        drafts = _drafts(found, _placed(session, found, findings), findings)
        outcome = intake.take_in(session, drafts, findings, partial=partial, by=by)
        if findings.errors and not partial:
            attempt.rollback()  # names proposed for departments go with the contracts that brought them
    return outcome


def _readings(path: Path, findings: Findings) -> Iterator[_Read]:
    _documents_of.cache_clear()  # the same path may hold another text by now
    files = sorted(f for f in path.rglob("*") if f.suffix in ENDINGS) if path.is_dir() else [path]
    for file in files:
        name = str(file.relative_to(path)) if path.is_dir() else file.name
        try:
            texts = read_documents(file) or [YamlText(None, None)]
        except Invalid as error:
            findings.add(finding_of(error, Place(name)))
            findings.refused += 1
            continue
        for number, text in enumerate(texts):
            if _keeps_to_standard(name, text, findings):
                for one in readings(text.value):
                    place = Place(name, None, text.line(one.table), json_path(one.table))
                    yield _Read(file, name, number, one, place)


def _keeps_to_standard(name: str, text: YamlText, findings: Findings) -> bool:
    wrong = problems(text.value)
    for one in wrong:
        place = Place(name, None, text.line(one.path), json_path(one.path))
        findings.add(finding_at(place, "contract.invalid", path=json_path(one.path), problem=one.words))
    findings.refused += bool(wrong)
    return not wrong


def _placed(session: Session, found: Iterable[_Read], findings: Findings) -> dict[str, str]:
    """Return the department's id for each name in the contracts: an id of the directory, or what the name is placed with."""
    known = set(session.scalars(select(Department.id)))
    unknown: dict[str, _Read] = {}
    for one in found:
        if one.reading.department and one.reading.department not in known:
            unknown.setdefault(one.reading.department, one)
    given = [placing.Given(name, place=one.name) for name, one in unknown.items()]
    ids = {name: name for name in known}
    for (name, one), placed in zip(
        unknown.items(), placing.place(session, given, source="odcs") if given else (), strict=True
    ):
        ids[name] = placed.department_id
        if not placed.is_certain:
            place = one.place(("domain",))
            findings.add(
                finding_at(place, "contract.department_proposed", name, is_error=False, id=placed.department_id)
            )
    return ids


def _drafts(found: Iterable[_Read], departments: Mapping[str, str], findings: Findings) -> Iterator[ResourceDraft]:
    for one in found:
        reading = one.reading
        if not (department := departments.get(reading.department, "")):
            findings.add(finding_at(one.place(()), "contract.no_department"))
            findings.refused += 1
            continue
        resource_id = reading.wanted_id or f"{department.partition('.')[0]}.{identifier(reading.name_for_id)}"
        body = {**reading.fields, "id": resource_id, "department": department}
        draft = _draft(one, body, findings)
        if draft is None:
            findings.refused += 1
            continue
        findings.places.setdefault(resource_id, one.table)
        if not reading.wanted_id:
            findings.add(finding_at(one.place(("id",)), "contract.new_id", is_error=False, id=resource_id))
        for path in reading.left:
            findings.add(finding_at(one.place(path), "contract.left_out", is_error=False, path=json_path(path)))
        yield draft


def _draft(one: _Read, body: dict[str, Any], findings: Findings) -> ResourceDraft | None:
    try:
        return ResourceDraft.model_validate(body)
    except ValidationError as error:
        for problem in error.errors(include_input=False, include_url=False):
            path = one.reading.path(problem["loc"])
            field = ".".join(map(str, problem["loc"])) or json_path(path)
            findings.add(finding_at(one.place(path), "intake.bad_field", field=field, problem=problem["msg"]))
        return None
