"""Why: what proof costs. One record by key over loopback: ours (checked, signed, evidenced, the sequencer running) against `handler` (our own code path with
checking, signature and evidence switched off), `plain` (FastAPI + asyncpg), `orm` (FastAPI + SQLAlchemy), datasette, PostGraphile, and pgbench as the limit;
interleaved rounds in one run, medians.

`python -m benchmarks.query [--rows 1000000] [--seconds 8] [--connections 32] [--soak 60]`. Everything lives in a temporary folder and ends with the run.
An hour's memory: `--soak 3600`.
"""

import argparse
import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any, LiteralString

import psycopg

from benchmarks import query_beside
from benchmarks import query_others as others
from benchmarks.ground import new_database, own_server, set_environment
from benchmarks.query_servers import ROOT, Served, rss_mb, sequencing, serving, two_workers, uvicorn

ROUNDS = 3
WINDOW_S, WINDOWS = 8.0, 3
"""How long and how often the tail is looked at: a stall of the machine itself falls into one window, and the median is another's."""
SLOWER = ("orm", "datasette", "postgraphile")
SERVERS = {
    "ours": ("-m", "exchange_api.worker", "--port", "{port}"),
    "handler": ("-m", "benchmarks.query_peers", "--port", "{port}"),
    "plain": uvicorn("benchmarks.query_plain:plain"),
    "orm": uvicorn("benchmarks.query_plain:orm"),
}
MODES = "UPDATE exchange.grants SET modes = ARRAY['query', 'verify', 'export'], is_case_required = false"
WORKS = ("export", "ingest")
WRITTEN: dict[str, LiteralString] = {
    "versions_merged": "SELECT n_tup_ins FROM pg_stat_user_tables WHERE schemaname = 'library' AND relname = 'population_history'",
    "pages_of_checkpoints": "SELECT buffers_written FROM pg_stat_checkpointer",
}
WAYS: dict[str, dict[str, str]] = {
    "datasette": {"get": others.GET, "expects": '"subject"'},
    "postgraphile": {"post": others.GRAPHQL, "path": "/graphql", "expects": '"subject"'},
}
"""How to ask those that are not asked as we are."""
Figures = dict[str, float]


class Run:
    """One run: what was asked for, the caller, the servers."""

    def __init__(self, asked: argparse.Namespace, folder: Path, uris: tuple[str, str], caller: dict[str, Any]) -> None:
        self.asked, self.folder, self.caller = asked, folder, caller
        self.uri, self.department = uris
        self.servers: dict[str, Served] = {}
        self.found: dict[str, list[Figures]] = {}

    def load(self, port: int, seconds: float, **how: Any) -> Figures:
        """Ask for so long in a process of its own, which makes and signs every question before the clock starts."""
        order = {"port": port, "seconds": seconds, "connections": self.asked.connections, **self.caller, **how}
        command = [sys.executable, "-m", "benchmarks.query_load"]
        done = subprocess.run(command, input=json.dumps(order), capture_output=True, text=True, cwd=ROOT, check=False)
        if done.returncode:
            raise SystemExit(done.stderr)
        figures: Figures = json.loads(done.stdout)
        return figures

    def medians(self, name: str) -> Figures:
        """Return the medians of a server's rounds."""
        return _medians(self.found[name])

    def tail(self, port: int, rate: float) -> Figures:
        """Return the medians of windows in which so many questions a second fall due."""
        return _medians([self.load(port, WINDOW_S, is_signed=True, rate=rate) for _ in range(WINDOWS)])

    def tell(self, bench: str, peer: str | None, figures: Figures, **facts: Any) -> None:
        """Print one line."""
        rounded = {name: round(value, 2) for name, value in figures.items()}
        print(json.dumps({"bench": bench, "peer": peer, **rounded, **facts}), flush=True)


def _medians(rounds: Sequence[Figures]) -> Figures:
    return {key: median(one[key] for one in rounds) for key in rounds[0]}


