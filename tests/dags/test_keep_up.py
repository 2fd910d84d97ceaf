"""The directory's hourly task on a real database, in a process of its own as Airflow runs it."""

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import URL, create_engine
from sqlalchemy.orm import Session

from catalog import departments, directory
from schemas.migrations import upgrade
from schemas.resource import ResourceDocument

KEEP_UP = "from dags import hourly; hourly.keep_up()"
DOCUMENT: dict[str, Any] = {
    "id": "d.r", "name": "登记信息", "department": "d", "code": "301001/1", "category": "部门信息资源", "abstract": "登记",
    "format": {"category": "6", "type": "自描述", "note": "登记簿"}, "sharing": {"type": 1, "mode": "文件"}, "update_cycle": 4,
    "assessment": {"secrecy": "none", "holds_personal_information": False, "conclusion": "可共享", "assessed_on": "2026-01-04",
                   "assessed_by": "李"},
}  # fmt: skip


def run(url: URL, folder: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "HUTONG_", "_AIRFLOW"))}
    environment |= {
        "AIRFLOW_HOME": str(folder), "AIRFLOW__CORE__LOAD_EXAMPLES": "False", "HUTONG_SNAPSHOT": str(folder / "snapshot.json"),
        "HUTONG_DATABASE_URL": url.render_as_string(hide_password=False),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", KEEP_UP], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_version_whose_window_has_ended_takes_effect(new_database: Callable[[], URL], tmp_path: Path) -> None:
    url = new_database()
    upgrade(url)
    engine = create_engine(url)
    with Session(engine) as session:
        departments.save(session, departments.DepartmentDocument(id="d", name="局", short_name="局"))
        for abstract in ("登记", "全部登记"):
            directory.save_draft(session, ResourceDocument.model_validate(DOCUMENT | {"abstract": abstract}))
            if abstract == "登记":
                directory.publish(session, "d.r")
        draft = directory.newest(session, "d.r")
        directory.complete(session, draft)
        draft.state, draft.effective_at = "scheduled", datetime.now(UTC) - timedelta(hours=1)
        session.commit()
    run(url, tmp_path)
    run(url, tmp_path)
    with Session(engine) as session:
        assert [version.state for version in directory.versions(session, "d.r")] == ["published", "superseded"]
    engine.dispose()
    assert (tmp_path / "snapshot.json").is_file()
