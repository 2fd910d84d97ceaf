"""Why: a file that is still being copied looks like a shorter file. The rules a department and the hub agree on (a marker, a side file with count and
digest, a rest time) are held here before anything is read. Only `connectors.files` comes here.
"""

import json
import time
from pathlib import Path
from typing import Any

from connectors.drops import Drop, digest_of
from connectors.transport import Entry, Transport
from schemas.errors import Terminal, Transient

MANIFEST_BYTES = 1 << 20


def require_arrived(transport: Transport, entry: Entry) -> None:
    """Refuse a file that has not fully arrived: `marker` (true for NAME.ok, or another ending), `settle_seconds`. Raises Transient files.incomplete."""
    marker = transport.options.get("marker")
    ending = marker if isinstance(marker, str) else ".ok"
    if marker and transport.look(entry.name + ending) is None:
        raise _incomplete(entry.name, f"its marker {entry.name.rpartition('/')[2]}{ending} is not there")
    if time.time() - entry.modified < float(transport.options.get("settle_seconds") or 0):
        raise _incomplete(entry.name, "it was written to a moment ago")


def require_declared(transport: Transport, entry: Entry, path: Path) -> None:
    """Refuse a file whose content is not what NAME.manifest.json declares (sha256). Raises Transient files.incomplete, Terminal files.unreadable."""
    declared = read_manifest(transport, entry.name).get("sha256")
    if declared and str(declared).lower() != digest_of(path):
        raise _incomplete(entry.name, "its SHA-256 is not the declared one")


def require_rows(transport: Transport, drop: Drop, found: int) -> None:
    """Refuse a file whose rows are not as many as NAME.manifest.json declares. Raises Transient files.incomplete."""
    declared = None if drop.is_member else read_manifest(transport, drop.entry.name).get("rows")
    if declared is not None and int(declared) != found:
        raise _incomplete(drop.name, f"it has {found} of {declared} declared rows")


def read_manifest(transport: Transport, name: str) -> dict[str, Any]:
    """Return what NAME.manifest.json declares ({"rows": n, "sha256": hex}), empty when there is none. Raises Terminal files.unreadable."""
    if transport.look(f"{name}.manifest.json") is None:
        return {}
    with transport.open(f"{name}.manifest.json") as file:
        text = file.read(MANIFEST_BYTES)
    try:
        content = json.loads(text.decode("utf-8-sig"))
    except ValueError:
        content = None
    if not isinstance(content, dict) or not str(content.get("rows", 0)).isdigit():
        raise Terminal("files.unreadable", file=f"{name}.manifest.json", reason="not a manifest")
    return content


def _incomplete(name: str, reason: str) -> Transient:
    return Transient("files.incomplete", file=name, reason=reason)
