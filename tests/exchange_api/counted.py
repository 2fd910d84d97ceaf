"""What a worker does at its database, counted between them: a relay that reads PostgreSQL's frontend messages (statements) and counts bytes that come back."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import URL, make_url

STATEMENTS = b"BQ"
"""Bind and Query: one of them for each statement that is run (PostgreSQL, Message Formats)."""


class Relay:
    """Between a worker and its server. `work`: statements run, bytes that came back."""

    def __init__(self, folder: Path, url: URL) -> None:
        host = url.query.get("host") or url.host
        self._server: Any = (
            f"{host}/.s.PGSQL.{url.port or 5432}" if str(host).startswith("/") else (host, url.port or 5432)
        )
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(folder / ".s.PGSQL.5432"))
        self._listening.listen(64)
        self.url = url.set(host=None, port=None, query={"host": str(folder), "port": "5432"})
        self._lock, self._work = threading.Lock(), [0, 0]
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    @property
    def work(self) -> tuple[int, int]:
        """What was done so far."""
        with self._lock:
            return self._work[0], self._work[1]

    def close(self) -> None:
        """Take no more connections."""
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                worker, _ = self._listening.accept()
                server = socket.socket(socket.AF_UNIX if isinstance(self._server, str) else socket.AF_INET)
                server.connect(self._server)
                for ways in ((worker, server, True), (server, worker, False)):
                    threading.Thread(target=self._pass_on, args=ways, daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, is_asking: bool) -> None:
        held, has_begun = bytearray(), False
        with contextlib.suppress(OSError), contextlib.closing(target):
            while part := source.recv(65_536):
                if is_asking:
                    held += part
                    has_begun = self._count(held, has_begun)
                else:
                    with self._lock:
                        self._work[1] += len(part)
                target.sendall(part)

    def _count(self, held: bytearray, has_begun: bool) -> bool:
        """Read whole messages off; the first of a connection has no type."""
        while True:
            head = 1 if has_begun else 0
            if len(held) < head + 4:
                return has_begun
            length = head + int.from_bytes(held[head : head + 4], "big")
            if len(held) < length:
                return has_begun
            if has_begun and held[0] in STATEMENTS:
                with self._lock:
                    self._work[0] += 1
            has_begun = (
                has_begun or int.from_bytes(held[4:8], "big") != 80877103
            )  # an asking for TLS comes before the beginning
            del held[:length]


@contextlib.contextmanager
def relayed(folder: Path, url: str) -> Iterator[Relay]:
    """A relay before the server of a URL."""
    relay = Relay(folder, make_url(url))
    try:
        yield relay
    finally:
        relay.close()
