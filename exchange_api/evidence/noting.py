"""Why: what leads to entries (paths, subjects) is noted after they came into the log, off the answers' way: so many at a time, in its order, by one writer.
A document is read once for all indexes that stand at the same place. How far an index came stands in a mark of its own, in the statement that notes.
`paths` and `subjects` say what theirs is; `sequencer` notes both.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

LOCK = 7_311_003
"""Key of the advisory lock that makes the writer of all indexes the only one."""

MOST = 500
"""A bite: some 20 ms of a core that answers want too."""

# Documents are canonical, so members stand in one order and no text holds an unescaped quote: `batches` is the first so named and ends where `code` begins,
# `subjects` is the last of all. Reading them as JSON would cost more than the rest of the note.
MEMBERS = """
nullif(split_part(split_part({0}, '"batches":', 2), ',"code":', 1), '')::json AS batches,
nullif(rtrim(split_part({0}, '"subjects":', -1), '}}'), '')::json AS subjects
"""
"""Both as SQL, of a document's text."""
_FRESH = f"""
WITH fresh AS MATERIALIZED (
    SELECT id, at, application_id, grant_id, {MEMBERS.format("told")}
    FROM (SELECT e.id, e.at, e.application_id, e.grant_id, convert_from(e.document, 'UTF8') AS told
        FROM evidence.leaves l JOIN evidence.entries e ON e.id = l.entry_id
        WHERE l.index >= CAST(:noted AS bigint) AND l.index < CAST(:until AS bigint) OFFSET 0) one)
"""  # noqa: S608 - of constants
_SIZE = "coalesce((SELECT size FROM evidence.{}), 0)"
_END = "coalesce((SELECT max(index) + 1 FROM evidence.leaves), 0)"
_MARK = """, {mark}_moved AS (
    INSERT INTO evidence.{mark} (id, size) VALUES (1, :until) ON CONFLICT (id) DO UPDATE SET size = excluded.size)
"""


@dataclass(frozen=True)
class Noted:
    """One index over the log's entries. mark: the table that says how far it came; note: what is added to a statement WITH `fresh` (id, at, application_id,
    grant_id, batches and subjects as json), as `, name AS (INSERT …)`.
    """

    mark: str
    note: str

    def behind(self, session: Session) -> int:
        """Return how many entries are recorded and not noted yet; counts up to 100,000 of those not yet in the log."""
        (noted,), size = _stand(session, [self])
        waiting = session.scalar(text("SELECT count(*) FROM (SELECT FROM evidence.pending LIMIT 100000) p"))
        return size - noted + int(waiting or 0)


def go_on(session: Session, indexes: Sequence[Noted], most: int = MOST) -> int:
    """Note up to `most` entries that have come into the log since; return how many were looked at (0: none, or another is at it).

    The index that is furthest behind goes first, together with those that stand where it stands, until it reaches the next.
    """
    if not session.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": LOCK}):
        return 0
    stands, size = _stand(session, indexes)
    noted = min(stands)
    until = min(noted + most, size, *(stand for stand in stands if stand > noted))
    if until <= noted:
        return 0
    these = [index for index, stand in zip(indexes, stands, strict=True) if stand == noted]
    sql = _FRESH + "".join(index.note + _MARK.format(mark=index.mark) for index in these) + "SELECT"
    session.execute(text(sql), {"noted": noted, "until": until})
    return until - noted


def _stand(session: Session, indexes: Sequence[Noted]) -> tuple[list[int], int]:
    """Return how far each index came, and the log's size."""
    columns = [_SIZE.format(index.mark) for index in indexes]
    *stands, size = session.execute(text(f"SELECT {', '.join([*columns, _END])}")).one()
    return [int(stand) for stand in stands], int(size)
