"""An audit recomputes the log from its entries: untouched it finds nothing, and whatever is touched by whoever holds the database it names."""

import gzip
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import URL, Engine, create_engine, text
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from exchange_api.evidence import stamping
from exchange_api.evidence.archive import check_archive, write_archive
from exchange_api.evidence.audit.findings import MOST, Findings
from exchange_api.evidence.audit.tree import Tree
from exchange_api.evidence.audit.walk import Wish, audit_log
from exchange_api.evidence.checkpoint import parse_checkpoint
from exchange_api.evidence.cosignature import WITNESS, VerifierKey, cosign
from exchange_api.evidence.keyring import announce_key, ensure_active_key, revoke_key, roll_key
from exchange_api.evidence.ledger import Entry, new_receipt_id, record
from exchange_api.evidence.log import newest_checkpoint
from exchange_api.evidence.merkle import span_root
from exchange_api.evidence.sequencer import sequence_once
from exchange_api.evidence.tiles import edge_tiles, grow_tiles, read_node
from exchange_api.keys import jwks
from exchange_api.signing import SoftwareSigner
from hutong.commands.log import app
from schemas.errors import Invalid
from schemas.migrations import upgrade
from schemas.tables.evidence import Cosignature, Stamp
from tests.exchange_api.answered import answer, ask
from tests.exchange_api.authority import POLICY, Authority

ORIGIN = "hutong.local/log"


@dataclass
class Ledger:
    """A log with everything in it, and its database."""

    engine: Engine
    url: URL
    authority: Authority
    middle: datetime

    @property
    def wish(self) -> Wish:
        return Wish(ORIGIN, authority=stamping.read_authority(self.authority.roots.read_bytes(), POLICY))

    def audit_after(self, *statements: str) -> Findings:
        """Change the database as its superuser can, audit, and take the change back."""
        with Session(self.engine) as session:
            session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            session.execute(text("SET LOCAL session_replication_role = replica"))
            for statement in statements:
                assert session.connection().exec_driver_sql(statement).rowcount != 0, statement
            return audit_log(session, self.wish).findings

    def rows(self, column: str, table: str) -> list[Any]:
        with self.engine.connect() as connection:
            return list(connection.execute(text(f"SELECT {column} FROM evidence.{table} ORDER BY 1")).scalars())


def _more(session: Session, count: int) -> None:
    entries = [
        Entry(
            id=new_receipt_id(), at=datetime.now(UTC), kind="answer", application_id="a", keyid="k", nonce=new_receipt_id(),
            request_id=new_receipt_id(), grant_id="SQ-2026-000001", library="population", facts={"n": str(n)},
        )
        for n in range(count)
    ]  # fmt: skip
    record(session, entries)


