"""Why: from any batch and any grant one must get to every answer at once. Entries name both, but an index over them would be paid for at every answer: so
the sequencer, which comes after, notes the paths here. Called by `sequencer` and tests; the room `tracing` reads the tables.

Crash anywhere: what was noted and how far stand in one transaction; one writer at a time by an advisory lock.
"""

from sqlalchemy.orm import Session

from exchange_api.evidence.noting import MOST, Noted, go_on

# a refused question may name any grant: only those the hub knows are noted; batches are the hub's own word
PATHS = Noted(
    "path_mark",
    """, known AS (
    SELECT id, at, application_id, grant_id, batches FROM fresh f
    WHERE application_id IS NOT NULL AND EXISTS (SELECT FROM exchange.grants g WHERE g.id = f.grant_id)
), named AS (
    SELECT id, at, application_id, grant_id, '' AS batch FROM known
    UNION SELECT id, at, application_id, grant_id, json_array_elements_text(batches) FROM known
), counted AS (
    INSERT INTO evidence.paths (grant_id, batch, application_id, entries, first_at, last_at)
    SELECT n.grant_id, n.batch, n.application_id, count(*), min(n.at), max(n.at) FROM named n
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    ON CONFLICT (grant_id, batch, application_id) DO UPDATE SET entries = paths.entries + excluded.entries,
        first_at = least(paths.first_at, excluded.first_at), last_at = greatest(paths.last_at, excluded.last_at)
    RETURNING id, grant_id, batch, application_id
), led AS (
    INSERT INTO evidence.path_entries (path_id, entry_id)
    SELECT c.id, n.id FROM named n JOIN counted c USING (grant_id, batch, application_id) ORDER BY 1, 2)
""",
)


def note_paths(session: Session, most: int = MOST) -> int:
    """Note the paths of up to `most` entries that have come into the log since; return how many were looked at (0: none, or another is at it)."""
    return go_on(session, [PATHS], most)


def behind(session: Session) -> int:
    """Return how many entries are recorded and not noted yet: answers that a batch or a grant does not lead to until a moment later."""
    return PATHS.behind(session)
