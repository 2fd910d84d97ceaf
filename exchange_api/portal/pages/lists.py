"""Why: the lists an officer looks things up in: demands, supply tasks; and what all lists share: the address, the page, the file, the chosen columns.
Called by `mounting` and by pages with lists of their own.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from exchange_api.portal import case_lists, list_views, queried
from exchange_api.portal.language import N_, translations
from exchange_api.portal.listing import SIZES, Asked, Column, Listing, exported, listed, workbook
from exchange_api.portal.queried import Table
from exchange_api.portal.rendering import leads_to, page
from exchange_api.portal.visit import Form, OfficerVisit, ProviderVisit, Visit, own_address, text_of, texts_of
from exchange_api.portal.words import word

router = APIRouter()
_LONGEST = 96
_OWN = ("q", "sort", "page", "format")


def _asked(
    request: Request,
    q: Annotated[str, Query(max_length=100)] = "",
    sort: Annotated[str, Query(max_length=40)] = "",
    page: int = 1,
) -> Asked:
    filters = {name: text for name, text in request.query_params.items() if name not in _OWN and len(text) <= _LONGEST}
    return Asked(q.strip(), sort, page, filters)


AskedDep = Annotated[Asked, Depends(_asked)]
Format = Annotated[str, Query(alias="format", max_length=8)]


@router.get("/demands")
def demands(visit: OfficerVisit, asked: AskedDep, file: Format = "") -> Response:
    """List the demands that concern the officer."""
    return show_table(visit, asked, case_lists.demands(visit), (N_("需求"), "demands", file))


@router.get("/tasks")
def tasks(visit: ProviderVisit, asked: AskedDep, file: Format = "") -> Response:
    """List the supply tasks of the officer's department."""
    return show_table(visit, asked, case_lists.tasks(visit), (N_("供给任务"), "tasks", file))


@router.post("/lists/{name}")
def choose(visit: OfficerVisit, form: Form, name: str) -> Response:
    """Keep which columns of a list the officer wants, and how many rows on a page."""
    list_views.keep(visit.session, visit.actor.id, name, texts_of(form, "column"), text_of(form, "size"))
    return leads_to(own_address(text_of(form, "back")))


def show_table(
    visit: Visit, asked: Asked, table: Table, what: tuple[str, str, str], template: str = "list.html", **more: Any
) -> Response:
    """Answer with one page of a list that the database searches, or all of it as XLSX. what: title, name, wished file; template: `list.html` or one that
    extends it, with what it needs besides.
    """
    title, name, file = what
    if file == "xlsx":
        return exported(table.columns, queried.every(visit.session, table, asked), name)
    chosen = list_views.get(visit.session, visit.actor.id, name)
    return _shown(visit, queried.found(visit.session, table, asked, chosen), (title, name), template, **more)


def show_list(
    visit: Visit, asked: Asked, titles: tuple[Column, ...], rows: list[dict[str, Any]], what: tuple[str, str, str]
) -> Response:
    """Answer with one page of a list of rows at hand (few: some hundreds), or all of it as XLSX. what: title, name, wished file."""
    title, name, file = what
    if file == "xlsx":
        return workbook(titles, rows, asked, name)
    chosen = list_views.get(visit.session, visit.actor.id, name)
    return _shown(visit, listed(titles, rows, asked, chosen), (title, name))


def columns(visit: Visit, **titles: str) -> tuple[Column, ...]:
    """Return columns with their titles in the visitor's language."""
    translate = translations(visit.language).gettext
    return tuple(Column(key, translate(title)) for key, title in titles.items())


def say(visit: Visit, table: str, key: Any) -> str:
    """Return the word of a key in the visitor's language."""
    return translations(visit.language).gettext(word(table, key))


def _shown(
    visit: Visit, listing: Listing, called: tuple[str, str], template: str = "list.html", **more: Any
) -> Response:
    return page(visit, template, listing=listing, title=called[0], name=called[1], sizes=SIZES, **more)
