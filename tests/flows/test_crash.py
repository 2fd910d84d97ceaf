"""Crash anywhere and go on: `hutong ingest` is killed at many moments and run again; nothing is lost, nothing is there twice."""

import csv
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from sqlalchemy import URL, Engine, create_engine, text
from sqlalchemy.orm import Session

from catalog import directory
from catalog.folder import import_folder
from schemas.identifiers import append_citizen_check_digits
from schemas.migrations import upgrade
from tests.catalog.conftest import resource, write

ROWS = 30_000
COUNTED = (
    "SELECT count(*) FROM library.population",
    "SELECT count(*) FROM library.population_claims",
    "SELECT count(*) FROM library.population_past_claims",
    "SELECT count(*) FROM library.population_history",
    "SELECT count(*) FROM landing.quarantined_rows",
    "SELECT count(*) FROM landing.batches WHERE state = 'merged'",
)
STEPS = ("planned", "landed", "checked", "merged")
RUN = ("-m", "hutong", "ingest", "public_security.resident", "--run-id")


@pytest.fixture
def town(tmp_path: Path, new_database: Callable[[], URL]) -> Iterator[tuple[Engine, dict[str, str]]]:
    """A town whose police drops one CSV of 30,000 residents, some of them dirty."""
    drop, town = tmp_path / "drop", tmp_path / "town"
    drop.mkdir()
    town.mkdir()
    days = np.datetime64("1950-01-01") + np.arange(ROWS) % 20_000
    stems = pa.array([f"330102{str(day).replace('-', '')}{i // 20_000:03d}" for i, day in enumerate(days)])
    ids = append_citizen_check_digits(stems).to_pylist()
    with (drop / "resident.csv").open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["sfzh", "xm", "xb", "csrq"])
        lines.writerows(
            (f"{i} " if n % 7 == 0 else i, "" if n % 100 == 0 else f"姓名{n}", "1", str(d))
            for n, (i, d) in enumerate(zip(ids, days, strict=True))
        )
    source = {"connector": "files", "connection": "police", "options": {"pattern": "*.csv", "format": "csv"}}
    document = resource()
    document["source"] = document["source"] | source
    document["items"][3]["normalise"] = ["date"]
    write(town / "departments.yml", [{"id": "public_security", "name": "公安局", "short_name": "公安局"}])
    write(
        town / "elements.yml",
        [{"id": "citizen_id", "name": "身份号码", "type": "C"}, {"id": "person_name", "name": "姓名", "type": "C"}],
    )
    write(town / "resources" / "r.yml", document)
    url = new_database()
    upgrade(url)
    database = create_engine(url)
    with Session(database) as session, session.begin():
        import_folder(session, town)
        directory.publish(session, "public_security.resident")
    connections = tmp_path / "connections.json"
    connections.write_text(json.dumps({"police": {"conn_type": "fs", "extra": {"path": str(drop)}}}), "utf-8")
    yield (
        database,
        {
            **{name: value for name, value in os.environ.items() if not name.startswith(("HUTONG_", "AIRFLOW"))},
            "HUTONG_ROOT": str(tmp_path),
            "HUTONG_DATABASE_URL": url.render_as_string(hide_password=False),
            "HUTONG_CONNECTIONS_FILE": str(connections),
            "HUTONG_LANDING": str(tmp_path / "landing"),
        },
    )
    database.dispose()


def _ingest(environment: dict[str, str], run_id: str) -> int:
    return subprocess.run(
        [sys.executable, *RUN, run_id], env=environment, capture_output=True, timeout=120, check=False
    ).returncode


def _killed_at(database: Engine, environment: dict[str, str], state: str) -> str | None:
    """Kill the command at the first sight of `state`, in the middle of the step that follows; return what it left: it may be a step further."""
    process = subprocess.Popen(
        [sys.executable, *RUN, "night"], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while process.poll() is None and _state(database) != state:
        time.sleep(0.02)  # a look at the clock of another process, not a hope
    process.kill()
    process.wait()
    return _state(database)


def _state(database: Engine) -> str | None:
    with database.connect() as connection:
        found: str | None = connection.scalar(text("SELECT state FROM landing.batches"))
    return found


def _counts(database: Engine) -> tuple[int, ...]:
    with database.connect() as connection:
        return tuple(int(connection.scalar(text(query)) or 0) for query in COUNTED)


def test_killed_in_every_step_it_ends_as_if_nothing_had_happened(town: tuple[Engine, dict[str, str]]) -> None:
    database, environment = town
    for place, state in enumerate(STEPS[:-1]):
        assert _killed_at(database, environment, state) in STEPS[place:]
    assert _ingest(environment, "night") == 0
    assert _counts(database) == (29_700, 29_700, 0, 0, 300, 1)


def test_the_same_night_twice_is_one_night(town: tuple[Engine, dict[str, str]]) -> None:
    database, environment = town
    assert _ingest(environment, "night") == 0
    first = _counts(database)
    assert _ingest(environment, "night") == 0
    assert _counts(database) == first
