"""Why: whoever answers for a library asks how much it holds, who said it and what is missing, before anything is wrong. Called by `hutong library stats`;
it only reads, and names no one.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from libraries import sql
from libraries.claims import RULING
from schemas.library import Library, library


@dataclass(frozen=True)
class Voice:
    """One source of a library: how many records it speaks of, and how many values of golden records are its own."""

    source: str
    department: str
    department_name: str
    claims: int
    wins: int


@dataclass(frozen=True)
class Filled:
    """One attribute: records that have a value, records that lack it, and how many values each source (its resource's id) gave."""

    id: str
    name: str
    values: int
    missing: int
    wins: dict[str, int]


@dataclass(frozen=True)
class LibraryStats:
    """How one library stands. `bytes`: its four tables and their indexes on disk."""

    library: str
    name: dict[str, str]
    kind: str
    records: int
    subjects: int
    claims: int
    past_claims: int
    past_versions: int
    conflicts_open: int
    rulings: int
    quarantined: int
    oldest: datetime | None
    newest: datetime | None
    bytes: int
    sources: tuple[Voice, ...]
    attributes: tuple[Filled, ...]


_GOLDEN = "SELECT count(*) AS records, min(recorded_at) AS oldest, max(recorded_at) AS newest, {values} FROM {golden}"
_SUBJECTS = "SELECT count(*) FROM (SELECT DISTINCT subject FROM {golden})"
_WINS = """
    SELECT place, source, count(*) FROM {golden} CROSS JOIN LATERAL unnest(sources) WITH ORDINALITY AS s (source, place)
    WHERE source IS NOT NULL GROUP BY place, source
"""
_CLAIMS = "SELECT source, count(*) FROM {claims} GROUP BY source"
_COUNTS = """
    SELECT (SELECT count(*) FROM {past_claims}) AS past_claims, (SELECT count(*) FROM {history}) AS past_versions,
        (SELECT count(*) FROM library.conflicts WHERE library = :library AND closed_at IS NULL) AS conflicts_open,
        (SELECT count(*) FROM library.rulings WHERE library = :library AND withdrawn_at IS NULL) AS rulings,
        (SELECT count(*) FROM landing.quarantined_rows q JOIN landing.batches b ON b.id = q.batch_id
            JOIN directory.resource_versions v ON v.id = b.resource_version_id
            WHERE v.document ->> 'library' = :library AND q.released_at IS NULL AND q.superseded_at IS NULL) AS quarantined,
        (SELECT sum(pg_total_relation_size(name::regclass))::bigint
            FROM unnest(ARRAY['{golden}', '{claims}', '{past_claims}', '{history}']) AS name) AS bytes
"""
_NAMES = """
    SELECT r.number, r.id, d.id, d.short_name FROM directory.resources r JOIN directory.departments d ON d.id = r.department_id
    WHERE r.number = ANY(:numbers)
"""


def read(session: Session, name: str) -> LibraryStats:
    """Return how one library stands, by a few passes over its tables. Raises KeyError for an unknown one."""
    spec, words = library(name), sql.words(name)
    values = ", ".join(f"count({a}) AS n_{a}" for a in spec.attribute_ids)
    golden: Any = sql.run(session, _GOLDEN, {**words, "values": values}).mappings().one()
    said: Any = sql.run(session, _CLAIMS, words)
    won: Any = sql.run(session, _WINS, words)
    claims: dict[int, int] = {source: count for source, count in said}  # noqa: C416 — rows of a result are not pairs to a type checker
    wins: dict[tuple[int, int], int] = {(place, source): count for place, source, count in won}
    counts: Any = sql.run(session, _COUNTS, words, library=name).mappings().one()
    names = _names(session, {*claims, *(source for _, source in wins)})
    return LibraryStats(
        library=name, name={"zh": spec.name["zh"], "en": spec.name["en"]}, kind=spec.kind, records=golden["records"],
        subjects=int(sql.run(session, _SUBJECTS, words).scalar_one()), claims=sum(claims.values()), **counts,
        oldest=golden["oldest"], newest=golden["newest"],
        sources=tuple(_voices(claims, wins, names)), attributes=tuple(_filled(spec, golden, wins, names)),
    )  # fmt: skip


def _names(session: Session, numbers: Iterable[int]) -> dict[int, tuple[str, str, str]]:
    """Return id, department and its name by number of a resource; a steward's rulings are a source of their own."""
    found = {row[0]: (row[1], row[2], row[3]) for row in session.execute(text(_NAMES), {"numbers": list(numbers)})}
    return {number: found.get(number, _unnamed(number)) for number in numbers}


def _unnamed(number: int) -> tuple[str, str, str]:
    return ("ruling", "", "裁定") if number == RULING else (str(number), "", "")


def _voices(
    claims: dict[int, int], wins: dict[tuple[int, int], int], names: dict[int, tuple[str, str, str]]
) -> Iterable[Voice]:
    for number in sorted(names, key=lambda number: (-claims.get(number, 0), number)):
        own = sum(count for (_, source), count in wins.items() if source == number)
        yield Voice(*names[number], claims.get(number, 0), own)


def _filled(
    spec: Library, golden: Any, wins: dict[tuple[int, int], int], names: dict[int, tuple[str, str, str]]
) -> Iterable[Filled]:
    for place, attribute in enumerate(spec.attributes, 1):
        values = golden[f"n_{attribute.id}"]
        own = {source: count for (at, source), count in wins.items() if at == place}
        ordered = sorted(own.items(), key=lambda pair: (-pair[1], pair[0]))
        shares = {names[source][0]: count for source, count in ordered}
        yield Filled(attribute.id, attribute.name, values, golden["records"] - values, shares)
