"""Why: secrets of source systems live in Airflow's backends, and connectors know nothing of Airflow. Only dags/steps.py imports this."""

import json
import os

from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowNotFoundException

FIELDS = ("conn_type", "host", "login", "password", "schema", "port", "extra")


def lend_connection(connection_id: str) -> None:
    """Put a connection of Airflow's backends where connectors look first, for this process only; an unknown one is left to them."""
    try:
        found = Connection.get(connection_id)
    except AirflowNotFoundException:
        return
    known = {name: value for name in FIELDS if (value := getattr(found, name)) is not None}
    os.environ[f"AIRFLOW_CONN_{connection_id.upper()}"] = json.dumps(known)
