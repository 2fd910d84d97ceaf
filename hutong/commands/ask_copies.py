"""Why: an office that may keep a copy needs no program of its own: the change feed goes into a file of JSON lines, an export into a folder, each going on where
it broke off. Called by `hutong ask --changes` and `--export`; uses the SDK only.
"""

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import typer

from schemas.errors import Transient

if TYPE_CHECKING:
    from exchange_api.client import ChangePage, Export, Hub

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Bulk:
    """What is asked for in bulk: a file the change feed is appended to, or a folder an export's files are fetched into."""

    grant: str
    purpose: dict[str, str]
    changes: Path | None = None
    export: Path | None = None
    format: Literal["parquet", "ndjson"] = "parquet"
    items: tuple[str, ...] = ()
    patience_s: float = 3600


def _say(text: str) -> None:
    typer.echo(text, err=True)


def fetch(hub: "Hub", bulk: Bulk, progress: Progress = _say) -> None:
    """Do what is asked for. Raises Refused, Transient `client.unreachable`, `client.export_unready`, Terminal `client.unverified`, `client.feed_gap`."""
    if bulk.changes is not None:
        follow(hub, bulk, bulk.changes, progress)
    if bulk.export is not None:
        download(hub, bulk, bulk.export, progress)


def follow(hub: "Hub", bulk: Bulk, path: Path, progress: Progress = _say) -> int:
    """Append what changed since the last time to a file, one JSON line each, and return how many; cut off anywhere, the next run goes on without a gap
    or a line twice. The cursor lies beside the file.
    """
    cursor, mark = path.with_name(f"{path.name}.cursor"), path.with_name(f"{path.name}.mark")
    _take_back(path, cursor, mark)
    told = 0
    for page in hub.follow(bulk.grant, cursor, case=bulk.purpose.get("case")):
        _append(path, mark, page)
        told += len(page.changes)
        progress(f"  第 page {page.page} 页  变更 changes {told}  时点 known at {page.known_at.isoformat()}")
    typer.echo(f"{told} 条变更 changes → {path}")
    return told


def download(hub: "Hub", bulk: Bulk, folder: Path, progress: Progress = _say) -> list[Path]:
    """Ask for an export, wait until it is built, fetch its files and hold them against the signed manifest; run again, it goes on with the same export."""
    from exchange_api.client.shelf import write_whole

    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    noted = folder / "export.json"
    if noted.exists():
        asked: dict[str, str] = json.loads(noted.read_text("utf-8"))
    else:
        wish: Any = {"items": list(bulk.items)} if bulk.items else {}
        begun = hub.request_export(bulk.grant, bulk.purpose, bulk.format, **wish)
        asked = {"grant": begun.grant, "export": begun.export}
        write_whole(noted, json.dumps(asked).encode())
    export = _await(hub, asked, bulk.patience_s, progress)
    made = hub.download(export, folder)
    typer.echo(f"{export.export}  {sum(one.rows for one in export.files)} 行 rows, {len(made)} 文件 files → {folder}")
    return made


def _await(hub: "Hub", asked: dict[str, str], patience_s: float, progress: Progress) -> "Export":
    """Wait a few seconds at a time, saying how far it is."""
    waited = 0.0
    while True:
        pause = min(5.0, max(patience_s - waited, 0.0))
        try:
            return hub.await_export(asked["grant"], asked["export"], patience_s=pause, pause_s=min(1.0, pause))
        except Transient as unready:
            waited += 5.0
            if unready.code != "client.export_unready" or waited >= patience_s:
                raise
            if unready.facts.get("state") not in ("waiting", "building"):
                raise
            progress(f"  {asked['export']}  {unready.facts['state']}")


def _append(path: Path, mark: Path, page: "ChangePage") -> None:
    """Append a page, noting first how long the file was before it."""
    from exchange_api.client.shelf import write_whole

    size = path.stat().st_size if path.exists() else 0
    write_whole(mark, json.dumps(asdict(_Mark(page.page, size))).encode())
    lines = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in page.document["changes"])
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as file:
        file.write(lines.encode())
        file.flush()
        os.fsync(file.fileno())


@dataclass(frozen=True)
class _Mark:
    page: int
    size: int


def _take_back(path: Path, cursor: Path, mark: Path) -> None:
    """Cut off what was appended of a page whose cursor was not kept: it comes again."""
    if not (path.exists() and mark.exists()):
        return
    noted = _Mark(**json.loads(mark.read_text("utf-8")))
    kept = json.loads(cursor.read_text("utf-8"))["page"] if cursor.exists() else 0
    if noted.page > kept:
        os.truncate(path, noted.size)
