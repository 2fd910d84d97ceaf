"""When: one DAG per published resource, id = resource id, made from the directory's snapshot. Airflow reads this file; a task reads only its own DAG.

Few tasks, each worth its half second: land (plan, read, write Parquet), check (rules, quarantine, verdict), merge (claims, golden records, publish);
where the directory says `mapped`, plan and a land_slice per key range do what land does. Only ids and slice numbers travel between them.
What is done lies in libraries/; whether a failure is tried again, in dags/steps.py.
"""

from typing import Any

from airflow.sdk import DAG, Asset, get_parsing_context, task

from catalog.snapshot import read_snapshot
from dags import settings, sliced, steps

# once, not once per resource: parsing is a budget
land, check, merge = (task(step) for step in (steps.land, steps.check, steps.merge))
plan, land_slice, check_slices = task(sliced.plan), task(sliced.land_slice), task(task_id="check")(sliced.check_slices)


def collect(resource: dict[str, Any]) -> DAG:
    """Return the DAG of one resource: land → check → merge, on its update cycle, in its department's name."""
    trying_again = {
        "retries": resource["retries"],
        "retry_delay": settings.RETRY_DELAY,
        "retry_exponential_backoff": 2,
        "max_retry_delay": settings.MAX_RETRY_DELAY,
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
        where = resource["id"], resource.get("connection")
        at_once = resource.get("mapped")
        checked = _slice(*where, at_once) if at_once else check(land(*where))
        merge.override(outlets=_outlets(resource))(checked)
    return dag


def _slice(resource_id: str, connection_id: str | None, at_once: int) -> Any:
    planned: Any = plan(resource_id, connection_id)
    slices: Any = land_slice.override(max_active_tis_per_dagrun=at_once).partial(connection_id=connection_id)
    slices.expand_kwargs(planned) >> (checked := check_slices(planned))
    return checked


def _outlets(resource: dict[str, Any]) -> list[Asset]:
    library = resource["library"]
    return [Asset(f"hutong://library/{library}/{resource['id']}")] if library else []


own = get_parsing_context().dag_id
settings.spare_collector()
for published in read_snapshot()["resources"]:
    if own in (None, published["id"]):
        collect(published)
