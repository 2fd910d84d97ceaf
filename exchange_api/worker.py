"""Why: one worker of the machine interface as a process. Several of them take connections from one listening socket that outlives each of them, so that a
worker may die or be replaced and nobody is refused: `python -m exchange_api.worker --fd N` takes the socket from whoever started it (`hutong up`),
`--host … --port …` makes one that further workers can bind as well (SO_REUSEPORT, for systemd or containers).

On SIGTERM it takes no new connections, finishes what is under way, and ends; what takes longer than `HUTONG_API_DRAIN_S` is cut off unanswered.
"""

import argparse
import asyncio
import contextlib
import os
import resource
import socket
from collections.abc import Iterator
from pathlib import Path

import uvicorn
from pydantic import Field

from exchange_api.hub import ApiSettings
from exchange_api.precedence import PRECEDENCE
from exchange_api.wire import Connection, Room, WireSettings
from schemas.settings import HutongSettings

BACKLOG = 2048


class WorkerSettings(HutongSettings):
    """How a worker ends."""

    api_drain_s: float = Field(
        default=20, gt=0, description="Seconds a stopping API worker may take to finish what is under way."
    )


class Worker(uvicorn.Server):
    """A uvicorn server within the limits of `wire` that drains before it ends, and tells by a file that it is ready. workers: how many share the machine."""

    def __init__(self, ready: Path | None = None, workers: int = 1) -> None:
        self._room, self._ready, self._workers = Room(WireSettings(), ApiSettings().api_body_s), ready, workers
        limited = type("LimitedConnection", (Connection,), {"room": self._room})
        super().__init__(
            uvicorn.Config(
                "exchange_api.app:create_app", factory=True, http=limited, ws="none", access_log=False, server_header=False, proxy_headers=False,
                loop="uvloop", backlog=BACKLOG, timeout_keep_alive=self._room.settings.api_idle_s,  # type: ignore[arg-type]
            )
        )  # fmt: skip

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Open the hub, listen, and say so."""
        PRECEDENCE.begin(self._workers)  # before connections are opened, which it lends to
        await super().startup(sockets)
        self._watching = asyncio.gather(self._room.watch(), PRECEDENCE.keep())
        if self._ready:
            self._ready.write_text(str(os.getpid()))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Finish what is under way; cut off what takes too long."""
        timer = asyncio.get_running_loop().call_later(WorkerSettings().api_drain_s, self._cut_off)
        try:
            await super().shutdown(sockets)
        finally:
            timer.cancel()
            self._watching.cancel()

    def _cut_off(self) -> None:
        for connection in list(self.server_state.connections):
            connection.transport.abort()


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m exchange_api.worker", description=__doc__)
    parser.add_argument("--fd", type=int, help="a listening socket inherited from whoever started this")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--ready", type=Path, help="a file that gets the process id when questions are taken")
    parser.add_argument("--workers", type=int, default=1, help="how many such workers share this machine")
    asked = parser.parse_args()
    _raise_file_limit()
    listening = socket.socket(fileno=asked.fd) if asked.fd is not None else listen(asked.host, asked.port)
    with _gone_at_the_end(asked.ready), contextlib.suppress(KeyboardInterrupt):
        Worker(asked.ready, asked.workers).run([listening])


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket that further workers may bind as well."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=BACKLOG, reuse_port=True)


def _raise_file_limit() -> None:
    """Every connection is an open file, and the usual limit is 1,024 of them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@contextlib.contextmanager
def _gone_at_the_end(ready: Path | None) -> Iterator[None]:
    try:
        yield
    finally:
        if ready:
            ready.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
