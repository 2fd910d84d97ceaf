"""Why: a citizen may ask the authority who looked at his data, and nobody may read all evidence for it. Entries name subjects by keyed hash; an index over
them would be paid for at every answer: so the sequencer, which comes after, notes here which entry names which subject. Called by `sequencer`;
`exchange_api.guarding.subject_access` reads it.

Crash anywhere: what was noted and how far stand in one transaction; one writer at a time by an advisory lock.
"""

from sqlalchemy import text
from sqlalchemy.orm import Session

from exchange_api.evidence.noting import MOST, Noted

LOCK = 7_311_004
"""Key of the advisory lock that makes the writer of this index the only one."""

# whoever was asked for, whatever came of it: a refused look is a look too
_NOTE = text("""
INSERT INTO evidence.subject_entries (subject_hash, entry_id)
SELECT DISTINCT decode(subject, 'hex'), e.id
FROM evidence.leaves l JOIN evidence.entries e ON e.id = l.entry_id
CROSS JOIN LATERAL jsonb_array_elements_text(convert_from(e.document, 'UTF8')::jsonb -> 'subjects') AS subject
WHERE l.index >= CAST(:noted AS bigint) AND l.index < CAST(:until AS bigint) AND subject ~ '^[0-9a-f]{64}$'
ORDER BY 1, 2 ON CONFLICT DO NOTHING
""")
_SUBJECTS = Noted(LOCK, "subject_mark", _NOTE)


def note_subjects(session: Session, most: int = MOST) -> int:
    """Note whom up to `most` entries name that have come into the log since; return how many were looked at (0: none, or another is at it)."""
    return _SUBJECTS.go_on(session, most)


def behind(session: Session) -> int:
    """Return how many entries are recorded and not noted yet; counts up to 100,000 of those not yet in the log."""
    return _SUBJECTS.behind(session)
