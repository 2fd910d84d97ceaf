"""Why: keys and grants are asked for at every question and change seldom. Each worker remembers them, and forgets everything the moment the database
says that something changed (NOTIFY), so that a suspension is effective at once. While nobody listens to the database nothing is remembered.
What it reads anew at every announcement is held by `Newest` to the reading begun last.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Remembered(Generic[Key, Value]):
    """A cache in front of `load`; unknown keys (None) are not remembered. Holds at most `limit` values."""

    def __init__(self, load: Callable[[Key], Awaitable[Value | None]], limit: int = 10_000) -> None:
        self._load, self._limit = load, limit
        self._values: dict[Key, Value] = {}
        self._under_way: dict[Key, asyncio.Task[Value | None]] = {}
        self._generation = 0
        self.is_listening = False

    @property
    def count(self) -> int:
        """Return how many values are remembered."""
        return len(self._values)

    def known(self, key: Key) -> Value | None:
        """Return the value if it is remembered."""
        return self._values.get(key)

    async def get(self, key: Key) -> Value | None:
        """Return the value, asking the database when it is not remembered."""
        found = self._values.get(key)
        if found is not None:
            return found
        # whatever is asked for at once is asked for once: a change makes a busy worker forget while hundreds ask
        task = self._under_way.get(key)
        if task is None:
            task = self._under_way[key] = asyncio.create_task(self._fetch(key))
            task.add_done_callback(lambda ended: self._end(key, ended))
        return await asyncio.shield(task)

    async def _fetch(self, key: Key) -> Value | None:
        generation = self._generation
        loaded = await self._load(key)
        # a change may have been announced while the old state was on its way here: then do not keep it
        if loaded is not None and self.is_listening and generation == self._generation:
            if len(self._values) >= self._limit:
                self._values.clear()
            self._values[key] = loaded
        return loaded

    def _end(self, key: Key, ended: "asyncio.Task[Value | None]") -> None:
        if self._under_way.get(key) is ended:
            del self._under_way[key]
        if not ended.cancelled():
            ended.exception()  # whoever waits for it gets it

    def forget(self) -> None:
        """Drop everything, also what is just being loaded."""
        self._generation += 1
        self._values.clear()
        self._under_way.clear()  # who asks from now on gets what is true from now on


class Newest:
    """Of several readings under way the one begun last counts: one begun earlier may have read before the change, and be here later."""

    def __init__(self) -> None:
        self._begun = self._taken = 0

    def begin(self) -> int:
        """Return the number of a reading that begins now."""
        self._begun += 1
        return self._begun

    def take(self, reading: int) -> bool:
        """Say of a reading that is here whether it counts: none begun later was here before."""
        is_newest = reading > self._taken
        self._taken = max(reading, self._taken)
        return is_newest
