"""Why: a steward goes from a batch to its run in Airflow with one click. Says where that is, if anywhere. Called by pages of pipelines and batches."""

from urllib.parse import quote

from pydantic import Field

from schemas.settings import HutongSettings
from schemas.tables.landing import Batch


class AirflowLinkSettings(HutongSettings):
    """Where stewards reach Airflow."""

    airflow_public_url: str = Field(
        default="", description="Airflow's address as stewards' browsers reach it; empty: that of HUTONG_AIRFLOW_URL."
    )
    airflow_url: str = Field(default="", description="Airflow's pages and API; set by `hutong up`.")


def dag_of(resource_id: str) -> str:
    """Return the address of a resource's DAG in Airflow, empty where none is known."""
    settings = AirflowLinkSettings()
    base = (settings.airflow_public_url or settings.airflow_url).rstrip("/")
    return f"{base}/dags/{quote(resource_id)}" if base else ""


def run_of(batch: Batch) -> str:
    """Return the address of the run that made a batch, empty for a batch that no DAG made."""
    dag = dag_of(batch.resource_id)
    return f"{dag}/runs/{quote(batch.run_id, safe='')}" if dag and "__" in batch.run_id else ""
