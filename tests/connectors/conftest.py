"""The source systems connectors are tested on: real PostgreSQL, SQLite, HTTP and files, all holding the same people."""

import json
import secrets
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from connectors.base import Connection
from tests.connectors.servers import Bucket, Maria, Sshd, maria_server, s3_server, sshd_server

TOKEN = "a token made for this test"


@dataclass
class Service:
    """A department's REST service: pages its records, wants its token, and misbehaves as told."""

    records: list[dict[str, Any]]
    port: int = 0
    refusals: list[tuple[int, dict[str, str]]] = field(default_factory=list)  # answered first, one a request
    answer: Callable[[dict[str, str]], tuple[int, bytes, dict[str, str]]] | None = None
    asked: list[dict[str, str]] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)

    @property
    def connection(self) -> Connection:
        return Connection("market", "http", "127.0.0.1", self.port, password=TOKEN)

    def reply(self, path: str, asked: dict[str, str], token: str) -> tuple[int, bytes, dict[str, str]]:
        self.asked.append(asked)
        if self.refusals:
            status, headers = self.refusals.pop(0)
            return status, b"", headers
        if token != f"Bearer {TOKEN}":
            return 401, b"{}", {}
        if path in self.files:
            return 200, self.files[path], {}
        if path != "/api/people":
            return 404, b"{}", {}
        return self.answer(asked) if self.answer else self.page(asked)

    def page(self, asked: dict[str, str]) -> tuple[int, bytes, dict[str, str]]:
        found = [record for record in self.records if record["changed"] >= asked.get("since", "")]
        size = int(asked.get("size", len(found) or 1))
        start = int(asked.get("offset") or asked.get("cursor") or (int(asked.get("page", 1)) - 1) * size)
        following = str(start + size) if start + size < len(found) else None
        body = {"data": {"items": found[start : start + size], "total": len(found), "next": following}}
        return 200, json.dumps(body, ensure_ascii=False).encode(), {}


@pytest.fixture
def service(people: list[dict[str, Any]]) -> Iterator[Service]:
    service = Service(people)

    class Desk(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
            status, body, headers = service.reply(parts.path, asked, self.headers.get("Authorization", ""))
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(body))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

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
