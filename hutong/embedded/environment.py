"""Why: one place computes what the children are told, and lets any `hutong` command in a shell find the running services with nothing exported.
The supervisor calls `compute`; the command line calls `connect`; what the user has exported always wins.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from hutong.embedded.home import CODE, Home, find_home, read_json, read_secrets, write_json

if TYPE_CHECKING:  # costs pydantic, which `hutong --help` can do without
    from hutong.embedded.settings import EmbeddedSettings

MARK = "HUTONG_SUPERVISED"
"""Environment variable every child and its descendants carry, with the root as value: how leftovers are recognised."""

CONNECTED = "HUTONG_CONNECTED"
"""Names of the variables `connect` has set in this process or a parent of it."""


def compute(home: Home, settings: "EmbeddedSettings", ports: dict[str, int]) -> dict[str, str]:
    """Return the HUTONG_* and Airflow variables of this installation; contains secrets."""
    secrets = read_secrets(home)
    server = f"127.0.0.1:{ports.get('postgres')}"
    database = settings.database_url or f"postgresql+psycopg://hutong:{secrets['postgres']}@{server}/hutong"
    airflow = settings.airflow_database_url or (
        beside(database)
        if settings.database_url
        else f"postgresql+psycopg://airflow:{secrets['airflow_database']}@{server}/airflow"
    )
    return {
        "HUTONG_ROOT": str(home.root),
        "HUTONG_DATABASE_URL": database,
        "HUTONG_SNAPSHOT": os.environ.get("HUTONG_SNAPSHOT", str(home.var / "snapshot.json")),
        "HUTONG_CONNECTIONS_FILE": os.environ.get("HUTONG_CONNECTIONS_FILE", str(home.var / "connections.json")),
        "HUTONG_METRICS_FOLDER": os.environ.get("HUTONG_METRICS_FOLDER", str(home.run / "metrics")),
        "HUTONG_API_PORT": str(ports["api"]),
        "HUTONG_API_URL": os.environ.get("HUTONG_API_URL", f"http://127.0.0.1:{ports['api']}"),
        "HUTONG_AIRFLOW_PORT": str(ports["airflow"]),
        "HUTONG_AIRFLOW_URL": f"http://127.0.0.1:{ports['airflow']}",
        "HUTONG_AIRFLOW_DATABASE_URL": airflow,
        "HUTONG_AIRFLOW_JWT_SECRET": secrets["airflow_jwt"],
        "HUTONG_AIRFLOW_SESSION_SECRET": secrets["airflow_session"],
        "AIRFLOW_HOME": str(home.airflow),
        "AIRFLOW_CONFIG": str(home.airflow_config),
        "GX_ANALYTICS_ENABLED": "false",  # the hub makes no call that was not configured
        "DO_NOT_TRACK": "1",
        "SCARF_ANALYTICS": "false",
    } | (_celery(settings, secrets, ports) if settings.executor == "celery" else {})


def _celery(settings: "EmbeddedSettings", secrets: dict[str, str], ports: dict[str, int]) -> dict[str, str]:
    parallelism = settings.parallelism or max(1, settings.workers * settings.worker_slots)
    return {
        "HUTONG_BROKER_URL": settings.broker_url or f"redis://:{secrets['redis']}@127.0.0.1:{ports.get('redis')}/0",
        "HUTONG_WORKER_SLOTS": str(settings.worker_slots),
        # over what airflow.cfg says for one machine; more in the queue than there are slots would only age there
        "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
        "AIRFLOW__CORE__PARALLELISM": os.environ.get("AIRFLOW__CORE__PARALLELISM", str(parallelism)),
    } | ({"AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(port)} if (port := settings.worker_log_port) else {})


def beside(url: str) -> str:
    """Return the URL of Airflow's database on an external server: the same login, `<name>_airflow`, so two hubs on one server do not meet."""
    parts = urlsplit(url)
    return parts._replace(path=f"/{quote(parts.path.strip('/') or 'hutong')}_airflow").geturl()


def libpq(url: str) -> str:
    """Return a SQLAlchemy URL as libpq reads it: without the driver's name."""
    scheme, _, rest = url.partition("://")
    return f"{scheme.partition('+')[0]}://{rest}"


def for_child(home: Home, computed: dict[str, str]) -> dict[str, str]:
    """Return the whole environment of a child: ours over the user's, the packages importable, loopback never through a proxy."""
    own = dict(os.environ) | computed | {MARK: str(home.root), "PYTHONUNBUFFERED": "1"}
    own["PYTHONPATH"] = os.pathsep.join(part for part in (str(CODE), os.environ.get("PYTHONPATH", "")) if part)
    for name in ("NO_PROXY", "no_proxy"):
        own[name] = ",".join(part for part in (os.environ.get(name, ""), "127.0.0.1", "localhost") if part)
    return own


def keep(home: Home, computed: dict[str, str]) -> None:
    """Leave the addresses for later commands (0600)."""
    write_json(_path(home), computed)


def connect(home: Home | None = None) -> None:
    """Set what the running services left, for variables the user has not set. Without services nothing happens but HUTONG_ROOT."""
    home = home or find_home()
    os.environ.setdefault("HUTONG_ROOT", str(home.root))
    left: dict[str, str] = read_json(_path(home)) or {}
    given = {name: value for name, value in left.items() if name not in os.environ}
    os.environ.update(given)
    os.environ[CONNECTED] = ",".join(filter(None, (os.environ.get(CONNECTED), *given)))


def disconnect() -> None:
    """Take back what `connect` set, here or in a parent process: to `hutong up` it would look like the user's wish for fixed ports and an external server."""
    for name in os.environ.pop(CONNECTED, "").split(","):
        os.environ.pop(name, None)


def _path(home: Home) -> Path:
    return home.state / "environment.json"
