"""An exchange that is broken on purpose: the real one, and before it a proxy that spoils each answer in one way and signs it again with the hub's own key."""

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from exchange_api.keys import active_signer
from exchange_api.signing import Request, Response, sign_response

Spoil = Callable[["Broken", Request, Response], Response]


@dataclass(frozen=True)
class Fault:
    """One way to be broken; the rule that must find it, and a word its fact must have."""

    name: str
    rule: str
    word: str
    spoil: Spoil


@dataclass
class Broken:
    """The proxy."""

    url: str
    backend: str
    signer: Any
    fault: Fault | None = None
    kept: dict[str, Any] = field(default_factory=dict)

    @contextlib.contextmanager
    def having(self, fault: Fault) -> Iterator[None]:
        """Break every answer in this way meanwhile."""
        self.fault, self.kept = fault, {}
        try:
            yield
        finally:
            self.fault = None

    def answer(self, request: Request) -> Response:
        """Ask the real exchange and spoil what it says."""
        connection = HTTPConnection(self.backend, timeout=30)
        with contextlib.closing(connection):
            target = request.path + (f"?{request.query}" if request.query else "")
            connection.putrequest(request.method, target, skip_host=True, skip_accept_encoding=True)
            for name, value in request.headers.items():
                connection.putheader(name, value)
            connection.endheaders(request.body)
            got = connection.getresponse()
            response = Response(got.status, {k.lower(): v for k, v in got.getheaders()}, got.read())
        return self.fault.spoil(self, request, response) if self.fault else response

    def sign(self, request: Request, response: Response) -> Response:
        """Sign an answer as the hub would."""
        plain = {name: value for name, value in response.headers.items() if not name.startswith("signature")}
        signed = sign_response(Response(response.status, plain, response.body), request, self.signer, int(time.time()))
        return Response(response.status, {**plain, **signed.headers}, response.body)

    def say(self, request: Request, response: Response, document: Any, status: int | None = None) -> Response:
        """Say something else in the answer's place, signed."""
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        return self.sign(request, Response(status or response.status, response.headers, body))


@contextlib.contextmanager
def broken_exchange(site: Any, serve: Any, log: Path) -> Iterator[Broken]:
    """Serve the proxy and behind it an exchange that takes the proxy's address for its own."""
    with Session(site.engine) as session:
        signer = active_signer(session, site.log.parent / "keys")
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    authority = f"127.0.0.1:{server.server_port}"
    with serve(site.environment | {"HUTONG_API_AUTHORITIES": authority}, log) as backend:
        proxy = Broken(f"http://{authority}", backend, signer)
        server.proxy = proxy  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield proxy
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


class _Handler(BaseHTTPRequestHandler):
    def _any(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length", "0")))
        path, _, query = self.path.partition("?")
        request = Request(self.command, headers["host"], path, query, headers, body)
        response = self.server.proxy.answer(request)  # type: ignore[attr-defined]
        self.send_response_only(response.status)
        for name, value in response.headers.items():
            if name not in ("content-length", "transfer-encoding", "connection"):
                self.send_header(name, value)
        self.send_header("content-length", str(len(response.body)))
        self.end_headers()
        self.wfile.write(response.body)

    do_GET = do_POST = do_DELETE = _any  # noqa: N815 - the names the server looks for

    def log_message(self, *_: Any) -> None:
        """Say nothing."""
