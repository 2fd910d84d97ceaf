"""Why: a key in a token signs in milliseconds or, when the token is away, in seconds; asked for in the worker's own loop, everybody would
wait for it. So a slow signer works in one thread of its own, before which only so many may wait. Keys in software sign at once: 15 µs are less than a change of
threads. Called by `sealing`; `hub` opens and closes it.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from exchange_api.signing.algorithms import Signer
from schemas.errors import Transient

Made = TypeVar("Made")


class Apart:
    """One thread for signers that keep one waiting. most: how many may wait for it; patience: seconds one of them waits."""

    def __init__(self, most: int, patience: float) -> None:
        self._most, self._patience = most, patience
        self._thread = ThreadPoolExecutor(1, "token")
        self.waiting = 0

    @staticmethod
    def is_needed(signer: Signer | None) -> bool:
        """Say whether a signer keeps one waiting."""
        return bool(getattr(signer, "is_slow", False))

    async def run(self, signer: Signer, work: Callable[[], Made]) -> Made:
        """Return what `work` makes with the signer. Raises Transient `key.token_unavailable` when too many wait or it takes too long."""
        if self.waiting >= self._most:
            raise _away(signer, f"{self.waiting} answers wait for it")
        self.waiting += 1
        future = asyncio.get_running_loop().run_in_executor(self._thread, work)
        future.add_done_callback(self._leave)
        try:
            async with asyncio.timeout(self._patience):
                return await future
        except TimeoutError:
            raise _away(signer, f"no signature within {self._patience:g} s") from None

    def close(self) -> None:
        """Take no more; what hangs in the token is not waited for."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _leave(self, _: "asyncio.Future[Any]") -> None:
        self.waiting -= 1


def _away(signer: Signer, reason: str) -> Transient:
    return Transient("key.token_unavailable", token=signer.keyid, reason=reason)
