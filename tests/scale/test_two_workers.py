"""More than one machine: the scheduler hands tasks to two Celery workers through Redis. The second has a folder of its own and shares nothing with the
first but PostgreSQL, behind a pool, Redis, S3 storage and Airflow's API; it is killed -9 in the middle of a batch. The first finishes everything.
"""

import json
import shutil
import signal
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.fs as fs
import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from catalog import departments, directory
from catalog.snapshot import write_snapshot
from hutong.embedded.airflow_client import AirflowClient, AirflowSettings, Run
from hutong.embedded.home import Home, read_json, read_secrets, write_json
from hutong.embedded.leftovers import find_marked
from schemas.calendar import today
from schemas.identifiers import append_citizen_check_digits
from schemas.resource import ResourceDocument
from tests.connectors.servers import require_program, s3_server
from tests.house.tree import ROOT
from tests.hutong.installation import Installation, wait_until
from tests.scale.pool import Pool, pool_before

pytestmark = pytest.mark.timeout(900)
ROWS = 20_000
NAMELESS = ROWS // 100
DEPARTMENTS = ("public_security", "civil_affairs", "education")
FAR = "far"
IN_THE_MIDDLE = """
SELECT b.id FROM pg_locks l JOIN pg_stat_activity a USING (pid)
JOIN landing.batches b ON hashtextextended(b.id, 0) = (l.classid::bigint << 32 | l.objid::bigint)
WHERE l.locktype = 'advisory' AND l.granted AND a.application_name = %s AND b.state <> 'merged'
"""


def _document(department: str) -> dict[str, Any]:
    """A resource whose schedule is half a year off: shortly after its time, a new DAG's first run of its own would come before the one that is watched."""
    return {
        "id": f"{department}.resident", "name": "居民", "department": department, "code": f"101001/33{DEPARTMENTS.index(department):010d}",
        "category": "人口", "abstract": "a", "format": {"category": "3", "type": "SQLite"}, "sharing": {"type": 1, "mode": "接口"}, "update_cycle": 7,
        "library": "population",
        "assessment": {"secrecy": "none", "holds_personal_information": True, "conclusion": "可共享", "assessed_on": "2026-01-04", "assessed_by": "李"},
        "items": [
            {"id": "citizen_id", "name": "公民身份号码", "length": 18, "required": True, "check": "citizen_id", "attribute": "subject"},
            {"id": "name", "name": "姓名", "length": 10, "required": True, "attribute": "name"},
        ],
        "source": {"connector": "database", "connection": "offices", "options": {"table": department},
                   "mapping": {"sfzh": "citizen_id", "xm": "name"}, "key": ["citizen_id"], "mode": "snapshot",
                   "schedule": f"0 0 1 {(today().month + 5) % 12 + 1} *"},
        "quality": {"reject_above": 0.5},
    }  # fmt: skip


def _fill(path: Path) -> None:
    days = np.datetime64("1950-01-01") + np.arange(ROWS) % 20_000
    stems = pa.array([f"330102{str(day).replace('-', '')}{i // 20_000:03d}" for i, day in enumerate(days)])
    ids = append_citizen_check_digits(stems).to_pylist()
    with sqlite3.connect(path) as database:
        for department in DEPARTMENTS:
            database.execute(f"CREATE TABLE {department} (sfzh TEXT, xm TEXT)")
            rows = ((id, None if n % 100 == 0 else f"{department[:2]}{n}") for n, id in enumerate(ids))
            database.executemany(f"INSERT INTO {department} VALUES (?, ?)", rows)
    database.close()


@contextmanager
def _machine(variables: dict[str, str], connections: dict[str, Any]) -> Iterator[Installation]:
    """A folder as a machine of its own would have it."""
    root = Path(tempfile.mkdtemp(prefix="hutong-scale-"))
    root.chmod(0o755)
    for name in ("dags", "airflow.cfg"):
        (root / name).symlink_to(ROOT / name)
    machine = Installation(Home(root), variables)
    machine.home.prepare()
    write_json(machine.home.var / "connections.json", connections)
    try:
        yield machine
    finally:
        machine.run("reset", "--yes")
        left = find_marked(machine.home)
        shutil.rmtree(root, ignore_errors=True)
        assert left == []


@pytest.fixture
def profile(tmp_path: Path) -> Iterator[tuple[dict[str, str], dict[str, Any]]]:
    """What all machines are told: storage, and patience fit for a test. Connections as each keeps them in its own file."""
    require_program("redis-server", "redis-server")
    _fill(tmp_path / "offices.db")
    with s3_server() as port:
        variables = {
            "HUTONG_EXECUTOR": "celery",
            "HUTONG_WORKER_SLOTS": "1",
            "HUTONG_LANDING": "s3://landing/city",
            "HUTONG_LANDING_S3_ENDPOINT": f"http://127.0.0.1:{port}",
            "HUTONG_LANDING_S3_ACCESS_KEY": "key",
            "HUTONG_LANDING_S3_SECRET_KEY": "secret",
            "HUTONG_RETRY_SECONDS": "1",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "15",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
            "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "2",
        }
        _bucket(port).create_dir("landing")
        yield variables, {"offices": {"conn_type": "sqlite", "host": str(tmp_path / "offices.db")}}


def _bucket(port: int | str) -> Any:
    return fs.S3FileSystem(
        access_key="key", secret_key="secret", endpoint_override=f"127.0.0.1:{port}", scheme="http", region="us-east-1",
        allow_bucket_creation=True,
    )  # fmt: skip


