"""When: one DAG per published resource, id = resource id, made from the directory's snapshot. Airflow reads this file; a task reads only its own DAG.

Few tasks, each worth its half second: land (plan, read, write Parquet), check (rules, quarantine, verdict), merge (claims, golden records, publish).
Only the batch id travels between them. What is done lies in libraries/; whether a failure is tried again, in dags/steps.py.
"""

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, Asset, get_parsing_context, task

from catalog.snapshot import read_snapshot
from dags import steps

land, check, merge = (
    task(step) for step in (steps.land, steps.check, steps.merge)
)  # once, not once per resource: parsing is a budget


def collect(resource: dict[str, Any]) -> DAG:
    """Return the DAG of one resource: land → check → merge, on its update cycle, in its department's name."""
    trying_again = {
        "retries": resource["retries"],
        "retry_delay": timedelta(seconds=20),
        "retry_exponential_backoff": 2,
        "max_retry_delay": timedelta(minutes=30),
    }
    with DAG(
        resource["id"],
        dag_display_name=f"{resource['department_name']} · {resource['name']}",
        schedule=resource["schedule"],
        catchup=False,
        max_active_runs=1,
        tags=resource["tags"],
        default_args=trying_again | {"owner": resource["department"]},
    ) as dag:
        landed = land(resource["id"], resource.get("connection"))
        merge.override(outlets=_outlets(resource))(check(landed))
    return dag


def _outlets(resource: dict[str, Any]) -> list[Asset]:
    library = resource["library"]
    return [Asset(f"hutong://library/{library}/{resource['id']}")] if library else []


own = get_parsing_context().dag_id
for published in read_snapshot()["resources"]:
    if own in (None, published["id"]):
        collect(published)
