"""Why: from any batch and any grant one must get to every answer at once. Entries name both, but an index over them would be paid for at every answer: so
the sequencer, which comes after, notes the paths here. Called by `sequencer` and tests; the room `tracing` reads the tables.

Crash anywhere: what was noted and how far stand in one transaction; one writer at a time by an advisory lock.
"""

from sqlalchemy import text
from sqlalchemy.orm import Session

from exchange_api.evidence.noting import MOST, Noted

LOCK = 7_311_003
"""Key of the advisory lock that makes the writer of paths the only one."""

# a refused question may name any grant: only those the hub knows are noted; batches are the hub's own word
_NOTE = text("""
WITH fresh AS (
    SELECT e.id, e.at, e.application_id, e.grant_id, convert_from(e.document, 'UTF8')::jsonb -> 'batches' AS batches
    FROM evidence.leaves l JOIN evidence.entries e ON e.id = l.entry_id
    WHERE l.index >= CAST(:noted AS bigint) AND l.index < CAST(:until AS bigint) AND e.application_id IS NOT NULL
      AND EXISTS (SELECT FROM exchange.grants g WHERE g.id = e.grant_id)
), named AS (
    SELECT id, at, application_id, grant_id, '' AS batch FROM fresh
    UNION SELECT id, at, application_id, grant_id, jsonb_array_elements_text(batches) FROM fresh
), counted AS (
    INSERT INTO evidence.paths (grant_id, batch, application_id, entries, first_at, last_at)
    SELECT n.grant_id, n.batch, n.application_id, count(*), min(n.at), max(n.at) FROM named n
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    ON CONFLICT (grant_id, batch, application_id) DO UPDATE SET entries = paths.entries + excluded.entries,
        first_at = least(paths.first_at, excluded.first_at), last_at = greatest(paths.last_at, excluded.last_at)
    RETURNING id, grant_id, batch, application_id)
INSERT INTO evidence.path_entries (path_id, entry_id)
SELECT c.id, n.id FROM named n JOIN counted c USING (grant_id, batch, application_id) ORDER BY 1, 2
""")
_PATHS = Noted(LOCK, "path_mark", _NOTE)


def note_paths(session: Session, most: int = MOST) -> int:
    """Note the paths of up to `most` entries that have come into the log since; return how many were looked at (0: none, or another is at it)."""
    return _PATHS.go_on(session, most)


def behind(session: Session) -> int:
    """Return how many entries are recorded and not noted yet: answers that a batch or a grant does not lead to until a moment later."""
    return _PATHS.behind(session)
