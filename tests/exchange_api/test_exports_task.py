"""The task of the DAG `exports`, in a process of its own as Airflow runs it: it goes on where a killed builder stopped, signs what is whole, deletes what has
expired.
"""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from exchange_api.client import Hub
from schemas.tables.exports import Export
from tests.exchange_api.exporting import Bulk

BUILD = "from dags.exports import build_exports; build_exports()"


@pytest.fixture
def bulk(exchange_site: Any, tmp_path: Path) -> Iterator[Bulk]:
    """The exchange; tasks write to a storage of this test's own."""
    with pytest.MonkeyPatch.context() as patch:
        more = {"HUTONG_LANDING": str(tmp_path / "landing"), "HUTONG_EXPORT_FILE_ROWS": "10"}
        for name, value in (exchange_site.environment | more).items():
            patch.setenv(name, value)
        yield Bulk(exchange_site, tmp_path / "landing")


def _run(folder: Path) -> None:
    """Run the task as a worker of Airflow does."""
    environment = dict(os.environ) | {"AIRFLOW_HOME": str(folder), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    done = subprocess.run(
        [sys.executable, "-c", BUILD], env=environment, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_task_goes_on_after_a_kill_signs_and_clears_away(bulk: Bulk, tmp_path: Path) -> None:
    _, told = bulk.ask(bulk.grant({"name": "full"}))
    bulk.killed(told["export"], "file noted")
    before = [(one.number, one.sha256) for one in bulk.files(told["export"])]
    assert len(before) == 2
    _run(tmp_path)
    seen = bulk.see(told)[1]
    assert seen["state"] == "ready"
    assert [(one.number, one.sha256) for one in bulk.files(told["export"])][:2] == before
    client = Hub(bulk.site.url, bulk.site.signer, bulk.site.jwks)
    listed = client.manifest(client.export(told["grant"], told["export"]))["files"]
    folder = bulk.landing / "exports" / told["export"]
    written = [hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())]
    assert [one["sha256"] for one in listed] == written
    lines = [json.loads(line) for path in sorted(folder.iterdir()) for line in path.read_text("utf-8").splitlines()]
    assert len({line["subject"] for line in lines}) == len(lines) == seen["rows_written"]

    with Session(bulk.site.engine) as session:
        past = {"expires_at": datetime.now(UTC) - timedelta(seconds=1)}
        session.execute(update(Export).where(Export.id == told["export"]).values(**past))
        session.commit()
    _run(tmp_path)
    assert bulk.see(told)[1]["state"] == "expired"
    assert not folder.exists()
