"""Why: what every task of every DAG does around the library's own function: lend it the connection Airflow knows, and turn the type of a failure into
Airflow's decision. Only files of dags/ import this; the heavy rooms are imported inside, so that parsing stays cheap."""

import json
import os
from collections.abc import Callable
from typing import TypeVar

from airflow.sdk import Connection, get_current_context
from airflow.sdk.exceptions import AirflowFailException, AirflowNotFoundException

from schemas.errors import HutongError, Transient

T = TypeVar("T")


def land(resource_id: str, connection_id: str | None) -> str:
    """Plan the batch of this run and land it as Parquet; return the batch id. The same run finds the same batch again."""
    from libraries import ingest

    run_id: str = get_current_context()["run_id"]
    if connection_id:
        lend_connection(connection_id)
    batch_id: str = decide(lambda: ingest.plan(resource_id, run_id))
    decide(lambda: ingest.land(batch_id))
    return batch_id


def check(batch_id: str) -> str:
    """Run the rules, quarantine bad rows, commit the verdict; a rejected batch fails here and nothing merges."""
    from libraries import ingest

    decide(lambda: ingest.check(batch_id))
    return batch_id


def merge(batch_id: str) -> str:
    """Merge the batch into its library and publish what changed."""
    from libraries import ingest

    decide(lambda: ingest.merge(batch_id))
    decide(lambda: ingest.publish(batch_id))
    return batch_id


def decide(work: Callable[[], T]) -> T:
    """Return what `work` returns. A transient failure is tried again by Airflow; any other catalogued one fails the task for good, with its words."""
    try:
        return work()
    except Transient:
        raise
    except HutongError as error:
        raise AirflowFailException(f"[{error.code}] {error.title('zh')} {error.remedy('zh')} / {error.title('en')} {error.remedy('en')}") from error


def lend_connection(connection_id: str) -> None:
    """Put a connection of Airflow's secrets backends where connectors look first, for this process only. One it does not know is left to them."""
    try:
        found = Connection.get(connection_id)
    except AirflowNotFoundException:
        return
    fields = ("conn_type", "host", "login", "password", "schema", "port", "extra")
    known = {name: value for name in fields if (value := getattr(found, name)) is not None}
    os.environ[f"AIRFLOW_CONN_{connection_id.upper()}"] = json.dumps(known)
