"""When: every minute files that were asked for in bulk are built, and those of exports that have ended are deleted. What is done lies in
exchange_api/exports/building.py, which goes on after the last whole file when a run was cut off.
"""

import logging
from datetime import timedelta
from importlib import import_module

from airflow.sdk import DAG, get_parsing_context, task

from dags.failures import decide


def build_exports() -> None:
    """Build what waits; another run leaves alone what this one builds."""
    decide(lambda: logging.getLogger(__name__).info("%s", import_module("exchange_api.exports.building").build_all()))


if get_parsing_context().dag_id in (None, "exports"):
    with DAG(
        "exports",
        dag_display_name="批量导出 · 生成",
        schedule="* * * * *",
        catchup=False,
        max_active_runs=1,
        tags=["hutong"],
        default_args={"retries": 3, "retry_delay": timedelta(seconds=30)},
    ):
        task(build_exports)()
