"""Why: the HTTP application is put together here and nowhere else. The answering layer stands in front of /v1/, routers and the portal behind it.
Run it with `uvicorn --factory exchange_api.app:create_app`, or `exchange_api.app:app`.
"""

import importlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException

from exchange_api.answer import begin
from exchange_api.answering import Answering, Receive, Scope, Send
from exchange_api.hub import ApiSettings, Hub
from exchange_api.problems import MEDIA_TYPE
from exchange_api.routers import bulk, certificates, desk_api, desks, evidence, inbox, machine, reference, service
from exchange_api.signing import Request as Question
from exchange_api.watching import lines
from exchange_api.watching.watching import Watching
from schemas.errors import HutongError, Invalid, Terminal

log = logging.getLogger("hutong.exchange")
TITLE = "互通 Hutong exchange API"


class Exchange(FastAPI):
    """The application with its edge in front of all the framework's layers: a question that the edge answers itself passes none of them."""

    def __init__(self, **described: Any) -> None:
        super().__init__(**described)
        self._edge = Watching(Answering(super().__call__))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the edge answer or pass on."""
        scope["app"] = self
        await self._edge(scope, receive, send)


def create_app(settings: ApiSettings | None = None) -> FastAPI:
    """Return the application; its hub (pool, keys, recorder) opens and closes with the server."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with Hub(settings) as app.state.hub:
            yield

    lines.begin()  # before the server says its first word
    # no reference pages from a content delivery network: the portal serves them from its own assets
    app = Exchange(title=TITLE, version="1", docs_url=None, redoc_url=None, lifespan=lifespan)
    app.include_router(evidence.router)
    app.include_router(service.router)
    app.include_router(desk_api.router)
    for kind in (HutongError, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, refuse)
    app.openapi = lambda: _describe(app)  # type: ignore[method-assign]
    _mount_portal(app)
    return app


def _mount_portal(app: FastAPI) -> None:
    """Hang the officers' pages into the application; the machine interface does not depend on them."""
    try:
        portal = importlib.import_module("exchange_api.portal.mounting")
    except ImportError as missing:
        log.warning("the portal is not installed (%s); the machine interface runs without it", missing)
        return
    portal.mount(app)


async def refuse(request: Request, failure: Exception) -> Response:
    """Turn what endpoints and the framework raise into a problem document; under /v1/ the answering layer seals it."""
    error = _translate(request, failure)
    known = request.scope.get("hutong.answer")
    answer = known if known is not None else begin(Question(request.method, "", request.url.path, "", {}, b""))
    answer.refuse(error)
    return Response(answer.body(), error.status, answer.headers, MEDIA_TYPE)


def _translate(request: Request, failure: Exception) -> HutongError:
    if isinstance(failure, HutongError):
        return failure
    if isinstance(failure, HTTPException) and failure.status_code == 405:
        return Invalid("route.method", method=request.method, allowed=(failure.headers or {}).get("Allow", "GET"))
    if isinstance(failure, HTTPException) and failure.status_code == 404:
        return Invalid("route.unknown")
    if isinstance(failure, RequestValidationError):
        fault = failure.errors()[0]
        return Invalid("request.malformed", where=str(fault["loc"][0]), reason=str(fault["type"]).replace("_", " "))
    return Terminal("server.error")


def _describe(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        described = get_openapi(
            title=TITLE,
            version="1",
            routes=[
                *machine.described.routes,
                *certificates.described.routes,
                *bulk.described.routes,
                *inbox.described.routes,
                *desks.described.routes,
                *desk_api.described.routes,
                *app.routes,
            ],
        )
        app.openapi_schema = reference.complete(described)
    return app.openapi_schema


def __getattr__(name: str) -> FastAPI:
    """Make `app` on first use, so that importing this module opens nothing."""
    if name == "app":
        globals()["app"] = create_app()
        return globals()["app"]  # type: ignore[no-any-return]
    raise AttributeError(name)
