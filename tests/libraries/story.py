"""What stories of quarantine have in common: rows made faulty, a source that delivers them, and what waits afterwards."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from libraries import ingest, quarantine

RESIDENT = "public_security.resident"


def faulty(rows: Sequence[dict[str, Any]], wrong: Sequence[int]) -> list[dict[str, Any]]:
    """Return the rows, those at the places `wrong` without a name."""
    return [row | {"xm": None} if place in wrong else dict(row) for place, row in enumerate(rows)]


def at_source(hub: Any, rows: Sequence[dict[str, Any]], run: str) -> str:
    """Let the source hold these rows and take them over; return the batch."""
    hub.fill(rows)
    return ingest.ingest(RESIDENT, run)


def waiting(hub: Any) -> list[Any]:
    """Return what waits of the resource."""
    with hub.session() as session:
        return quarantine.find(session, resource_id=RESIDENT)


def held(hub: Any, batch_id: str) -> list[Any]:
    """Return what a batch holds that waits."""
    with hub.session() as session:
        return quarantine.find(session, batch_id=batch_id)


def balanced(hub: Any, batch_id: str) -> dict[str, int]:
    """Return where the rows that a batch held are, after seeing that none is lost and none is counted twice."""
    with hub.session() as session:
        found = asdict(quarantine.balance(session, batch_id))
    assert found["rows"] == found["good"] + found["duplicates"] + found["held"]
    assert found["held"] == found["waiting"] + found["released"] + found["superseded"]
    return {name: found[name] for name in ("waiting", "released", "superseded", "held")}
