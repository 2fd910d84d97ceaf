"""Others vouch for the log: cosignatures and time stamps come beside it, are made up when missed, and stand in receipts, each checked for itself."""

import contextlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import URL, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from exchange_api.evidence import posting, stamping
from exchange_api.evidence.checkpoint import Checkpoint, sign_checkpoint
from exchange_api.evidence.cosignature import LOG, WITNESS, VerifierKey
from exchange_api.evidence.keyring import ensure_active_key, revoke_key, roll_key
from exchange_api.evidence.ledger import Entry, new_receipt_id, record
from exchange_api.evidence.receipt import Report, drop_bodies, verify_receipt
from exchange_api.evidence.receipts import build_receipt
from exchange_api.evidence.sequencer import sequence_once
from exchange_api.evidence.vouched import newest_vouched, vouching_lag
from exchange_api.evidence.voucher_checks import Trust
from exchange_api.evidence.vouching import hold_to_bound, run_vouching, vouch_once
from exchange_api.evidence.vouching_settings import VouchingSettings
from exchange_api.keys import jwks
from exchange_api.signing import SoftwareSigner, public_key_from_jwk
from exchange_api.witness import memory
from exchange_api.witness.judging import Witness
from exchange_api.witness.serving import WitnessServer
from hutong.commands.verify import verify
from schemas.database import transaction
from schemas.errors import Invalid, Transient
from schemas.migrations import upgrade
from schemas.tables.evidence import Checkpoint as CheckpointRow
from schemas.tables.evidence import Cosignature, Stamp
from tests.exchange_api.answered import answer, ask
from tests.exchange_api.authority import POLICY, Authority
from tests.hutong.installation import wait_until

ORIGIN = "hutong.local/log"


@dataclass
class Site:
    """A hub with its log, and those who vouch for it."""

    keys: Path
    authority: Authority
    patch: pytest.MonkeyPatch
    witnesses: dict[str, Path] = field(default_factory=dict)
    caller: SoftwareSigner = field(default_factory=SoftwareSigner.generate)

    def answer(self) -> str:
        """Answer one question, put it into the log, and return its receipt id."""
        with transaction() as session:
            exchange = answer(session, ask(self.caller, b'{"subjects":["x"]}'), self.caller, self.keys)
        with transaction() as session:
            sequence_once(session, ensure_active_key(session, self.keys), ORIGIN)
        return exchange[1].headers["x-receipt"]

    def receipt(self, receipt_id: str) -> bytes:
        with transaction("reader") as session:
            return build_receipt(session, receipt_id)

    def verify(self, receipt: bytes, trust: Trust | None = None) -> Report:
        with transaction("reader") as session:
            return verify_receipt(receipt, jwks(session), trust)

    def settings(self, tsa: str = "", witnesses: str = "", **more: Any) -> VouchingSettings:
        """Settings as the sequencer's process and the exchange read them."""
        self.patch.setenv("HUTONG_TSA_URL", tsa)
        self.patch.setenv("HUTONG_TSA_ROOTS", str(self.authority.roots))
        self.patch.setenv("HUTONG_TSA_POLICY", POLICY)
        self.patch.setenv("HUTONG_WITNESSES", witnesses)
        return VouchingSettings(**({"vouching_timeout_s": 60, "tsa_interval_s": 0.001} | more))

    @contextlib.contextmanager
    def witness(self, name: str) -> Iterator[str]:
        """A running witness that knows this log's key; yields its line for HUTONG_WITNESSES."""
        folder = self.witnesses.get(name)
        if folder is None:
            folder = self.witnesses[name] = self.keys.parent / name
            memory.create(folder, name)
        with memory.opened(folder) as found:
            with transaction("reader") as session:
                found.trust(VerifierKey(ORIGIN, LOG, _log_key(session)))
            with WitnessServer(("127.0.0.1", 0), Witness(found)) as server:
                thread = Thread(target=server.serve_forever)
                thread.start()
                yield f"{found.vkey} http://127.0.0.1:{server.server_address[1]}"
                server.shutdown()
                thread.join()

    def key_of(self, name: str) -> VerifierKey:
        with memory.opened(self.witnesses[name]) as found:
            return found.vkey

    @property
    def trust(self) -> Trust:
        """Whom a careful verifier believes."""
        keys = tuple(self.key_of(name) for name in self.witnesses)
        return Trust(keys, len(keys), self.authority.roots.read_bytes(), POLICY, is_stamp_needed=True)


def _log_key(session: Any) -> Any:
    (jwk,) = [one for one in jwks(session)["keys"] if one["hutong:state"] == "active"]
    return public_key_from_jwk({name: jwk[name] for name in ("kty", "crv", "x")})


