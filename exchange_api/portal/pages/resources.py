"""Why: the directory as officers use it: searched while typing, one resource whole, two of its versions side by side. Called by `mounting`."""

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from fastapi.responses import HTMLResponse, Response

from catalog import departments, directory, search
from catalog.review.changes import diff
from catalog.search import Filters, Hit
from exchange_api.directory import editing
from exchange_api.portal import list_views, resource_standing, resource_view
from exchange_api.portal.language import N_, translations
from exchange_api.portal.listing import SIZES, Asked, Chosen, Column, Listing, workbook
from exchange_api.portal.pages.lists import AskedDep, Format
from exchange_api.portal.rendering import html, page
from exchange_api.portal.visit import OfficerVisit, Visit
from exchange_api.portal.words import LIBRARY, SHARING, word

router = APIRouter()
EVERYTHING = 1_000_000
NAME = "resources"
_Chosen = Annotated[str, Query(max_length=96)]
_TITLES = {
    "name": N_("资源名称"), "department": N_("提供部门"), "sharing": N_("共享属性"), "cycle": N_("更新周期"), "library": N_("基础库"),
    "items": N_("信息项数"), "id": N_("标识"),
}  # fmt: skip
_SORTED = {
    "name": "name", "department": "department_name", "sharing": "sharing_type", "cycle": "update_cycle", "library": "library",
    "items": "items", "id": "resource_id",
}  # fmt: skip


def _filters(department: _Chosen = "", library: _Chosen = "", sharing: _Chosen = "") -> Filters:
    number = int(sharing) if sharing in ("1", "2", "3") else None
    return Filters(department=department or None, library=library or None, sharing_type=number)


FiltersDep = Annotated[Filters, Depends(_filters)]


@router.get("/resources")
def resources(visit: OfficerVisit, asked: AskedDep, filters: FiltersDep, file: Format = "") -> Response:
    """List the published directory, or what answers a search in it; while typing, only what was found."""
    if file == "xlsx":
        listing = _found(visit, asked, filters, Chosen(size=EVERYTHING))
        return workbook(listing.every, listing.rows, Asked(), NAME)
    chosen = list_views.get(visit.session, visit.actor.id, NAME)
    return _shown(visit, _found(visit, asked, filters, chosen), _kept(filters))


@router.get("/resources/{resource_id}")
def resource(visit: OfficerVisit, resource_id: str, version: int | None = None) -> Response:
    """Show one version of a resource, by default what is published."""
    row = resource_view.chosen(visit, resource_id, version)
    beside = resource_standing.standing(visit, row)
    may_edit = editing.may_edit(visit.actor, directory.newest(visit.session, resource_id))
    return page(visit, "resource.html", shown=resource_view.shown(visit, row), standing=beside, may_edit=may_edit)


@router.get("/resources/{resource_id}/changes")
def changes(visit: OfficerVisit, resource_id: str, old: int | None = None, new: int | None = None) -> Response:
    """Show what the later of two versions changes; a version not named is the one in force."""
    rows = [resource_view.chosen(visit, resource_id, number) for number in (old, new)]
    first, second = sorted(rows, key=lambda row: row.version)
    former, later = (directory.draft(visit.session, resource_id, row.version) for row in (first, second))
    return page(visit, "resource_changes.html", diff=diff(former, later), former=first, later=second, document=later)


def _shown(visit: Visit, listing: Listing, filters: dict[str, str]) -> Response:
    if visit.request.headers.get("hx-request") == "true":
        return HTMLResponse(html(visit, "resources_found.html", listing=listing, filters=filters))
    whose = departments.find(visit.session)
    return page(
        visit, "resources.html", listing=listing, filters=filters, departments=whose, libraries=LIBRARY, sharings=SHARING, name=NAME, sizes=SIZES
    )  # fmt: skip


def _found(visit: Visit, asked: Asked, filters: Filters, chosen: Chosen) -> Listing:
    size, every = chosen.size, _columns(visit)
    key, start = _SORTED.get(asked.sort.lstrip("-")), (max(1, asked.page) - 1) * size
    first, most = (0, EVERYTHING) if key else (start, size)
    found = search.find(visit.session, asked.q, limit=most, offset=first, **filters)
    if found.total and start >= found.total:  # a page beyond the end is the last one
        return _found(visit, replace(asked, page=-(-found.total // size)), filters, chosen)
    hits = _ordered(found.hits, key, asked.sort)[start : start + size] if key else found.hits
    rows = [_row(visit, hit) for hit in hits]
    return Listing(chosen.of(every), rows, found.total, start // size + 1, asked, size, every)


def _ordered(hits: list[Hit], key: str, sort: str) -> list[Hit]:
    def place(hit: Hit) -> tuple[bool, Any]:
        value = getattr(hit.entry, key)
        return value is not None, value

    return sorted(hits, key=place, reverse=sort.startswith("-"))


def _row(visit: Visit, hit: Hit) -> dict[str, Any]:
    entry = hit.entry
    return {
        "name": entry.name, "department": entry.department_name, "sharing": _say(visit, "sharing", entry.sharing_type),
        "cycle": _say(visit, "cycle", entry.update_cycle), "library": _say(visit, "library", entry.library), "items": entry.items,
        "id": entry.resource_id, "_hit": hit,
    }  # fmt: skip


def _kept(filters: Filters) -> dict[str, str]:
    """The filters as the address says them."""
    names = {"department": "department", "library": "library", "sharing": "sharing_type"}
    return {name: str(filters.get(key) or "") for name, key in names.items()}


def _columns(visit: Visit) -> tuple[Column, ...]:
    translate = translations(visit.language).gettext
    return tuple(Column(key, translate(title), is_shown=key != "id") for key, title in _TITLES.items())


def _say(visit: Visit, table: str, key: Any) -> str:
    return translations(visit.language).gettext(word(table, key)) if key else "—"
