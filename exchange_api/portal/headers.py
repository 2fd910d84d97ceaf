"""Why: a page of ours loads nothing from elsewhere and runs nothing that is written into it; the browser is told so with every answer. Called by `mounting`."""

from collections.abc import MutableMapping
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
SANDBOX = "sandbox;"
"""How the policy of a page begins that is not ours and is held to more than our own: nothing of it runs."""
STRICT = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


class StrictHeaders:
    """Puts the headers on every answer; pages are never kept by a browser or a proxy, our own static files for an hour."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does, with the headers."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                _complete(MutableHeaders(scope=message), scope)
            await send(message)

        await self._app(scope, receive, with_headers)


def _complete(headers: MutableHeaders, scope: MutableMapping[str, Any]) -> None:
    own = headers.get("content-security-policy", "")
    headers.update(STRICT)
    if own.startswith(SANDBOX):
        headers["content-security-policy"] = own
    is_static = "/static/" in str(scope["path"])
    headers["cache-control"] = "private, max-age=3600" if is_static else "no-store"
