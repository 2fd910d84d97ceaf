"""Why: whoever looks at a person's values in clear, or at a record at all, names the case and the purpose, and the look is evidence: who, when, why, whose (by
keyed hash). Called by the steward's pages; the entry is made before anything is read, and stays when nothing was found.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from exchange_api.actors import Actor
from exchange_api.evidence.ledger import Entry, new_receipt_id, record, subject_hash, subject_secret
from exchange_api.guarding import subject_access
from exchange_api.guarding.subject_access import Sight
from exchange_api.steward import sight
from exchange_api.tracing.kinds import looks_personal
from libraries import batches, quarantine
from libraries import record as records
from libraries.batches import Task
from schemas.calendar import today
from schemas.errors import Invalid
from schemas.library import LIBRARIES, Attribute, library
from schemas.tables.landing import QuarantinedRow
from schemas.tables.library import history_table

YEAR = timedelta(days=366)
_MOST = 200


@dataclass(frozen=True)
class Purpose:
    """For which case somebody looks, why, and whether he must see values in clear. Raises Invalid `access.reason` when one
    is missing or looks like a person's code.
    """

    case: str
    reason: str
    in_clear: bool = False

    def __post_init__(self) -> None:
        if not self.case.strip() or not self.reason.strip() or looks_personal(f"{self.case} {self.reason}"):
            raise Invalid("access.reason")


@dataclass(frozen=True)
class Looked:
    """A record as `libraries.record.explain` tells it (None: nobody knows it), its versions newest first, who received it, and the entry of the look."""

    receipt: str
    record: dict[str, Any] | None
    versions: list[dict[str, Any]]
    sights: list[Sight]


def look(session: Session, actor: Actor, whom: tuple[str, str], purpose: Purpose, folder: Path) -> Looked:
    """Return the records about a subject with sources, history and recipients, and note the look. whom: library and subject's code or entry's key.

    Raises Denied `case.role_needed`; Invalid `record.unknown_library`.
    """
    actor.require("steward")
    name, subject = whom
    if name not in LIBRARIES:
        raise Invalid("record.unknown_library", library=name, known=", ".join(LIBRARIES))
    hashed = subject_hash(subject_secret(folder), name, subject)
    receipt = _note(session, actor, "record_look", purpose, {"library": name, "in_clear": purpose.in_clear}, (hashed,))
    try:
        found = records.explain(session, name, subject)
    except Invalid as error:
        if error.code != "record.unknown":
            raise
        return Looked(receipt, None, [], [])
    whose = subject_hash(subject_secret(folder), name, str(found["subject"]))
    keys = [one["key"] for one in found["records"]]
    return Looked(receipt, found, _versions(session, name, keys), _told(session, sorted({hashed, whose})))


def reveal(session: Session, actor: Actor, row_id: int, purpose: Purpose, folder: Path) -> tuple[QuarantinedRow, Task]:
    """Return a quarantined row to be shown in clear, and note the look. Raises Denied `case.role_needed`; Invalid `quarantine.unknown_row`."""
    actor.require("steward")
    row = quarantine.get(session, row_id)
    task = batches.get(session, row.batch_id)
    name = task.document.library
    subjects = (subject_hash(subject_secret(folder), name, row.record_key),) if name and row.record_key else ()
    facts = {"row": row_id, "batch": row.batch_id, "resource": task.batch.resource_id}
    _note(session, actor, "quarantine_look", purpose, facts, subjects)
    return row, task


def reveal_batch(
    session: Session, actor: Actor, which: tuple[str, int], purpose: Purpose, folder: Path
) -> tuple[Task, list[QuarantinedRow]]:
    """Return a batch with its waiting rows to be shown in clear, and note the look. which: the batch, and how many rows at most.

    Raises Denied `case.role_needed`; Invalid `landing.unknown_batch`.
    """
    actor.require("steward")
    batch_id, most = which
    task = batches.get(session, batch_id)
    rows, name = quarantine.find(session, batch_id=batch_id, limit=most), task.document.library
    keys = sorted({row.record_key for row in rows if row.record_key}) if name else []
    subjects = tuple(subject_hash(subject_secret(folder), name or "", key) for key in keys)
    facts = {"rows": len(rows), "batch": batch_id, "resource": task.batch.resource_id}
    _note(session, actor, "quarantine_look", purpose, facts, subjects)
    return task, rows


def require_row(session: Session, actor: Actor, row_id: int) -> tuple[QuarantinedRow, Task]:
    """Return a quarantined row that the actor may look at masked. Raises as `sight.require_batch`, and Invalid `quarantine.unknown_row`."""
    sight.own(actor)
    row = quarantine.get(session, row_id)
    return row, sight.require_batch(session, actor, row.batch_id)


def _note(  # noqa: PLR0913 - what an entry says
    session: Session, actor: Actor, action: str, purpose: Purpose, facts: dict[str, Any], subjects: Sequence[str]
) -> str:
    said = {
        "action": action, "by": actor.id, "department": actor.department_id, "reason": purpose.reason, "case": purpose.case, **facts,
    }  # fmt: skip
    entry = Entry(
        id=new_receipt_id(),
        at=datetime.now(UTC),
        kind="action",
        library=facts.get("library"),
        subjects=tuple(subjects),
        facts=said,
    )
    record(session, [entry])
    return entry.id


def _told(session: Session, hashes: list[str]) -> list[Sight]:
    """Return who asked for the subject in the last year, the newest first."""
    return subject_access.sights_of(session, hashes, (today() - YEAR, today()))[-_MOST:][::-1]


def _versions(session: Session, name: str, keys: list[str]) -> list[dict[str, Any]]:
    """Return the past versions of some records: key, version, from and until when the hub held it, and what changed against the one before."""
    spec, table = library(name), history_table(name)
    query = select(table).where(table.c[spec.key].in_(keys)).order_by(table.c[spec.key], table.c.version)
    found: list[dict[str, Any]] = []
    before: dict[str, Any] = {}
    for row in session.execute(query.limit(_MOST)).mappings():
        known = before.get(row[spec.key], {})
        changed = [(one, known.get(one.id), row[one.id]) for one in spec.attributes if known.get(one.id) != row[one.id]]
        before[row[spec.key]] = row
        found.append(
            {
                "key": row[spec.key],
                "version": row["version"],
                "since": row["known_from"],
                "until": row["known_to"],
                "changed": changed,
            }
        )
    return found[::-1]


def is_open(attribute: Attribute) -> bool:
    """Return whether an attribute may be shown without a mask."""
    return attribute.sensitivity == "public"
