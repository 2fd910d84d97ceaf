"""Why: what can be matched is the published directory; items that feed a library carry how much their department's word counts.

It is read once per process and shared by all who ask: a question asks for the directory's mark, and when that is another one, only versions that are new are
read, for a published version never changes. A changed department or data element has everything read again.
"""

import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog import departments, elements, snapshot
from exchange_api.matching.found import Candidate
from schemas.bound import is_attribute
from schemas.library import library
from schemas.tables.directory import Resource, ResourceVersion

_NEVER = 3  # 不予共享
_AT_ONCE = 200  # documents that are held while they are read
_Key = tuple[str, str]  # version, department that owns it today
_Words = tuple[dict[str, str], dict[str, tuple[str, tuple[str, ...]]]]


@dataclass(frozen=True)
class _Directory:
    """One state of the directory. words: short names of departments, names and synonyms of elements."""

    mark: tuple[object, ...]
    words: _Words
    by_version: Mapping[_Key, list[Candidate]]
    candidates: list[Candidate]


_held: dict[str, _Directory] = {}
_lock = threading.Lock()


def candidates(session: Session) -> list[Candidate]:
    """Return every item of every published resource that may be shared (sharing type 3 is never offered); to be read only."""
    database, mark = session.get_bind().engine.url.render_as_string(), snapshot.mark(session)
    held = _held.get(database)
    if held is None or held.mark != mark:
        with _lock:
            held = _held.get(database)
            if held is None or held.mark != mark:
                held = _held[database] = _read(session, mark, held)
    return held.candidates


def _read(session: Session, mark: tuple[object, ...], before: _Directory | None) -> _Directory:
    words = (
        {department.id: department.short_name for department in departments.find(session)},
        {element.id: (element.name, tuple(element.synonyms)) for element in elements.find(session)},
    )
    known = dict(before.by_version) if before and before.words == words else {}
    query = (
        select(ResourceVersion.id, Resource.department_id)
        .join(Resource, Resource.id == ResourceVersion.resource_id)
        .where(ResourceVersion.state == "published")
        .order_by(ResourceVersion.resource_id)
    )
    now: list[_Key] = [(version, department) for version, department in session.execute(query)]
    owner = dict(key for key in now if key not in known)
    for version, document in _documents(session, owner):
        known[version, owner[version]] = _of_version(version, {**document, "department": owner[version]}, words)
    by_version = {key: known[key] for key in now if key in known}
    return _Directory(mark, words, by_version, [one for found in by_version.values() for one in found])


def _documents(session: Session, versions: Iterable[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    wanted = list(versions)
    for begin in range(0, len(wanted), _AT_ONCE):
        query = select(ResourceVersion.id, ResourceVersion.document)
        some = query.where(ResourceVersion.id.in_(wanted[begin : begin + _AT_ONCE]))
        yield from session.execute(some)


def _of_version(version_id: str, document: Mapping[str, Any], words: _Words) -> list[Candidate]:
    """Return a published document's items. Read as it lies: it was checked when it was published, and ten thousand are read."""
    names, dictionary = words
    shared = int(document["sharing"]["type"])
    if shared == _NEVER:
        return []
    department = str(document["department"])
    context = f"{document['name']} {document.get('category') or ''} {document.get('abstract') or ''}"
    found = []
    for item in document["items"]:
        if (item.get("share_type") or shared) == _NEVER:
            continue
        element = dictionary.get(item.get("element") or "")
        synonyms = tuple(item.get("synonyms") or ())
        found.append(
            Candidate(
                version_id=version_id, resource_id=document["id"], resource_name=document["name"], department_id=department,
                department_name=names.get(department, department), item_id=sys.intern(item["id"]), item_name=sys.intern(item["name"]),
                sharing_type=item.get("share_type") or shared, library=document.get("library"), attribute=item.get("attribute"),
                element_name=element[0] if element else None, synonyms=(*synonyms, *(element[1] if element else ())), context=context,
                rank_in_authority=_authority(department, document.get("library"), item.get("attribute")),
            )
        )  # fmt: skip
    return found


def _authority(department: str, library_name: str | None, attribute: str | None) -> int:
    if not library_name or not attribute or not is_attribute(attribute):
        return 99
    order = library(library_name).attribute(attribute).authority
    return order.index(department) if department in order else 98
