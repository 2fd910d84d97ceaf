"""Why: parsing DAGs must be cheap and must not ask a database. The published directory as one small JSON document, replaced in one step, is all they read."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from schemas.settings import HomeSettings, HutongSettings

if TYPE_CHECKING:  # a task of Airflow only reads: the directory's rooms would cost it half a second
    from sqlalchemy.orm import Session

    from schemas.resource import ResourceDocument

# 更新周期 (element 11) → cron: 1 real time, 2 daily, 3 weekly, 4 monthly, 5 quarterly, 6 yearly, 7 irregular (looked for every night), 8 every ten days
SCHEDULES = {
    1: "*/10 * * * *",
    2: "30 1 * * *",
    3: "30 2 * * 1",
    4: "30 3 1 * *",
    5: "30 3 1 1,4,7,10 *",
    6: "30 3 1 1 *",
    7: "30 1 * * *",
    8: "30 2 1,11,21 * *",
}


class SnapshotSettings(HutongSettings):
    """Where the snapshot lies."""

    snapshot: Path | None = Field(
        default=None, description="Snapshot of the published directory; default var/snapshot.json."
    )

    @property
    def path(self) -> Path:
        """Return the file."""
        return self.snapshot or HomeSettings().var / "snapshot.json"


def write_snapshot(session: "Session") -> Path:
    """Write the snapshot of the published directory and return its file; readers see the old or the new one, never half."""
    from catalog import departments, directory

    names = {department.id: department.short_name for department in departments.find(session)}
    found = [
        _line(version.version_id, version.document, names[version.document.department])
        for version in directory.published(session)
        if version.document.source
    ]
    path = SnapshotSettings().path
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part")
    part.write_text(json.dumps({"resources": found}, ensure_ascii=False, indent=1), "utf-8")
    part.replace(path)
    return path


def read_snapshot() -> dict[str, Any]:
    """Return the snapshot; empty when there is none yet.

    Shape: {"resources": [{id, version, name, department, department_name, library, schedule, retries, tags}]}.
    """
    path = SnapshotSettings().path
    if not path.exists():
        return {"resources": []}
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


def _line(version_id: str, document: "ResourceDocument", department_name: str) -> dict[str, Any]:
    source = document.source
    return {
        "id": document.id,
        "version": version_id,
        "name": document.name,
        "department": document.department,
        "department_name": department_name,
        "library": document.library,
        "connection": source.connection if source else None,
        "schedule": (source.schedule if source else None) or SCHEDULES[document.update_cycle],
        "retries": 3,
        "tags": [department_name, *([document.library] if document.library else [])],
    }
