"""Why: most of an audit is looking at one stretch of the log after another: entries beside their leaves and tiles. No stretch needs another, so that
processes can share them. Called by `walk`, and by `sharing` in processes of its own.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from exchange_api.evidence.audit import rows
from exchange_api.evidence.audit.findings import Findings
from exchange_api.evidence.audit.gaps import Gap, gap_of
from exchange_api.evidence.tiles import WIDTH, TileId

CHUNK = 16 * WIDTH
"""Leaves looked at in one go: few enough for the processor's cache, many enough that a statement costs nothing."""
_PLACED = f"""SELECT l.index, l.leaf_hash, uuid_send(l.entry_id), {rows.ENTRY_SQL}
FROM evidence.leaves l LEFT JOIN evidence.entries e ON e.id = l.entry_id
WHERE l.index >= %s AND l.index < %s ORDER BY l.index"""  # noqa: S608 — the columns are a constant
_TILES = "SELECT index, hashes FROM evidence.tiles WHERE level = 0 AND index BETWEEN %s AND %s"
_COLUMNS = 16
# a chunk is looked up, never the whole table read for it, and no processes are begun for so few rows
PLANNED = "SELECT " + ", ".join(
    f"set_config('{name}', '{value}', true)"
    for name, value in (
        ("enable_hashjoin", "off"),
        ("enable_mergejoin", "off"),
        ("max_parallel_workers_per_gather", "0"),
    )
)


@dataclass(slots=True)
class Stretch:
    """What a stretch of the log holds: the hash of each leaf that two of entry, leaf and tile agree on, how many entries, what those on keys
    and retirements tell, and how many entries were retired.
    """

    begin: int
    leaves: bytes
    entries: int
    told: list[dict[str, Any]] = field(default_factory=list)
    findings: Findings = field(default_factory=Findings)
    gone: Counter[Gap] = field(default_factory=Counter)


def look_at(session: Session, begin: int, end: int, gaps: Sequence[Gap] = ()) -> Stretch:
    """Hold the entries of leaves [begin, end) to their rows, leaves and tiles; where entries were retired, leaves to tiles."""
    found, findings = fetch(session, _PLACED, (begin, end)), Findings()
    if len(found) != end - begin:
        by_index = {row[0]: row for row in found}
        blank = (None,) * (_COLUMNS - 1)
        found = [by_index.get(index, (index, *blank)) for index in range(begin, end)]
    own, told = rows.check_entries(found, findings)
    entries, gone = len(own) - own.count(None), Counter[Gap]()
    for place, row in enumerate(found if gaps and entries < len(own) else ()):
        if own[place] is None and (gap := gap_of(gaps, row[2])):
            own[place] = row[1]
            gone[gap] += 1
    three = own, [row[1] for row in found], _level_0(session, begin, end)
    leaves = rows.settle(begin, three, found, findings)
    return Stretch(begin, leaves, entries, told, findings, gone)


def fetch(session: Session, statement: str, values: tuple[int, int]) -> list[Any]:
    """Fetch in the driver's binary form, past the mapper: a third of the time of a row."""
    driver: Any = session.connection().connection.driver_connection
    with driver.cursor(binary=True) as cursor:
        return list(cursor.execute(statement, values).fetchall())


def _level_0(session: Session, begin: int, end: int) -> dict[TileId, bytes]:
    return {(0, index): hashes for index, hashes in fetch(session, _TILES, (begin // WIDTH, (end - 1) // WIDTH))}
