"""Why: a connection costs its sender nothing, so whoever sends slowly, endlessly or too much must not take the place of those who ask. uvicorn's protocol reads
a head of any length for any time; here heads and bodies have limits, and where connections run out the one that has waited longest gives way.

What is refused here never became a question that could be signed or recorded: a bare 408 or 431, and the end of the connection. Called by `worker` only.
"""

import asyncio
import re
from functools import partial
from typing import Any

from pydantic import Field
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from schemas.settings import HutongSettings

MOST_HEADERS = 100
EXCESS = 8 << 20
"""Bytes of a refused body that are read and dropped, so that its sender gets to see the refusal."""
SWEEP_S = 0.5
_UNSPEAKABLE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
"""What may stand in no header: whoever gets it in there writes headers of his own."""


class WireSettings(HutongSettings):
    """What a connection may take of a worker."""

    api_connections: int = Field(
        default=10_000, ge=8, description="Connections one API worker holds; beyond, the slowest asker gives way."
    )
    api_head_bytes: int = Field(default=65_536, ge=4096, description="Largest head of a request, bytes.")
    api_head_s: float = Field(default=10, gt=0, description="Seconds a request's head may take to arrive.")
    api_idle_s: float = Field(default=15, gt=0, description="Seconds an idle connection is kept for a next request.")


class Room:
    """The connections of one worker that are not being answered: heads and bodies under way, and those at rest after an answer; longest waiting first."""

    def __init__(self, settings: WireSettings, body_s: float) -> None:
        self.settings, self._body_s = settings, body_s
        self.heads: dict[Connection, float] = {}
        self.bodies: dict[Connection, float] = {}
        self.resting: dict[Connection, float] = {}

    def make_way(self, newcomer: "Connection", count: int) -> None:
        """Let somebody go where there are more than may be held: half a head, else one at rest, else half a body; only then who has just come."""
        if count <= self.settings.api_connections:
            return
        eldest = (next(iter(waiting), newcomer) for waiting in (self.heads, self.resting, self.bodies))
        next((one for one in eldest if one is not newcomer), newcomer).give_way()

    def forget(self, connection: "Connection") -> None:
        """Know no more of a connection."""
        for waiting in (self.heads, self.resting, self.bodies):
            waiting.pop(connection, None)

    def sweep(self, now: float) -> None:
        """Let those go whose time is over; a body gets a moment more, so that whoever reads it can refuse in due form."""
        for waiting, limit in ((self.heads, self.settings.api_head_s), (self.bodies, self._body_s + 2)):
            late = []
            for connection, since in waiting.items():
                if now - since <= limit:
                    break
                late.append(connection)
            for connection in late:
                connection.turn_away(408)

    async def watch(self) -> None:
        """Sweep for ever."""
        while True:
            await asyncio.sleep(SWEEP_S)
            self.sweep(asyncio.get_running_loop().time())


class Joined:
    """A transport that keeps an answer's head until its body comes, so that both leave in one piece: each piece costs a call into the kernel here and a
    wake-up there.
    """

    __slots__ = ("_head", "_transport")

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self._head: bytes | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Keep the first piece, send it with the second; from then on send as it comes."""
        if self._head is None:
            self._head = data
            return
        self._transport.write(self._head + data if self._head else data)
        self._head = b""


def send_whole(
    cycle: RequestResponseCycle, transport: asyncio.Transport, status: int, headers: dict[str, str], body: bytes
) -> bool:
    """Send an answer that is all there at once; False, and nothing is sent, when it must go the way of messages: the server's own `send` looks at every
    header twice, for an answer of ours a tenth of its time.
    """
    if cycle.response_started or cycle.disconnected or cycle.flow.write_paused or not cycle.keep_alive:
        return False
    if "connection" in headers or _UNSPEAKABLE.search("".join(headers.values())):
        return False
    head = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    own = b"".join([b"%b: %b\r\n" % one for one in cycle.default_headers])
    cycle.response_started = cycle.response_complete = True
    cycle.waiting_for_100_continue = False
    transport.write(
        b"%b%b%bcontent-length: %d\r\n\r\n%b" % (STATUS_LINE[status], own, head.encode("latin-1"), len(body), body)
    )
    cycle.message_event.set()
    cycle.on_response()
    return True


class Connection(HttpToolsProtocol):
    """One connection within its limits. `room` is set by the worker, on a class of its own."""

    room: Room

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for the first head."""
        super().connection_made(transport)
        self._head_bytes, self._excess = 0, 0
        self._is_in_head, self._is_in_body, self._is_away = True, False, False
        self.room.heads[self] = self.loop.time()
        self.room.make_way(self, len(self.connections))

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave the room."""
        self.room.forget(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, and note what stays incomplete."""
        if self._is_away:
            return
        if self.room.resting:
            self.room.resting.pop(self, None)
        super().data_received(data)
        if self._is_in_head:
            self.room.heads.setdefault(self, self.loop.time())
            self._head_bytes += len(data)
            if self._head_bytes > self.room.settings.api_head_bytes:
                self.turn_away(431)
        elif self._is_in_body:
            self.room.bodies.setdefault(self, self.loop.time())
        elif (
            self.cycle is None or self.cycle.response_complete
        ):  # an empty line: it stopped uvicorn's clock and began nothing
            self.room.heads.setdefault(self, self.loop.time())

    def on_message_begin(self) -> None:
        """Begin a head."""
        self._is_in_head, self._head_bytes = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Begin a body, and with it the answering."""
        self._is_in_head, self._is_in_body, self._excess = False, True, 0
        if self.room.heads:
            self.room.heads.pop(self, None)
        if len(self.headers) > MOST_HEADERS:
            return self.turn_away(431)
        before = self.cycle
        super().on_headers_complete()
        # neither what comes before an answer's head may wait for its body, nor a head that has none
        if self.cycle is not before and not self.expect_100_continue and self.scope["method"] != "HEAD":
            self.cycle.transport = Joined(self.transport)  # type: ignore[assignment]
            if self.url.startswith(b"/v1/"):  # whose edge takes it out again: until then the two hold each other
                self.scope["hutong.whole"] = partial(send_whole, self.cycle, self.transport)  # type: ignore[typeddict-unknown-key]
        return None

    def on_body(self, body: bytes) -> None:
        """Take a part of the body; of one that was refused already only so much that its sender can read why."""
        if self._is_away:
            return
        if self.cycle.response_complete:
            self._excess += len(body)
            if self._excess > EXCESS:
                self.turn_away(None)
            return
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End a body."""
        self._is_in_body = False
        if self.room.bodies:
            self.room.bodies.pop(self, None)
        if not self._is_away:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """Rest, unless more has come already."""
        super().on_response_complete()
        is_busy = self._is_in_head or self._is_in_body or not self.cycle.response_complete
        if not (is_busy or self._is_away or self.transport.is_closing()):
            self.room.resting[self] = self.loop.time()

    def give_way(self) -> None:
        """End at once, and count as gone from now on."""
        self._is_away = True
        self.room.forget(self)
        self.transport.abort()

    def turn_away(self, status: int | None) -> None:
        """End the connection: with a bare status where no answer has begun, else without a word."""
        self._is_away = True
        self.room.forget(self)
        if status is not None and (self.cycle is None or self.cycle.response_complete):
            self.transport.write(STATUS_LINE[status] + b"content-length: 0\r\nconnection: close\r\n\r\n")
        self.transport.close()
