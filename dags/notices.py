"""When: every five minutes what was told goes out to whoever wants it outside the portal. What is done lies in exchange_api/noticing/sending.py, which
tries again by itself: a failed round is no reason for Airflow to hurry.
"""

import logging
from importlib import import_module

from airflow.sdk import DAG, get_parsing_context, task

from dags.failures import decide


def send_notices() -> None:
    """Send what is due by mail and by webhook."""
    decide(lambda: logging.getLogger(__name__).info("%s", import_module("exchange_api.noticing.sending").send_due()))


if get_parsing_context().dag_id in (None, "notices"):
    with DAG(
        "notices",
        dag_display_name="通知 · 外送",
        schedule="*/5 * * * *",
        catchup=False,
        max_active_runs=1,
        tags=["hutong"],
    ):
        task(send_notices)()
