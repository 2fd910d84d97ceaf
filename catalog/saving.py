"""Why: a city's lists hold ten thousand resources, and each import brings all of them again. Keeps drafts in sets: a few statements per thousand.

Called by `catalog.directory`, which hands `save_drafts` on; by nobody else. A draft that says what the newest version says changes nothing; what the
directory itself filled in (code, publication date, what items inherit from their elements) counts as said.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row, bindparam, func, select, text, update
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.orm import Session

from catalog import codes, elements
from catalog.dictionary import binding
from schemas.bound import BESIDE_ATTRIBUTES
from schemas.errors import Invalid
from schemas.library import library
from schemas.resource import ResourceDocument, ResourceDraft
from schemas.tables.departments import Department
from schemas.tables.directory import OPEN_STATES, Resource, ResourceEvent, ResourceVersion
from schemas.tables.elements import DataElement

PART = 500  # drafts per round of statements: their bodies are in memory twice
# numbers are short (smallint, they stand in golden records): what a failed import took is given again
_NUMBER_ON = """
SELECT setval(pg_get_serial_sequence('directory.resources', 'number'), greatest(max(number), 1), max(number) IS NOT NULL) FROM directory.resources
"""


@dataclass
class Saved:
    """What saving did: ids of resources new to the directory, of those whose draft is new or changed, and how many said nothing new."""

    created: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    unchanged: int = 0


@dataclass
class _Round:
    """What one round of statements will write."""

    resources: list[dict[str, Any]] = field(default_factory=list)
    versions: list[dict[str, Any]] = field(default_factory=list)
    edits: list[dict[str, Any]] = field(default_factory=list)


def save_drafts(session: Session, drafts: Iterable[ResourceDraft], *, by: str = "") -> Saved:
    """Keep each draft as its resource's draft, giving codes where there are none; say what was new.

    A `ResourceDocument` says of itself that it is whole and is held to that. Raises Invalid `directory.holds_secret`, `.in_review`,
    `.repeated_resource`, `.unknown_department`; for whole documents `.unknown_element`, `.unknown_code_table`, `.unknown_attribute`, `.no_subject`.
    """
    wanted = list(drafts)
    _admit(session, wanted)
    session.flush()
    session.execute(
        select(func.pg_advisory_xact_lock(func.hashtext("directory.saving")))
    )  # two imports never number alike
    known = _Known(session, wanted)
    saved = Saved()
    for start in range(0, len(wanted), PART):
        _save_part(session, wanted[start : start + PART], known, saved, by)
    return saved


def body_of(draft: ResourceDraft) -> dict[str, Any]:
    """Return a draft as it is stored."""
    return draft.model_dump(mode="json", by_alias=True)


def digest_of(body: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a stored body."""
    return hashlib.sha256(json.dumps(body, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


class _Known:
    """What a saving needs to know besides former versions; each is asked for once, and only when needed."""

    def __init__(self, session: Session, wanted: Sequence[ResourceDraft]) -> None:
        self._session, self._wanted = session, wanted
        self._numbering: codes.Numbering | None = None
        self._elements: dict[str, DataElement] | None = None

    def code_for(self, category: str | None) -> str | None:
        """Return a new code."""
        if self._numbering is None:
            document = ResourceVersion.document
            there = self._session.execute(select(document["category"].astext, document["code"].astext).distinct())
            here = ((draft.category, code) for draft in self._wanted for code in codes.codes_of(draft))
            self._numbering = codes.Numbering.of([*(tuple(row) for row in there), *here])
        return self._numbering.give(category)

    @property
    def elements(self) -> dict[str, DataElement]:
        """Return the dictionary by id."""
        if self._elements is None:
            self._elements = {element.id: element for element in elements.find(self._session)}
        return self._elements


def _save_part(session: Session, part: Sequence[ResourceDraft], known: _Known, saved: Saved, by: str) -> None:
    former = _newest(session, [draft.id for draft in part])
    this = _Round()
    for draft in part:
        row = former.get(draft.id)
        body = body_of(draft)
        if row and not draft.code:
            body["code"] = row.code
        if row and _says_the_same(draft, body, row, known):
            saved.unchanged += 1
            continue
        if row and row.state in OPEN_STATES[1:]:
            raise Invalid("directory.in_review", resource=draft.id, version=row.version, state=row.state)
        body["code"] = body["code"] or known.code_for(draft.category)
        _note(this, draft, body, row, by)
        (saved.changed if row else saved.created).append(draft.id)
    _write(session, this, by)


def _newest(session: Session, ids: Sequence[str]) -> dict[str, Row[Any]]:
    document = ResourceVersion.document
    query = (
        select(
            ResourceVersion.resource_id,
            ResourceVersion.id,
            ResourceVersion.version,
            ResourceVersion.state,
            ResourceVersion.digest,
            document["code"].astext.label("code"),
            document["publish_date"].astext.label("publish_date"),
            document["department"].astext.label("said"),
            ResourceVersion.department_id.label("owner"),
        )
        .where(ResourceVersion.resource_id.in_(ids))
        .ext(distinct_on(ResourceVersion.resource_id))
        .order_by(ResourceVersion.resource_id, ResourceVersion.version.desc())
    )
    return {row.resource_id: row for row in session.execute(query)}


def _says_the_same(draft: ResourceDraft, body: dict[str, Any], row: Row[Any], known: _Known) -> bool:
    if row.state in ("superseded", "withdrawn"):
        return False
    # what was published by a department that a reform ended says nothing new when its owner says it
    is_final = row.state not in OPEN_STATES
    said = row.said if is_final and body["department"] == row.owner else body["department"]
    if digest_of(body | {"department": said}) == row.digest:
        return True
    resolved = body_of(binding.resolve(draft, known.elements))  # as review and publication fill it in
    filled = {
        "code": body["code"], "publish_date": resolved["publish_date"] or row.publish_date, "department": said,
    }  # fmt: skip
    return digest_of(resolved | filled) == str(row.digest)


def _note(this: _Round, draft: ResourceDraft, body: dict[str, Any], row: Row[Any] | None, by: str) -> None:
    written = {"document": body, "digest": digest_of(body)}
    if row and row.state == "draft":
        this.edits.append({"row": row.id, **written})
        return
    if row is None:
        this.resources.append({"id": draft.id, "department_id": draft.department})
    number = row.version + 1 if row else 1
    place = {"id": f"{draft.id}@{number}", "resource_id": draft.id, "version": number}
    this.versions.append({**place, **written, "state": "draft", "created_by": by})


def _write(session: Session, this: _Round, by: str) -> None:
    if this.resources:
        session.execute(text(_NUMBER_ON))
        session.execute(insert(Resource), this.resources)
    if this.versions:
        session.execute(insert(ResourceVersion), this.versions)
    if this.edits:
        statement = update(ResourceVersion).where(ResourceVersion.id == bindparam("row"))
        statement = statement.values(document=bindparam("document"), digest=bindparam("digest"))
        session.connection().execute(statement, this.edits)  # not the session's own bulk update, which wants keys
        edited = {edit["row"] for edit in this.edits}
        for row in list(session.identity_map.values()):
            if isinstance(row, ResourceVersion) and row.id in edited:
                session.expire(row)
    if by and (this.versions or this.edits):
        session.execute(insert(ResourceEvent), [*_events(this, by)])


def _events(this: _Round, by: str) -> Iterator[dict[str, Any]]:
    for version in this.versions:
        yield {"version_id": version["id"], "actor": by, "action": "save", "from_state": None, "to_state": "draft"}
    for edit in this.edits:
        yield {"version_id": edit["row"], "actor": by, "action": "save", "from_state": "draft", "to_state": "draft"}


def _admit(session: Session, wanted: Sequence[ResourceDraft]) -> None:
    """Refuse what may not even be a draft: secrets, unknown departments, one resource twice, a whole document that is not."""
    seen: set[str] = set()
    there = set(session.scalars(select(Department.id)))
    whole = any(isinstance(draft, ResourceDocument) for draft in wanted)
    known_elements = elements.known(session) if whole else frozenset()
    for draft in wanted:
        if draft.assessment and draft.assessment.secrecy != "none":
            raise Invalid("directory.holds_secret", resource=draft.id)
        if draft.id in seen:
            raise Invalid("directory.repeated_resource", resource=draft.id)
        if draft.department not in there:
            raise Invalid("directory.unknown_department", department=draft.department)
        if isinstance(draft, ResourceDocument):
            _hold_against_directory(draft, known_elements)
        seen.add(draft.id)


def _hold_against_directory(wanted: ResourceDocument, known_elements: frozenset[str]) -> None:
    for item in wanted.items:
        where = f"{wanted.id}.{item.id}"
        if item.element and item.element not in known_elements:
            raise Invalid("directory.unknown_element", where=where, element=item.element)
        elements.require_code_table(where, item.code_table)
    if wanted.library:
        _hold_against_library(wanted)


def _hold_against_library(wanted: ResourceDocument) -> None:
    known = (*BESIDE_ATTRIBUTES, *library(str(wanted.library)).attribute_ids)
    fed = [item for item in wanted.items if item.attribute]
    for item in fed:
        if item.attribute not in known:
            raise Invalid(
                "directory.unknown_attribute", where=f"{wanted.id}.{item.id}", attribute=item.attribute,
                library=wanted.library, known=", ".join(known),
            )  # fmt: skip
    if sum(item.attribute == "subject" for item in fed) != 1:
        raise Invalid("directory.no_subject", resource=wanted.id, library=wanted.library)
