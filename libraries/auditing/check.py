"""Why: an invariant that is only believed decays. Every rule of every library is held against everything it holds, in one snapshot, while merges run.
Called by `hutong library check` and benchmarks; it only reads, as the role that may only read.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from libraries import feeding, sql
from libraries.auditing import hashes, invariants
from libraries.auditing.found import EXAMPLES, Finding
from libraries.auditing.invariants import ROW_HASH, Invariant
from schemas.database import transaction
from schemas.library import library

Seen = Callable[[int], None]
# what does not fit waits on disk: the server's memory does not grow with the library
_SNAPSHOT = (
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY",
    "SET LOCAL work_mem = '96MB'",
    "SET LOCAL jit = off",
)
_COUNT = "SELECT count(*) FROM {table}"
_BREAKERS = """
    WITH breakers AS MATERIALIZED (SELECT DISTINCT key FROM ({query}))
    SELECT (SELECT count(*) FROM breakers), ARRAY(SELECT key FROM breakers ORDER BY key LIMIT {examples})
"""


def steps(name: str) -> int:
    """Return how many invariants a library is held to."""
    return len(invariants.of(library(name))) + 1


def check(name: str, seen: Seen = lambda _: None) -> Iterator[Finding]:
    """Hold one library to every invariant and yield what each found, as it is found. seen: told of claims hashed again, for progress.

    Violations count records. What a running merge has committed so far is consistent by itself.
    Raises KeyError for an unknown library, Transient `merge.interrupted`.
    """
    spec = library(name)
    with transaction("reader") as session:
        for statement in _SNAPSHOT:
            session.execute(text(statement))
        words = invariants.words(spec, feeding.departments_of(session, name))
        counts = {table: _count(session, words, table) for table in ("golden", "claims", "history", "past_claims")}
        for invariant in invariants.of(spec):
            yield _hold(session, name, invariant, (words, counts))
    begun = time.perf_counter()
    looked, wrong, keys = hashes.check(name, seen)
    yield _finding(name, ROW_HASH, (looked, wrong, keys), begun)


def _count(session: Session, words: dict[str, str], table: str) -> int:
    return int(sql.run(session, _COUNT, {**words, "table": words[table]}).scalar_one())


def _hold(session: Session, name: str, invariant: Invariant, known: tuple[dict[str, str], dict[str, int]]) -> Finding:
    words, counts = known
    begun = time.perf_counter()
    query = invariant.query.format_map(words)
    found: Any = sql.run(session, _BREAKERS, {**words, "query": query, "examples": str(EXAMPLES)}).one()
    return _finding(name, invariant, (counts[invariant.over], *found), begun)


def _finding(name: str, invariant: Invariant, found: tuple[int, int, list[str]], begun: float) -> Finding:
    looked, violations, keys = found
    seconds = round(time.perf_counter() - begun, 3)
    return Finding(name, invariant.id, invariant.zh, invariant.en, looked, violations, tuple(keys), seconds)
