"""A process that opens connections to the exchange and lingers on them, in ways that cost it nothing; run by `test_crowded`, which talks to it line by line.

usage: python lingering.py PORT HOW SOURCE COUNT, where HOW is silent, head, body, answered or empty. It says "open", then each second sends what keeps its
connections looking alive until its input ends, then reads until all were ended and says how many times it heard what.
"""

import json
import resource
import select
import socket
import sys
from collections import Counter

BEGINNINGS = {
    "silent": b"",
    "head": b"POST /v1/libraries/population/query HTTP/1.1\r\nx-drip: ",
    "body": b"POST /v1/libraries/population/query HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\n{",
    "empty": b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n",
    "answered": b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n",
}
DROPS = {"head": b"a", "body": b" "}


class Lingering:
    """Connections of one kind, and what each heard."""

    def __init__(self, port: int, how: str, source: str, count: int) -> None:
        self._poll, self._drop = select.epoll(), DROPS.get(how, b"")
        self.open: dict[int, socket.socket] = {}
        self.heard: Counter[str] = Counter()
        for _ in range(count):
            self._begin(port, how, source)

    def _begin(self, port: int, how: str, source: str) -> None:
        one = socket.create_connection(("127.0.0.1", port), timeout=60, source_address=(source, 0))
        one.sendall(BEGINNINGS[how])
        if how in ("answered", "empty"):
            said = b""
            while not said.endswith(b"}"):
                said += one.recv(4096)
        if how == "empty":
            one.sendall(b"\r\n")
        one.setblocking(False)
        self.open[one.fileno()] = one
        self._poll.register(one, select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR)

    def linger(self) -> None:
        """Drop a byte into each connection."""
        for one in list(self.open.values()) if self._drop else ():
            try:
                one.send(self._drop)
            except OSError:
                self._end(one, b"")

    def listen(self, seconds: float) -> None:
        """Hear what was said within so many seconds."""
        for number, _ in self._poll.poll(seconds, 4096):
            one = self.open.get(number)
            if one is None:
                continue
            try:
                said = one.recv(4096)
            except OSError:
                said = b""
            self._end(one, said)

    def _end(self, one: socket.socket, said: bytes) -> None:
        self.heard[said[:12].decode("latin-1")] += 1
        if self.open.pop(one.fileno(), None):
            self._poll.unregister(one)
            one.close()


def main(port: int, how: str, source: str, count: int) -> None:
    """Open, linger, tell."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    lingering = Lingering(port, how, source, count)
    sys.stdout.write("open\n")
    sys.stdout.flush()
    while not select.select([sys.stdin], [], [], 1)[0]:
        lingering.linger()
    while lingering.open:
        lingering.listen(60)
    sys.stdout.write(json.dumps(lingering.heard) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4]))
