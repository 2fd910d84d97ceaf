"""The source systems connectors are tested on: real PostgreSQL, SQLite, HTTP and files, all holding the same people."""

import base64
import json
import secrets
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit
from xml.sax.saxutils import escape

import pytest

from connectors.base import Connection
from tests.connectors.servers import Bucket, Maria, Sshd, maria_server, s3_server, sshd_server

TOKEN = "a token made for this test"


@dataclass
class Request:
    """What came in: path, parameters of the address, headers with small names, body."""

    path: str
    asked: dict[str, str]
    headers: dict[str, str]
    body: bytes = b""


def _has_token(request: Request) -> bool:
    return request.headers.get("authorization") == f"Bearer {TOKEN}"


@dataclass
class Service:
    """A department's REST service: pages its records, wants its token, and misbehaves as told."""

    records: list[dict[str, Any]]
    port: int = 0
    refusals: list[tuple[int, dict[str, str]]] = field(default_factory=list)  # answered first, one a request
    answer: Callable[[dict[str, str]], tuple[int, bytes, dict[str, str]]] | None = None
    guard: Callable[[Request], bool] = _has_token
    before: Callable[[int], None] | None = None  # told the number of each request for a page, from 1
    shape: str = "json"
    asked: list[dict[str, str]] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    tokens: list[str] = field(default_factory=list)
    expires_in: int = 3_600

    @property
    def connection(self) -> Connection:
        return Connection("market", "http", "127.0.0.1", self.port, password=TOKEN)

    def reply(self, request: Request) -> tuple[int, bytes, dict[str, str]]:
        self.requests.append(request)
        if request.path == "/token":
            return self._token(request)
        self.asked.append(request.asked)
        if self.refusals:
            status, headers = self.refusals.pop(0)
            return status, b"", headers
        if not self.guard(request):
            return 401, b"{}", {}
        if request.path in self.files:
            return 200, self.files[request.path], {}
        if request.path != "/api/people":
            return 404, b"{}", {}
        if self.before:
            self.before(len(self.asked))
        asked = request.asked
        if request.body.startswith(b"{"):
            posted = json.loads(request.body)
            nested = posted["page"] if isinstance(posted["page"], dict) else {}
            asked = asked | {name: str(value) for name, value in (posted | nested).items()}
        return self.answer(asked) if self.answer else self.page(asked)

    def page(self, asked: dict[str, str]) -> tuple[int, bytes, dict[str, str]]:
        found = [record for record in self.records if record["changed"] >= asked.get("since", "")]
        found = [record for record in found if record["changed"] <= asked.get("until", "9")]
        if asked.get("sort") == "newest":
            found = sorted(found, key=lambda record: str(record["changed"]), reverse=True)
        size = int(asked.get("size", len(found) or 1))
        start = int(asked.get("offset") or asked.get("cursor") or (int(asked.get("page", 1)) - 1) * size)
        following = str(start + size) if start + size < len(found) else None
        link = urlencode(asked | {"cursor": following}) if following else ""
        headers = {"Link": f'<?{link}>; rel="next", </>; rel="up"'} if link else {}
        items, total = found[start : start + size], len(found)
        if self.shape == "xml":
            return 200, _xml(items, total, following), headers
        body = {
            "data": {"items": items, "total": total, "next": following},
            "link": f"/api/people?{link}" if link else "",
        }
        return 200, json.dumps(body, ensure_ascii=False).encode(), headers

    def _token(self, request: Request) -> tuple[int, bytes, dict[str, str]]:
        basic = base64.b64encode(f"hub:{TOKEN}".encode()).decode()
        form = dict(parse_qsl(request.body.decode()))
        by_form = (form.get("client_id"), form.get("client_secret")) == ("hub", TOKEN)
        if not by_form and request.headers.get("authorization") != f"Basic {basic}":
            return 401, b'{"error": "invalid_client"}', {}
        assert form["grant_type"] == "client_credentials"
        self.tokens.append(secrets.token_urlsafe())
        return 200, json.dumps({"access_token": self.tokens[-1], "expires_in": self.expires_in}).encode(), {}


def _xml(items: list[dict[str, Any]], total: int, following: str | None) -> bytes:
    rows = "".join(
        "<person>" + "".join(f"<{name}>{escape(value or '')}</{name}>" for name, value in item.items()) + "</person>"
        for item in items
    )
    text = (
        f'<?xml version="1.0" encoding="GBK"?><s:body xmlns:s="urn:people"><s:total>{total}</s:total>'
        f"<s:next>{following or ''}</s:next><s:people>{rows}</s:people></s:body>"
    )
    return text.encode("gb18030")


@pytest.fixture
def service(people: list[dict[str, Any]]) -> Iterator[Service]:
    service = Service(people)

    class Desk(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length") or 0))
            status, content, sent = service.reply(Request(parts.path, asked, headers, body))
            self.send_response_only(status)
            now = {"Date": self.date_time_string(), "Content-Length": str(len(content))}
            for name, value in (now | sent).items():
                self.send_header(name, value)
            with suppress(ConnectionError):  # a caller who hung up is not our trouble
                self.end_headers()
                self.wfile.write(content)

        do_POST = do_GET  # noqa: N815 — the name http.server wants

        def log_message(self, format: str, *args: Any) -> None:
            """Keep the test's output quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Desk)
    service.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield service
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="session")
def maria() -> Iterator[Maria]:
    """One MariaDB for every test of this process."""
    with tempfile.TemporaryDirectory(prefix="hutong-maria-") as folder, maria_server(Path(folder)) as server:
        yield server


@pytest.fixture(scope="session")
def sshd() -> Iterator[Sshd]:
    """One OpenSSH server for every test of this process."""
    with tempfile.TemporaryDirectory(prefix="hutong-sshd-") as folder, sshd_server(Path(folder)) as server:
        yield server


@pytest.fixture(scope="session")
def s3() -> Iterator[int]:
    """The port of one S3 server for every test of this process."""
    with s3_server() as port:
        yield port


@pytest.fixture
def bucket(s3: int) -> Bucket:
    """A bucket of this test's own."""
    return Bucket(s3, f"b{secrets.token_hex(6)}")


@pytest.fixture(autouse=True)
def spool(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Fetched files lie in a folder of this test's own."""
    folder = tmp_path_factory.mktemp("spool")
    monkeypatch.setenv("HUTONG_SPOOL", str(folder))
    return folder


@pytest.fixture(scope="session")
def people() -> list[dict[str, Any]]:
    return [
        {
            "id": f"{n:06d}",
            "name": f"张三{n}",
            "note": None if n % 3 else f'"quoted", {n}\nnext',
            "changed": f"2026-01-{n % 28 + 1:02d}",
        }
        for n in range(1_000)
    ]
