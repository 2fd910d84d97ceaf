"""When, as operations may set it. Read by dags/collect.py when Airflow parses it."""

from datetime import timedelta

from pydantic import Field

from schemas.settings import HutongSettings


class DagSettings(HutongSettings):
    """How patient collecting is."""

    retry_seconds: float = Field(
        default=20,
        gt=0,
        description="Seconds before a failed task is first tried again; twice as long each further time.",
    )


RETRY_DELAY = timedelta(seconds=DagSettings().retry_seconds)
"""Read once, not once per resource: parsing is a budget."""
