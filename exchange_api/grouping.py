"""Why: the natural grouping of concurrent work. Whatever arrives while one round trip to the database is under way shares the next one, so that
a crowd costs few commits and a single caller waits for nobody. `find` groups look-ups with it, `recording` groups evidence entries.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Given = TypeVar("Given")
Found = TypeVar("Found")


class Grouping(Generic[Given, Found]):
    """Collects what is submitted and hands it to `work` in groups, one group at a time; `work` returns one result per thing, in order."""

    def __init__(self, work: Callable[[Sequence[Given]], Awaitable[Sequence[Found]]], limit: int = 256) -> None:
        self._work, self._limit = work, limit
        self._waiting: list[tuple[Given, asyncio.Future[Found]]] = []
        self._running: asyncio.Task[None] | None = None

    async def submit(self, thing: Given) -> Found:
        """Return the result for `thing`; raises what `work` raised for its group."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Found] = loop.create_future()
        self._waiting.append((thing, future))
        if self._running is None:
            self._running = loop.create_task(self._run())
        return await future

    async def _run(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting[: self._limit], self._waiting[self._limit :]
                await self._serve(group)
        finally:
            self._running = None

    async def _serve(self, group: list[tuple[Given, "asyncio.Future[Found]"]]) -> None:
        try:
            results = await self._work([thing for thing, _ in group])
        except BaseException as failure:
            for _, future in group:
                if not future.done():
                    future.set_exception(failure if isinstance(failure, Exception) else asyncio.CancelledError())
            if not isinstance(failure, Exception):
                raise
            return
        for (_, future), result in zip(group, results, strict=True):
            if not future.done():  # its caller may have gone away
                future.set_result(result)
