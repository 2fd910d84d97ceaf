"""Why: a draft is held against what the directory knows: departments, elements, service items, codes and names of other resources. Asked once for many.

Called by `catalog.gaps` (which hands `Known` and `known` on) and the directory's desk.
"""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import ColumnElement, select, text
from sqlalchemy.orm import Session

from catalog import codes
from schemas.resource import ResourceDraft
from schemas.tables.departments import Department
from schemas.tables.directory import Resource, ResourceVersion
from schemas.tables.elements import DataElement
from schemas.tables.services import ServiceItem

_CODE, _NAME = ResourceVersion.document["code"].astext, ResourceVersion.document["name"].astext
_MORE = """
SELECT code, resource_id FROM directory.resource_versions, jsonb_array_elements_text(document -> 'more_codes') code WHERE state <> 'superseded'
"""
_OF_THESE = " AND document -> 'more_codes' ?| :codes"  # by an index, which "or no codes asked for" would keep it from


@dataclass(frozen=True)
class Known:
    """What drafts are held against. `codes`: code → resources that bear it; `names`: (department, folded name) → resources called so."""

    departments: Mapping[str, str] = field(default_factory=dict)  # id → state
    elements: Mapping[str, Any] = field(default_factory=dict)  # id → data element
    service_items: frozenset[str] = frozenset()
    codes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    names: Mapping[tuple[str, str], frozenset[str]] = field(default_factory=dict)

    def including(self, drafts: Iterable[ResourceDraft]) -> "Known":
        """Return the same with these drafts' names and codes, so that drafts of one import are held against each other."""
        named, coded = dict(self.names), dict(self.codes)
        for draft in drafts:
            key = (draft.department, folded(draft.name))
            named[key] = named.get(key, frozenset()) | {draft.id}
            for code in codes.codes_of(draft):
                coded[code] = coded.get(code, frozenset()) | {draft.id}
        return replace(self, names=named, codes=coded)


def known(session: Session, about: Sequence[ResourceDraft] | None = None) -> Known:
    """Return what drafts are held against; only what `about` can touch where given, which is quick in a directory of any size."""
    return Known(
        departments={row.id: row.state for row in session.execute(select(Department.id, Department.state))},
        elements=_elements(session, about),
        service_items=frozenset(session.scalars(select(ServiceItem.id))),
        codes=_known_codes(session, about),
        names=_names(session, about),
    )


def folded(name: str) -> str:
    """Return a name without spaces, punctuation, width and case: what two spellings of one name have in common."""
    wide = unicodedata.normalize("NFKC", name).casefold()
    return "".join(c for c in wide if c.isalnum())


def _elements(session: Session, about: Sequence[ResourceDraft] | None) -> dict[str, DataElement]:
    query = select(DataElement)
    if about is not None:
        query = query.where(
            DataElement.id.in_({item.element for draft in about for item in draft.items if item.element})
        )
    return {element.id: element for element in session.scalars(query)}


def _known_codes(session: Session, about: Sequence[ResourceDraft] | None) -> dict[str, frozenset[str]]:
    wanted = None if about is None else sorted({code for draft in about for code in codes.codes_of(draft)})
    named: ColumnElement[bool] = _CODE.is_not(None) if wanted is None else _CODE.in_(wanted)
    query = select(_CODE, ResourceVersion.resource_id).where(ResourceVersion.state != "superseded", named)
    found: dict[str, set[str]] = defaultdict(set)
    more = text(_MORE) if wanted is None else text(_MORE + _OF_THESE).bindparams(codes=wanted)
    for code, resource_id in (*session.execute(query), *session.execute(more)):
        found[code].add(resource_id)
    return {code: frozenset(ids) for code, ids in found.items()}


def _names(session: Session, about: Sequence[ResourceDraft] | None) -> dict[tuple[str, str], frozenset[str]]:
    query = (
        select(Resource.department_id, _NAME, Resource.id)
        .join(ResourceVersion, ResourceVersion.resource_id == Resource.id)
        .where(ResourceVersion.state.not_in(("superseded", "withdrawn")))
    )
    if about is not None:
        query = query.where(Resource.department_id.in_({draft.department for draft in about}))
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for department_id, name, resource_id in session.execute(query):
        found[department_id, folded(name)].add(resource_id)
    return {key: frozenset(ids) for key, ids in found.items()}
