"""Why: an application system on asyncio must not stop for an answer. `AsyncHub` has the methods of `Hub`, to be awaited.

Each question runs in one of a few threads on the very same `Hub`: one transport that signs, verifies and repeats, not two that differ. A second one
(httpx2 or aiohttp, which http-message-signatures serves besides requests) would save a thread per question under way, and an answer takes milliseconds.
"""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial, wraps
from types import TracebackType
from typing import Concatenate, ParamSpec, Self, TypeVar

from exchange_api.client.hub import Hub

P = ParamSpec("P")
T = TypeVar("T")


def _in_thread(
    method: Callable[Concatenate[Hub, P], T],
) -> Callable[Concatenate["AsyncHub", P], Awaitable[T]]:
    async def call(self: "AsyncHub", /, *given: P.args, **named: P.kwargs) -> T:
        work = partial(method, self.hub, *given, **named)
        return await asyncio.get_running_loop().run_in_executor(self.threads, work)

    return wraps(method)(call)


class AsyncHub:
    """A `Hub` whose methods are awaited, at most `at_once` questions under way. Use it as `async with AsyncHub(Hub(…)) as hub`."""

    def __init__(self, hub: Hub, at_once: int = 16) -> None:
        self.hub, self.threads = hub, ThreadPoolExecutor(at_once, "hutong-client")

    ask = _in_thread(Hub.ask)
    query = _in_thread(Hub.query)
    dry_run = _in_thread(Hub.dry_run)
    verify = _in_thread(Hub.verify)
    certificates = _in_thread(Hub.certificates)
    verify_certificates = _in_thread(Hub.verify_certificates)
    certificate_file = _in_thread(Hub.certificate_file)
    fetch_file = _in_thread(Hub.fetch_file)
    recalls = _in_thread(Hub.recalls)
    recall = _in_thread(Hub.recall)
    acknowledge = _in_thread(Hub.acknowledge)
    object_to = _in_thread(Hub.object_to)
    objections = _in_thread(Hub.objections)
    objection = _in_thread(Hub.objection)
    withdraw = _in_thread(Hub.withdraw)
    trace = _in_thread(Hub.trace)
    changes = _in_thread(Hub.changes)
    request_export = _in_thread(Hub.request_export)
    export = _in_thread(Hub.export)
    cancel_export = _in_thread(Hub.cancel_export)
    await_export = _in_thread(Hub.await_export)
    download = _in_thread(Hub.download)
    collect_receipts = _in_thread(Hub.collect_receipts)

    async def __aenter__(self) -> Self:
        """Return itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, wrong: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of the threads; what is under way goes on to its end and its receipt."""
        self.threads.shutdown(wait=False)
