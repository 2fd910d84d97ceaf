"""Why: entries lie by the month, and the next months must be there before their first entry. The sequencer makes them; `retiring` reads which there are."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

AHEAD = 2
_MONTHS = text("""
SELECT c.relname, substring(pg_get_expr(c.relpartbound, c.oid) FROM 'FROM \\(''([0-9a-f-]+)''\\)')::uuid AS first,
    substring(pg_get_expr(c.relpartbound, c.oid) FROM 'TO \\(''([0-9a-f-]+)''\\)')::uuid AS beyond, pg_total_relation_size(c.oid) AS bytes
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'evidence.entries'::regclass AND c.relname <> 'entries_rest' ORDER BY 2
""")


@dataclass(frozen=True, slots=True)
class Month:
    """A month of entries: its table, the ids from `first` until before `beyond`, and the bytes it takes with its indexes."""

    table: str
    first: UUID
    beyond: UUID
    bytes: int

    @property
    def end(self) -> datetime:
        """Return the moment at which it ends."""
        return datetime.fromtimestamp((self.beyond.int >> 80) / 1_000, UTC)


def keep_months(session: Session, begun: datetime | None = None) -> int:
    """Make the month of a moment (default: now) and the two after it where they are not; return how many were made. Role sequencer or owner."""
    made = session.scalar(
        text("SELECT evidence.keep_months(:begun, :ahead)"), {"begun": begun or datetime.now(UTC), "ahead": AHEAD}
    )
    return int(made or 0)


def months(session: Session) -> list[Month]:
    """Return the months that there are, oldest first."""
    return [Month(row.relname, row.first, row.beyond, row.bytes) for row in session.execute(_MONTHS)]
