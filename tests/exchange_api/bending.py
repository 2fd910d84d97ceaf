"""Somebody on the way between an application system and the hub: passes questions on as they are, and changes or cuts answers when told to."""

import contextlib
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from typing import Self

from exchange_api.signing import Response, content_digest

Bend = Callable[[Response], Response]


def _with(response: Response, **headers: str) -> Response:
    return Response(
        response.status, {**response.headers, **{k.replace("_", "-"): v for k, v in headers.items()}}, response.body
    )


def _changed(text: str, at: int = -1) -> str:
    place = at % len(text)
    return text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]


def _other_body(response: Response) -> Response:
    return Response(response.status, response.headers, response.body.replace(b'"receipt"', b'"receipT"'))


def _signed_by(response: Response, change: Callable[[str], str]) -> Response:
    return _with(response, signature_input=change(response.headers["signature-input"]))


PARTS: dict[str, Bend] = {
    "body": _other_body,
    "body_and_digest": lambda one: _with(_other_body(one), content_digest=content_digest(_other_body(one).body)),
    "digest": lambda one: _with(one, content_digest=_changed(one.headers["content-digest"], 20)),
    "status": lambda one: Response(one.status + 1, one.headers, one.body),
    "receipt": lambda one: _with(one, x_receipt=_changed(one.headers["x-receipt"])),
    "request_id": lambda one: _with(one, x_request_id=_changed(one.headers["x-request-id"])),
    "content_type": lambda one: _with(one, content_type="application/json; charset=utf-8"),
    "signature": lambda one: _with(one, signature=_changed(one.headers["signature"], 20)),
    "created": lambda one: _signed_by(one, lambda text: text.replace("created=1", "created=2")),
    "keyid": lambda one: _signed_by(one, lambda text: text.replace('keyid="', 'keyid="x')),
    "components": lambda one: _signed_by(one, lambda text: text.replace(' "x-receipt"', "")),
    "binding": lambda one: _signed_by(one, lambda text: text.replace(' "signature";req;key="sig1"', "")),
    "no_signature": lambda one: Response(
        one.status, {name: value for name, value in one.headers.items() if name != "signature"}, one.body
    ),
}
"""Every part of an answer that can be changed on the way."""


class Bending:
    """A server on a free loopback port; `upstream` is the hub's authority."""

    def __init__(self, upstream: str = "") -> None:
        self.upstream = upstream
        self.bend: Bend | None = None
        self.cut: Callable[[], None] | None = None
        """Called in the middle of the next answer, which then breaks off."""
        self.seen: list[tuple[str, int]] = []
        """Request id and status of every answer passed on."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (_Passing,), {"way": self}))
        self._server.daemon_threads = True
        self.authority = f"127.0.0.1:{self._server.server_port}"
        self.url = f"http://{self.authority}"
        self._thread = Thread(target=self._server.serve_forever, args=(0.02,))

    @contextlib.contextmanager
    def bent(self, bend: Bend) -> Iterator[None]:
        """Change signed answers for a while."""
        self.bend = bend
        try:
            yield
        finally:
            self.bend = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, wrong: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Passing(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    way: Bending

    def do_GET(self) -> None:
        self._pass()

    def do_POST(self) -> None:
        self._pass()

    def _pass(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        response = self._ask(body)
        self.way.seen.append((self.headers.get("x-request-id", ""), response.status))
        if "signature" in response.headers and self.way.bend:
            response = self.way.bend(response)
        half, cut = len(response.body) // 2, self.way.cut
        self.send_response(response.status)
        for name, value in response.headers.items():
            if name not in ("content-length", "transfer-encoding", "connection", "date", "server"):
                self.send_header(name, value)
        self.send_header("content-length", str(len(response.body)))
        self.end_headers()
        if cut and "signature" in response.headers:
            self.way.cut = None
            self.wfile.write(response.body[:half])
            self.wfile.flush()
            cut()
            self.close_connection = True
            return
        self.wfile.write(response.body)

    def _ask(self, body: bytes) -> Response:
        connection = HTTPConnection(self.way.upstream, timeout=30)
        with contextlib.closing(connection):
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            return Response(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""
