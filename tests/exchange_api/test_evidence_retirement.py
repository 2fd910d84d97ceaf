"""A month of entries leaves the database when it is old enough and archived; the log tells of it, and every audit and proof goes on."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import URL, Engine, create_engine, text
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from exchange_api.evidence import retiring
from exchange_api.evidence.archive import write_archive
from exchange_api.evidence.audit.walk import Audit, Wish, audit_log
from exchange_api.evidence.keyring import ensure_active_key
from exchange_api.evidence.ledger import Entry, new_receipt_id, record
from exchange_api.evidence.log import find_entry
from exchange_api.evidence.receipts import require_document
from exchange_api.evidence.sequencer import sequence_once
from exchange_api.keys import jwks
from hutong.commands.log import app
from schemas.errors import Denied, Invalid
from schemas.migrations import upgrade

ORIGIN = "hutong.local/log"


@dataclass
class Town:
    """A log with a month of a year ago, one of half a year ago and the present one; and its archives."""

    engine: Engine
    url: URL
    keys: Path
    archives: Path

    def sequence(self) -> None:
        with Session(self.engine) as session:
            sequence_once(session, ensure_active_key(session, self.keys), ORIGIN)
            session.commit()

    def audit(self, statement: str | None = None) -> Audit:
        with Session(self.engine) as session:
            session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            if statement:
                session.execute(text("SET LOCAL session_replication_role = replica"))
                session.execute(text(statement))
            return audit_log(session, Wish(ORIGIN))

    def plan(self) -> tuple[int, list[retiring.Leaving]]:
        with Session(self.engine) as session:
            reach = retiring.archived(session, self.archives, jwks(session))
            return reach, retiring.plan(session, reach, 12)

    def count(self, table: str) -> int:
        with self.engine.connect() as connection:
            return int(connection.scalar(text(f"SELECT count(*) FROM evidence.{table}")) or 0)


def id_at(moment: datetime) -> str:
    return str(UUID(int=int(moment.timestamp() * 1_000) << 80 | UUID(new_receipt_id()).int & (1 << 80) - 1))


@pytest.fixture
def town(new_database: Callable[[], URL], tmp_path: Path) -> Iterator[Town]:
    url, now = new_database(), datetime.now(UTC)
    old, young = now - timedelta(days=400), now - timedelta(days=200)
    upgrade(url)
    made = Town(create_engine(url), url, tmp_path / "keys", tmp_path / "archives")
    with Session(made.engine) as session:
        for moment in (old, young):
            session.execute(text("SELECT evidence.keep_months(:moment, 0)"), {"moment": moment})
        ensure_active_key(session, made.keys)
        keys_step = Entry(id=id_at(old), at=old, kind="key", application_id="a", keyid="k", facts={"state": "x"})
        told = [
            Entry(id=id_at(moment), at=moment, kind="action", facts={"n": str(n)})
            for moment in (old, young, now)
            for n in range(5)
        ]
        record(session, [keys_step, *told])
        session.execute(text("INSERT INTO evidence.subject_entries SELECT '\\x00', id FROM evidence.entries"))
        session.commit()
    made.sequence()
    yield made
    made.engine.dispose()


def _archive(town: Town) -> None:
    with Session(town.engine) as session:
        write_archive(session, town.archives, datetime.now(UTC))


def test_an_archived_month_leaves_and_the_audit_stays_green(town: Town) -> None:
    _archive(town)
    before = town.count("entries")
    with Session(town.engine) as session:
        gone = session.scalars(text("SELECT id::text FROM evidence.entries WHERE kind <> 'key' ORDER BY id")).first()
    reach, leaving = town.plan()
    assert [(one.entries, one.is_archived) for one in leaving] == [(5, True)]
    with Session(town.engine) as session:
        retiring.retire(session, leaving[0], reach)
        session.commit()
    town.sequence()
    assert town.count("entries") == before - 5 + 1  # the retirement is an entry itself
    assert town.count("subject_entries") == before - 6
    found = town.audit()
    assert found.findings.named == []
    assert (found.retired, found.size) == (5, before + 1)
    assert town.plan()[1] == []
    with Session(town.engine) as session:
        kept = session.scalar(text("SELECT id::text FROM evidence.entries WHERE kind = 'key' AND keyid = 'k'"))
        assert kept is not None
        assert find_entry(session, kept) is not None
        for receipt, code in ((gone, "receipt.retired"), (new_receipt_id(), "receipt.not_found")):
            with pytest.raises(Invalid, match=code):
                require_document(session, str(receipt))


@pytest.mark.parametrize(
    ("kind", "statement"),
    [
        ("entry.missing", "DELETE FROM evidence.entries WHERE id IN (SELECT entry_id FROM evidence.leaves WHERE index = 14)"),
        ("leaf.altered", "UPDATE evidence.leaves SET leaf_hash = sha256('x') WHERE index = (SELECT min(index) FROM evidence.leaves l"
            " WHERE NOT EXISTS (SELECT FROM evidence.entries e WHERE e.id = l.entry_id))"),
        ("retirement.added", "UPDATE evidence.retirements SET entries = entries + 1"),
        ("retirement.added", "UPDATE evidence.retirements SET beyond = 'ffffffff-0000-0000-0000-000000000000'"),
        ("entry.missing", "DELETE FROM evidence.retirements"),
        ("retirement.altered", "DELETE FROM evidence.entries WHERE kind = 'key' AND keyid = 'k'"),
    ],
)  # fmt: skip
def test_no_other_gap_is_believed(town: Town, kind: str, statement: str) -> None:
    _archive(town)
    reach, leaving = town.plan()
    with Session(town.engine) as session:
        retiring.retire(session, leaving[0], reach)
        session.commit()
    town.sequence()
    found = town.audit(statement).findings
    wanted = {kind} | ({"tile.altered"} if kind == "leaf.altered" else set())
    assert found.counts.keys() & wanted, found.named


def test_what_is_in_no_archive_stays(town: Town) -> None:
    town.archives.mkdir()
    reach, leaving = town.plan()
    assert (reach, [one.is_archived for one in leaving]) == (0, [False])
    with Session(town.engine) as session, pytest.raises(Denied) as refused:
        retiring.retire(session, leaving[0], reach)
    assert refused.value.code == "retire.not_archived"


def test_the_command_shows_first_and_retires_when_told(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUTONG_DATABASE_URL", town.url.render_as_string(hide_password=False))
    monkeypatch.setenv("HUTONG_KEYS_FOLDER", str(town.keys))
    _archive(town)
    runner, asked = CliRunner(), ["retire", "--archives", str(town.archives)]
    assert "all is kept" in runner.invoke(app, asked).output
    before = town.count("entries")
    monkeypatch.setenv("HUTONG_EVIDENCE_KEEP_MONTHS", "12")
    assert "Nothing was changed" in runner.invoke(app, asked).output
    assert town.count("entries") == before
    told = runner.invoke(app, [*asked, "--yes"])
    assert told.exit_code == 0, told.output
    assert town.count("retirements") == 1
    town.sequence()
    assert "Retired 5" in runner.invoke(app, ["audit"]).output
    assert runner.invoke(app, [*asked, "--keep-months", "3"]).exit_code == 2


def test_an_interrupted_retirement_leaves_all_as_it_was(town: Town) -> None:
    _archive(town)
    reach, leaving = town.plan()
    with Session(town.engine) as session:
        retiring.retire(session, replace(leaving[0], entries=5), reach)
        session.rollback()
    assert town.plan() == (reach, leaving)
    assert town.audit().findings.named == []
