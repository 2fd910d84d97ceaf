"""Why: what is found are versions of resources. Here they are read from the directory, with every text that may find them and the field it stands in.
Called by `catalog.search.keeping`.
"""

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from schemas.tables.departments import Department
from schemas.tables.directory import ResourceVersion
from schemas.tables.elements import DataElement

FIELDS = ("name", "code", "keyword", "item", "element", "synonym", "department", "about")
NAME, CODE, KEYWORD, ITEM, ELEMENT, SYNONYM, DEPARTMENT, ABOUT = range(8)
SPELLED = (NAME, KEYWORD, ITEM, ELEMENT, SYNONYM, DEPARTMENT)  # fields that are found by pinyin too
_ABOUT_LIMIT = 1000  # characters of an abstract that are searched: it may be 4,000 long, 10,000 times
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Entry:
    """One version as lists show it."""

    version_id: str
    resource_id: str
    version: int
    state: str
    digest: str
    name: str
    department: str
    department_name: str
    code: str | None
    category: str | None
    library: str | None
    sharing_type: int | None
    update_cycle: int | None
    items: int


@dataclass(frozen=True)
class Names:
    """Words that entries borrow: departments' and elements' names and synonyms. When these change, every entry may."""

    departments: dict[str, tuple[str, ...]]
    elements: dict[str, tuple[str, ...]]


@dataclass
class Gathered:
    """Entries with their texts: text number `labels[i]` stands in field `fields[i]` of entry `places[i]`."""

    entries: list[Entry] = field(default_factory=list)
    texts: dict[str, int] = field(default_factory=dict)
    places: "array[int]" = field(default_factory=lambda: array("i"))
    labels: "array[int]" = field(default_factory=lambda: array("i"))
    fields: "array[int]" = field(default_factory=lambda: array("B"))

    def take(self, row: Row[Any], names: Names) -> None:
        """Add one version with its texts."""
        body: dict[str, Any] = {**row.document, "department": row.department_id}
        place, seen = len(self.entries), set()
        for text, number in _texts(body, names):
            if text and (text, number) not in seen:
                seen.add((text, number))
                self.places.append(place)
                self.labels.append(self.texts.setdefault(text, len(self.texts)))
                self.fields.append(number)
        self.entries.append(_entry(row, body, names))

    def add(self, row: Row[Any], names: Names) -> None:
        """Add one version that is only listed, never searched."""
        self.entries.append(_entry(row, {**row.document, "department": row.department_id}, names))


def read_names(session: Session) -> Names:
    """Read departments' and elements' names; a department's short name comes first."""
    departments = session.execute(
        select(Department.id, Department.short_name, Department.name, Department.former_names)
    ).all()
    elements = session.execute(select(DataElement.id, DataElement.name, DataElement.synonyms)).all()
    return Names(
        {one.id: (one.short_name, one.name, *one.former_names) for one in departments},
        {one.id: (one.name, *one.synonyms) for one in elements},
    )


def read(session: Session, states: Iterable[str], names: Names, only: Iterable[str] | None = None) -> Gathered:
    """Read the versions in these states, or `only` those with these ids, in the order of their resources."""
    gathered = Gathered()
    for row in _rows(session, states, only):
        gathered.take(row, names)
    return gathered


def read_listed(session: Session, states: Iterable[str]) -> Gathered:
    """Read the versions in these states without the texts that find them."""
    names, gathered = read_names(session), Gathered()
    for row in _rows(session, states):
        gathered.add(row, names)
    return gathered


def _rows(session: Session, states: Iterable[str], only: Iterable[str] | None = None) -> Iterable[Row[Any]]:
    query = select(
        ResourceVersion.id, ResourceVersion.resource_id, ResourceVersion.version, ResourceVersion.state,
        ResourceVersion.digest, ResourceVersion.document, ResourceVersion.department_id,
    ).order_by(ResourceVersion.resource_id)  # fmt: skip
    query = query.where(ResourceVersion.state.in_(list(states)))
    if only is not None:
        query = query.where(ResourceVersion.id.in_(list(only)))
    return session.execute(query, execution_options={"yield_per": _CHUNK})


def _entry(row: Row[Any], body: dict[str, Any], names: Names) -> Entry:
    department = str(body["department"])
    return Entry(
        version_id=row.id,
        resource_id=row.resource_id,
        version=row.version,
        state=row.state,
        digest=row.digest,
        name=body["name"],
        department=department,
        department_name=names.departments.get(department, (department,))[0],
        code=body.get("code"),
        category=body.get("category"),
        library=body.get("library"),
        sharing_type=(body.get("sharing") or {}).get("type"),
        update_cycle=body.get("update_cycle"),
        items=len(body.get("items") or ()),
    )


def _texts(body: dict[str, Any], names: Names) -> Iterator[tuple[str, int]]:
    yield body["name"], NAME
    yield body["id"], CODE
    for code in (body.get("code"), *(body.get("more_codes") or ())):
        yield code or "", CODE
    for keyword in body.get("keywords") or ():
        yield keyword, KEYWORD
    for name in names.departments.get(body["department"], ()):
        yield name, DEPARTMENT
    yield body.get("inner_department") or "", DEPARTMENT
    for key in ("category", "abstract", "duty", "system", "open_theme"):
        yield (body.get(key) or "")[:_ABOUT_LIMIT], ABOUT
    for item in body.get("items") or ():
        yield from _item_texts(item, names)


def _item_texts(item: dict[str, Any], names: Names) -> Iterator[tuple[str, int]]:
    yield item["name"], ITEM
    yield item["id"], SYNONYM
    for synonym in item.get("synonyms") or ():
        yield synonym, SYNONYM
    if element := item.get("element"):
        name, *synonyms = names.elements.get(element, ("",))
        yield name, ELEMENT
        for synonym in synonyms:
            yield synonym, SYNONYM
