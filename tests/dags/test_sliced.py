"""A resource landed in slices, run by Airflow itself: mapped tasks, one per slice; and a paused one, whose run is skipped and not failed."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, create_engine, text
from sqlalchemy.orm import Session

from catalog import departments, directory
from catalog.snapshot import write_snapshot
from schemas.migrations import upgrade
from schemas.resource import ResourceDocument

DAGS = Path(__file__).resolve().parents[2] / "dags"
RUN = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
from libraries.collecting import control
from schemas.database import transaction
bag = DagBag(sys.argv[1])
assert not bag.import_errors, bag.import_errors
ended = []
for _ in ("running", "paused"):
    run = bag.dags["d.register"].test()
    ended.append({"state": str(run.state), "tasks": sorted([t.task_id, t.map_index, str(t.state)] for t in run.get_task_instances())})
    with transaction("ingest") as session:
        control.pause(session, "d.register")
print("RESULT" + json.dumps(ended))
"""
DOCUMENT: dict[str, Any] = {
    "id": "d.register", "name": "登记信息", "department": "d", "code": "301001/1", "category": "部门信息资源", "abstract": "登记",
    "format": {"category": "3", "type": "SQLite"}, "sharing": {"type": 1, "mode": "数据库"}, "update_cycle": 2,
    "assessment": {"secrecy": "none", "holds_personal_information": False, "conclusion": "可共享", "assessed_on": "2026-01-04", "assessed_by": "李"},
    "items": [{"id": "number", "name": "编号"}],
    "source": {
        "connector": "database", "connection": "desk", "options": {"table": "t"}, "mapping": {"n": "number"}, "key": ["number"],
        "slices": 3, "mapped": True,
    },
}  # fmt: skip


@pytest.fixture
def desk(
    new_database: Callable[[], URL], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Any, dict[str, str]]]:
    """One published resource of a table of 90 rows, and an Airflow of its own that knows its connection."""
    url = new_database()
    upgrade(url)
    engine = create_engine(url)
    monkeypatch.setenv("HUTONG_SNAPSHOT", str(tmp_path / "snapshot.json"))
    with Session(engine) as session:
        departments.save(session, departments.DepartmentDocument(id="d", name="局", short_name="局"))
        directory.save_draft(session, ResourceDocument.model_validate(DOCUMENT))
        directory.publish(session, DOCUMENT["id"])
        write_snapshot(session)
        session.commit()
    with sqlite3.connect(tmp_path / "desk.db") as database:
        database.execute("CREATE TABLE t (n TEXT)")
        database.executemany("INSERT INTO t VALUES (?)", [[f"{n:05d}"] for n in range(90)])
    database.close()
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "HUTONG_", "_AIRFLOW"))}
    environment |= {
        "AIRFLOW_HOME": str(tmp_path), "AIRFLOW__CORE__LOAD_EXAMPLES": "False", "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
        "HUTONG_ROOT": str(tmp_path), "HUTONG_SNAPSHOT": str(tmp_path / "snapshot.json"), "PYTHONPATH": str(DAGS.parent),
        "HUTONG_DATABASE_URL": url.render_as_string(hide_password=False),
        "AIRFLOW_CONN_DESK": json.dumps({"conn_type": "sqlite", "host": str(tmp_path / "desk.db")}),
    }  # fmt: skip
    subprocess.run(
        [sys.executable, "-m", "airflow", "db", "migrate"],
        env=environment,
        capture_output=True,
        timeout=300,
        check=True,
    )
    yield engine, environment
    engine.dispose()


def test_each_slice_is_a_task_and_a_pause_skips_without_failing(desk: tuple[Any, dict[str, str]]) -> None:
    engine, environment = desk
    command = [sys.executable, "-c", RUN, str(DAGS)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=400, check=False)
    assert "RESULT" in done.stdout, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    running, paused = json.loads(done.stdout.rpartition("RESULT")[2])
    slices: list[list[Any]] = [["land_slice", number, "success"] for number in range(3)]
    others: list[list[Any]] = [[name, -1, "success"] for name in ("check", "merge", "plan")]
    assert running == {"state": "success", "tasks": sorted([*slices, *others])}
    with engine.connect() as session:
        found = session.execute(
            text("SELECT state, rows_good, jsonb_array_length(manifest -> 'files') FROM landing.batches")
        )
        assert found.all() == [("merged", 90, 3)]
    assert paused["state"] == "success"
    assert ["plan", -1, "skipped"] in paused["tasks"]
    assert {state for _, _, state in paused["tasks"]} == {"skipped"}
