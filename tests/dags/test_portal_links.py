"""Airflow shows the way back to the portal: its own loader finds the plugin, and its own schema takes the links."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOADED = """
from airflow import plugins_manager
from airflow.api_fastapi.core_api.datamodels.plugins import ExternalViewResponse
for plugin in plugins_manager.get_plugin_info():
    for view in plugin["external_views"]:
        one = ExternalViewResponse.model_validate(view)
        print(one.destination, one.href)
"""


def _views(folder: Path, **environment: str) -> list[str]:
    cfg = {
        "AIRFLOW_HOME": str(folder),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "dags" / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HUTONG_", "AIRFLOW"))}
    done = subprocess.run(
        [sys.executable, "-c", LOADED],
        env={**kept, **cfg, **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return [line for line in done.stdout.splitlines() if "/portal" in line]


def test_airflow_shows_links_to_pipelines_and_batches(tmp_path: Path) -> None:
    found = _views(tmp_path, HUTONG_API_URL="http://127.0.0.1:8000")
    assert found == [
        "dag http://127.0.0.1:8000/portal/pipelines/{DAG_ID}",
        "dag_run http://127.0.0.1:8000/portal/pipelines/{DAG_ID}/run?run={RUN_ID}",
        "nav http://127.0.0.1:8000/portal/pipelines",
    ]


def test_the_address_that_browsers_use_goes_first(tmp_path: Path) -> None:
    found = _views(tmp_path, HUTONG_API_URL="http://127.0.0.1:8000", HUTONG_PORTAL_PUBLIC_URL="https://hub.example/")
    assert found[0] == "dag https://hub.example/portal/pipelines/{DAG_ID}"
