"""Why: what leads to entries (paths, subjects) is noted after they came into the log, off the answers' way: so many at a time, in its order, by one writer.
How far an index came stands in a mark of its own, in the transaction that notes. Called by `paths` and `subjects`.
"""

from dataclasses import dataclass

from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

MOST = 1_000
"""A bite: some 20 ms of a core that answers want too; a sequencer that is behind takes the next at once."""


@dataclass(frozen=True)
class Noted:
    """One index over the log's entries. lock: key of the advisory lock that makes its writer the only one; mark: the table that says how far it came;
    note: the statement that notes the leaves from :noted until before :until.
    """

    lock: int
    mark: str
    note: TextClause

    def go_on(self, session: Session, most: int) -> int:
        """Note up to `most` entries that have come into the log since; return how many were looked at (0: none, or another is at it)."""
        if not session.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": self.lock}):
            return 0
        noted, size = self._sizes(session)
        until = min(noted + most, size)
        if until > noted:
            session.execute(self.note, {"noted": noted, "until": until})
            kept = "INSERT INTO evidence.{} (id, size) VALUES (1, :size) ON CONFLICT (id) DO UPDATE SET size = excluded.size"
            session.execute(text(kept.format(self.mark)), {"size": until})
        return until - noted

    def behind(self, session: Session) -> int:
        """Return how many entries are recorded and not noted yet; counts up to 100,000 of those not yet in the log."""
        noted, size = self._sizes(session)
        waiting = session.scalar(text("SELECT count(*) FROM (SELECT FROM evidence.pending LIMIT 100000) p"))
        return size - noted + int(waiting or 0)

    def _sizes(self, session: Session) -> tuple[int, int]:
        mark = "SELECT coalesce((SELECT size FROM evidence.{}), 0), coalesce((SELECT max(index) + 1 FROM evidence.leaves), 0)"
        noted, size = session.execute(text(mark.format(self.mark))).one()
        return int(noted), int(size)