@pytest.fixture
def site(new_database: Callable[[], URL], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A hub on a database of its own."""
    url = new_database()
    upgrade(url)
    monkeypatch.setenv("HUTONG_DATABASE_URL", url.render_as_string(hide_password=False))
    monkeypatch.setenv("HUTONG_KEYS_FOLDER", str(tmp_path / "keys"))
    found = Site(tmp_path / "keys", Authority(tmp_path / "tsa"), monkeypatch)
    with transaction() as session:
        ensure_active_key(session, found.keys)
    return found


def test_a_receipt_carries_cosignatures_and_stamp_and_each_is_checked(site: Site) -> None:
    receipt_id = site.answer()
    with site.witness("w.archives/1") as first, site.witness("w.audit/1") as second, site.authority.serving() as tsa:
        vouch_once(site.settings(tsa, f"{first}; {second}"))
    receipt = site.receipt(receipt_id)
    report = site.verify(receipt, site.trust)
    assert report.verified, report
    assert [check.name for check in report.checks][-2:] == ["witnesses", "time_stamp"]
    assert "w.archives/1, w.audit/1" in report.checks[-2].detail
    assert not any(check.is_unchecked for check in report.checks)
    plain = site.verify(receipt)
    assert plain.verified
    assert [check.name for check in plain.checks if check.is_unchecked] == ["witnesses", "time_stamp"]
    assert site.verify(drop_bodies(receipt), site.trust).verified


def test_the_command_asks_for_what_the_verifier_believes(site: Site, tmp_path: Path) -> None:
    receipt_id = site.answer()
    with site.witness("w/1") as witness, site.authority.serving() as tsa:
        vouch_once(site.settings(tsa, witness))
    file, other = tmp_path / "receipt.json", SoftwareSigner.generate()
    file.write_bytes(site.receipt(receipt_id))
    app = typer.Typer()
    app.command()(verify)
    trust = ["--witness-key", str(site.key_of("w/1")), "--tsa-roots", str(site.authority.roots)]
    good = CliRunner().invoke(app, [str(file), *trust])
    assert (good.exit_code, good.output.count("✓")) == (0, 11)
    assert CliRunner().invoke(app, [str(file)]).output.count("○") == 2
    stranger = ["--witness-key", str(VerifierKey("w/1", WITNESS, other.public))]
    bad = CliRunner().invoke(app, [str(file), *stranger, "--json"])
    assert (bad.exit_code, json.loads(bad.output)["failed"]) == (1, "witnesses")
    assert CliRunner().invoke(app, [str(file), *stranger, "--witnesses-needed", "0"]).exit_code == 0
    assert CliRunner().invoke(app, [str(file), *trust, "--tsa-policy", "1.2.3"]).exit_code == 1


def test_any_changed_bit_of_cosignature_and_stamp_is_found_and_named(site: Site) -> None:
    receipt_id = site.answer()
    with site.witness("w/1") as witness, site.authority.serving() as tsa:
        vouch_once(site.settings(tsa, witness))
    receipt, trust = site.receipt(receipt_id), site.trust
    with transaction("reader") as session:
        keys = jwks(session)
    start, line = receipt.index(b'"stamp":"'), receipt.index("— w/1".encode())
    for position in (*range(line, line + 125), *range(start, len(receipt), 3)):
        for flip in (0x01, 0x04, 0x20):
            changed = bytearray(receipt)
            changed[position] ^= flip
            report = verify_receipt(bytes(changed), keys, trust)
            assert not report.verified, (position, receipt[position - 20 : position + 20])


def test_no_bit_of_a_token_can_change(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "tsa")
    trusted = stamping.read_authority(authority.roots.read_bytes(), POLICY)
    question = stamping.ask("note")
    token = stamping.take(authority.stamp(question.data), question)
    assert stamping.verify_token(token, "note", trusted) > datetime.now(UTC) - timedelta(minutes=5)

    @settings(max_examples=300, deadline=None)
    @given(st.integers(0, len(token) * 8 - 1))
    def flipped(place: int) -> None:
        changed = bytearray(token)
        changed[place // 8] ^= 1 << place % 8
        with pytest.raises(ValueError, match=r"\w"):
            stamping.verify_token(bytes(changed), "note", trusted)

    flipped()
    for cut in (token[:-1], token[:20], b"", token + b"\0"):
        with pytest.raises(ValueError, match=r"\w"):
            stamping.verify_token(cut, "note", trusted)


def test_a_stamp_over_another_checkpoint_or_by_a_strange_authority_or_policy_fails(tmp_path: Path) -> None:
    authority, other = Authority(tmp_path / "tsa"), Authority(tmp_path / "other")
    trusted = stamping.read_authority(authority.roots.read_bytes(), POLICY)
    question = stamping.ask("note")
    token = stamping.take(authority.stamp(question.data), question)
    with pytest.raises(ValueError, match="another checkpoint"):
        stamping.verify_token(token, "another note", trusted)
    with pytest.raises(ValueError, match="does not hold"):
        stamping.verify_token(token, "note", stamping.read_authority(other.roots.read_bytes()))
    with pytest.raises(ValueError, match="Policy"):
        stamping.verify_token(token, "note", stamping.read_authority(authority.roots.read_bytes(), "1.2.3.4.9"))
    with pytest.raises(ValueError, match="another question"):
        stamping.take(authority.stamp(question.data), stamping.ask("note"))
    for pem, policy in ((b"", None), (b"nonsense", None), (authority.roots.read_bytes(), "no oid")):
        with pytest.raises(Invalid, match=r"stamp\.authority"):
            stamping.read_authority(pem, policy)


def test_a_certificate_that_had_expired_when_it_stamped_vouches_for_nothing(tmp_path: Path) -> None:
    expired = Authority(tmp_path / "tsa", until=timedelta(days=-1))
    question = stamping.ask("note")
    token = stamping.take(expired.stamp(question.data), question)
    with pytest.raises(ValueError, match="does not hold"):
        stamping.verify_token(token, "note", stamping.read_authority(expired.roots.read_bytes()))


def test_an_expired_authority_stamps_nothing_here(site: Site) -> None:
    site.authority = Authority(site.keys.parent / "expired", until=timedelta(days=-1))
    site.answer()
    with site.authority.serving() as tsa:
        vouch_once(site.settings(tsa))
    with transaction("reader") as session:
        assert session.scalars(select(Stamp)).all() == []


def test_without_the_authority_receipts_are_pending_and_made_up_later(site: Site) -> None:
    first = site.answer()
    held = site.authority.away()
    away = site.settings(f"http://127.0.0.1:{held.server_port}")
    vouch_once(away)  # it is away: nothing fails, nothing is stamped
    report = site.verify(site.receipt(first))
    assert report.verified
    assert "pending" in report.checks[-1].detail
    assert site.verify(site.receipt(first), site.trust).failed == "time_stamp"
    second = site.answer()
    with site.authority.serving(held):
        vouch_once(away)
    for receipt_id in (first, second):
        assert site.verify(site.receipt(receipt_id), site.trust).verified
    with transaction("reader") as session:
        assert len(session.scalars(select(Stamp)).all()) == 1  # one stamp covers all before it
        assert vouching_lag(session).unstamped_since is None


def test_one_stamp_an_interval_and_none_for_nothing_new(site: Site) -> None:
    with site.authority.serving() as tsa:
        vouch_once(site.settings(tsa))  # an empty log
        for _ in range(2):
            site.answer()
            vouch_once(site.settings(tsa, tsa_interval_s=3600))
        vouch_once(site.settings(tsa))
        vouch_once(site.settings(tsa))
    with transaction("reader") as session:
        sizes = session.scalars(select(Stamp.size).order_by(Stamp.size)).all()
        assert len(sizes) == 2
        assert sizes[-1] == session.scalar(select(CheckpointRow.size).order_by(CheckpointRow.size.desc()))


def test_beyond_the_bound_answers_stop_only_where_that_was_asked_for(site: Site) -> None:
    site.answer()
    late = datetime.now(UTC) + timedelta(hours=5)
    open_, closed = site.settings("http://127.0.0.1:9"), site.settings("http://127.0.0.1:9", tsa_fail_closed=True)
    with transaction("sequencer") as session:
        assert hold_to_bound(session, open_, late)
        assert vouching_lag(session).halts == ()
        assert not hold_to_bound(session, closed, datetime.now(UTC))
        assert hold_to_bound(session, closed, late)
    with pytest.raises(DBAPIError, match="halted: stamp_overdue"):
        site.answer()
    with transaction() as session:  # refusals and keys go on being evidence
        roll_key(session, site.keys)
        record(session, [Entry(id=new_receipt_id(), at=datetime.now(UTC), kind="refusal")])
    with site.authority.serving() as tsa:
        vouch_once(site.settings(tsa, tsa_fail_closed=True))
    assert site.answer()


def test_a_witness_that_is_away_or_new_catches_up(site: Site) -> None:
    site.answer()
    with site.witness("w/1") as one:
        vouch_once(site.settings("", one))
    site.answer()
    vouch_once(site.settings("", one))  # away
    last = site.answer()
    with site.witness("w/1") as one, site.witness("w/2") as two:
        vouch_once(site.settings("", f"{one}\n{two}"))
        with transaction("reader") as session:
            vouched = newest_vouched(session, is_cosigned=True)
            lag = vouching_lag(session, tuple(line.partition(" ")[0] for line in (one, two)))
    assert vouched is not None
    assert len(re.findall(r"(?m)^— w/", vouched.note)) == 2
    assert set(lag.uncosigned_since.values()) == {None}
    keys = site.key_of("w/1"), site.key_of("w/2")
    assert site.verify(site.receipt(last), Trust(keys, 2)).verified
    assert site.verify(site.receipt(last), Trust(keys[:1], 2)).failed == "witnesses"


def test_a_database_set_back_is_noticed_by_the_witness(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    site.answer()
    with site.witness("w/1") as witness:
        settings_ = site.settings("", witness)
        vouch_once(settings_)
        with transaction() as session:  # a restored backup: the log forgot its last entries and goes on otherwise
            session.execute(text("SET LOCAL session_replication_role = replica"))
            for table in ("leaves", "tiles", "checkpoints", "cosignatures"):
                session.execute(text(f"DELETE FROM evidence.{table}"))
        for _ in range(5):
            site.answer()
        vouch_once(settings_)
    assert re.search("refuses with 422|forked or set back", caplog.text)
    with transaction("reader") as session:
        assert session.scalars(select(Cosignature)).all() == []


def test_a_witness_that_lies_is_not_believed(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    site.answer()
    with site.witness("w/1") as honest, site.witness("w/2") as other:
        address, key = honest.partition(" ")[2], other.partition(" ")[0]
        vouch_once(site.settings("", f"{key} {address}"))  # the cosignature that comes is by another
    assert "no cosignature of its own" in caplog.text
    with transaction("reader") as session:
        assert session.scalars(select(Cosignature)).all() == []


@pytest.mark.parametrize("bad", ["nonsense http://x", "w/1+00000000+AAAA http://127.0.0.1:1"])
def test_a_witness_that_cannot_be_read_is_told_at_once(bad: str) -> None:
    with pytest.raises(Invalid, match=r"witness\.key_malformed"):
        _ = VouchingSettings(witnesses=bad).known_witnesses


def test_a_revoked_keys_checkpoint_no_longer_vouches(site: Site) -> None:
    receipt_id = site.answer()
    with site.authority.serving() as tsa:
        configured = site.settings(tsa)
        vouch_once(configured)
        with transaction() as session:
            old = ensure_active_key(session, site.keys)
            roll_key(session, site.keys)
            revoke_key(session, old.keyid, site.keys)
        site.answer()
        vouch_once(configured)
    assert site.verify(site.receipt(receipt_id), site.trust).checks[-1].name == "time_stamp"
    proof = json.loads(site.receipt(receipt_id))["proof"]
    assert sign_checkpoint(Checkpoint(ORIGIN, 1, bytes(32)), old, old.public)[-90:-80] not in proof


def test_vouching_runs_beside_and_stops_when_told(site: Site) -> None:
    stop = Event()
    run_vouching(stop)  # nobody to ask: it leaves at once
    site.answer()
    with site.witness("w/1") as witness, site.authority.serving() as tsa:
        site.settings(tsa, witness)
        site.patch.setenv("HUTONG_WITNESS_INTERVAL_S", "0.05")
        worker = Thread(target=run_vouching, args=(stop,))
        worker.start()
        try:
            wait_until(_is_vouched)
        finally:
            stop.set()
            worker.join(60)
    assert not worker.is_alive()


def _is_vouched() -> bool:
    with transaction("reader") as session:
        return None not in (session.scalars(select(Stamp)).first(), session.scalars(select(Cosignature)).first())


@pytest.mark.parametrize("table", ["cosignatures", "stamps"])
def test_what_was_vouched_for_is_insert_only(session: Session, table: str) -> None:
    for statement in ("DELETE FROM evidence.{}", "TRUNCATE evidence.{}", "UPDATE evidence.{} SET size = size"):
        with pytest.raises(DBAPIError, match="insert-only"), session.begin_nested():
            session.execute(text(statement.format(table)))


def test_an_address_nobody_answers_at_is_told() -> None:
    with pytest.raises(Transient, match=r"evidence\.voucher_away"):
        posting.post("http://127.0.0.1:9/", b"", "text/plain", 0.5)
    with pytest.raises(Transient, match=r"evidence\.voucher_away"):
        posting.post("no address", b"", "text/plain", 0.5)
