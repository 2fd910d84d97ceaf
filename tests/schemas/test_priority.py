"""Work that can wait gives way to answers, and the server's processes that work for it do too; nobody else's do."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import URL

ROOT = Path(__file__).parents[2]
SHOWN = """
import os
from pathlib import Path
from sqlalchemy import text
from schemas import priority
from schemas.database import streaming, transaction

if {gives_way}:
    priority.give_way()

def nice_of(process):
    nice, group = os.getpriority(os.PRIO_PROCESS, process), Path(f"/proc/{{process}}/autogroup")
    if process and group.exists():
        assert int(group.read_text().split()[-1]) == nice, "its session's share is lowered as it is itself"
    return nice

print(nice_of(0))
for role in ("ingest", "exchange"):
    with transaction(role) as session:
        print(nice_of(session.execute(text("SELECT pg_backend_pid()")).scalar_one()))
with streaming("reader") as cursor:
    cursor.execute("SELECT pg_backend_pid()")
    print(nice_of(cursor.fetchone()[0]))
"""
ALONE = """
from sqlalchemy import text
from schemas import priority
from schemas.database import streaming, transaction

if {gives_way}:
    priority.give_way()
asked = "SELECT current_setting('max_parallel_workers_per_gather')"
with transaction("ingest") as session:
    print(session.execute(text(asked)).scalar_one())
    session.rollback()
    print(session.execute(text(asked)).scalar_one())
with streaming("reader") as cursor:
    cursor.execute(asked)
    print(cursor.fetchone()[0])
print(priority.at_once(2), priority.at_once(1))
"""
LISTENED = """
import os
from airflow.listeners.listener import get_listener_manager
from airflow import plugins_manager
plugins_manager.integrate_listener_plugins(get_listener_manager())
get_listener_manager().hook.on_task_instance_running(previous_state=None, task_instance=None)
print(os.getpriority(os.PRIO_PROCESS, 0))
"""


def _run(code: str, **environment: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environment}, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize(("gives_way", "nice"), [(True, "7"), (False, "0")])
def test_the_server_works_at_the_priority_of_whom_it_works_for(gives_way: bool, nice: str) -> None:
    assert _run(SHOWN.format(gives_way=gives_way), HUTONG_TASK_NICE="7") == [nice] * 4


@pytest.mark.usefixtures("database")
def test_what_an_operator_started_low_stays_low(database: URL) -> None:
    assert database
    done = subprocess.run(
        ["nice", "-n", "12", sys.executable, "-c", SHOWN.format(gives_way=True)],
        env={**os.environ, "HUTONG_TASK_NICE": "7"}, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines() == ["12"] * 4


@pytest.mark.usefixtures("database")
def test_who_gives_way_does_not_crowd() -> None:
    usual = _run(ALONE.format(gives_way=False))
    assert usual == ["2", "2", "2", "2 1"], "the server's own default"
    fewer = max(1, min(2, (os.cpu_count() or 1) - 1))
    assert _run(ALONE.format(gives_way=True)) == ["0", "0", "0", f"{fewer} 1"]


def test_airflow_lets_a_task_give_way_when_it_begins(tmp_path: Path) -> None:
    cfg = {"AIRFLOW_HOME": str(tmp_path), "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "dags" / "plugins")}
    assert _run(LISTENED, HUTONG_TASK_NICE="3", AIRFLOW__CORE__LOAD_EXAMPLES="False", **cfg)[-1] == "3"
