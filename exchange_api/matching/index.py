"""Why: what can be matched is the published directory; items that feed a library carry how much their department's word counts.

It is read once per process and state of the directory: a question asks for the directory's mark, and reads again only when that is another one.
"""

from sqlalchemy.orm import Session

from catalog import departments, directory, elements, snapshot
from exchange_api.matching.found import Candidate
from schemas.bound import is_attribute
from schemas.library import library
from schemas.resource import Item, ResourceDocument
from schemas.tables.elements import DataElement

_held: dict[str, tuple[tuple[object, ...], list[Candidate]]] = {}


def candidates(session: Session) -> list[Candidate]:
    """Return every item of every published resource that may be shared (sharing type 3 is never offered); to be read only."""
    database, mark = session.get_bind().engine.url.render_as_string(), snapshot.mark(session)
    if database not in _held or _held[database][0] != mark:
        _held[database] = mark, _read(session)
    return _held[database][1]


def _read(session: Session) -> list[Candidate]:
    names = {department.id: department.short_name for department in departments.find(session)}
    dictionary = {element.id: element for element in elements.find(session)}
    return [
        _candidate(
            one.version_id, one.document, item, names[one.document.department], dictionary.get(item.element or "")
        )
        for one in directory.published(session)
        if one.document.sharing.type != 3
        for item in one.document.items
        if (item.share_type or one.document.sharing.type) != 3
    ]


def _candidate(
    version_id: str, document: ResourceDocument, item: Item, department_name: str, element: DataElement | None
) -> Candidate:
    return Candidate(
        version_id=version_id,
        resource_id=document.id,
        resource_name=document.name,
        department_id=document.department,
        department_name=department_name,
        item_id=item.id,
        item_name=item.name,
        sharing_type=item.share_type or document.sharing.type,
        library=document.library,
        attribute=item.attribute,
        element_name=element.name if element else None,
        synonyms=(*item.synonyms, *(element.synonyms if element else ())),
        context=f"{document.name} {document.category} {document.abstract}",
        rank_in_authority=_authority(document, item),
    )


def _authority(document: ResourceDocument, item: Item) -> int:
    if not document.library or not item.attribute or not is_attribute(item.attribute):
        return 99
    order = library(document.library).attribute(item.attribute).authority
    return order.index(document.department) if document.department in order else 98
