"""Why: the outermost layer of the application: it measures every answer, portal and machine interface alike, counts it, writes its line and spans it. What it
costs an answer is held to two in a hundred by a test. Put in place by `app`.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from time import perf_counter
from typing import Any

from exchange_api.guarding.addresses import ASKED_BY
from exchange_api.watching.figures import FIGURES
from exchange_api.watching.lines import say_answered
from exchange_api.watching.routes import route_of

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class Watching:
    """ASGI layer: whatever passes is measured, nothing is changed but the `traceparent` of traced answers."""

    def __init__(self, app: Application) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one question pass."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        ASKED_BY.set(scope)
        watch = getattr(getattr(scope["app"].state, "hub", None), "watch", None)
        if watch is None:  # nothing is open yet, or any more
            return await self.app(scope, receive, send)
        if watch.tracing is None:
            return await self._measure((scope, receive, send), watch)
        scope.pop("hutong.whole", None)  # the answer gets one header more on its way
        with watch.tracing.question(scope, route_of(scope["path"])) as span:
            header = watch.tracing.header()

            async def traced(message: MutableMapping[str, Any]) -> None:
                if message["type"] == "http.response.start":
                    span.set_attribute("http.response.status_code", message["status"])
                    message["headers"] = [*message["headers"], header]
                await send(message)

            await self._measure((scope, receive, traced), watch)
            if (answer := scope.get("hutong.answer")) is not None:
                span.set_attribute("hutong.receipt", answer.receipt)
                if answer.code:
                    span.set_attribute("hutong.code", answer.code)
        return None

    async def _measure(self, passing: tuple[Scope, Receive, Send], watch: Any) -> None:
        scope, receive, send = passing
        started, status = perf_counter(), 0

        async def told(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        await self.app(scope, receive, told)
        status = status or scope.get("hutong.status", 0)
        if not status:  # the caller left
            return
        seconds, answer = perf_counter() - started, scope.get("hutong.answer")
        code = answer.code if answer is not None and answer.kind != "answer" and answer.code else ""
        route = route_of(scope["path"])
        FIGURES.answered(route, status, code, seconds)
        if watch.lines is not None:
            say_answered(watch.lines, route, (scope["method"], status, seconds), answer)
