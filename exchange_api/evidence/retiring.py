"""Why: logs are kept at least six months (网络安全法 art. 21(3)) and personal traces no longer than needed (个人信息保护法 art. 19). A month of entries that
is old enough and lies in archives that hold leaves the database whole. Called by `hutong log retire`; nothing retires by itself.

Leaves, tiles and checkpoints stay, so every proof and every audit goes on. Steps of keys' lives and retirements stay too, among the rest. That a month was
retired is an entry of the log itself: an audit believes no other gap.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import Field
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from exchange_api.evidence.archive import check_archive
from exchange_api.evidence.ledger import Entry, new_receipt_id, record
from exchange_api.evidence.months import Month, months
from schemas.errors import Denied, Invalid, Transient
from schemas.settings import HutongSettings
from schemas.tables.evidence import Checkpoint, Retirement

CODE = "log.retired"
_COLUMNS = "id, at, kind, application_id, keyid, nonce, request_id, grant_id, library, status, code, document"
_KEPT = f"kind = 'key' OR code = '{CODE}'"
_STANDING = text(f"""
SELECT count(*) FILTER (WHERE NOT coalesce({_KEPT}, false)) AS entries, coalesce(max(l.index) + 1, 0) AS reach,
    count(*) FILTER (WHERE l.index IS NULL) AS pending
FROM evidence.entries e LEFT JOIN evidence.leaves l ON l.entry_id = e.id WHERE e.id >= :first AND e.id < :beyond
""")  # noqa: S608 — of constants


class RetentionSettings(HutongSettings):
    """How long entries stay in the database."""

    evidence_keep_months: int | None = Field(
        default=None,
        ge=6,
        description="Whole months that entries stay before `hutong log retire` may take them; unset: for ever.",
    )


@dataclass(frozen=True, slots=True)
class Leaving:
    """A month old enough to go: how many entries go with it, and whether the archives reach beyond its last."""

    month: Month
    entries: int
    is_archived: bool


def plan(session: Session, reach: int, keep_months: int, now: datetime | None = None) -> list[Leaving]:
    """Return the months that ended at least so many months ago, oldest first. reach: how many leaves of the log the archives hold from its beginning."""
    moment = now or datetime.now(UTC)
    last = moment.year * 12 + moment.month - keep_months
    found = [month for month in months(session) if month.end.year * 12 + month.end.month <= last]
    return [_leaving(session, month, reach) for month in found]


def archived(session: Session, folder: Path, jwks: Mapping[str, Any]) -> int:
    """Recompute the archives of a folder and return how many leaves from the log's beginning they hold without a gap.

    Raises Invalid archive.broken, also for an archive of another log.
    """
    reach = 0
    for manifest in sorted(folder.glob("*.json")):
        check_archive(manifest, jwks)
        members = json.loads(manifest.read_text("utf-8"))
        row = session.get(Checkpoint, members["end"])
        if row is None or row.note != members["note"]:
            raise Invalid("archive.broken", file=manifest.name, reason="it is of another log")
        if members["start"] != reach:
            break
        reach = members["end"]
    return reach


def retire(session: Session, leaving: Leaving, reach: int) -> None:
    """Let a month's entries leave the database, telling so in the log; whole or not at all, by the caller's commit. Needs the owner role.

    Raises Denied retire.not_archived; Transient retire.busy when readers hold the entries for more than five seconds.
    """
    month = leaving.month
    if not leaving.is_archived:
        raise Denied("retire.not_archived", month=month.table)
    bounds: dict[str, Any] = {"first": month.first, "beyond": month.beyond}
    try:
        session.execute(text("SET LOCAL lock_timeout = '5s'"))
        session.execute(text("LOCK TABLE evidence.entries IN ACCESS EXCLUSIVE MODE"))
    except OperationalError as busy:
        raise Transient("retire.busy", month=month.table) from busy
    _move(session, month)
    now, facts = datetime.now(UTC), {"action": "retire_entries", "first": str(month.first), "beyond": str(month.beyond)}
    facts |= {"entries": str(leaving.entries), "archived": str(reach)}
    record(session, [Entry(id=new_receipt_id(), at=now, kind="action", code=CODE, facts=facts)])
    session.add(Retirement(**bounds, entries=leaving.entries, retired_at=now))
    session.flush()


def _move(session: Session, month: Month) -> None:
    """Drop the month and what leads into it; what stays goes to the rest, past the one table, whose trigger would send it into the log once more."""
    part, rest = f"evidence_months.{month.table}", "evidence_months.entries_rest"
    bounds = {"first": month.first, "beyond": month.beyond}
    for table in ("evidence.path_entries", "evidence.subject_entries"):
        session.execute(text(f"DELETE FROM {table} WHERE entry_id >= :first AND entry_id < :beyond"), bounds)  # noqa: S608
    session.execute(text(f"CREATE TEMP TABLE kept ON COMMIT DROP AS SELECT {_COLUMNS} FROM {part} WHERE {_KEPT}"))  # noqa: S608
    session.execute(text(f"DROP TABLE {part}"))
    session.execute(text(f"INSERT INTO {rest} ({_COLUMNS}) SELECT {_COLUMNS} FROM kept"))  # noqa: S608
    session.execute(text("DROP TABLE kept"))


def _leaving(session: Session, month: Month, reach: int) -> Leaving:
    entries, end, pending = session.execute(_STANDING, {"first": month.first, "beyond": month.beyond}).one()
    return Leaving(month, entries, not pending and end <= reach)
