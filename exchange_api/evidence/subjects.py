"""Why: a citizen may ask the authority who looked at his data, and nobody may read all evidence for it. Entries name subjects by keyed hash; an index over
them would be paid for at every answer: so the sequencer, which comes after, notes here which entry names which subject. Called by `sequencer`;
`exchange_api.guarding.subject_access` reads it.

Crash anywhere: what was noted and how far stand in one transaction; one writer at a time by an advisory lock.
"""

from sqlalchemy.orm import Session

from exchange_api.evidence.noting import MOST, Noted, go_on

# whoever was asked for, whatever came of it: a refused look is a look too
SUBJECTS = Noted(
    "subject_mark",
    """, sought AS (
    INSERT INTO evidence.subject_entries (subject_hash, entry_id)
    SELECT DISTINCT decode(subject, 'hex'), f.id FROM fresh f CROSS JOIN LATERAL json_array_elements_text(f.subjects) AS subject
    WHERE subject ~ '^[0-9a-f]{64}$' ORDER BY 1, 2 ON CONFLICT DO NOTHING)
""",
)


def note_subjects(session: Session, most: int = MOST) -> int:
    """Note whom up to `most` entries name that have come into the log since; return how many were looked at (0: none, or another is at it)."""
    return go_on(session, [SUBJECTS], most)


def behind(session: Session) -> int:
    """Return how many entries are recorded and not noted yet; counts up to 100,000 of those not yet in the log."""
    return SUBJECTS.behind(session)
