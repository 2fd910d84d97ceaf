"""When: every Monday the week before is counted, scored and told; weeks in which nothing ran are made up. What is done lies in
exchange_api/supervision/weekly.py: again does nothing more.
"""

import logging
from datetime import timedelta
from importlib import import_module

from airflow.sdk import DAG, get_parsing_context, task

from dags.failures import decide


def count_weeks() -> None:
    """Count every whole week that was not counted yet, each in a transaction of its own."""
    decide(
        lambda: logging.getLogger(__name__).info("%s", import_module("exchange_api.supervision.weekly").keep_weeks())
    )


if get_parsing_context().dag_id in (None, "supervision"):
    with DAG(
        "supervision",
        dag_display_name="监察考核 · 周报",
        schedule="10 18 * * 0",  # UTC: Monday, ten past two in China
        catchup=False,
        max_active_runs=1,
        tags=["hutong"],
        default_args={"retries": 3, "retry_delay": timedelta(minutes=5)},
    ):
        task(count_weeks)()
