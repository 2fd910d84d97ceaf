"""Why: a citizen may ask the authority who looked at his data, and nobody may read all evidence for it. Entries name subjects by keyed hash; an index over
them would be paid for at every answer: so the sequencer, which comes after, notes here which entry names which subject. Called by `sequencer`;
`exchange_api.guarding.subject_access` reads it.

Crash anywhere: what was noted and how far stand in one transaction; one writer at a time by an advisory lock.
"""

from sqlalchemy import text
from sqlalchemy.orm import Session

LOCK = 7_311_004
"""Key of the advisory lock that makes the writer of this index the only one."""
MOST = 5_000

# whoever was asked for, whatever came of it: a refused look is a look too
_NOTE = text("""
INSERT INTO evidence.subject_entries (subject_hash, entry_id)
SELECT DISTINCT decode(subject, 'hex'), e.id
FROM evidence.leaves l JOIN evidence.entries e ON e.id = l.entry_id
CROSS JOIN LATERAL jsonb_array_elements_text(convert_from(e.document, 'UTF8')::jsonb -> 'subjects') AS subject
WHERE l.index >= CAST(:noted AS bigint) AND l.index < CAST(:until AS bigint) AND subject ~ '^[0-9a-f]{64}$'
ORDER BY 1, 2 ON CONFLICT DO NOTHING
""")
_MARK = text("""
INSERT INTO evidence.subject_mark (id, size) VALUES (1, :size) ON CONFLICT (id) DO UPDATE SET size = excluded.size
""")
_SIZES = text("""
SELECT coalesce((SELECT size FROM evidence.subject_mark), 0), coalesce((SELECT max(index) + 1 FROM evidence.leaves), 0)
""")


def note_subjects(session: Session, most: int = MOST) -> int:
    """Note whom up to `most` entries name that have come into the log since; return how many were looked at (0: none, or another is at it)."""
    if not session.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": LOCK}):
        return 0
    noted, size = session.execute(_SIZES).one()
    until = min(noted + most, size)
    if until > noted:
        session.execute(_NOTE, {"noted": noted, "until": until})
        session.execute(_MARK, {"size": until})
    return int(until - noted)


def behind(session: Session) -> int:
    """Return how many entries are recorded and not noted yet; counts up to 100,000 of those not yet in the log."""
    noted, size = session.execute(_SIZES).one()
    waiting = session.scalar(text("SELECT count(*) FROM (SELECT FROM evidence.pending LIMIT 100000) p"))
    return int(size - noted + (waiting or 0))
