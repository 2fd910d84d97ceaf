"""Why: one consumer's page is told while the server already looks up what the next one will hold: two processes at work instead of one waiting for the other.
What is read ahead is settled history, so it is the same for whoever asks with the same columns, and never told before the next question was permitted.
Called by `changes` and closed by the hub.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Coroutine, Hashable
from typing import Any, Generic, TypeVar

Found = TypeVar("Found")
_KEPT = 8


class Ahead(Generic[Found]):
    """A few results under way or waiting for whoever asks from their place on, the oldest let go first."""

    def __init__(self, most: int = _KEPT) -> None:
        self._most = most
        self._coming: OrderedDict[Hashable, asyncio.Task[Found]] = OrderedDict()

    def begin(self, place: Hashable, work: Coroutine[Any, Any, Found]) -> None:
        """Start looking up what follows a place, unless it is under way."""
        if place in self._coming:
            work.close()
            return
        task = asyncio.get_running_loop().create_task(work)
        task.add_done_callback(_heard)
        self._coming[place] = task
        while len(self._coming) > self._most:
            self._coming.popitem(last=False)[1].cancel()

    async def take(self, place: Hashable) -> Found | None:
        """Return what was looked up after a place, once; None when nothing was, or it failed: ask anew, that error is the one to raise."""
        task = self._coming.pop(place, None)
        if task is None or (task.done() and (task.cancelled() or task.exception() is not None)):
            return None
        try:
            return await task
        except Exception:  # noqa: BLE001 - whatever it was, the question asked anew raises it
            return None

    async def close(self) -> None:
        """Let go of all of it, and of the connections it uses."""
        left = list(self._coming.values())
        self._coming.clear()
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


def _heard(task: "asyncio.Task[Any]") -> None:
    """Take note of a failure nobody will ask for."""
    if not task.cancelled():
        task.exception()
