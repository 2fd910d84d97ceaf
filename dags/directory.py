"""When: what time itself moves in the directory, hourly: windows end, reforms come into force, reviews fall due; and recalls and objections with it.
What is done lies in exchange_api/upkeep.py, recall_upkeep.py and objection_upkeep.py.
"""

from datetime import timedelta

from airflow.sdk import DAG, get_parsing_context, task

from dags import hourly

if get_parsing_context().dag_id in (None, "directory"):
    with DAG(
        "directory",
        dag_display_name="信息资源目录 · 到期事项",
        schedule="5 * * * *",
        catchup=False,
        max_active_runs=1,
        tags=["hutong"],
        default_args={"retries": 3, "retry_delay": timedelta(minutes=1)},
    ):
        task(hourly.keep_up)()
        task(hourly.call_back)()