def _publish(main: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = read_json(main.home.state / "environment.json")
    monkeypatch.setenv("HUTONG_SNAPSHOT", kept["HUTONG_SNAPSHOT"])
    database = create_engine(kept["HUTONG_DATABASE_URL"])
    with Session(database) as session, session.begin():
        for name in DEPARTMENTS:
            departments.save(session, departments.DepartmentDocument(id=name, name=name, short_name=name))
            directory.save_draft(session, ResourceDocument.model_validate(_document(name)))
            directory.publish(session, f"{name}.resident")
        write_snapshot(session)
    database.dispose()


@contextmanager
def _far_worker(main: Installation, machine: Installation, pool: Pool) -> Iterator[subprocess.Popen[bytes]]:
    """A worker as a further machine starts it, told nothing but addresses; what its tasks do in the hub's database goes through the pool."""
    kept = read_json(main.home.state / "environment.json")
    shared = ("HUTONG_DATABASE_URL", "HUTONG_AIRFLOW_DATABASE_URL", "HUTONG_AIRFLOW_URL", "HUTONG_BROKER_URL")
    addresses = {name: kept[name] for name in shared} | pool.variables
    with (machine.home.log / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            machine.command("worker", "--name", FAR),
            env=machine.variables(addresses | {"PGAPPNAME": FAR}),
            stdout=log,
            stderr=log,
        )
    try:
        yield process
    finally:
        _kill(process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill -9 everything the worker has started, as a machine without power would."""
    _signal(process, signal.SIGKILL)
    process.wait(60)


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Send a signal to everything the worker has started."""
    with suppress(psutil.NoSuchProcess):
        tree = psutil.Process(process.pid)
        for one in (tree, *tree.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                one.send_signal(number)


def _client(main: Installation) -> AirflowClient:
    kept = read_json(main.home.state / "environment.json")
    password = read_secrets(main.home)["airflow_admin"]
    return AirflowClient(AirflowSettings(airflow_url=kept["HUTONG_AIRFLOW_URL"], airflow_password=password))


def _attempts(client: AirflowClient, runs: list[Run]) -> dict[str, int]:
    """How often each task of the runs was begun."""
    found = {}
    for run in runs:
        path = f"{client.address}/api/v2/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances"
        for task in client.session.get(path, timeout=60).json()["task_instances"]:
            found[f"{run.dag_id}/{task['task_id']}"] = task["try_number"]
    return found


def test_a_worker_killed_in_the_middle_of_a_batch_loses_nothing_and_nothing_comes_twice(
    profile: tuple[dict[str, str], dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    variables, connections = profile
    dags = [f"{name}.resident" for name in DEPARTMENTS]
    here = variables | {"HUTONG_WORKERS": "1", "HUTONG_PARALLELISM": "2"}
    with _machine(here, connections) as main, _machine(variables, connections) as further:
        main.up("--no-api")
        _publish(main, monkeypatch)
        url = read_json(main.home.state / "environment.json")["HUTONG_DATABASE_URL"]
        with pool_before(url) as pool, _far_worker(main, further, pool) as worker, main.connect() as database:
            client = _client(main)
            ready = further.home.run / f"{FAR}.ready"
            wait_until(lambda: ready.exists() or worker.poll() is not None, 180)
            assert worker.poll() is None, (further.home.log / "worker.log").read_text("utf-8")[-3000:]
            client.wait_for_dags(dags, timeout=180)
            run_id = client.trigger(dags)
            wait_until(lambda: _is_caught(worker, database), 180)
            _kill(worker)
            *_, runs = client.follow(run_id, dags, timeout=240)
            assert {run.dag_id: run.state for run in runs} == dict.fromkeys(dags, "success")
            assert max(_attempts(client, runs).values()) == 2, "the dead worker's task was begun again"
            _hold_against_the_sources(database)
            assert pool.totals()["total_xact_count"] >= 3, "the far worker went through the pool"
        assert not (main.home.var / "landing").exists()
        assert not (further.home.var / "landing").exists()
        assert json.loads((further.home.var / "snapshot.json").read_text("utf-8"))["resources"]


def _is_caught(worker: subprocess.Popen[bytes], database: Any) -> bool:
    """Let the worker stand still where it is in the middle of a batch; a task that ended between look and hold is none that can be begun again."""
    if not _works(database):
        return False
    _signal(worker, signal.SIGSTOP)
    if _works(database):
        return True
    _signal(worker, signal.SIGCONT)
    return False


def _works(database: Any) -> bool:
    return database.execute(IN_THE_MIDDLE, [FAR]).fetchone() is not None


def _hold_against_the_sources(database: Any) -> None:
    good = ROWS - NAMELESS
    batches = database.execute("SELECT state, rows_in, rows_good, rows_quarantined FROM landing.batches").fetchall()
    assert batches == [("merged", ROWS, good, NAMELESS)] * len(DEPARTMENTS)
    counted = {
        "library.population": good,
        "library.population_claims": good * len(DEPARTMENTS),
        "library.population_past_claims": 0,
        "landing.quarantined_rows": NAMELESS * len(DEPARTMENTS),
    }
    for table, expected in counted.items():
        assert database.execute(f"SELECT count(*) FROM {table}").fetchone() == (expected,), table
