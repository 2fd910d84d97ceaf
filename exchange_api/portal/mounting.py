"""Why: the portal is an application of its own below /portal, so that its errors are pages and its headers are strict, whatever the API beside it does.

Called once, by `exchange_api.app` and by tests.
"""

from collections.abc import Callable

from fastapi import FastAPI
from fastapi.responses import RedirectResponse, Response
from fastapi.routing import APIRoute

from exchange_api.portal import assets, failures, warming
from exchange_api.portal.headers import StrictHeaders
from exchange_api.portal.pages import (
    accounts,
    applications,
    case,
    demand_form,
    directory,
    grants,
    help,
    lists,
    notices,
    objecting,
    objections,
    receipt,
    reference,
    resources,
    signing_in,
    steps,
    steward,
    supervision,
    supply_form,
    supply_workbook,
    workbench,
)
from exchange_api.portal.static_files import OnceCompressed
from exchange_api.portal.turns import Turns

STATIC = assets.PORTAL / "static"


def mount(app: FastAPI) -> None:
    """Hang the portal below /portal; `/` leads there, `/docs` to the API reference served from here.

    FastAPI's own reference pages load scripts from an outside host, so they are taken away.
    """
    foreign = {app.docs_url, app.redoc_url, app.swagger_ui_oauth2_redirect_url} - {None}
    app.router.routes[:] = [route for route in app.router.routes if getattr(route, "path", None) not in foreign]
    app.add_api_route("/", _leads_to("/portal/"), include_in_schema=False)
    app.add_api_route("/docs", _leads_to("/portal/reference"), include_in_schema=False)
    app.mount("/portal", application(app), name="portal")
    app.router.lifespan_context = warming.warmed(app.router.lifespan_context)


def application(api: FastAPI) -> FastAPI:
    """Return the portal; `api` is the application whose reference it shows."""
    portal = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    portal.state.api = api
    for room in (
        signing_in,
        workbench,
        steps,
        demand_form,
        case,
        supply_form,
        supply_workbook,
        grants,
        lists,
        notices,
        objecting,
        objections,
        resources,
        receipt,
        reference,
        help,
        *steward.ROOMS,
        *supervision.ROOMS,
        *accounts.ROOMS,
        *applications.ROOMS,
        *directory.ROOMS,
    ):
        portal.include_router(room.router)
    portal.mount("/static", OnceCompressed(STATIC), name="static")
    failures.register(portal)
    portal.add_middleware(Turns)
    portal.add_middleware(StrictHeaders)
    assets.found()
    return portal


def pages(portal: FastAPI) -> list[APIRoute]:
    """Return every page of the portal."""
    return [route for route in portal.routes if isinstance(route, APIRoute)]


def _leads_to(address: str) -> Callable[[], Response]:
    def leads() -> Response:
        return RedirectResponse(address, 307)

    return leads
