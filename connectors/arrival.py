"""Why: a file that is still being copied looks like a shorter file. The rules a department and the hub agree on (a marker, a side file with count and
digest, a rest time) are held here before anything is read. Only `connectors.files` comes here.
"""

import json
import time
from collections.abc import Mapping
from typing import Any

from connectors.drops import Drop, digest_of
from schemas.errors import Terminal, Transient


def require_arrived(drop: Drop, options: Mapping[str, Any]) -> None:
    """Refuse a file that has not fully arrived: `marker` (true for NAME.ok, or another ending), `settle_seconds`, NAME.manifest.json's sha256.

    Raises Transient files.incomplete, Terminal files.unreadable.
    """
    marker = options.get("marker")
    ending = marker if isinstance(marker, str) else ".ok"
    if marker and not drop.path.with_name(drop.path.name + ending).is_file():
        raise _incomplete(drop, f"its marker {drop.path.name}{ending} is not there")
    if time.time() - drop.path.stat().st_mtime < float(options.get("settle_seconds") or 0):
        raise _incomplete(drop, "it was written to a moment ago")
    declared = read_manifest(drop).get("sha256")
    if declared and str(declared).lower() != digest_of(Drop(drop.name, drop.path)):
        raise _incomplete(drop, "its SHA-256 is not the declared one")


def require_rows(drop: Drop, found: int) -> None:
    """Refuse a file whose rows are not as many as NAME.manifest.json declares. Raises Transient files.incomplete."""
    declared = read_manifest(drop).get("rows")
    if declared is not None and drop.member is None and int(declared) != found:
        raise _incomplete(drop, f"it has {found} of {declared} declared rows")


def read_manifest(drop: Drop) -> dict[str, Any]:
    """Return what NAME.manifest.json declares ({"rows": n, "sha256": hex}), empty when there is none. Raises Terminal files.unreadable."""
    path = drop.path.with_name(drop.path.name + ".manifest.json")
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text("utf-8-sig"))
    except ValueError:
        content = None
    if not isinstance(content, dict) or not str(content.get("rows", 0)).isdigit():
        raise Terminal("files.unreadable", file=path.name, reason="not a manifest")
    return content


def _incomplete(drop: Drop, reason: str) -> Transient:
    return Transient("files.incomplete", file=drop.name, reason=reason)
