"""Why: candidates for a steward's eye. Compares a library's records with one another and with held rows whose key is nobody's, and writes down who may be
one; found again, a pair is brought up to date, judged, it is left alone. Nothing but candidate pairs is written. Called by `hutong resolution find`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from libraries import batches
from libraries.resolution import gathering
from libraries.resolution.gathering import HELD
from libraries.resolution.linking import Pair, Workshop
from schemas.database import transaction
from schemas.errors import Invalid
from schemas.library import LIBRARIES, Library, library
from schemas.tables.resolution import CandidatePair

THRESHOLD = 0.9
STEPS = ("records", "claims", "rows", "learn", "compare")
_AT_ONCE = 1_000
_LOCK = 7_311_031


@dataclass(frozen=True)
class Report:
    """What a run compared and found. `fresh`: pairs no run had found before."""

    library: str
    records: int
    rows: int
    pairs: int
    fresh: int
    model: str


Progress = Callable[[str, int], None]


def find(name: str, threshold: float = THRESHOLD, progress: Progress = lambda *_: None) -> Report:
    """Find who may be one in a library and write it down. progress: told a step of STEPS and how many more it did.

    Raises Invalid `record.unknown_library`, `resolution.nothing_declared`, `resolution.bad_threshold`.
    """
    spec = _declared(name)
    if not 0 < threshold < 1:
        raise Invalid("resolution.bad_threshold", given=threshold)
    counts = dict.fromkeys(STEPS, 0)

    def tell(step: str, count: int = 1) -> None:
        counts[step] += count
        progress(step, count)

    with Workshop(spec) as workshop:
        marks = _gather(workshop, spec, tell)
        progress("learn", 0)
        model = workshop.learn()
        fresh = 0
        found = iter(workshop.pairs(threshold))
        while piece := list(islice(found, _AT_ONCE)):
            fresh += _write(spec, piece, marks, model)
            tell("compare", len(piece))
    return Report(name, counts["records"], counts["rows"], counts["compare"], fresh, model)


def _gather(workshop: Workshop, spec: Library, tell: Any) -> dict[str, str]:
    """Put everything into the workshop, as of one moment; return the marks of held rows by their ids there."""
    marks: dict[str, str] = {}
    with transaction("reader") as session:
        session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
        for table in gathering.records(session, spec):
            workshop.add_records(table)
            tell("records", table.num_rows)
        for table in gathering.said(session, spec):
            workshop.add_said(table)
            tell("claims", table.num_rows)
        for table, held in gathering.rows(session, spec):
            workshop.add_rows(table)
            tell("rows", table.num_rows)
            marks |= {f"{HELD}{row.id}": row.mark for row in held}
    return marks


def _write(spec: Library, pairs: Iterable[Pair], marks: dict[str, str], model: str) -> int:
    """Write pairs down; return how many are new. A pair once known keeps its number, whatever was judged of it."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for pair in pairs:
        left, right = (pair.right, pair.left) if pair.right.startswith(HELD) else (pair.left, pair.right)
        is_row = left.startswith(HELD)
        left, right = (left, right) if is_row or left < right else (right, left)
        mark = marks[left] if is_row else left
        rows[mark, right] = {
            "library": spec.library, "left_mark": mark, "right_key": right, "left_key": None if is_row else left,
            "row_id": int(left.removeprefix(HELD)) if is_row else None, "probability": pair.probability,
            "evidence": list(pair.evidence), "model": model, "seen_at": batches.now(),
        }  # fmt: skip
    with transaction("ingest") as session:
        session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        return _upsert(session, [rows[place] for place in sorted(rows)])


def _upsert(session: Session, rows: list[dict[str, Any]]) -> int:
    statement = insert(CandidatePair)
    names = ("row_id", "probability", "evidence", "model", "seen_at")
    statement = statement.on_conflict_do_update(
        index_elements=["library", "left_mark", "right_key"],
        set_={name: statement.excluded[name] for name in names},
    )
    before = text("SELECT count(*) FROM library.candidate_pairs")
    known = int(session.execute(before).scalar_one())
    session.execute(statement, rows)
    return int(session.execute(before).scalar_one()) - known


def _declared(name: str) -> Library:
    if name not in LIBRARIES:
        raise Invalid("record.unknown_library", library=name, known=", ".join(LIBRARIES))
    spec = library(name)
    if not spec.resemblance:
        known = ", ".join(one for one in LIBRARIES if library(one).resemblance)
        raise Invalid("resolution.nothing_declared", library=name, known=known)
    return spec
