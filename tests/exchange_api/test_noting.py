"""What leads to entries is read out of canonical documents without parsing them: whatever texts they hold, it is what a parser reads. Indexes that stand
at different places catch up with each other.
"""

import json
from datetime import UTC, datetime

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.orm import Session

from exchange_api.evidence import noting
from exchange_api.evidence.ledger import Entry, entry_document, new_receipt_id, record
from exchange_api.evidence.noting import Noted, go_on
from exchange_api.evidence.sequencer import sequence_once
from exchange_api.evidence.subjects import SUBJECTS, note_subjects
from exchange_api.signing import SoftwareSigner

NASTY = st.sampled_from(
    ['"batches":["x"],"code":null', ',"code":', '"subjects":["y"]}', "]}", "\\", '\\"', "}", "code", "批次", "subjects"]
)
TEXTS = NASTY | st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=12)
ORIGIN = "hutong.local/log"


def entry_of(subjects: list[str], batches: list[str] | None = None, told: str = "a") -> Entry:
    return Entry(
        id=new_receipt_id(), at=datetime.now(UTC), kind="refusal", application_id=told, library=told, subjects=subjects, batches=batches or [],
        facts={"subjects": [told], "batches": [told], "told": told}, purpose={"batches": told, "subjects": told},
    )  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(subjects=st.lists(TEXTS, max_size=3), batches=st.lists(TEXTS, max_size=3), told=TEXTS)
def test_members_are_read_as_a_parser_reads_them(
    session: Session, subjects: list[str], batches: list[str], told: str
) -> None:
    entry = entry_of(subjects, batches, told)
    read = noting.MEMBERS.format("CAST(:told AS text)")
    found = session.execute(text(f"SELECT {read}"), {"told": entry_document(entry).decode()}).one()
    whole = json.loads(entry_document(entry))
    assert (found.batches, found.subjects) == (whole["batches"], whole["subjects"]) == (batches, subjects)


def test_an_index_made_again_catches_up_with_the_others(session: Session) -> None:
    kept = Noted("path_mark", "")
    session.execute(text("DELETE FROM evidence.path_mark"))
    session.execute(text("DELETE FROM evidence.subject_mark"))
    entries = [entry_of([f"{number:064x}"]) for number in range(5)]
    record(session, entries)
    sequence_once(session, SoftwareSigner.generate(), ORIGIN)
    while note_subjects(session, 1_000):
        pass
    session.execute(text("UPDATE evidence.subject_mark SET size = size - 3"))
    session.execute(text("DELETE FROM evidence.subject_entries"))
    while go_on(session, [kept, SUBJECTS], 2):
        pass
    assert (SUBJECTS.behind(session), kept.behind(session)) == (0, 0)
    found = session.execute(text("SELECT entry_id::text FROM evidence.subject_entries")).scalars()
    assert sorted(found) == sorted(entry.id for entry in entries)[-3:]
