"""Why: what operators and integrators look at: health, figures, and every error code with its remedy."""

from typing import Any

from fastapi import APIRouter, Request, Response

from exchange_api.deps import HubDep
from exchange_api.problems import catalogue
from exchange_api.watching.metrics import MEDIA_TYPE

router = APIRouter()


@router.get("/healthz", tags=["service"])
async def live() -> dict[str, bool]:
    """Say that this worker runs; nothing else is asked. 存活检查"""
    return {"live": True}


@router.get(
    "/readyz", tags=["service"], responses={503: {"description": "Not ready, and which part is not · 未就绪及其原因"}}
)
async def ready(hub: HubDep, response: Response) -> dict[str, Any]:
    """Say whether this worker can answer: database, signing key, hearing of changes, evidence, sequencer; each with the time it took. 就绪检查"""
    state = await hub.watch.health.ready()
    response.status_code = 200 if state["ready"] else 503
    return state


@router.get("/metrics", tags=["service"], response_class=Response)
async def metrics(hub: HubDep, request: Request) -> Response:
    """Show the figures of all workers in Prometheus' format, to the networks that may see them. 运行指标"""
    return Response(await hub.watch.metrics(request.scope), media_type=MEDIA_TYPE)


@router.get("/v1/errors", tags=["service"])
def errors() -> list[dict[str, Any]]:
    """List every error code with its meaning and remedy. 错误代码"""
    return catalogue()