def main() -> None:
    """Run it and print one JSON line per measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=8, help="of one server, over all rounds")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--soak", type=float, default=60, help="seconds for which memory is watched")
    asked = parser.parse_args()
    with own_server() as (folder, uri), own_server() as (_, department):
        hub = new_database(uri, "hub")
        set_environment(
            HUTONG_DATABASE_URL=hub.replace("postgresql://", "postgresql+psycopg://"), HUTONG_ROOT=str(folder),
            HUTONG_KEYS_FOLDER=str(folder / "keys"), HUTONG_LANDING=str(folder / "landing"),
        )  # fmt: skip
        _measure(Run(asked, folder, (hub, department), _build(asked.rows)))


def _build(rows: int) -> dict[str, Any]:
    from benchmarks.query_city import ITEMS, build
    from schemas.library import library

    caller, places = build(rows), library("population").attribute_ids
    set_environment(BENCH_PLACES=json.dumps({name: places.index(name) for name in ITEMS}))
    return caller


def _measure(run: Run) -> None:
    with psycopg.connect(run.uri, autocommit=True) as connection:
        connection.execute(MODES)
    with contextlib.ExitStack() as running:
        for name, command in SERVERS.items():
            run.servers[name] = running.enter_context(serving(run.folder, command))
        command = others.datasette(run.uri, run.folder)
        run.servers["datasette"] = running.enter_context(serving(run.folder, command, "/-/versions.json"))
        if graphql := others.postgraphile(run.uri, run.folder):
            run.servers["postgraphile"] = running.enter_context(serving(run.folder, graphql, "/graphql"))
        running.enter_context(sequencing())
        _single(run)
        _half_peak(run)
        _memory(run)
    _two_workers(run)
    _beside(run)


def _two_workers(run: Run) -> None:
    with two_workers(run.folder) as (port, pids), sequencing():
        run.found["two"] = [run.load(port, run.asked.seconds / ROUNDS, is_signed=True) for _ in range(ROUNDS)]
        run.tell("query.two_workers", None, run.medians("two"), peak_rss_mb=max(map(rss_mb, pids)))


def _single(run: Run) -> None:
    seconds = run.asked.seconds / ROUNDS
    for _ in range(ROUNDS):
        for name, served in run.servers.items():
            figures = run.load(served.port, seconds, is_signed=name == "ours", **WAYS.get(name, {}))
            run.found.setdefault(name, []).append(figures)
        limit = others.pgbench(run.uri, run.folder, run.caller["subjects"], (run.asked.connections, seconds))
        run.found.setdefault("pgbench", []).append(limit)
    rates = {name: run.medians(name)["rps"] for name in run.found}
    for name in run.found:
        ratios = {f"to_{peer}": rates[name] / rates[peer] for peer in ("plain", "handler")}
        facts: dict[str, Any] = {}
        if name in run.servers:
            facts["peak_rss_mb"] = rss_mb(run.servers[name].pid)
        if name == "ours":
            facts["least"] = {"to_plain": 0.7, "to_handler": 0.5}
            facts["is_met"] = all(ratios[which] >= least for which, least in facts["least"].items())
            facts["is_met"] &= rates["ours"] > max(rates.get(one, 0) for one in SLOWER)
        run.tell("query.single", None if name == "ours" else name, {**run.medians(name), **ratios}, **facts)


def _half_peak(run: Run) -> None:
    """The tail at half of what is possible."""
    query_beside.settle()
    alone = run.tail(run.servers["ours"].port, run.medians("ours")["rps"] / 2)
    bar: dict[str, float] = {"p99_ms": 20}
    run.tell("query.half_peak", None, alone, bar=bar, is_met=alone["p99_ms"] <= 20)


def _beside(run: Run) -> None:
    """The tail beside everything else a hub does, against the tail alone just before: at half of what is possible, at a tenth, and there with a backup's
    checkpoints, which no bar is for.
    """
    query_beside.prepare(run.department, run.asked.rows)
    with serving(run.folder, SERVERS["ours"]) as served, sequencing():
        run.load(served.port, run.asked.seconds / ROUNDS, is_signed=True)
        for share, works in ((2, WORKS), (10, WORKS), (10, (*WORKS, "checkpoint"))):
            rate = run.medians("ours")["rps"] / share
            query_beside.settle()
            alone = run.tail(served.port, rate)
            with query_beside.often(), _working(run, works) as done:
                beside = run.tail(served.port, rate)
                times = done()
            ratio = beside["p99_ms"] / alone["p99_ms"]
            figures = {**beside, "p50_alone_ms": alone["p50_ms"], "p99_alone_ms": alone["p99_ms"], "p99_ratio": ratio}
            facts: dict[str, Any] = {"of_peak": f"1/{share}", "done": times}
            if works == WORKS:
                facts |= {"bar": {"p99_ratio": 1.5}, "is_met": ratio <= 1.5}
            run.tell("query.beside_work", None, figures, **facts)


@contextlib.contextmanager
def _working(run: Run, works: Sequence[str]) -> Iterator[Callable[[], dict[str, int]]]:
    """Let other work be done from its second turn on; yields what says how often each was done since, how many versions of records merges wrote, and how
    many pages checkpoints.
    """
    told = {one: run.folder / f"beside-{one}" for one in works}
    begun = {one: _turns(path) for one, path in told.items()}
    log = run.folder / "beside.log"
    with log.open("ab") as said, contextlib.ExitStack() as running:
        processes = [subprocess.Popen([sys.executable, "-m", "benchmarks.query_beside", one], cwd=ROOT, stdout=said, stderr=said) for one in told]  # fmt: skip
        for work in processes:
            running.callback(work.wait, 60)
            running.callback(work.terminate)

        def done() -> dict[str, int]:
            if any(work.poll() is not None for work in processes):
                raise SystemExit(f"other work ended:\n{log.read_text()}")
            return {one: _turns(path) - begun[one] for one, path in told.items()}

        while min(done().values()) < 1:  # what each must load once belongs to its start
            time.sleep(0.1)
        begun, before = {one: _turns(path) for one, path in told.items()}, _written(run.uri)
        yield lambda: done() | {name: now - before[name] for name, now in _written(run.uri).items()}


def _written(uri: str) -> dict[str, int]:
    with psycopg.connect(uri, autocommit=True) as connection:
        return {name: int(connection.execute(asked).fetchone()[0]) for name, asked in WRITTEN.items()}  # type: ignore[index]


def _turns(path: Path) -> int:
    return path.read_text().count("\n") if path.exists() else 0


def _memory(run: Run) -> None:
    """What a worker holds when it got warm and after each minute of a soak at half of what is possible: bounded, and in the end what it was after a tenth."""
    served, rate = run.servers["ours"], run.medians("ours")["rps"] / 2
    warm, looks = rss_mb(served.pid, "VmRSS"), []
    left = run.asked.soak
    while left > 0:  # in pieces: questions are signed beforehand and good for five minutes
        run.load(served.port, min(left, 60), is_signed=True, rate=rate)
        left -= 60
        looks.append(rss_mb(served.pid, "VmRSS"))
        print(f"memory: {looks[-1]:.1f} MB, {max(left, 0):.0f} s left", file=sys.stderr, flush=True)
    figures = {"warm_mb": warm, "tenth_mb": looks[len(looks) // 10], "end_mb": looks[-1], "soak_s": run.asked.soak}
    figures |= {"rate": rate, "peak_rss_mb": rss_mb(served.pid), "grown": figures["end_mb"] / figures["tenth_mb"]}
    bar: dict[str, float] = {"peak_rss_mb": 250, "grown": 1.02}
    run.tell("query.memory", None, figures, bar=bar, is_met=all(figures[name] <= most for name, most in bar.items()))


if __name__ == "__main__":
    main()
