"""Why: nobody should wait because he is the first to search or match after a worker began. A worker that serves the portal opens what lies ready for all
workers (`catalog.shelf`), or has it made, beside its first questions. Called by `mounting`; a worker without the portal holds none of it.
"""

import logging
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from catalog import search
from exchange_api import matching
from schemas.database import transaction

log = logging.getLogger("hutong.portal")
Lifespan = Callable[[Any], AbstractAsyncContextManager[Any]]


def warmed(lifespan: Lifespan) -> Lifespan:
    """Return the same life of an application, which begins with warming."""

    @asynccontextmanager
    async def begun(app: Any) -> AsyncIterator[Any]:
        async with lifespan(app) as state:
            begin()
            yield state

    return begun


def begin() -> threading.Thread:
    """Have search and matching ready soon, in a thread that mostly waits for the process that makes them."""
    thread = threading.Thread(target=_warm, name="hutong-warming", daemon=True)
    thread.start()
    return thread


def _warm() -> None:
    for prepare in (search.prepare, matching.prepare):
        try:
            with transaction("exchange") as session:
                prepare(session)
        except Exception as failure:  # noqa: BLE001 - nobody waits for this; whoever searches first meets the failure, with its words
            log.info("search and matching are not ready yet: %s", type(failure).__name__)
