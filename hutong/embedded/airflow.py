"""Why: Airflow's four parts as watched children, ready when its own health page says so. Its keys live in airflow.cfg; here are only processes.
Called by the supervisor; as `python -m hutong.embedded.airflow` it migrates Airflow's tables, but only when they are not at the installed version:
`airflow db migrate` costs many seconds even when there is nothing to do.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any

import psycopg

from hutong.embedded.environment import libpq
from hutong.embedded.home import Home, find_home, read_json, read_secrets, write_json
from hutong.embedded.probe import read_loopback
from hutong.embedded.unit import Unit
from hutong.embedded.worker import ready_mark
from schemas.errors import Terminal

PARTS = ("scheduler", "dag_processor", "triggerer")


def is_installed() -> bool:
    """Tell whether the extra [airflow] is installed."""
    return find_spec("airflow") is not None


def engine(home: Home, port: int) -> list[Unit]:
    """Return Airflow's units: migrate its tables, then scheduler, dag-processor, triggerer and api-server at once."""
    _write_files(home)
    health = _Health(port)
    run = (sys.executable, "-m", "airflow")
    quiet = ("--skip-serve-logs",)  # the api-server reads log files itself: no further ports, no further processes
    return [
        Unit("airflow-migrate", (sys.executable, "-m", "hutong.embedded.airflow"), kind="step", after=("databases",)),
        _part("airflow-api", (*run, "api-server"), lambda: health.read() is not None),
        _part("airflow-scheduler", (sys.executable, "-m", "hutong.embedded.scheduler"), health.of("scheduler")),
        _part("airflow-dag-processor", (*run, "dag-processor"), health.of("dag_processor")),
        _part("airflow-triggerer", (*run, "triggerer", *quiet), health.of("triggerer")),
    ]


def workers(home: Home, count: int, with_redis: bool) -> list[Unit]:
    """Return `count` Celery workers: each takes tasks from Redis, and when one dies the others do its work. Raises Terminal `embedded.no_celery`."""
    try:
        version("apache-airflow-providers-celery"), version("redis")
    except PackageNotFoundError as error:
        raise Terminal("embedded.no_celery") from error
    return [_worker(home, f"airflow-worker-{number}", with_redis) for number in range(1, count + 1)]


def _worker(home: Home, name: str, with_redis: bool) -> Unit:
    mark = ready_mark(home, name)
    mark.unlink(missing_ok=True)
    command = (sys.executable, "-m", "hutong.embedded.worker", name)
    after = ("airflow-api", "migrate", *(["redis"] * with_redis))
    return Unit(name, command, after=after, probe=mark.exists, expendable=True)


def migrate(home: Home) -> None:
    """Bring Airflow's tables to the installed version unless they were left there by the last start. Raises CalledProcessError."""
    note, installed = home.state / "airflow.json", version("apache-airflow-core")
    url = libpq(os.environ["HUTONG_AIRFLOW_DATABASE_URL"])
    head = _read_head(url)
    if head and read_json(note) == {"version": installed, "head": head}:
        return
    subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], check=True)
    write_json(note, {"version": installed, "head": _read_head(url)})


def _read_head(url: str) -> str | None:
    with psycopg.connect(url, connect_timeout=10) as connection:
        if connection.execute("SELECT to_regclass('alembic_version')").fetchone() == (None,):
            return None
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        return str(row[0]) if row else None


def _part(name: str, command: tuple[str, ...], probe: Callable[[], bool]) -> Unit:
    return Unit(name, command, after=("airflow-migrate",), probe=probe)


def _write_files(home: Home) -> None:
    """Write the passwords Airflow would otherwise invent and print, and an empty file of connections: without one its backend fails every lookup."""
    kept = read_secrets(home)
    passwords = home.airflow / "simple_auth_manager_passwords.json.generated"
    write_json(passwords, {"admin": kept["airflow_admin"], "steward": kept["airflow_steward"]})
    connections = home.var / "connections.json"
    if not connections.exists():
        write_json(connections, {})


class _Health:
    """Airflow's health page, read at most once a second. A heartbeat older than this start is the last run's and proves nothing."""

    def __init__(self, port: int) -> None:
        self.port, self.started, self.read_at = port, datetime.now(UTC), 0.0
        self.document: dict[str, Any] | None = None

    def read(self) -> dict[str, Any] | None:
        if time.monotonic() - self.read_at > 1:
            self.document = read_loopback(self.port, "/api/v2/monitor/health")
            self.read_at = time.monotonic()
        return self.document

    def of(self, part: str) -> Callable[[], bool]:
        def is_ready() -> bool:
            found = (self.read() or {}).get(part) or {}
            beat = found.get(f"latest_{part}_heartbeat")
            return found.get("status") == "healthy" and beat is not None and datetime.fromisoformat(beat) > self.started

        return is_ready


if __name__ == "__main__":
    migrate(find_home())
