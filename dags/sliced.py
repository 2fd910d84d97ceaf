"""Why: what the tasks of a resource call that is landed in slices, each slice a task of its own. Only dags/collect.py imports this, beside dags/steps.py."""

from typing import Any

from airflow.sdk import get_current_context

from dags import steps
from dags.connections import lend_connection
from dags.failures import decide


def plan(resource_id: str, connection_id: str | None) -> list[dict[str, Any]]:
    """Plan the batch of this run and its slices; return [{"batch_id", "number"}], ids alone. The same run finds the same again."""
    ingest = steps.open_ingest()
    run_id: str = get_current_context()["run_id"]
    if connection_id:
        lend_connection(connection_id)
    batch_id: str = decide(lambda: ingest.plan(resource_id, run_id))
    return [{"batch_id": batch_id, "number": number} for number in decide(lambda: ingest.plan_slices(batch_id))]


def land_slice(batch_id: str, number: int, connection_id: str | None) -> None:
    """Land one slice of a batch, beside the others; a slice that landed is left as it is."""
    ingest = steps.open_ingest()
    if connection_id:
        lend_connection(connection_id)
    decide(lambda: ingest.land_slice(batch_id, number))


def check_slices(planned: list[dict[str, Any]]) -> str:
    """Gather the slices of a batch that have all landed, then check it."""
    ingest = steps.open_ingest()
    batch_id = str(planned[0]["batch_id"])
    decide(lambda: ingest.gather(batch_id))
    return steps.check(batch_id)
