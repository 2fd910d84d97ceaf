"""Why: a material that nobody linked yet may well be in some department's hands. Finds what could replace it: published items by their words, and types of
electronic certificates by their name. Used by `catalog.service.obtainable`.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from catalog import elements
from schemas.bound import is_attribute
from schemas.library import library
from schemas.tables.library import golden_table

_ITEMS = text("""
    SELECT v.resource_id, v.document->>'name' AS resource, r.department_id, item->>'id' AS item, item->>'name' AS name,
           item->>'element' AS element, v.document->>'library' AS library, item->>'attribute' AS attribute
    FROM directory.resource_versions v JOIN directory.resources r ON r.id = v.resource_id
    CROSS JOIN LATERAL jsonb_array_elements(v.document->'items') AS item
    WHERE v.state = 'published' AND (item->>'element' = ANY(:elements) OR lower(item->>'name') = ANY(:words))
""")


@dataclass(frozen=True)
class Candidate:
    """One published item that could supply what a material shows; `word` is what the material calls it."""

    word: str
    resource_id: str
    resource: str
    department_id: str
    item: str
    name: str
    library: str | None
    attribute: str | None


def find_items(session: Session, words: Iterable[str]) -> dict[str, list[Candidate]]:
    """Return for each word the published items it may mean, the department whose word counts most for a library's attribute first.

    Items that feed no library come last; words nobody bears are left out.
    """
    wanted = {word.strip().casefold(): word for word in words}
    meant: defaultdict[str, set[str]] = defaultdict(set)
    for element in elements.find(session):
        for name in (element.name, *element.synonyms):
            if name.strip().casefold() in wanted:
                meant[element.id].add(wanted[name.strip().casefold()])
    found: defaultdict[str, list[Candidate]] = defaultdict(list)
    for row in session.execute(_ITEMS, {"elements": list(meant), "words": list(wanted)}).mappings():
        own = {wanted[row["name"].casefold()]} if row["name"].casefold() in wanted else set()
        for word in sorted(meant.get(row["element"], set()) | own):
            values = {name: row[name] for name in row if name != "element"}
            found[word].append(Candidate(word=word, **values))
    return {word: sorted(candidates, key=_authority) for word, candidates in found.items()}


def _authority(candidate: Candidate) -> tuple[int, str, str]:
    """Order by who has the say on the attribute (`authority` of the library), then by resource."""
    rank = 98 if candidate.library and candidate.attribute else 99
    if candidate.library and candidate.attribute and is_attribute(candidate.attribute):
        order = library(candidate.library).attribute(candidate.attribute).authority
        rank = order.index(candidate.department_id) if candidate.department_id in order else rank
    return rank, candidate.resource_id, candidate.item


def find_certificate_types(session: Session, names: Iterable[str]) -> frozenset[str]:
    """Return which of these types of certificate (证照类型名称) the certificate library holds."""
    table = golden_table("certificate")
    wanted = sorted(set(names))
    if not wanted:
        return frozenset()
    held = select(table.c.certificate_type).where(table.c.certificate_type.in_(wanted)).distinct()
    return frozenset(str(name) for name in session.scalars(held))
