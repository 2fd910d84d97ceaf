"""Why: going over the quota asks for approval instead of failing silently, and the refused answer must neither wait for that nor break by it. The first refusal
of a grant's day starts the request beside the answers; what is lost here is made up by the hourly task from the evidence. Called by `hub`.
"""

import asyncio
import logging
from datetime import date

from exchange_api.grant import quota_requests
from exchange_api.recording import Use
from schemas.database import transaction

log = logging.getLogger("hutong.exchange")


class Overruns:
    """Asks once a grant and day, for one worker."""

    def __init__(self) -> None:
        self._day: date | None = None
        self._asked: set[str] = set()
        self._under_way: set[asyncio.Task[None]] = set()

    def note(self, use: Use) -> None:
        """Begin the request for more quota, unless this worker did so today already."""
        if use.day != self._day:
            self._day, self._asked = use.day, set()
        if use.grant_id not in self._asked:
            self._asked.add(use.grant_id)
            task = asyncio.create_task(self._ask(use))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def close(self) -> None:
        """Wait for what was begun."""
        await asyncio.gather(*self._under_way, return_exceptions=True)

    async def _ask(self, use: Use) -> None:
        try:
            await asyncio.to_thread(_ask, use)
        except Exception as failure:  # noqa: BLE001 - nobody waits for it; the hourly task asks again
            log.warning("grant %s: no request for more quota (%s)", use.grant_id, type(failure).__name__)


def _ask(use: Use) -> None:
    with transaction("exchange") as session:
        quota_requests.note_overrun(session, use.grant_id, use.day)
