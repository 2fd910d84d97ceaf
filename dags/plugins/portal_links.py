"""Why: whoever watches a run in Airflow goes to the batch it made with one click. Airflow loads this as a plugin; its pages put the
links beside every DAG and run, and open them outside (the portal stands in no frame).
"""

from typing import Any

from airflow.plugins_manager import AirflowPlugin
from pydantic import Field

from schemas.settings import HutongSettings


class PortalLinkSettings(HutongSettings):
    """Where stewards reach the portal."""

    portal_public_url: str = Field(
        default="",
        description="The portal's address as stewards' browsers reach it, without /portal; empty: HUTONG_API_URL.",
    )
    api_url: str = Field(default="", description="The exchange API's address; set by `hutong up`.")


def views(address: str) -> list[dict[str, Any]]:
    """Return the links from Airflow's pages to the portal at this address; none where it is not known. Airflow fills DAG_ID and RUN_ID in, quoted."""
    if not address:
        return []
    pipeline = f"{address.rstrip('/')}/portal/pipelines/{{DAG_ID}}"
    return [
        {"name": "互通 · 汇聚 Pipeline", "href": pipeline, "destination": "dag"},
        {"name": "互通 · 批次 Batch", "href": f"{pipeline}/run?run={{RUN_ID}}", "destination": "dag_run"},
        {"name": "互通 · 汇聚 Pipelines", "href": f"{address.rstrip('/')}/portal/pipelines", "destination": "nav"},
    ]


_settings = PortalLinkSettings()


class PortalLinks(AirflowPlugin):
    """Links from Airflow to the portal's pipelines and batches."""

    name = "hutong_portal"
    external_views = views(_settings.portal_public_url or _settings.api_url)
