"""Why: what the tasks of a resource's DAG call. Only files of dags/ import this; the heavy rooms are imported inside, so that parsing stays cheap."""

from importlib import import_module
from types import ModuleType

from airflow.sdk import get_current_context

from dags.connections import lend_connection
from dags.failures import decide


def land(resource_id: str, connection_id: str | None) -> str:
    """Plan the batch of this run and land it as Parquet; return the batch id. The same run finds the same batch again."""
    ingest = open_ingest()
    run_id: str = get_current_context()["run_id"]
    if connection_id:
        lend_connection(connection_id)
    batch_id: str = decide(lambda: ingest.plan(resource_id, run_id))
    finishing = decide(lambda: import_module("libraries.finishing"))
    decide(lambda: finishing.finish_earlier(batch_id))  # one run at a time: what is unfinished has nobody left
    decide(lambda: ingest.land(batch_id))
    return batch_id


def check(batch_id: str) -> str:
    """Run the rules, quarantine bad rows, commit the verdict; a rejected batch fails here and nothing merges."""
    ingest = open_ingest()
    decide(lambda: ingest.check(batch_id))
    return batch_id


def merge(batch_id: str) -> str:
    """Merge the batch into its library and publish what changed."""
    ingest = open_ingest()
    decide(lambda: ingest.merge(batch_id))
    decide(lambda: ingest.publish(batch_id))
    return batch_id


def open_ingest() -> ModuleType:
    """Import the heavy room in the task; a broken import is a named failure of this task alone."""
    return decide(lambda: import_module("libraries.ingest"))
