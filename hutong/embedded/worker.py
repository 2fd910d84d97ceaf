"""Why: a worker takes tasks from Redis and runs each in a process forked from one that has imported already what tasks need, as the scheduler does on
one machine. Run by the supervisor and by `hutong worker` as `python -m hutong.embedded.worker NAME [--far]`.

`--far`: on a machine that shares no folder with the main one. Nothing but PostgreSQL, Redis, the landing's storage and Airflow's API connects them, so the
snapshot of the directory, which names the tasks, is kept here by a process of its own (`hutong.embedded.snapshot_copy`) that ends with the worker.
"""

import os
import subprocess
import sys
from pathlib import Path

from hutong.embedded.home import CODE, Home, find_home
from hutong.embedded.scheduler import preload

NEEDED = (
    "HUTONG_DATABASE_URL", "HUTONG_AIRFLOW_DATABASE_URL", "HUTONG_AIRFLOW_URL", "HUTONG_BROKER_URL", "HUTONG_LANDING",
)  # fmt: skip
"""What a far worker must be told: the addresses all machines share."""


def ready_mark(home: Home, name: str) -> Path:
    """Return the file a worker writes when it takes tasks."""
    return home.run / f"{name}.ready"


def environment(home: Home) -> dict[str, str]:
    """Return the environment of a far worker: what the user exported, and what follows from its own folder."""
    own = {
        "HUTONG_ROOT": str(home.root),
        "HUTONG_SNAPSHOT": str(home.var / "snapshot.json"),
        "HUTONG_CONNECTIONS_FILE": str(home.var / "connections.json"),
        "HUTONG_AIRFLOW_PORT": "0",  # of the api-server, which runs elsewhere
        "HUTONG_AIRFLOW_SESSION_SECRET": "",
        "HUTONG_AIRFLOW_JWT_SECRET": "",
        "HUTONG_WORKER_SLOTS": "2",
        "AIRFLOW_HOME": str(home.airflow),
        "AIRFLOW_CONFIG": str(home.airflow_config),
        "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
        "GX_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "SCARF_ANALYTICS": "false",
        "PYTHONUNBUFFERED": "1",
    }
    path = os.pathsep.join(part for part in (str(CODE), os.environ.get("PYTHONPATH", "")) if part)
    return own | dict(os.environ) | {"PYTHONPATH": path}


def main(name: str, is_far: bool) -> None:
    """Preload, then be Airflow's Celery worker until it is stopped."""
    home = find_home()
    if is_far:
        copying = (sys.executable, "-m", "hutong.embedded.snapshot_copy")
        subprocess.run((*copying, "--once"), check=True)  # noqa: S603 — our own command line, no shell
        subprocess.Popen(copying, stdin=subprocess.PIPE)  # noqa: S603 — ditto; its end of the pipe closes with us, however we end
    preload()
    from airflow.__main__ import main as airflow
    from celery.signals import worker_ready  # type: ignore[import-untyped]  # it ships none

    def say_ready(**_: object) -> None:
        ready_mark(home, name).touch()

    worker_ready.connect(say_ready, weak=False)
    logs = [] if "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT" in os.environ else ["--skip-serve-logs"]
    pid = ["--pid", str(home.run / f"{name}.pid")]
    quiet = ["--without-mingle", "--without-gossip"]
    sys.argv = ["airflow", "celery", "worker", "--celery-hostname", f"{name}@%h", *pid, *quiet, *logs]
    airflow()  # type: ignore[no-untyped-call]  # Airflow gives its entry no types


if __name__ == "__main__":
    main(sys.argv[1], "--far" in sys.argv)
