"""Why: what operators and integrators look at: health, and every error code with its remedy."""

from typing import Any

from fastapi import APIRouter, Response

from exchange_api.deps import HubDep
from exchange_api.problems import catalogue

router = APIRouter()


@router.get("/healthz", tags=["service"])
async def health(hub: HubDep, response: Response) -> dict[str, Any]:
    """Say whether this worker can answer (database, signing key), and whether it hears of changes; if not it remembers nothing. 健康检查"""
    state = await hub.health()
    response.status_code = 200 if state["database"] and state["signing_key"] else 503
    return state


@router.get("/v1/errors", tags=["service"])
def errors() -> list[dict[str, Any]]:
    """List every error code with its meaning and remedy. 错误代码"""
    return catalogue()
