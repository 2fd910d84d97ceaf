"""Why: what we knew when. A golden record that changes leaves its former version here with the period in which the hub believed it, so that any past
belief can be read again. `libraries.golden` writes through these statements; `libraries.record` and the exchange read with `read_known_at`.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, literal, null, or_, select, union_all
from sqlalchemy.orm import Session

from schemas.library import library
from schemas.tables.library import golden_table, history_table

# The period ends where the next one begins. The clock of a server set back in between must not turn a period round.
KEEP = """
    INSERT INTO {history} ({record}, sources, batches, version, known_from, known_to)
    SELECT {record}, sources, batches, version, recorded_at, GREATEST(:now, recorded_at) FROM moved
"""
NEXT_VERSION = "1 + COALESCE((SELECT max(h.version) FROM {history} h WHERE h.{key} = i.{key}), 0)"
# a record that comes back is not believed again before it was last given up, whatever the clock says
NEXT_MOMENT = "GREATEST(:now, (SELECT max(h.known_to) FROM {history} h WHERE h.{key} = i.{key}))"


def versions_of(name: str, subjects: Sequence[str]) -> Select[Any]:
    """Return a query for every version, past and current, of all records about these subjects: record, known_from, known_to (null: still)."""
    golden, history = golden_table(name).c, history_table(name).c
    spec = library(name)
    columns = [spec.key, "subject", *spec.attribute_ids, "sources", "batches", "version"]
    columns = list(dict.fromkeys(columns))
    past = select(*(history[c] for c in columns), history.known_from, history.known_to).where(
        history.subject.in_(subjects)
    )
    now = select(*(golden[c] for c in columns), golden.recorded_at.label("known_from"), null().label("known_to"))
    found = union_all(past, now.where(golden.subject.in_(subjects))).subquery("versions")
    return select(found).order_by(found.c[spec.key], found.c.version)


def read_known_at(session: Session, name: str, subjects: Sequence[str], moment: datetime) -> list[dict[str, Any]]:
    """Return the golden records about these subjects as the hub believed them at `moment`."""
    versions = versions_of(name, subjects).subquery("all_versions")
    then = literal(moment)
    believed = and_(versions.c.known_from <= then, or_(versions.c.known_to.is_(None), versions.c.known_to > then))
    found = session.execute(select(versions).where(believed).order_by(versions.c[library(name).key]))
    return [dict(row) for row in found.mappings()]
