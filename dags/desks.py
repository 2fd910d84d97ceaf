"""When: what time itself moves at the desks of demand and supply, hourly: steps fall due, become late, are supervised; provisional dates become final.
What is done lies in exchange_api/clocks/clock_upkeep.py.
"""

from datetime import timedelta

from airflow.sdk import DAG, get_parsing_context, task

from dags import hourly

if get_parsing_context().dag_id in (None, "desks"):
    with DAG(
        "desks",
        dag_display_name="供需办理 · 到期事项",
        schedule="20 * * * *",
        catchup=False,
        max_active_runs=1,
        tags=["hutong"],
        default_args={"retries": 3, "retry_delay": timedelta(minutes=1)},
    ):
        task(hourly.keep_clocks)()
        task(hourly.keep_grants)()
        task(hourly.learn_words)()
