"""Why: claims also change without a batch: a ruling is made or taken back, a batch retracted, two records found to be one. Then the golden records of just
those keys are judged again, by the same words as after a merge. Called inside the transaction that changed the claims.
"""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from sqlalchemy.orm import Session

from libraries import claims, conflicts, feeding, golden
from libraries.claims import RULING, Assertion
from libraries.disputing import tickets
from libraries.merging import partitions


def hold(session: Session, library: str) -> datetime:
    """Keep merges off the whole library until the transaction ends, and return the time from then on. Goes before any claim is changed."""
    moment: datetime = partitions.lock(session, library, range(partitions.PARTITIONS))
    return moment


def rejudge(session: Session, library: str, keys: Sequence[str], now: datetime) -> dict[str, int]:
    """Make the golden records of these keys say what the claims now say, history, conflicts and
    tickets with them. Returns counts by `golden_…`, `conflicts_…`.

    `now`: what `hold` returned. May be called once per transaction.
    """
    assertion = Assertion(library, RULING, 0, datetime.now(UTC))
    gone = pa.array(sorted(set(keys)), pa.string())
    rows = pa.table({assertion.spec.key: gone.slice(0, 0), "row_hash": pa.array([], pa.int64())})
    claims.stage(session, assertion, rows, gone)
    departments = feeding.departments_of(session, library)
    judged: Any = golden.judge(session, assertion, departments, now)
    found: Any = conflicts.record_conflicts(session, assertion, departments, now)
    if found.found or found.closed:
        tickets.renew(session, library)
    parts = {"golden": judged, "conflicts": found}
    return {f"{kind}_{name}": count for kind, part in parts.items() for name, count in asdict(part).items()}
