"""Why: what the directory holds but a law forbids to share (不予共享, 政务数据共享条例 art. 14, 15) is never offered by matching, so a demander must be told
which law it is, not that nobody has it. Called by the conformity check and at dispatch.

Only a name that is the very same, in the matching room's words, is refused: who writes something else is answered by matching.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from catalog import departments, directory, elements, snapshot
from exchange_api.matching import Found
from exchange_api.matching.words import canonical
from schemas.resource import Item
from schemas.tables.elements import DataElement
from schemas.tables.exchange import DemandItem

REFUSED = 3  # 不予共享
_SAME = ("same_name", "same_element", "synonym")
_held: dict[str, tuple[tuple[object, ...], dict[str, "Forbidden"]]] = {}


@dataclass(frozen=True)
class Forbidden:
    """An item that may not be shared: whose, which, and by which law, as the directory has it."""

    department: str
    resource: str
    item: str
    law: str


def forbidden(
    session: Session, wanted: Sequence[DemandItem], by_row: Mapping[int, Sequence[Found]]
) -> dict[int, Forbidden]:
    """Return, by position, the wanted items that a law keeps from being shared and that nobody else offers under the same name."""
    names = _names(session)
    return {
        item.position: names[name]
        for item in wanted
        if (name := canonical(item.name)) in names and not _is_offered(by_row.get(item.position, ()))
    }


def _is_offered(ranked: Sequence[Found]) -> bool:
    return any(reason.key in _SAME for one in ranked for reason in one.reasons)


def _names(session: Session) -> dict[str, Forbidden]:
    """Return the names of what may not be shared; read once per process and state of the directory, like the matching index."""
    database, mark = session.get_bind().engine.url.render_as_string(), snapshot.mark(session)
    if database not in _held or _held[database][0] != mark:
        _held[database] = mark, _read(session)
    return _held[database][1]


def _read(session: Session) -> dict[str, Forbidden]:
    known = {department.id: department.short_name for department in departments.find(session)}
    dictionary = {element.id: element for element in elements.find(session)}
    found: dict[str, Forbidden] = {}
    for one in directory.published(session):
        sharing = one.document.sharing
        for item in one.document.items:
            if (item.share_type or sharing.type) == REFUSED:
                law = sharing.condition or "目录未载明 not catalogued"
                said = Forbidden(known[one.document.department], one.document.name, item.name, law)
                for name in _called(item, dictionary.get(item.element or "")):
                    found.setdefault(canonical(name), said)
    return found


def _called(item: Item, element: DataElement | None) -> tuple[str, ...]:
    return (item.name, *item.synonyms, *((element.name, *element.synonyms) if element else ()))
