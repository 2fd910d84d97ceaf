"""Why: a data element is the standard meaning of one datum; items and library attributes are bound to it, so that matching and rules agree. Its desk.

Every saved change is a version. One department leads an element (一数一源): a second that claims it is refused until the authority says so.
Called by imports, commands, pages and the desks above; sessions come from outside.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from schemas.codes import code_tables
from schemas.database import keep
from schemas.errors import Invalid
from schemas.library import LIBRARIES, Attribute, library
from schemas.resource import DataType, Identifier, Sensitivity, Strict
from schemas.tables.departments import Department
from schemas.tables.elements import DataElement, DataElementVersion

TYPES: dict[str, DataType] = {
    "text": "C",
    "date": "D",
    "number": "N",
    "geometry": "G",
}  # of a library's attribute, as a data type


class ElementDocument(Strict):
    """One data element as it is written in elements.yml."""

    id: Identifier
    name: str
    synonyms: tuple[str, ...] = ()
    definition: str | None = None
    type: DataType
    length: int | None = None
    code_table: str | None = None
    sensitivity: Sensitivity = "internal"
    lead_department_id: Identifier | None = None


@dataclass(frozen=True)
class Contested:
    """A word that several data elements claim as name or synonym: matching cannot tell which one is meant."""

    word: str
    elements: tuple[str, ...]


def save(session: Session, wanted: ElementDocument, *, by: str = "") -> bool:
    """Register or update one data element; return whether anything changed. A version is written with every change; without a lead the former stays.

    Raises Invalid `directory.unknown_code_table`, `directory.unknown_department`, and `directory.second_lead` when another department leads it.
    """
    require_code_table(wanted.id, wanted.code_table)
    former = session.get(DataElement, wanted.id)
    if former and former.lead_department_id:
        if wanted.lead_department_id and _has_ended(session, wanted.lead_department_id):
            wanted = wanted.model_copy(
                update={"lead_department_id": None}
            )  # a reform gave the lead on; old documents do not know
        wanted = _with_lead_of(former, wanted)
    if wanted.lead_department_id:
        _require_department(session, wanted.lead_department_id)
    return _write(session, former, wanted, by)


def reassign_lead(session: Session, element_id: str, department_id: str, *, by: str = "") -> bool:
    """Make another department the one lead of an element; return whether anything changed. Only the authority may (政务数据共享条例 art. 19).

    Raises Invalid `directory.unknown_element`, `directory.unknown_department`.
    """
    former = get(session, element_id)
    _require_department(session, department_id)
    return _write(session, former, document_of(former).model_copy(update={"lead_department_id": department_id}), by)


def get(session: Session, element_id: str) -> DataElement:
    """Return one data element. Raises Invalid `directory.unknown_element`."""
    if found := session.get(DataElement, element_id):
        return found
    raise Invalid("directory.unknown_element", where="elements", element=element_id)


def find(session: Session) -> list[DataElement]:
    """Return the whole dictionary by id."""
    return list(session.scalars(select(DataElement).order_by(DataElement.id)))


def known(session: Session) -> frozenset[str]:
    """Return the ids of all data elements."""
    return frozenset(session.scalars(select(DataElement.id)))


def documents(session: Session) -> dict[str, ElementDocument]:
    """Return the whole dictionary by id, as `catalog.dictionary.binding` takes it."""
    return {row.id: document_of(row) for row in find(session)}


def document_of(row: DataElement) -> ElementDocument:
    """Return a stored element as it is written in elements.yml."""
    return ElementDocument.model_validate({name: getattr(row, name) for name in ElementDocument.model_fields})


def versions(session: Session, element_id: str) -> list[DataElementVersion]:
    """Return every version of an element, newest first."""
    query = select(DataElementVersion).where(DataElementVersion.element_id == element_id)
    return list(session.scalars(query.order_by(DataElementVersion.version.desc())))


def require_code_table(where: str, table: str | None) -> None:
    """Raise Invalid `directory.unknown_code_table` when `where` names a code table that does not exist."""
    if table and table not in code_tables():
        raise Invalid("directory.unknown_code_table", where=where, table=table, known=", ".join(code_tables()))


def contested(dictionary: Iterable[ElementDocument]) -> list[Contested]:
    """Return the words, names included, that more than one element claims, by word; letter case does not distinguish."""
    claims: defaultdict[str, set[str]] = defaultdict(set)
    for element in dictionary:
        for word in (element.name, *element.synonyms):
            claims[word.strip().casefold()].add(element.id)
    return [Contested(word, tuple(sorted(ids))) for word, ids in sorted(claims.items()) if len(ids) > 1]


@cache
def attributes_of_libraries() -> dict[str, tuple[str, ...]]:
    """Return for each data element which attributes of base libraries it is, as `<library>.<attribute>`; `subject` is whom a record is about."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for name in LIBRARIES:
        found[library(name).subject.element].append(f"{name}.subject")
        for attribute in library(name).attributes:
            found[attribute.element].append(f"{name}.{attribute.id}")
    return {element: tuple(places) for element, places in found.items()}


def of_libraries() -> list[ElementDocument]:
    """Return the data elements that the base libraries define by themselves, by id: what a directory without a dictionary begins with."""
    found: dict[str, ElementDocument] = {}
    for name in LIBRARIES:
        subject = library(name).subject
        found.setdefault(
            subject.element,
            ElementDocument(
                id=subject.element,
                name=subject.name,
                type="C",
                length=subject.length,
                sensitivity=subject.sensitivity,
            ),
        )
        for attribute in library(name).attributes:
            found.setdefault(attribute.element, _of_attribute(attribute))
    return [found[element] for element in sorted(found)]


def seed_libraries(session: Session, *, by: str = "") -> int:
    """Register those data elements of the base libraries that the dictionary lacks; return how many."""
    there = known(session)
    missing = [element for element in of_libraries() if element.id not in there]
    return sum(save(session, element, by=by) for element in missing)


def _of_attribute(attribute: Attribute) -> ElementDocument:
    return ElementDocument(
        id=attribute.element, name=attribute.name, type=TYPES[attribute.type], length=attribute.length,
        code_table=attribute.code_table, sensitivity=attribute.sensitivity,
    )  # fmt: skip


def _has_ended(session: Session, department_id: str) -> bool:
    row = session.get(Department, department_id)
    return row is not None and row.state == "dissolved"


def _require_department(session: Session, department_id: str) -> None:
    if session.get(Department, department_id) is None:
        raise Invalid("directory.unknown_department", department=department_id)


def _with_lead_of(former: DataElement, wanted: ElementDocument) -> ElementDocument:
    if wanted.lead_department_id not in (None, former.lead_department_id):
        raise Invalid(
            "directory.second_lead", element=f"{former.id} {former.name}", lead=former.lead_department_id,
            claimant=wanted.lead_department_id, id=former.id,
        )  # fmt: skip
    return wanted.model_copy(update={"lead_department_id": former.lead_department_id})


def _write(session: Session, former: DataElement | None, wanted: ElementDocument, by: str) -> bool:
    attributes = list(attributes_of_libraries().get(wanted.id, ()))
    if former and document_of(former) == wanted and former.attributes == attributes:
        return False
    number = former.version + 1 if former else 1
    values: dict[str, Any] = wanted.model_dump() | {"attributes": attributes, "version": number}
    keep(session, DataElement, values)
    session.add(
        DataElementVersion(element_id=wanted.id, version=number, document=wanted.model_dump(mode="json"), created_by=by)
    )
    session.flush()
    if former:
        session.refresh(former)  # `keep` wrote past the identity map
    return True
