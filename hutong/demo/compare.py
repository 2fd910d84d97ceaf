"""Why: the answer key is worth nothing unless what the hub did is held against it exactly: every seeded fault met, nothing else held, no wrong value
in any golden record. Set-based: tables are read once and compared as sets.

Called by hutong/demo/story.py and tests with a session that may read landing, library and directory.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hutong.demo.golden_values import compare_golden
from schemas.library import LIBRARIES
from schemas.tables.landing import Batch, QuarantinedRow, RefusedFile
from schemas.tables.library import Conflict


class Word(NamedTuple):
    """One thing that is to happen, or did: comparable on both sides."""

    expected: str
    resource: str
    record: str | None
    detail: tuple[str, ...] = ()


def compare(session: Session, answer_key: Path, truth: Path) -> dict[str, Any]:
    """Hold what the hub did against the answer key.

    Returns {"seeded", "found", "missed", "false": counts, "kinds": {kind: {"seeded", "found", "missed"}}, "examples": {"missed", "false"},
    "golden": {library: …}}; a wrong golden value or record counts as false.
    """
    key = json.loads(answer_key.read_text("utf-8"))
    seeded: dict[Word, list[str]] = defaultdict(list)
    for fault in key["faults"]:
        seeded[_word(fault)].append(fault["kind"])
    happened = _happened(session, key)
    tally = _tally(seeded, happened)
    golden = {name: compare_golden(session, name, truth / f"{name}.parquet") for name in LIBRARIES}
    wrong = sum(one.wrong_values + one.missing + one.surplus for one in golden.values())
    surplus = [
        word
        for word, count in (happened - Counter({word: len(kinds) for word, kinds in seeded.items()})).items()
        for _ in range(count)
    ]
    counts = {name: sum(kind[name] for kind in tally.values()) for name in ("seeded", "found", "missed")}
    missed = [word for word, kinds in seeded.items() if happened[word] < len(kinds)]
    return {
        **counts,
        "false": len(surplus) + wrong,
        "kinds": dict(sorted(tally.items())),
        "examples": {"missed": _shown(missed), "false": _shown(surplus)},
        "golden": {name: asdict(one) for name, one in golden.items()},
    }


def latest_batches(session: Session) -> dict[str, Batch]:
    """Return per resource the newest batch that brought rows."""
    newest = select(func.max(Batch.number)).where(Batch.rows_in > 0).group_by(Batch.resource_id)
    return {batch.resource_id: batch for batch in session.scalars(select(Batch).where(Batch.number.in_(newest)))}


def _word(fault: dict[str, Any]) -> Word:
    expected, record = fault["expected"], fault["record"]
    if expected.startswith("repaired:"):
        return Word("repaired", fault["resource"], f"{fault['item']}.{expected.removeprefix('repaired:')}")
    if expected.startswith("conflict:"):
        return Word("conflict", fault["resource"].split(".")[0], record, (expected.removeprefix("conflict:"),))
    if expected.startswith("file_refused:"):
        return Word("file_refused", fault["resource"], record, (expected.removeprefix("file_refused:"),))
    return Word(expected, fault["resource"], record, tuple(sorted(fault["reasons"])))


def _happened(session: Session, key: dict[str, Any]) -> Counter[Word]:
    batches = latest_batches(session)
    return Counter(
        [*_quarantined(session, batches), *_repaired(batches, key), *_conflicts(session, key), *_refused(session)]
    )


def _quarantined(session: Session, batches: dict[str, Batch]) -> Iterable[Word]:
    resources = {batch.id: resource for resource, batch in batches.items()}
    query = select(QuarantinedRow.batch_id, QuarantinedRow.record_key, QuarantinedRow.reasons)
    for batch_id, record, reasons in session.execute(query.where(QuarantinedRow.batch_id.in_(resources))):
        yield Word("quarantined", resources[batch_id], record, tuple(sorted(reasons)))


def _repaired(batches: dict[str, Batch], key: dict[str, Any]) -> Iterable[Word]:
    """Yield one word per counted repair, less those of a source's whole habit, which are no faults."""
    habits = key["habits"]
    for resource, batch in batches.items():
        for name, count in (batch.repairs or {}).items():
            for _ in range(count - habits.get(resource, {}).get(name, 0)):
                yield Word("repaired", resource, name)


def _conflicts(session: Session, key: dict[str, Any]) -> Iterable[Word]:
    """Yield the open conflicts, under the department that was seeded to contradict; others under the library's name."""
    accused = {
        (fault["record"], fault["expected"].removeprefix("conflict:")): fault["resource"].split(".")[0]
        for fault in key["faults"]
        if fault["expected"].startswith("conflict:")
    }
    query = select(Conflict.library, Conflict.record_key, Conflict.attribute).where(Conflict.closed_at.is_(None))
    for library, record, attribute in session.execute(query):
        yield Word("conflict", accused.get((record, attribute), library), record, (attribute,))


def _refused(session: Session) -> Iterable[Word]:
    for resource, name, code in session.execute(select(RefusedFile.resource_id, RefusedFile.name, RefusedFile.code)):
        yield Word("file_refused", resource, name, (code,))


def _tally(seeded: dict[Word, list[str]], happened: Counter[Word]) -> dict[str, dict[str, int]]:
    tally: dict[str, dict[str, int]] = defaultdict(lambda: {"seeded": 0, "found": 0, "missed": 0})
    for word, kinds in seeded.items():
        for place, kind in enumerate(kinds):
            tally[kind]["seeded"] += 1
            tally[kind]["found" if place < happened[word] else "missed"] += 1
    return dict(tally)


def _shown(words: list[Word]) -> list[list[Any]]:
    """Return a few examples; the demonstration's people do not exist, so their keys may be shown."""
    return [list(word) for word in words[:10]]
