"""Why: certificates that conform to no standard are taken all the same, because citizens hold them, but somebody must know of each. Every flag follows from
what is stored, is asked when it is wanted, and so can never be out of date. Called by `hutong certificate flags`.

All in SQL over the library: a million entries are one question.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from libraries.certificates.states import TRANSITIONS

_FORM = r"^1\.2\.156\.3005\.2\.[0-9A-Z]{21}\.[0-9A-Za-z]{6,18}\.[^.]+\.[0-9]{3}\.[0-9A-Z]$"
_TYPE, _ISSUER, _SERIAL, _VERSION = (f"split_part(c.entry, '.', {place})" for place in (6, 7, 8, 9))
KINDS = {
    "form": f"c.entry !~ '{_FORM}'",
    "issuer": f"c.entry ~ '{_FORM}' AND length({_ISSUER}) <> 18",
    "serial": f"c.entry ~ '{_FORM}' AND {_SERIAL} !~ '^[0-9A-Z]{{1,32}}$'",
    "type_unknown": f"NOT EXISTS (SELECT FROM directory.certificate_types t WHERE t.code = coalesce(c.certificate_type_code, {_TYPE}))",
    "type_differs": f"c.certificate_type_code <> {_TYPE}",
    "issuer_differs": f"c.issuer_code <> {_ISSUER}",
    "version_differs": f"c.certificate_version <> {_VERSION}",
    "holder_kind": f"EXISTS (SELECT FROM directory.certificate_types t WHERE t.code = coalesce(c.certificate_type_code, {_TYPE})"
    " AND t.holder_kind <> 'both' AND (t.holder_kind = 'person') <> (c.subject ~ '^[0-9]{17}[0-9X]$'))",
    "state_change": "c.entry IN (SELECT entry FROM moves)",
    "file_missing": "c.file_digest IS NOT NULL AND NOT EXISTS (SELECT FROM library.certificate_files f WHERE f.digest = c.file_digest)",
    "seal_broken": "EXISTS (SELECT FROM library.certificate_files f WHERE f.digest = c.file_digest AND f.seal = 'broken')",
}
"""What may be odd about an entry → when it is. Codes: hutong certificate flags names them in words."""
_ALLOWED = ", ".join(f"('{former}', '{state}')" for former, states in TRANSITIONS.items() for state in sorted(states))
_MOVES = f"""
WITH known AS (
    SELECT entry, state, known_from AS at FROM library.certificate_history
    UNION ALL SELECT entry, state, recorded_at FROM library.certificate WHERE entry IN (SELECT entry FROM library.certificate_history)),
steps AS (SELECT entry, lag(state) OVER (PARTITION BY entry ORDER BY at) AS former, state FROM known),
moves AS (SELECT DISTINCT entry FROM steps WHERE former <> state AND (former, state) NOT IN (VALUES {_ALLOWED}))
"""  # noqa: S608 - codes of our own table only


@dataclass(frozen=True)
class Flagged:
    """One entry and what is odd about it."""

    entry: str
    kinds: tuple[str, ...]


def count(session: Session) -> dict[str, int]:
    """Return how many entries each flag is on; those on none are not there."""
    counted = ", ".join(f"count(*) FILTER (WHERE {condition}) AS {kind}" for kind, condition in KINDS.items())
    row = session.execute(text(f"{_MOVES} SELECT {counted} FROM library.certificate c")).mappings().one()  # noqa: S608
    return {kind: number for kind, number in row.items() if number}


def find(session: Session, kinds: Sequence[str] = (), limit: int = 50) -> list[Flagged]:
    """Return flagged entries by key, of these kinds or of any; with all their flags."""
    wanted = " OR ".join(f"({KINDS[kind]})" for kind in kinds or KINDS)
    told = ", ".join(f"CASE WHEN {condition} THEN '{kind}' END" for kind, condition in KINDS.items())
    query = f"{_MOVES} SELECT c.entry, array_remove(ARRAY[{told}], NULL) FROM library.certificate c WHERE {wanted} ORDER BY c.entry LIMIT :limit"  # noqa: S608
    return [Flagged(entry, tuple(flags)) for entry, flags in session.execute(text(query), {"limit": limit})]


def of(session: Session, entry: str) -> tuple[str, ...]:
    """Return the flags of one entry."""
    told = ", ".join(f"CASE WHEN {condition} THEN '{kind}' END" for kind, condition in KINDS.items())
    query = f"{_MOVES} SELECT array_remove(ARRAY[{told}], NULL) FROM library.certificate c WHERE c.entry = :entry"  # noqa: S608
    found = session.execute(text(query), {"entry": entry}).scalar()
    return tuple(found or ())
