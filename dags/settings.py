"""When, as operations may set it. Read by dags/collect.py when Airflow parses it."""

import gc
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
MAX_RETRY_DELAY = timedelta(minutes=30)


def spare_collector() -> None:
    """Take what Airflow has loaded out of the garbage collector's rounds: a thousand DAGs made it walk all of it again and again, a fifth of the time."""
    gc.freeze()