@pytest.fixture(scope="module")
def ledger(new_database: Callable[[], URL], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    """A log over two keys, several checkpoints, a witness, a stamp, and entries still on their way."""
    url, folder = new_database(), tmp_path_factory.mktemp("audit")
    upgrade(url)
    engine, authority, caller = create_engine(url), Authority(folder / "tsa"), SoftwareSigner.generate()
    keys = folder / "keys"
    middle = datetime.now(UTC)
    with Session(engine, expire_on_commit=False) as session:
        for count in (3, 250, 17, 260, 40):
            hub = ensure_active_key(session, keys)
            answer(session, ask(caller, b"{}"), caller, keys)
            _more(session, count)
            session.commit()
            sequence_once(session, hub, ORIGIN)
            session.commit()
            if count == 250:
                middle = datetime.now(UTC)
                roll_key(session, keys)
            if count == 17:
                revoke_key(session, announce_key(session, keys), keys)
        _vouch(session, authority)
        announce_key(session, keys)
        _more(session, 5)
        session.commit()
    yield Ledger(engine, url, authority, middle)
    engine.dispose()


def _vouch(session: Session, authority: Authority) -> None:
    newest = newest_checkpoint(session)
    assert newest is not None
    signer, at = SoftwareSigner.generate(), int(time.time())
    witness = VerifierKey("w/1", WITNESS, signer.public)
    line = cosign(parse_checkpoint(newest.note)[0], witness, signer, at)
    moment = datetime.fromtimestamp(at, UTC)
    session.add(Cosignature(size=newest.size, vkey=str(witness), cosigned_at=moment, line=line))
    question = stamping.ask(newest.note)
    token = stamping.take(authority.stamp(question.data), question)
    session.add(Stamp(size=newest.size, stamped_at=stamping.stamped_at(token, newest.note), token=token))


def test_an_untouched_log_is_found_whole(ledger: Ledger) -> None:
    with Session(ledger.engine) as session:
        found = audit_log(session, ledger.wish)
    assert found.findings.named == []
    assert (found.checkpoints, found.vouchers) == (5, 2)
    assert found.size == len(ledger.rows("index", "leaves"))
    assert found.pending == len(ledger.rows("position", "pending")) == 6
    assert found.entries == found.size


_XOR = "set_bit({0}, (length({0}) * 8 * 0.37)::int, 1 - get_bit({0}, (length({0}) * 8 * 0.37)::int))"
_OTHER = "CASE WHEN {0} IS NULL THEN 'x' ELSE overlay({0} placing CASE WHEN substr({0}, 2, 1) = 'B' THEN 'C' ELSE 'B' END from 2 for 1) END"
_LATER = "coalesce({0}, now()) + interval '1 microsecond'"
_FAR, _UUID = "{0} + 70000", "gen_random_uuid()"
CHANGES: dict[str, dict[str, str]] = {
    "entries": {
        "id": _UUID, "at": _LATER, "kind": _OTHER, "application_id": _OTHER, "keyid": _OTHER, "nonce": _OTHER, "request_id": _OTHER,
        "grant_id": _OTHER, "library": _OTHER, "status": "coalesce({0}, 0) + 1", "code": _OTHER, "document": _XOR,
    },
    "leaves": {"index": _FAR, "entry_id": _UUID, "leaf_hash": _XOR},
    "pending": {"entry_id": _UUID, "leaf_hash": _XOR},
    "tiles": {"level": "{0} + 3", "index": _FAR, "hashes": _XOR},
    "checkpoints": {
        "size": _FAR, "previous": "{0} + 1", "root": _XOR, "keyid": _OTHER, "signed_at": "{0} - interval '1 day'", "note": _OTHER,
    },
    "signing_keys": {
        "keyid": _OTHER, "algorithm": _OTHER, "public_jwk": "public_jwk || '{{\"x\": \"AAAA\"}}'",
        "state": "CASE {0} WHEN 'active' THEN 'retired' ELSE 'active' END",
        "created_at": _LATER, "not_before": _LATER, "not_after": _LATER,
    },
    "cosignatures": {"size": _FAR, "vkey": _OTHER, "cosigned_at": _LATER, "line": _OTHER},
    "stamps": {"size": _FAR, "stamped_at": _LATER, "token": _XOR},
}  # fmt: skip
IDS = {
    "entries": "id", "leaves": "index", "pending": "position", "tiles": "level || '/' || index", "checkpoints": "size", "signing_keys": "keyid",
    "cosignatures": "size", "stamps": "size",
}  # fmt: skip


def _where(ledger: Ledger, table: str, which: int) -> tuple[str, str]:
    rows = ledger.rows(IDS[table], table)
    row = rows[which % len(rows)]
    return f"WHERE {IDS[table]} = '{row}'", str(row)


@pytest.mark.parametrize("which", [0, 2, -1])
@pytest.mark.parametrize(
    ("table", "column"), [(table, column) for table, columns in CHANGES.items() for column in columns]
)
def test_whatever_is_altered_is_found_and_its_row_named(ledger: Ledger, table: str, column: str, which: int) -> None:
    where, row = _where(ledger, table, which)
    found = ledger.audit_after(
        f"UPDATE evidence.{table} SET {column} = {CHANGES[table][column].format(column)} {where}"
    )
    assert found.total, (table, column, row)
    assert any(row in f"{one.row} {one.detail}" for one in found.named) or table in ("pending", "checkpoints"), (
        found.named
    )


@pytest.mark.parametrize("which", [0, 1, 2, -1])
@pytest.mark.parametrize("table", ["entries", "leaves", "pending", "tiles", "checkpoints", "signing_keys"])
def test_whatever_is_missing_is_found_and_named(ledger: Ledger, table: str, which: int) -> None:
    where, row = _where(ledger, table, which)
    found = ledger.audit_after(f"DELETE FROM evidence.{table} {where}")
    assert found.total
    assert any(row in f"{one.row} {one.detail}" for one in found.named) or table == "pending", found.named


ADDED = {
    "entry.added": "INSERT INTO evidence.entries (id, at, kind, document) SELECT gen_random_uuid(), at, kind, document FROM evidence.entries LIMIT 1",
    "leaf.added": "INSERT INTO evidence.leaves SELECT index + 5000000000, gen_random_uuid(), leaf_hash FROM evidence.leaves LIMIT 1",
    "tile.added": "INSERT INTO evidence.tiles SELECT 1, 9, hashes FROM evidence.tiles LIMIT 1",
    "checkpoint.added": "INSERT INTO evidence.checkpoints SELECT size + 9000000000000, size, root, keyid, signed_at, note FROM evidence.checkpoints"
    " ORDER BY size DESC LIMIT 1",
    "pending.added": "INSERT INTO evidence.pending (entry_id, leaf_hash) SELECT entry_id, leaf_hash FROM evidence.leaves LIMIT 1",
    "key.added": "INSERT INTO evidence.signing_keys (keyid, algorithm, public_jwk, state, created_at)"
    " SELECT 'k', algorithm, public_jwk, 'next', created_at FROM evidence.signing_keys LIMIT 1",
}  # fmt: skip


@pytest.mark.parametrize("kind", ADDED)
def test_whatever_was_added_is_found_and_named(ledger: Ledger, kind: str) -> None:
    assert ledger.audit_after(ADDED[kind]).counts[kind] == 1


def test_an_entry_rewritten_with_its_leaf_and_tile_is_given_away_by_the_signed_root(ledger: Ledger) -> None:
    third, place = (
        "(SELECT entry_id FROM evidence.leaves WHERE index = 300)",
        "position('\"n\":\"' in encode(document, 'escape')) + 4",
    )
    found = ledger.audit_after(
        f"UPDATE evidence.entries SET document = set_byte(document, {place}, get_byte(document, {place}) # 1) WHERE id = {third}",
        "UPDATE evidence.leaves l SET leaf_hash = e.leaf_hash FROM evidence.entries e WHERE e.id = l.entry_id AND l.index = 300",
        "UPDATE evidence.tiles t SET hashes = overlay(hashes placing l.leaf_hash from (300 - 256) * 32 + 1) FROM evidence.leaves l"
        " WHERE l.index = 300 AND t.level = 0 AND t.index = 1",
    )  # fmt: skip
    assert found.counts["checkpoint.root"] == 1
    assert "[" in found.named[0].detail


def test_two_entries_that_changed_places_are_found(ledger: Ledger) -> None:
    found = ledger.audit_after(
        "UPDATE evidence.leaves SET index = -1 WHERE index = 4", "UPDATE evidence.leaves SET index = 4 WHERE index = 5",
        "UPDATE evidence.leaves SET index = 5 WHERE index = -1",
    )  # fmt: skip
    assert found.counts["tile.altered"] + found.counts["leaf.altered"] >= 2


def test_a_step_of_a_keys_life_that_does_not_exist_is_found(ledger: Ledger) -> None:
    forged = """replace(convert_from(document, 'UTF8'), '"state":"next"', '"state":"active"')"""
    found = ledger.audit_after(
        f"UPDATE evidence.entries SET document = convert_to({forged}, 'UTF8') WHERE kind = 'key'"
    )
    assert found.counts["key.step"] >= 2
    assert found.counts["entry.altered"] >= 2


def test_a_part_is_audited_from_the_checkpoint_before_it(ledger: Ledger) -> None:
    wish = Wish(ORIGIN, begin=ledger.middle)
    with Session(ledger.engine) as session:
        found = audit_log(session, wish)
    assert (found.findings.named, found.checkpoints) == ([], 4)
    assert found.entries == found.size - found.begin > 0
    with Session(ledger.engine) as session:
        early = audit_log(session, Wish(ORIGIN, end=ledger.middle - timedelta(days=1)))
    assert (early.findings.named, early.checkpoints) == ([], 1)
    with Session(ledger.engine) as session:
        session.execute(text("SET LOCAL session_replication_role = replica"))
        session.execute(
            text("UPDATE evidence.tiles SET hashes = set_byte(hashes, 9, 255 - get_byte(hashes, 9)) WHERE level = 1")
        )
        assert audit_log(session, wish).findings.counts["checkpoint.root"] == 1


def _root(tiles: dict[tuple[int, int], bytes], size: int) -> bytes:
    return span_root((0, size), lambda level, index: read_node(tiles, (level, index)))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 700), min_size=1, max_size=4))
