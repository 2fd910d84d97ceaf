"""Why: the load of `benchmarks.query`, in a process of its own so that it takes nothing from the server's event loop. Reads its order as JSON from
standard input, makes and signs all questions first, then keeps every connection busy, and prints the figures as JSON.

With a `rate` it asks as strangers do, each when it occurs to him (a Poisson process): the next free connection is taken, and a question that had to wait for
one is counted from when it was due, so that a stall is felt by all whom it kept waiting. Callers that keep in step would measure their own rhythm.
"""

import asyncio
import contextlib
import itertools
import json
import os
import random
import sys
import time
import uuid
from collections import deque
from collections.abc import Iterator
from typing import Any

import uvloop

from exchange_api.signing import Request, SoftwareSigner, sign_request

PATH = "/v1/libraries/population/query"
MOST_PER_S = 12_000
TICK_S = 0.01


class Caller(asyncio.Protocol):
    """One keep-alive connection: sends a question, waits for the whole answer, sends the next."""

    def __init__(self, load: "Load") -> None:
        self._load, self._got = load, b""

    def connection_made(self, transport: Any) -> None:
        """Start asking."""
        self._transport = transport
        self._load.begin(self)

    def ask(self, due: float | None = None) -> None:
        """Send the next question, or end when there is none left or the time is over. due: since when it waits to be asked."""
        question = self._load.next_question()
        if question is None:
            return self.end()
        self.started = due or time.perf_counter()
        return self._transport.write(question)  # type: ignore[no-any-return]

    def end(self) -> None:
        """Ask no more."""
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        """Take a part of an answer."""
        self._got += data
        head = self._got.find(b"\r\n\r\n")
        if head < 0:
            return
        if not _is_whole(self._got, head):
            return
        self._load.answered(time.perf_counter() - self.started, self._got)
        self._got = b""
        self._load.begin(self)

    def connection_lost(self, _: Exception | None) -> None:
        """Say so."""
        self._load.closed()


def _is_whole(got: bytes, head: int) -> bool:
    """Tell whether an answer whose head ends at `head` is all there."""
    told = got[:head].lower()
    start = told.find(b"content-length:")
    if start < 0:  # in pieces, the last of which is empty
        return got.endswith(b"\r\n0\r\n\r\n")
    end = told.find(b"\r", start)
    return len(got) >= head + 4 + int(told[start + 15 : end if end > 0 else head])


class Load:
    """All connections together."""

    def __init__(self, order: dict[str, Any]) -> None:
        self.order, self.seconds = order, float(order["seconds"])
        self._questions: Iterator[bytes] = iter(list(make_questions(order)))
        self._open, self._done = order["connections"], asyncio.Event()
        self._rate: float = order.get("rate") or 0.0
        self._free: list[Caller] = []
        self._due: deque[float] = deque()
        self._latencies: list[float] = []
        self._wrong: list[bytes] = []
        self._expected: bytes = order.get("expects", '"found":true').encode()

    async def run(self) -> dict[str, float]:
        """Ask until the time is over; return requests/s and latencies in milliseconds."""
        _be_elsewhere()
        loop = asyncio.get_running_loop()
        self._end = time.perf_counter() + self.seconds
        begun = time.perf_counter()
        for _ in range(self.order["connections"]):
            await loop.create_connection(lambda: Caller(self), "127.0.0.1", self.order["port"])
        if self._rate:
            await self._pace()
        await self._done.wait()
        taken = time.perf_counter() - begun
        if not self._latencies:
            raise SystemExit("nothing was answered")
        if self._wrong:
            raise SystemExit(f"{len(self._wrong)} answers were not 200, the first: {self._wrong[0]!r}")
        return self._figures(taken)

    def begin(self, caller: Caller) -> None:
        """Let a connection ask: at once, or when a question is due."""
        if self._rate and not self._due:
            self._free.append(caller)
        else:
            caller.ask(self._due.popleft() if self._due else None)

    async def _pace(self) -> None:
        """Let questions fall due until the time is over, then end."""
        due = time.perf_counter()
        while (due := due + random.expovariate(self._rate)) < self._end:
            if (early := due - time.perf_counter()) > 0:
                await asyncio.sleep(early)
            self._due.append(due)
            if self._free:
                self.begin(self._free.pop(0))
        while self._open:
            while self._free:
                self._free.pop().end()
            await asyncio.sleep(TICK_S)

    def next_question(self) -> bytes | None:
        """Return the next question, None at the end."""
        return next(self._questions, None) if time.perf_counter() < self._end else None

    def answered(self, latency: float, answer: bytes) -> None:
        """Note one answer."""
        self._latencies.append(latency)
        if not answer.startswith(b"HTTP/1.1 200") or self._expected not in answer:
            self._wrong.append(answer[:600])

    def closed(self) -> None:
        """Note one connection's end."""
        self._open -= 1
        if self._open == 0:
            self._done.set()

    def _figures(self, taken: float) -> dict[str, float]:
        ordered = sorted(self._latencies)
        count = len(ordered)
        return {"rps": count / taken, "p50_ms": ordered[count // 2] * 1e3, "p99_ms": ordered[count * 99 // 100] * 1e3}


def _be_elsewhere() -> None:
    """Callers have machines of their own: none of them ever waits for a core of the hub's."""
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(2))


def make_questions(order: dict[str, Any]) -> Iterator[bytes]:
    """Yield whole HTTP requests, each with its own subject, request id and nonce; signed when the order says so."""
    signer = SoftwareSigner.from_pem(order["pem"].encode())
    authority, now = f"127.0.0.1:{order['port']}", int(time.time())
    purpose = {"service_item": order["service_item"], "case": "BJ-1"}
    count = int(order["seconds"] * (order.get("rate") or MOST_PER_S) * 1.1) + order["connections"]
    for subject in itertools.islice(itertools.cycle(order["subjects"]), count):
        if path := order.get("get"):
            yield f"GET {path.format(subject)} HTTP/1.1\r\nhost: {authority}\r\n\r\n".encode()
            continue
        asked = {"grant": order["grant"], "purpose": purpose, "subjects": [subject]}
        body = order["post"].replace("SUBJECT", subject).encode() if "post" in order else json.dumps(asked).encode()
        headers = {"content-type": "application/json"}
        if order["is_signed"]:
            headers["x-request-id"] = str(uuid.uuid4())
            headers |= sign_request(Request("POST", authority, PATH, "", headers, body), signer, now)
        lines = [
            f"POST {order.get('path', PATH)} HTTP/1.1",
            f"host: {authority}",
            f"content-length: {len(body)}",
            *(f"{n}: {v}" for n, v in headers.items()),
        ]
        yield "\r\n".join(lines).encode() + b"\r\n\r\n" + body


if __name__ == "__main__":
    print(json.dumps(uvloop.run(Load(json.load(sys.stdin)).run())))
