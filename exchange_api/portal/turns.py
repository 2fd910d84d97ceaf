"""Why: a page holds a database connection while it waits for a thread, and a thread while it waits for a connection: two hundred officers at once could
leave every thread waiting for connections whose holders wait for threads. So many pages are made at a time, the others wait their turn holding nothing.
Called by `mounting`.
"""

import asyncio

from pydantic import Field
from starlette.types import ASGIApp, Receive, Scope, Send

from schemas.settings import HutongSettings


class TurnSettings(HutongSettings):
    """How many pages one worker makes at a time."""

    portal_at_once: int = Field(
        default=8, ge=1, le=9, description="Pages one worker makes at a time; each may need two database connections."
    )


class Turns:
    """Lets so many requests in; files need neither thread nor connection for long and pass."""

    def __init__(self, app: ASGIApp) -> None:
        self._app, self._turns = app, asyncio.Semaphore(TurnSettings().portal_at_once)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer in turn."""
        if scope["type"] != "http" or "/static/" in scope["path"]:
            return await self._app(scope, receive, send)
        async with self._turns:
            return await self._app(scope, receive, send)