def test_the_audits_tree_is_the_sequencers(batches: list[int]) -> None:
    tree, tiles, size = Tree(), dict[tuple[int, int], bytes](), 0
    for count in batches:
        leaves = [number.to_bytes(32, "big") for number in range(size, size + count)]
        tree.grow(b"".join(leaves))
        tiles |= grow_tiles({one: tiles[one] for one in edge_tiles(size)}, size, b"".join(leaves))
        size += count
        assert tree.root() == _root(tiles, size)
        resumed = Tree(size, tiles)
        assert (resumed.root(), resumed.edge()) == (tree.root(), tree.edge())
    assert tree.take_done() | tree.edge() == tiles


def test_a_million_findings_are_counted_and_a_thousand_named() -> None:
    found = Findings()
    for number in range(MOST + 5):
        found.add("entry.altered", number, "x")
    assert (found.total, len(found.named)) == (MOST + 5, MOST)


def test_the_command_tells_and_ends_with_one_for_a_finding(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUTONG_DATABASE_URL", ledger.url.render_as_string(hide_password=False))
    runner = CliRunner()
    told = runner.invoke(app, ["audit"])
    assert told.exit_code == 0, told.output
    assert "完整无改动" in told.output
    assert runner.invoke(app, ["vkey"]).output.count(f"{ORIGIN}+") == 2
    with ledger.engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text("UPDATE evidence.tiles SET hashes = hashes || '\\x00' WHERE level = 1"))
    try:
        found = runner.invoke(app, ["audit", "--json"])
        assert found.exit_code == 1
        assert json.loads(found.output)["findings"][0]["kind"] == "tile.altered"
        assert "tile.altered" in runner.invoke(app, ["audit"]).output
    finally:
        with ledger.engine.begin() as connection:
            connection.execute(
                text("UPDATE evidence.tiles SET hashes = substr(hashes, 1, length(hashes) - 1) WHERE level = 1")
            )


