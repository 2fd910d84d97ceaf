"""Why: what the two departments with an HTTP interface have in common: a token, pages, a rate limit that means it, and a bad minute now and then.

Base of hutong/demo/market_service.py and hutong/demo/certificate_service.py, which run as processes of their own; standard library only.
"""

import argparse
import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

UNAVAILABLE_EVERY = 7
Answer = tuple[int, dict[str, str], bytes]
Query = dict[str, str]


class Patience:
    """A rate limit: `burst` requests at once, then `rate` a second. Counts requests, so that every seventh meets a 503."""

    def __init__(self, rate: float, burst: int) -> None:
        self._rate, self._burst = rate, burst
        self._left, self._at, self._count = float(burst), time.monotonic(), 0
        self._lock = threading.Lock()

    def refusal(self) -> Answer | None:
        """Return the answer to a request that cannot be served now, None when it can."""
        with self._lock:
            now = time.monotonic()
            self._left = min(self._burst, self._left + (now - self._at) * self._rate)
            self._at = now
            if self._left < 1:
                return as_json(429, {"message": "请求过于频繁"}, {"Retry-After": "1"})
            self._left -= 1
            self._count += 1
            return as_json(503, {"message": "系统维护"}) if self._count % UNAVAILABLE_EVERY == 0 else None


def as_json(status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> Answer:
    """Return an answer with a JSON body."""
    return (
        status,
        {"Content-Type": "application/json; charset=utf-8", **(headers or {})},
        json.dumps(body, ensure_ascii=False).encode(),
    )


class Lines:
    """The records of a file with one JSON object per line, read anew when the file was replaced."""

    def __init__(self, path: Path) -> None:
        self._path, self._read_at = path, 0
        self._rows: list[dict[str, Any]] = []
        self._lock = threading.Lock()

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Return the records as the file has them now."""
        with self._lock:
            changed = self._path.stat().st_mtime_ns
            if changed != self._read_at:
                with self._path.open(encoding="utf-8") as file:
                    self._rows = [json.loads(line) for line in file]
                self._read_at = changed
            return self._rows


def whole_number(query: Query, name: str, otherwise: int) -> int:
    """Return a query parameter that is a positive whole number, `otherwise` where it is absent. Raises ValueError."""
    value = int(query.get(name, otherwise))
    if value < 1:
        raise ValueError(name)
    return value


class _Answering(BaseHTTPRequestHandler):
    """One request: token, patience, then the department's own answer."""

    protocol_version = "HTTP/1.1"
    server: "DepartmentServer"

    def do_GET(self) -> None:
        """Answer one request."""
        parts = urlsplit(self.path)
        status, headers, body = self._answer(
            parts.path, {name: values[-1] for name, values in parse_qs(parts.query).items()}
        )
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Keep no log: addresses asked for may name a person."""

    def _answer(self, path: str, query: Query) -> Answer:
        if path == "/health":
            return as_json(200, {"status": "up"})
        if self.headers.get("Authorization") != f"Bearer {self.server.token}":
            return as_json(401, {"message": "令牌无效"})
        try:
            return self.server.patience.refusal() or self.server.answer(path, query)
        except ValueError:
            return as_json(400, {"message": "参数错误"})


class DepartmentServer(ThreadingHTTPServer):
    """A server on loopback that asks `answer(path, query)` for every permitted request; whoever made it runs it."""

    daemon_threads = True

    def __init__(self, port: int, token: str, patience: Patience, answer: Callable[[str, Query], Answer]) -> None:
        super().__init__(("127.0.0.1", port), _Answering)
        self.token, self.patience, self.answer = token, patience, answer


def run(build: Callable[[int, str, Path], ThreadingHTTPServer]) -> None:
    """Read --port, --token-file and --data from the command line and serve until ended."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--token-file", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    given = parser.parse_args()
    with build(given.port, given.token_file.read_text("utf-8").strip(), given.data) as server:
        server.serve_forever()
