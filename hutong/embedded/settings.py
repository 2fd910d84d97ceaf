"""Why: what operations may set for the embedded services. Read by `hutong up` and the supervisor only."""

import os
from typing import Literal

from pydantic import Field

from schemas.settings import HutongSettings


class EmbeddedSettings(HutongSettings):
    """Ports, an external database, and patience of the supervisor."""

    postgres_port: int | None = Field(
        default=None, description="Fixed port of the embedded PostgreSQL; otherwise a free one is found and remembered."
    )
    airflow_port: int | None = Field(
        default=None, description="Fixed port of Airflow's pages and API; otherwise a free one is found and remembered."
    )
    api_port: int | None = Field(
        default=None, description="Fixed port of portal and exchange API; otherwise a free one is found and remembered."
    )
    database_url: str | None = Field(
        default=None, description="External PostgreSQL; when set, no embedded server is started."
    )
    airflow_database_url: str | None = Field(
        default=None,
        description="Airflow's metadata database; default: `airflow` in the embedded server, `<name>_airflow` beside an external one.",
    )
    executor: Literal["local", "celery"] = Field(
        default="local",
        description="Where tasks run: on this machine, or in Celery workers here and on further machines (docs/scale.md).",
    )
    broker_url: str | None = Field(
        default=None, description="Redis that hands tasks to workers; without, `hutong up` starts one on loopback."
    )
    workers: int = Field(
        default=2,
        ge=0,
        description="Celery workers `hutong up` starts on this machine; more elsewhere: `hutong worker`.",
    )
    worker_slots: int = Field(default=2, ge=1, description="Tasks one worker runs at once; each may hold 1.5 GiB.")
    parallelism: int | None = Field(
        default=None,
        ge=1,
        description="Tasks at once over all Celery workers; default: those of this machine's workers.",
    )
    worker_log_port: int | None = Field(
        default=None, description="Port by which workers on further machines show task logs to Airflow's pages."
    )
    api_workers: int = Field(
        default_factory=lambda: min(8, max(2, os.cpu_count() or 1)),
        ge=1,
        le=64,
        description="Processes that answer at the exchange API's address; default: one a core, at least 2 and at most 8.",
    )
    start_timeout: float = Field(default=180, gt=0, description="Seconds each service may take to become ready.")
    stop_timeout: float = Field(
        default=30, gt=0, description="Seconds a service gets to stop by itself before it is killed."
    )
    restarts: int = Field(
        default=0,
        ge=0,
        description="How often a crashed Airflow part, API or sequencer is restarted before everything is stopped cleanly.",
    )
