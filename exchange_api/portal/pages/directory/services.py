"""Why: what a citizen comes for and what he need no longer bring: the list of service items, each with its materials and whether the hub obtains them; and the
departments with their sharing offices. Called by `mounting`; what is obtainable is computed by `catalog.service.obtainable`.
"""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from catalog.findings import finding_words
from catalog.service import obtainable, services
from exchange_api.directory import using
from exchange_api.portal import directory_lists, reading
from exchange_api.portal.language import N_
from exchange_api.portal.pages.lists import AskedDep, Format, show_table
from exchange_api.portal.rendering import page
from exchange_api.portal.visit import OfficerVisit
from schemas.tables.services import ServiceItem

router = APIRouter()


@router.get("/services")
def show_all(visit: OfficerVisit, asked: AskedDep, file: Format = "") -> Response:
    """List the service items."""
    return show_table(visit, asked, directory_lists.services(visit), (N_("政务服务事项"), "services", file))


@router.get("/services/{service_item_id}")
def show(visit: OfficerVisit, service_item_id: str) -> Response:
    """Show one service item: for each material whether it need no longer be asked for, by whom it is replaced, and what is missing."""
    item = services.get(visit.session, service_item_id)
    answers = obtainable.obtainable(visit.session, item.id)
    spared = sum(one.is_obtainable for one in answers)
    facts: dict[str, Any] = {"item": item, "answers": answers, "spared": spared, "names": reading.names(visit.session)}
    titles = using.titles(visit.session, {str(one.material.target.resource) for one in answers})
    return page(visit, "directory/service.html", flags=_flags(item, visit.language), titles=titles, **facts)


def _flags(item: ServiceItem, language: str) -> list[str]:
    return [finding_words(one["code"])["title"][language].format_map(one["facts"]) for one in item.findings]


@router.get("/departments")
def departments(visit: OfficerVisit, asked: AskedDep, file: Format = "") -> Response:
    """List the departments with whom to talk to."""
    return show_table(visit, asked, directory_lists.departments(visit), (N_("部门"), "departments", file))
