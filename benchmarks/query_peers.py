"""Why: what `benchmarks.query` compares with. `plain` is what an experienced team writes without any proof; `handler` is our delivery without checking
the caller, signing and evidence. Both give the same JSON as ours.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg  # type: ignore[import-untyped]
from fastapi import FastAPI
from fastapi.responses import JSONResponse

from benchmarks.query_city import GRANT, ITEMS, RESOURCE
from exchange_api import delivery
from exchange_api.answer import begin
from exchange_api.answering import Receive, Scope, Send
from exchange_api.hub import Hub
from exchange_api.signing import Request
from schemas.database import libpq_uri
from schemas.library import library
from schemas.messages.exchange import RecordsQuestion

PLACES = {name: library("population").attribute_ids.index(name) for name in ITEMS}
SQL = f"SELECT subject, {', '.join(ITEMS)}, sources, batches, version, recorded_at FROM library.population WHERE subject = ANY($1::text[])"


def plain() -> FastAPI:
    """Return an ordinary FastAPI + asyncpg endpoint."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with asyncpg.create_pool(libpq_uri("exchange"), min_size=8, max_size=8) as app.state.pool:
            yield

    app = FastAPI(lifespan=lifespan)

    @app.post("/v1/libraries/population/query")
    async def query(question: RecordsQuestion) -> JSONResponse:
        rows = await app.state.pool.fetch(SQL, question.subjects)
        records = [_record(row) for row in rows]
        return JSONResponse(
            {
                "library": "population",
                "grant": question.grant,
                "directory_versions": [f"{RESOURCE}@1"],
                "records": records,
                "receipt": GRANT,
            }
        )

    return app


def _record(row: Any) -> dict[str, Any]:
    return {
        "subject": row["subject"],
        "found": True,
        "values": {name: str(row[name]) for name in ITEMS},
        "version": row["version"],
        "recorded_at": row["recorded_at"].isoformat(),
        "sources": {
            name: {"resource": RESOURCE, "batch": f"{RESOURCE}/1"} for name, at in PLACES.items() if row["sources"][at]
        },
    }


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
