"""Why: months of entries leave the database once they are archived, and an audit must tell such a gap from one that somebody made: a row counts what
left, and an entry of the log tells of it. Called by `stretches` and `walk`.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from exchange_api.evidence.audit.findings import Findings
from schemas.tables.evidence import Retirement

Gap = tuple[bytes, bytes]


def gaps_of(rows: Iterable[Retirement]) -> list[Gap]:
    """Return the ranges of ids that left."""
    return [(row.first.bytes, row.beyond.bytes) for row in rows]


def gap_of(gaps: Sequence[Gap], entry_id: bytes | None) -> Gap | None:
    """Return the gap in which an entry's id lies."""
    return next((gap for gap in gaps if entry_id is not None and gap[0] <= entry_id < gap[1]), None)


def check_retirements(
    rows: Sequence[Retirement], told: Iterable[Mapping[str, Any]], gone: Counter[Gap] | None, findings: Findings
) -> None:
    """Hold retirements to what the log tells of them and, when all of the log was gone through, to how many entries are not there any more."""
    known = {(facts.get("first"), facts.get("beyond"), facts.get("entries")) for facts in told}
    for row in rows:
        if (str(row.first), str(row.beyond), str(row.entries)) not in known:
            findings.add("retirement.added", row.first, "the log tells of no such retirement")
        elif gone is not None and gone[row.first.bytes, row.beyond.bytes] != row.entries:
            left = gone[row.first.bytes, row.beyond.bytes]
            findings.add("retirement.altered", row.first, f"{row.entries} entries were retired, {left} are not there")
