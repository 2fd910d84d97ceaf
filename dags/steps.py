"""Why: what every task of every DAG does around the library's own function: lend it the connection Airflow knows, and turn the type of a failure into
Airflow's decision. Only files of dags/ import this; the heavy rooms are imported inside, so that parsing stays cheap."""

import json
import os
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import TypeVar

from airflow.sdk import Connection, get_current_context
from airflow.sdk.exceptions import AirflowFailException, AirflowNotFoundException

from schemas.errors import HutongError, Language, Transient

T = TypeVar("T")
LANGUAGES: tuple[Language, ...] = ("zh", "en")


def land(resource_id: str, connection_id: str | None) -> str:
    """Plan the batch of this run and land it as Parquet; return the batch id. The same run finds the same batch again."""
    ingest = _open_ingest()
    run_id: str = get_current_context()["run_id"]
    if connection_id:
        lend_connection(connection_id)
    batch_id: str = decide(lambda: ingest.plan(resource_id, run_id))
    decide(lambda: ingest.land(batch_id))
    return batch_id


def check(batch_id: str) -> str:
    """Run the rules, quarantine bad rows, commit the verdict; a rejected batch fails here and nothing merges."""
    ingest = _open_ingest()
    decide(lambda: ingest.check(batch_id))
    return batch_id


def merge(batch_id: str) -> str:
    """Merge the batch into its library and publish what changed."""
    ingest = _open_ingest()
    decide(lambda: ingest.merge(batch_id))
    decide(lambda: ingest.publish(batch_id))
    return batch_id


def decide(work: Callable[[], T]) -> T:
    """Return what `work` returns. Only a transient failure is tried again by Airflow: neither wrong input nor a bug mends itself by waiting."""
    try:
        return work()
    except Transient:
        raise
    except HutongError as error:
        words = " / ".join(f"{error.title(language)} {error.remedy(language)}" for language in LANGUAGES)
        raise AirflowFailException(f"[{error.code}] {words}") from error
    except Exception as error:
        raise AirflowFailException(f"{type(error).__name__}: not a catalogued failure, so not tried again; the traceback says more") from error


def _open_ingest() -> ModuleType:
    """Import the heavy room here, so that parsing stays cheap and a broken import is a named failure of this task."""
    return decide(lambda: import_module("libraries.ingest"))


def lend_connection(connection_id: str) -> None:
    """Put a connection of Airflow's secrets backends where connectors look first, for this process only. One it does not know is left to them."""
    try:
        found = Connection.get(connection_id)
    except AirflowNotFoundException:
        return
    fields = ("conn_type", "host", "login", "password", "schema", "port", "extra")
    known = {name: value for name in fields if (value := getattr(found, name)) is not None}
    os.environ[f"AIRFLOW_CONN_{connection_id.upper()}"] = json.dumps(known)
