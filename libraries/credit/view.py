"""Why: whoever judges a subject's credit must see all of it over time: what was decided, what held on a day, what is handed out and what is not, and why.
Called by `hutong credit view`; it only reads, and a steward sees what the exchange does not serve.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from libraries import serving
from libraries.credit.entries import ENTRIES, SPEC, shown_name, shown_subject
from libraries.states import standing
from schemas.calendar import CHINA, today
from schemas.tables.library import history_table

_SHOWN = (
    "entry_kind", "document_number", "title", "decision_date", "valid_from", "valid_until", "publication_until", "authority", "changed_on",
    "withdrawn_on", "withdrawal_reason", "repaired_on", "repair_certificate",
)  # fmt: skip


@dataclass(frozen=True)
class Moved:
    """A state that the hub learned, and the day (in China) from which it knew."""

    state: str | None
    known_on: date


@dataclass(frozen=True)
class Seen:
    """One entry on a day. stands: its state that day; not_served: the attribute that keeps it from being handed out, None when it is served."""

    entry: str
    subject: str
    subject_name: str | None
    values: dict[str, Any]
    stands: str
    not_served: str | None
    moves: tuple[Moved, ...]


def view(session: Session, subject: str, as_of: date | None = None, *, clear: bool = False) -> list[Seen]:
    """Return all entries about a subject decided by a day (today), in the order in which they were decided; of a natural person masked unless `clear`."""
    day = as_of or today()
    rows = session.execute(select(ENTRIES).where(ENTRIES.c.subject == subject)).mappings().all()
    known = [row for row in rows if _since(row) is None or _since(row) <= day]
    moves = _moves(session, subject, rows)
    return [
        Seen(
            entry=row["entry"],
            subject=shown_subject(subject, clear=clear),
            subject_name=shown_name(subject, row["subject_name"], clear=clear),
            values={name: row[name] for name in _SHOWN},
            stands=standing(dict(row), day),
            not_served=serving.why_not(SPEC, dict(row), day),
            moves=moves[row["entry"]],
        )
        for row in sorted(known, key=lambda row: (_since(row) or date.min, row["entry"]))
    ]


def _since(row: Any) -> Any:
    return row["decision_date"] or row["valid_from"]


def _moves(session: Session, subject: str, rows: Iterable[Any]) -> dict[str, tuple[Moved, ...]]:
    """Return the states each entry went through as the hub learned them."""
    past = history_table("credit").c
    query = select(past.entry, past.state, past.known_from).where(past.subject == subject)
    told = [(row.entry, row.known_from, row.state) for row in session.execute(query)]
    told += [(row["entry"], row["recorded_at"], row["state"]) for row in rows]
    found: dict[str, list[Moved]] = {}
    for entry, moment, state in sorted(told, key=lambda one: (one[0], one[1])):
        moves = found.setdefault(entry, [])
        if not moves or moves[-1].state != state:
            moves.append(Moved(state, _day(moment)))
    return {entry: tuple(moves) for entry, moves in found.items()}


def _day(moment: datetime) -> date:
    return moment.astimezone(CHINA).date()
