"""Why: what proof itself costs: `handler` is our own delivery without checking the caller, signing and evidence; it gives the same JSON as ours.
`query_plain` has the peers that know nothing of this project.
"""

from exchange_api import delivery
from exchange_api.answer import begin
from exchange_api.answering import Receive, Scope, Send
from exchange_api.hub import Hub
from exchange_api.signing import Request


class Handler:
    """Our delivery as a bare ASGI application: permit → find → mask, nothing else."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await receive()
            self._hub = await Hub().__aenter__()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await self._hub.__aexit__()
            return await send({"type": "lifespan.shutdown.complete"})
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        body: bytes = (await receive()).get("body", b"")
        answer = begin(Request(scope["method"], headers["host"], scope["path"], "", headers, body))
        answer.application_id = "bench"
        if scope["method"] == "POST":
            await delivery.compose_query(self._hub, answer, "population")
        if answer.use:
            self._hub.quota.release(answer.use)
        said = answer.body()
        plain_headers = [(b"content-type", b"application/json"), (b"content-length", str(len(said)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": plain_headers})
        return await send({"type": "http.response.body", "body": said})


def handler() -> Handler:
    """Return the application."""
    return Handler()
