"""Why: 查询留痕. A citizen asks who looked at his data; the authority must be able to say so from the evidence: which application of which department saw
which of his items, when, for which case, and whose question was refused. The look itself is evidence too, with who looked, why and for which case. Called by
`hutong access`.

A subject is found by its keyed hash, so the plain identifier is never stored, logged or put into an entry. The hash depends on the secret `subject.key`: when a
new one is made, the old one must be kept in the keys folder as `subject-<anything>.key`; every secret there is tried. Without an old secret what was recorded
under it can no longer be found.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

from exchange_api.actors import Actor
from exchange_api.evidence import subjects
from exchange_api.evidence.ledger import Entry, new_receipt_id, record, subject_secret
from exchange_api.guarding.lists import hashes_of
from exchange_api.keeping import files
from exchange_api.tracing.kinds import looks_personal
from schemas.calendar import CHINA
from schemas.errors import Invalid, Transient

MOST = 50_000
_FIND = text("""
SELECT e.id, e.at, e.kind, e.code, e.library, e.application_id, e.grant_id, a.name AS application, d.id AS department_id, d.name AS department,
    convert_from(e.document, 'UTF8')::jsonb AS document,
    (SELECT string_agg(i.attribute || ':' || i.form, ',' ORDER BY i.attribute) FROM exchange.grant_items i WHERE i.grant_id = e.grant_id) AS granted
FROM (SELECT DISTINCT entry_id FROM evidence.subject_entries WHERE subject_hash = ANY(CAST(:hashes AS bytea[]))
        AND entry_id >= CAST(:first AS uuid) AND entry_id < CAST(:beyond AS uuid)) s
JOIN evidence.entries e ON e.id = s.entry_id
LEFT JOIN exchange.applications a ON a.id = e.application_id LEFT JOIN directory.departments d ON d.id = a.department_id
ORDER BY e.id LIMIT :most
""")


class Wish(NamedTuple):
    """What the ledger is opened for: from which day to which (both included), why, and for which case."""

    first: date
    last: date
    reason: str
    case: str


@dataclass(frozen=True)
class Sight:
    """One question in which the subject was named. `saw`: whether an answer was handed out; `items`: which items in which form, `are_exact` when the entry says
    so itself, else what the grant shows now, at most.
    """

    receipt: str
    at: datetime
    saw: bool
    outcome: str
    department: str
    application: str
    library: str
    items: str
    are_exact: bool
    service_item: str
    case: str
    grant: str


@dataclass(frozen=True)
class Ledger:
    """What was found; `receipt`: the entry that says it was looked for; `behind`: recorded entries not searched yet; `is_cut`: there are more."""

    receipt: str
    sights: tuple[Sight, ...]
    behind: int
    is_cut: bool

    def rows(self) -> list[dict[str, Any]]:
        """Return one flat row per sight, moments in China's time, for JSON and CSV."""
        return [
            asdict(one) | {"at": one.at.astimezone(CHINA).isoformat(timespec="milliseconds")} for one in self.sights
        ]


def open_ledger(session: Session, actor: Actor, subject: str, wish: Wish, folder: Path) -> Ledger:
    """Return who asked for a subject, oldest first, and record that it was looked for; the caller's transaction makes it durable.

    Raises Denied `case.role_needed`; Invalid `access.subject`, `access.reason`; Transient `key.none_active` without the hub's secret.
    """
    actor.require("authority")
    if not wish.reason.strip() or not wish.case.strip() or looks_personal(f"{wish.reason} {wish.case}"):
        raise Invalid("access.reason")
    by_secret = [hashes_of(secret, subject) for secret in secrets_of(folder)]
    hashes = sorted({one for hashes in by_secret for one in hashes.values()})
    found = sights_of(session, hashes, (wish.first, wish.last))
    sights = tuple(found[:MOST])
    receipt = _note(session, actor, (by_secret[0], wish), len(sights))
    return Ledger(receipt, sights, subjects.behind(session), len(found) > MOST)


def sights_of(session: Session, hashes: Sequence[str], days: tuple[date, date]) -> list[Sight]:
    """Return who asked for a subject (its keyed hashes) from one day to another, oldest first, at most one more than MOST. Whoever calls notes the look."""
    begin = datetime.combine(days[0], time(), CHINA)
    end = datetime.combine(days[1], time(), CHINA) + timedelta(days=1)
    named = {
        "hashes": [bytes.fromhex(one) for one in hashes], "first": _first_id(begin), "beyond": _first_id(end), "most": MOST + 1,
    }  # fmt: skip
    return [_sight(row) for row in session.execute(_FIND, named)]


def secrets_of(folder: Path) -> list[bytes]:
    """Return the secret in force and every older one kept beside it. Raises Transient `key.none_active` when there is none: a new one would find nobody."""
    if not (folder / "subject.key").is_file():
        raise Transient("key.none_active", folder=str(folder))
    older = sorted(folder.glob("subject-*.key"))
    return [subject_secret(folder), *map(files.read, older)]


def _sight(row: Any) -> Sight:
    document = row.document
    purpose, facts = document.get("purpose") or {}, document.get("facts") or {}
    action = facts.get("action", "")
    saw = row.kind == "answer" and row.code in (None, "repeated")
    said = facts.get("items")
    return Sight(
        receipt=str(row.id), at=row.at, saw=saw, outcome=action or row.code or ("answered" if saw else row.kind),
        department=row.department or "", application=row.application or row.application_id or "", library=row.library or "",
        items=(said or row.granted or "") if saw else "", are_exact=bool(said), service_item=purpose.get("service_item", ""),
        case=purpose.get("case", "") or facts.get("case", ""), grant=row.grant_id or "",
    )  # fmt: skip


def _note(session: Session, actor: Actor, what: tuple[dict[str, str], Wish], found: int) -> str:
    hashes, wish = what
    facts = {
        "action": "subject_access", "by": actor.id, "department": actor.department_id, "reason": wish.reason, "case": wish.case,
        "from": wish.first.isoformat(), "to": wish.last.isoformat(), "found": found,
    }  # fmt: skip
    named: Sequence[str] = tuple(hashes.values())
    entry = Entry(id=new_receipt_id(), at=datetime.now(UTC), kind="action", subjects=named, facts=facts)
    record(session, [entry])
    return entry.id


def _first_id(moment: datetime) -> str:
    """Return the least receipt id of a moment (UUID version 7, RFC 9562 §5.7)."""
    digits = f"{int(moment.timestamp() * 1000):012x}"
    return f"{digits[:8]}-{digits[8:]}-0000-0000-000000000000"