def test_archives_follow_one_another_and_prove_themselves(ledger: Ledger, tmp_path: Path) -> None:
    with Session(ledger.engine) as session:
        keys = jwks(session)
        first = write_archive(session, tmp_path, ledger.middle)
        second = write_archive(session, tmp_path, datetime.now(UTC))
        assert write_archive(session, tmp_path, datetime.now(UTC)) is None
    assert first is not None
    assert second is not None
    size = len(ledger.rows("index", "leaves"))
    assert check_archive(first, keys) + check_archive(second, keys) == size
    members, packed = second.read_bytes(), second.with_suffix(".ndjson.gz").read_bytes()
    for position in range(0, len(members), 5):
        second.write_bytes(members[:position] + bytes([members[position] ^ 1]) + members[position + 1 :])
        with pytest.raises(Invalid, match=r"archive\.broken"):
            check_archive(second, keys)
    second.write_bytes(members)
    entries = gzip.decompress(packed)
    for changed in (entries.replace(b'"n":"7"', b'"n":"8"', 1), entries[: len(entries) // 2], entries + b"{}\n"):
        second.with_suffix(".ndjson.gz").write_bytes(gzip.compress(changed))
        with pytest.raises(Invalid, match=r"archive\.broken"):
            check_archive(second, keys)
