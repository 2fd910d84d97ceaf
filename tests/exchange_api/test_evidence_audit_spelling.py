"""Columns that a document spells are told apart from all others without reading it, whatever stands in them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import URL, create_engine, text
from sqlalchemy.orm import Session

from exchange_api.evidence.audit import sharing
from exchange_api.evidence.audit.findings import Findings
from exchange_api.evidence.audit.rows import check_entries
from exchange_api.evidence.audit.spelling import is_spelled
from exchange_api.evidence.audit.walk import Wish, audit_log
from exchange_api.evidence.keyring import ensure_active_key
from exchange_api.evidence.ledger import Entry, SignedAnswer, entry_row, leaf_hash, new_receipt_id, record
from exchange_api.evidence.sequencer import sequence_once
from schemas.migrations import upgrade

ORIGIN = "hutong.local/log"
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
WORDS = st.sampled_from(
    ["a", '","kind":"', ',"subjects":[', '],"code":', ',"format":"hutong-entry/1","grant_id":', "\\", '"', "甲", ""]
)
TEXTS = st.none() | st.text('ab"\\{}[],:甲\n', max_size=6) | WORDS
FACTS = st.dictionaries(
    st.sampled_from(["a", "format", "request_id", "subjects", "code"]), WORDS | st.lists(WORDS, max_size=2), max_size=3
)
MOMENTS = st.integers(-315_619_200_000_000, 3_155_760_000_000_000).map(lambda us: _EPOCH + timedelta(microseconds=us))
ENTRIES = st.builds(
    Entry, id=st.uuids(version=4).map(str), at=MOMENTS,
    kind=st.sampled_from(["answer", "refusal", "error", "action"]), application_id=TEXTS, keyid=TEXTS, nonce=TEXTS, request_id=TEXTS, grant_id=TEXTS,
    library=TEXTS, code=TEXTS, facts=FACTS, subjects=st.lists(WORDS, max_size=2), batches=st.lists(WORDS, max_size=2),
    response=st.none() | st.builds(SignedAnswer, status=st.integers(0, 599), headers=st.dictionaries(WORDS, WORDS, max_size=2)),
)  # fmt: skip


def _columns(entry: Entry) -> list[Any]:
    identity, at, kind, application, keyid, nonce, request_id, grant, library, status, code, _ = entry_row(entry)
    exact = (at - _EPOCH) // timedelta(microseconds=1)
    return [
        str(identity),
        exact.to_bytes(8, "big", signed=True),
        kind,
        application,
        keyid,
        nonce,
        request_id,
        grant,
        library,
        code,
        status,
    ]


def _found(columns: list[Any], document: bytes) -> int:
    findings = Findings()
    check_entries([(0, b"", b"", document, leaf_hash(document), *columns)], findings)
    return findings.total


@settings(max_examples=300, deadline=None)
@given(ENTRIES)
def test_what_an_entry_says_is_never_a_finding(entry: Entry) -> None:
    assert _found(_columns(entry), entry_row(entry)[11]) == 0


@settings(max_examples=500, deadline=None)
@given(ENTRIES, st.integers(0, 10), TEXTS, st.integers(0, 63))
def test_a_column_that_says_another_thing_is_always_a_finding(
    entry: Entry, which: int, other: str | None, bit: int
) -> None:
    columns, document = _columns(entry), entry_row(entry)[11]
    before = columns[which]
    if isinstance(before, bytes):
        columns[which] = (int.from_bytes(before, "big") ^ 1 << bit).to_bytes(8, "big")
    elif which == 10:
        columns[which] = (before or 0) + 1 + bit
    else:
        columns[which] = other
    if columns[which] != before:
        assert not is_spelled(document, columns)
        assert _found(columns, document) == 1


def test_an_ordinary_answer_need_not_be_read() -> None:
    entry = Entry(
        id=new_receipt_id(), at=datetime.now(UTC), kind="answer", application_id="a", keyid="k", nonce="n", request_id="r", grant_id="g", library="l",
        subjects=["ab" * 32], batches=["b"], response=SignedAnswer(200, {"content-type": "application/json"}),
    )  # fmt: skip
    assert is_spelled(entry_row(entry)[11], _columns(entry))


@pytest.fixture(scope="module")
def log_url(new_database: Callable[[], URL], tmp_path_factory: pytest.TempPathFactory) -> URL:
    """A database with a log of 700 entries and three checkpoints."""
    url, folder = new_database(), tmp_path_factory.mktemp("shared")
    upgrade(url)
    engine = create_engine(url)
    for count in (300, 299, 100):
        with Session(engine) as session:
            hub = ensure_active_key(session, folder)
            record(
                session,
                [
                    Entry(id=new_receipt_id(), at=datetime.now(UTC), kind="action", facts={"n": str(n)})
                    for n in range(count)
                ],
            )
            session.commit()
            sequence_once(session, hub, ORIGIN)
            session.commit()
    engine.dispose()
    return url


def test_two_processes_find_what_one_finds(log_url: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUTONG_DATABASE_URL", log_url.render_as_string(hide_password=False))
    monkeypatch.setattr(sharing, "LEAST", 1)
    monkeypatch.setattr("exchange_api.evidence.audit.walk.CHUNK", 256)
    engine = create_engine(log_url)
    for value, findings in (("'x'", 1), ("NULL", 0)):
        with engine.begin() as connection:
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            one = "(SELECT entry_id FROM evidence.leaves WHERE index = 400)"
            connection.execute(text(f"UPDATE evidence.entries SET code = {value} WHERE id = {one}"))
        told = []
        for processes in (1, 2):
            with Session(engine) as session:
                told.append(audit_log(session, Wish(ORIGIN, processes=processes)))
        assert told[0] == told[1]
        assert told[0].findings.total == findings
    engine.dispose()


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([("entries", "document", "id"), ("leaves", "leaf_hash", "index"), ("tiles", "hashes", "level"), ("checkpoints", "root", "size")]),
    st.integers(0, 2**20), st.integers(0, 2**20),
)  # fmt: skip
def test_any_bit_flipped_is_found(log_url: URL, place: tuple[str, str, str], which: int, bit: int) -> None:
    table, column, order = place
    engine = create_engine(log_url)
    with Session(engine) as session:
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        session.execute(text("SET LOCAL session_replication_role = replica"))
        one = f"(SELECT ctid FROM evidence.{table} ORDER BY {order} OFFSET {which} % (SELECT count(*) FROM evidence.{table}) LIMIT 1)"
        flipped = (
            f"set_bit({column}, {bit} % (length({column}) * 8), 1 - get_bit({column}, {bit} % (length({column}) * 8)))"
        )
        session.execute(text(f"UPDATE evidence.{table} SET {column} = {flipped} WHERE ctid = {one}"))
        before = audit_log(session, Wish(ORIGIN)).findings
    engine.dispose()
    assert {one.kind.split(".")[0] for one in before.named} & {"entry", "leaf", "tile", "checkpoint"}
