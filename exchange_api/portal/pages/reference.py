"""Why: the API's reference, readable on an intranet: Swagger UI from our own assets, its validator that would ask an outside host switched off.
Called by `mounting`.
"""

from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse, Response

from exchange_api.portal import assets
from exchange_api.portal.rendering import page
from exchange_api.portal.visit import AnyVisit

router = APIRouter()


@router.get("/reference")
def show(visit: AnyVisit) -> Response:
    """Show the reference."""
    described = _description(visit.request)
    has_swagger = {"swagger-ui.css", "swagger-ui-bundle.js"} <= assets.found()
    return page(visit, "reference.html", described=described, has_swagger=has_swagger)


@router.get("/reference/openapi.json")
def openapi(request: Request) -> Response:
    """Return the OpenAPI document of the API beside the portal."""
    return JSONResponse(_description(request))


def _description(request: Request) -> dict[str, Any]:
    api: FastAPI = request.app.state.api
    return api.openapi()
