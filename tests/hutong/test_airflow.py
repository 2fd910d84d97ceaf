"""Airflow as a watched child: a DAG runs end to end in the real scheduler, connections come from its backend, and the crash of one part stops all."""

import json
from pathlib import Path

import psutil
import pytest

from hutong.embedded.airflow_client import AirflowClient, AirflowSettings, Run
from hutong.embedded.home import read_json, read_secrets
from schemas.errors import Terminal
from tests.hutong.installation import Installation

DAG = """
from airflow.sdk import dag, task


@dag(schedule=None)
def try_connection():
    @task
    def lend():
        import os

        from connectors.connections import find_connection
        from dags.connections import lend_connection

        lend_connection("civil_affairs")
        return find_connection("civil_affairs").database

    @task
    def compare(found):
        assert found == "marriages", found

    compare(lend())


try_connection()


@dag(schedule=None)
def try_failure():
    @task(retries=3)
    def fail():
        from dags.failures import decide
        from schemas.errors import Terminal

        def work():
            raise Terminal("embedded.no_such_log", name="x", names="y")

        decide(work)

    fail()


try_failure()
"""

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def running(installation: Installation) -> Installation:
    """An installation with two DAGs and a connection, Airflow running."""
    dags = installation.home.root / "dags"
    dags.mkdir()
    (dags / "tries.py").write_text(DAG)
    installation.home.var.mkdir()
    connections = {"civil_affairs": {"conn_type": "sqlite", "schema": "marriages"}}
    (installation.home.var / "connections.json").write_text(json.dumps(connections))
    installation.up("--no-api")
    return installation


def test_dags_run_in_the_real_scheduler_until_one_part_crashes(running: Installation) -> None:
    kept = read_json(running.home.state / "environment.json")
    password = read_secrets(running.home)["airflow_admin"]
    client = AirflowClient(AirflowSettings(airflow_url=kept["HUTONG_AIRFLOW_URL"], airflow_password=password))
    wanted = ["try_connection", "try_failure"]
    assert client.run(wanted, timeout=200) == {"try_connection": "success", "try_failure": "failed"}

    failed = _last_run(client, "try_failure")
    assert client.read_tasks(failed) == {"fail": "failed"}, "a terminal failure is not tried again"
    assert "embedded.no_such_log" in client.read_log(failed, "fail")

    with pytest.raises(Terminal, match=r"airflow\.refused"):
        AirflowClient(AirflowSettings(airflow_url=kept["HUTONG_AIRFLOW_URL"], airflow_password="guessed"))

    culprit = running.process("airflow-triggerer")
    supervisor = psutil.Process(read_json(running.home.run / "supervisor.json")["pid"])
    culprit.kill()
    supervisor.wait(90)
    assert running.is_quiet
    said = running.run("status").stdout
    assert "airflow-triggerer" in said
    assert "SIGKILL" in said
    assert (running.home.log / "airflow-triggerer.log").is_file()
    assert Path(kept["AIRFLOW_HOME"]).is_relative_to(running.home.root)


def _last_run(client: AirflowClient, dag_id: str) -> Run:
    found = client.session.get(f"{client.address}/api/v2/dags/{dag_id}/dagRuns", timeout=30).json()["dag_runs"][-1]
    return Run(dag_id, found["dag_run_id"], found["state"])
