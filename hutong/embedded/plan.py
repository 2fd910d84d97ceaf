"""Why: which units one `up` starts, and the environment they share, decided in one place from settings, ports and what is installed.
Called by the supervisor.
"""

import sys
from dataclasses import dataclass

from hutong.demo.services import units as departments
from hutong.embedded import airflow, exchange, postgres, redis
from hutong.embedded.environment import compute
from hutong.embedded.home import Home
from hutong.embedded.ports import choose_ports
from hutong.embedded.settings import EmbeddedSettings
from hutong.embedded.unit import Unit


@dataclass(frozen=True)
class Plan:
    """What to start, with which environment; `addresses` are printed when all is ready."""

    units: list[Unit]
    environment: dict[str, str]
    addresses: dict[str, str]


def draw_plan(home: Home, settings: EmbeddedSettings, with_airflow: bool, with_api: bool) -> Plan:
    """Return the plan of this installation. Raises Terminal `embedded.port_taken`, `embedded.folder_closed`, `embedded.no_redis`,
    `embedded.no_celery`.
    """
    with_airflow = with_airflow and airflow.is_installed()
    embedded = settings.database_url is None
    fixed = {"airflow": settings.airflow_port, "api": settings.api_port} | (
        {"postgres": settings.postgres_port} if embedded else {}
    )
    with_celery = with_airflow and settings.executor == "celery"
    with_redis = with_celery and settings.broker_url is None
    ports = choose_ports(home, fixed | ({"redis": None} if with_redis else {}))
    environment = compute(home, settings, ports)
    wanted = (
        ["hub"] * embedded
        + ["airflow"] * with_airflow
        + ["login"] * (embedded and with_airflow and not settings.airflow_database_url)
    )
    units = postgres.server(home, ports["postgres"]) if embedded else []
    units.append(
        Unit(
            "databases",
            (sys.executable, "-m", "hutong.embedded.databases", *wanted),
            kind="step",
            after=("postgres",) * embedded,
        )
    )
    units += exchange.hub(home, ports["api"], settings.api_workers if with_api else 0)
    units += redis.server(home, ports["redis"]) if with_redis else []
    units += airflow.engine(home, ports["airflow"]) if with_airflow else []
    units += airflow.workers(home, settings.workers, with_redis) if with_celery else []
    units += departments(home)
    return Plan(units, environment, _addresses(units, environment))


def _addresses(units: list[Unit], environment: dict[str, str]) -> dict[str, str]:
    names = {unit.name for unit in units}
    base = environment["HUTONG_API_URL"]
    shown = {"portal": f"{base}/", "api reference": f"{base}/docs"} if "api" in names else {}
    if "airflow-api" in names:
        shown["airflow"] = environment["HUTONG_AIRFLOW_URL"]
    if "postgres" in names:
        shown["postgres"] = environment["HUTONG_DATABASE_URL"].rpartition("@")[2]
    return shown
