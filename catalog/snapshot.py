"""Why: parsing DAGs must be cheap and must not ask a database. The published directory as one small JSON document, replaced in one step, is all they read.

Its version is the number of the directory's newest Revision, its digest that revision's: whoever holds an older one knows it. A new Revision is announced
by PostgreSQL (CHANGES_CHANNEL, `revisions`); readers of the file see its new date. Called after everything that changes what is published.
"""

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from schemas.settings import HomeSettings, HutongSettings

if TYPE_CHECKING:  # a task of Airflow only reads: the directory's rooms would cost it half a second
    from sqlalchemy.orm import Session, SessionTransaction

    from schemas.tables.directory import Revision

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


_LINES = """
SELECT v.id, v.digest, d.name, r.department_id, d.library, d.source ->> 'connection', d.source ->> 'schedule', d.update_cycle, p.short_name,
       CASE WHEN d.source ->> 'mapped' = 'true' THEN coalesce((d.source #>> '{limits,at_once}')::int, 2) END
FROM directory.resource_versions v JOIN directory.resources r ON r.id = v.resource_id
     CROSS JOIN LATERAL jsonb_to_record(v.document) AS d(name text, library text, source jsonb, update_cycle int)
     LEFT JOIN directory.departments p ON p.id = r.department_id
WHERE v.state = 'published' AND jsonb_typeof(d.source) = 'object' ORDER BY v.resource_id
"""
_REST = """
SELECT (SELECT string_agg(v.id || v.digest || r.department_id, ' ' ORDER BY v.id)
        FROM directory.resource_versions v JOIN directory.resources r ON r.id = v.resource_id WHERE v.state = 'published'),
       (SELECT string_agg(p::text, ' ' ORDER BY id) FROM directory.departments p),
       (SELECT string_agg(e::text, ' ' ORDER BY id) FROM directory.data_elements e)
"""
_MARK = """
SELECT (SELECT max(number) FROM directory.revisions), count(*),
       sum(hashtextextended(v.id || v.digest || v.state || r.department_id, 0))::text,
       (SELECT sum(hashtextextended(p::text, 0))::text FROM directory.departments p),
       (SELECT sum(hashtextextended(e::text, 0))::text FROM directory.data_elements e)
FROM directory.resource_versions v JOIN directory.resources r ON r.id = v.resource_id WHERE v.state = ANY(:states)
"""
_LOCK = "SELECT pg_advisory_xact_lock(hashtext('directory.snapshot'))"
_BEFORE = "snapshot_before"
_held: dict[Path, tuple[tuple[int, int, int], dict[str, Any]]] = {}


def write_snapshot(session: "Session") -> Path:
    """Write the snapshot of the published directory and return its file; readers see the old or the new one, never half.

    A Revision is recorded when anything published, a department or a data element changed since the last one. Writers take turns until they commit;
    should this one roll back, the file of before comes back.
    """
    from sqlalchemy import text

    session.flush()
    session.execute(text(_LOCK))
    resources = [_line(*row) for row in session.execute(text(_LINES))]
    told = [*(json.dumps(one, ensure_ascii=False) for one in resources)]
    rest = [str(part or "") for part in session.execute(text(_REST)).one()]
    digest = hashlib.sha256("\n".join([*told, *rest]).encode()).hexdigest()
    revision = _revision(session, digest)
    path = SnapshotSettings().path
    path.parent.mkdir(parents=True, exist_ok=True)
    _take_back_unless_committed(session, path)
    lines = ",\n".join(told)
    _replace(path, f'{{"version": {revision}, "digest": "{digest}", "resources": [\n{lines}\n]}}\n'.encode())
    return path


def read_snapshot() -> dict[str, Any]:
    """Return the snapshot, to be read only; empty when there is none yet. Asking again costs a look at the file's date.

    Shape: {"version", "digest", "resources": [{id, version, name, department, department_name, library, schedule, retries, tags, mapped}]}.
    mapped: how many slices are landed at once, each a task of its own; None: landing is one task.
    """
    path = SnapshotSettings().path
    try:
        stat = path.stat()
    except FileNotFoundError:
        return {"resources": []}
    seen = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
    if path not in _held or _held[path][0] != seen:
        _held[path] = seen, json.loads(path.read_bytes())
    return _held[path][1]


def current(session: "Session") -> "Revision | None":
    """Return the directory's newest Revision; None before the first snapshot."""
    from sqlalchemy import select

    from schemas.tables.directory import Revision

    return session.scalars(select(Revision).order_by(Revision.number.desc()).limit(1)).first()


def mark(session: "Session", states: Iterable[str] = ("published",)) -> tuple[object, ...]:
    """Return what tells two states of the directory apart, in milliseconds: the newest Revision, and sums over versions, departments and elements.

    Equal marks mean that nothing changed, even where nobody has written a snapshot yet.
    """
    from sqlalchemy import text

    session.flush()
    return tuple(session.execute(text(_MARK), {"states": list(states)}).one())


def _revision(session: "Session", digest: str) -> int:
    from schemas.tables.directory import Revision

    newest = current(session)
    if newest is None or newest.digest != digest:
        newest = Revision(digest=digest)
        session.add(newest)
        session.flush()
    return newest.number


def _replace(path: Path, content: bytes) -> None:
    part = path.with_suffix(f".{os.getpid()}.part")
    part.write_bytes(content)
    part.replace(path)


def _take_back_unless_committed(session: "Session", path: Path) -> None:
    """Put the file of before back when this transaction ends without a commit: a snapshot must not name what was never published."""
    from sqlalchemy import event

    session.info.setdefault(_BEFORE, (path, path.read_bytes() if path.exists() else None))
    if not event.contains(session, "after_commit", _committed):
        event.listen(session, "after_commit", _committed)
        event.listen(session, "after_transaction_end", _ended)


def _committed(session: "Session") -> None:
    if not session.in_nested_transaction():
        session.info.pop(_BEFORE, None)


def _ended(session: "Session", transaction: "SessionTransaction") -> None:
    if transaction.parent is not None or _BEFORE not in session.info:
        return
    path, before = session.info.pop(_BEFORE)
    if before is None:
        path.unlink(missing_ok=True)
    else:
        _replace(path, before)


def _line(*row: Any) -> dict[str, Any]:
    version_id, _, name, department, library, connection, schedule, cycle, department_name, mapped = row
    return {
        "id": version_id.rpartition("@")[0],
        "version": version_id,
        "name": name,
        "department": department,
        "department_name": department_name,
        "library": library,
        "connection": connection,
        "schedule": schedule or SCHEDULES[cycle],
        "retries": 3,
        "tags": [department_name, *([library] if library else [])],
        "mapped": mapped,
    }
