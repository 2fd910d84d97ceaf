"""Why: the servers that `benchmarks.query` asks, each a process of its own that ends with the run, and what a process takes of memory."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
_SEQUENCER = (
    "import threading; from exchange_api.evidence.sequencer import run_sequencer; run_sequencer(threading.Event())"
)


class Served(NamedTuple):
    """A running server."""

    port: int
    pid: int


@contextlib.contextmanager
def serving(folder: Path, command: Sequence[str], path: str = "/healthz") -> Iterator[Served]:
    """Run a server whose command says `{port}` where its port goes; yields when it answers at all."""
    port, told = free_port(), folder / "servers.log"
    program = [sys.executable] if command[0].startswith("-") else []
    arguments = [*program, *(part.replace("{port}", str(port)) for part in command)]
    with told.open("ab") as log:
        process = subprocess.Popen(
            arguments, env=os.environ | {"HUTONG_API_URL": f"http://127.0.0.1:{port}"}, cwd=ROOT, stdout=log, stderr=log
        )
        try:
            _wait_ready(port, path, process, told)
            yield Served(port, process.pid)
        finally:
            _end(process)


def uvicorn(target: str) -> tuple[str, ...]:
    """Return the command of an application under uvicorn, one process."""
    return ("-m", "uvicorn", "--factory", target, "--port", "{port}", "--no-access-log")


@contextlib.contextmanager
def two_workers(folder: Path) -> Iterator[tuple[int, list[int]]]:
    """Run two workers of ours on one socket, as `hutong up` starts them; yields port and process ids."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listening, contextlib.ExitStack() as running:
        pids = [running.enter_context(_worker(listening, folder / f"worker-{n}.ready")) for n in (1, 2)]
        yield listening.getsockname()[1], pids


@contextlib.contextmanager
def sequencing() -> Iterator[int]:
    """Run the evidence sequencer; yields its process id."""
    process = subprocess.Popen([sys.executable, "-c", _SEQUENCER], cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        yield process.pid
    finally:
        _end(process)


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


def rss_mb(pid: int, which: str = "VmHWM") -> float:
    """Return a process's memory in MiB: VmHWM at its peak, VmRSS now."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{which}:"):
            return round(int(line.split()[1]) / 1024, 1)
    return 0.0


@contextlib.contextmanager
def _worker(listening: socket.socket, ready: Path) -> Iterator[int]:
    number = listening.fileno()
    process = subprocess.Popen(
        [sys.executable, "-m", "exchange_api.worker", "--fd", str(number), "--ready", str(ready), "--workers", "2"],
        env=os.environ | {"HUTONG_API_URL": f"http://127.0.0.1:{listening.getsockname()[1]}"},
        cwd=ROOT, pass_fds=[number], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while not ready.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("a worker did not start")
            time.sleep(0.05)
        yield process.pid
    finally:
        _end(process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    process.wait(30)


def _wait_ready(port: int, path: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        connection = HTTPConnection("127.0.0.1", port, timeout=60)
        with contextlib.suppress(OSError), contextlib.closing(connection):
            connection.request("GET", path)
            connection.getresponse().read()
            return
        time.sleep(0.05)
    raise SystemExit(f"the server did not start:\n{log.read_text()}")
