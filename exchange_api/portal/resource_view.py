"""Why: what the page of a resource shows is gathered here: which version an officer may see, its items with their elements, its gaps, its versions.

A version not yet published is its department's and the authority's business alone. Called by `pages.resources`.
"""

from dataclasses import dataclass

from catalog import departments, directory, elements
from catalog.dictionary import binding
from catalog.gaps import Gap, gaps, known
from exchange_api.portal.visit import Visit
from schemas.codes import code_table
from schemas.errors import Invalid
from schemas.resource import Item, ResourceDraft
from schemas.tables.directory import ResourceVersion
from schemas.tables.elements import DataElement

UNREVIEWED = ("draft", "office_review", "authority_review")


@dataclass(frozen=True)
class ShownItem:
    """An item as it holds, its element, and where it says otherwise than that."""

    item: Item
    element: DataElement | None
    deviations: tuple[binding.Deviation, ...]


@dataclass(frozen=True)
class Shown:
    """One version of a resource with all that its page says."""

    row: ResourceVersion
    document: ResourceDraft
    department_name: str
    items: list[ShownItem]
    gaps: list[Gap]
    versions: list[ResourceVersion]
    format_category: str


def chosen(visit: Visit, resource_id: str, version: int | None) -> ResourceVersion:
    """Return a version that the officer may see: the one named, else the published one, else his newest.

    Raises Invalid `directory.unknown_resource`, `directory.not_published`.
    """
    known_ones = directory.versions(visit.session, resource_id)
    seen = [row for row in known_ones if _may_see(visit, row)]
    wanted = [row for row in seen if row.version == version] if version else seen
    published = next((row for row in wanted if row.state == "published"), None)
    if not wanted:
        code = "directory.not_published" if known_ones and not version else "directory.unknown_resource"
        raise Invalid(code, resource=resource_id)
    return published or wanted[0]


def shown(visit: Visit, row: ResourceVersion) -> Shown:
    """Return what the page of this version says."""
    document = ResourceDraft.model_validate(row.document)
    dictionary = {one.id: one for one in elements.find(visit.session)}
    whole = binding.resolve(document, dictionary)
    is_open = row.state in UNREVIEWED
    category = document.format.category if document.format else ""
    return Shown(
        row=row,
        document=whole,
        department_name=departments.get(visit.session, row.department_id).name,
        items=[_item(item, dictionary.get(item.element or "")) for item in whole.items],
        gaps=gaps(document, known(visit.session, [document])) if is_open else [],
        versions=[one for one in directory.versions(visit.session, row.resource_id) if _may_see(visit, one)],
        format_category=_name(visit, "format_category", category),
    )


def _item(item: Item, element: DataElement | None) -> ShownItem:
    return ShownItem(item, element, binding.deviations(item, element) if element else ())


def _may_see(visit: Visit, row: ResourceVersion) -> bool:
    is_own = row.department_id == visit.actor.department_id
    return row.state not in UNREVIEWED or is_own or bool(visit.actor.roles & {"authority", "auditor"})


def _name(visit: Visit, table: str, code: str) -> str:
    known_codes = code_table(table)
    return (known_codes.english if visit.language == "en" else known_codes.entries).get(code, code)
