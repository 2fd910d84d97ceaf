"""Why: styles and scripts are text that shrinks to a quarter. Each file is compressed once by a worker, when it is first asked for, not again for every
browser. Called by `mounting`.
"""

import asyncio
import gzip
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

_TEXTS = (".css", ".js", ".svg")
_LEAST = 500  # bytes below which compressing gains nothing
_LEVEL = 9


class OnceCompressed(StaticFiles):
    """Serves files, texts compressed where the browser takes that."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory=directory)
        self._held: dict[str, tuple[float, bytes]] = {}

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return a file as it is, or compressed; a browser that has it already is told so in either case."""
        plain = await super().get_response(path, scope)
        asked = Headers(scope=scope)
        takes = "gzip" in asked.get("accept-encoding", "") and "range" not in asked and scope["method"] == "GET"
        is_text = isinstance(plain, FileResponse) and plain.status_code == 200 and path.endswith(_TEXTS)
        if not is_text:
            return plain
        plain.headers["vary"] = "accept-encoding"
        if not takes:
            return plain
        assert isinstance(plain, FileResponse)
        body = await asyncio.to_thread(self._compressed, str(plain.path))
        if len(body) < _LEAST:
            return plain
        kept = {name: plain.headers[name] for name in ("last-modified", "content-type", "vary")}
        etag = f"W/{plain.headers['etag']}"  # the same file in another form
        return Response(body, headers={**kept, "etag": etag, "content-encoding": "gzip"})

    def _compressed(self, path: str) -> bytes:
        date = Path(path).stat().st_mtime
        if path not in self._held or self._held[path][0] != date:
            self._held[path] = date, gzip.compress(Path(path).read_bytes(), _LEVEL, mtime=0)
        return self._held[path][1]
