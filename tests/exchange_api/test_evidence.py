"""Entries are written once and never changed; the log over them proves itself at every size, and a crash loses nothing."""

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from threading import Event, Thread
from uuid import UUID

import asyncpg  # type: ignore[import-untyped]
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import URL, create_engine, insert, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from exchange_api.evidence.canonical import canonical_json
from exchange_api.evidence.checkpoint import (
    Checkpoint,
    note_key_id,
    parse_proof,
    sign_checkpoint,
    verify_checkpoint,
    write_proof,
)
from exchange_api.evidence.ledger import (
    INSERT_SQL,
    Entry,
    SignedAnswer,
    SignedQuestion,
    entry_columns,
    entry_document,
    entry_row,
    leaf_hash,
    new_receipt_id,
    record,
    subject_hash,
    subject_secret,
)
from exchange_api.evidence.log import (
    consistency_path,
    find_entry,
    inclusion_path,
    newest_checkpoint,
    tile,
    tree_root,
)
from exchange_api.evidence.merkle import (
    consistency_spans,
    hash_children,
    inclusion_spans,
    span_root,
    verify_consistency,
    verify_inclusion,
)
from exchange_api.evidence.sequencer import run_sequencer, sequence_once
from exchange_api.evidence.tiles import edge_tiles, grow_tiles, parse_tile_path, read_node, tile_of, tile_path
from exchange_api.keys import create_key, move_key
from exchange_api.signing import SoftwareSigner, public_key_from_jwk
from exchange_api.signing.algorithms import encode_base64url
from schemas.errors import Denied, HutongError, Invalid, Terminal
from schemas.migrations import upgrade
from schemas.tables.evidence import Checkpoint as CheckpointRow
from tests.hutong.installation import wait_until

ORIGIN = "hub.example/log"


def _entry(**members: object) -> Entry:
    return Entry(id=new_receipt_id(), at=datetime.now(UTC), kind="answer", **members)  # type: ignore[arg-type]


def _entries(count: int) -> list[Entry]:
    return [_entry(keyid="k", nonce=new_receipt_id(), facts={"number": i}) for i in range(count)]


# --- the mathematics ------------------------------------------------------------------------------------------------


def _leaf(index: int) -> bytes:
    return hashlib.sha256(b"\x00%d" % index).digest()


def _naive_root(leaves: list[bytes]) -> bytes:
    """MTH word for word from RFC 6962 §2.1."""
    if len(leaves) < 2:
        return leaves[0] if leaves else hashlib.sha256().digest()
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return hash_children(_naive_root(leaves[:split]), _naive_root(leaves[split:]))


class Tree:
    """A log held in memory, grown in batches as the sequencer does."""

    def __init__(self, *batches: int) -> None:
        self.tiles: dict[tuple[int, int], bytes] = {}
        self.size = 0
        for count in batches:
            edge = {one: self.tiles[one] for one in edge_tiles(self.size)}
            added = b"".join(_leaf(i) for i in range(self.size, self.size + count))
            self.tiles |= grow_tiles(edge, self.size, added)
            self.size += count

    def root(self, span: tuple[int, int]) -> bytes:
        """Return the root of a span of leaves, read from the tiles."""
        return span_root(span, lambda level, index: read_node(self.tiles, (level, index)))


def test_roots_are_the_published_ones() -> None:
    # the test data of RFC 6962's reference implementation
    data = [bytes.fromhex(one) for one in ("", "00", "10", "2021", "3031", "40414243")]
    edge = grow_tiles({}, 0, b"".join(leaf_hash(one) for one in data))
    root = span_root((0, 6), lambda level, index: read_node(edge, (level, index)))
    assert root.hex() == "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"
    assert span_root((0, 0), lambda *_: b"").hex() == hashlib.sha256().hexdigest()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 300), min_size=1, max_size=5), st.data())
def test_every_leaf_proves_itself_and_nothing_else(batches: list[int], data: st.DataObject) -> None:
    tree = Tree(*batches)
    assert tree.root((0, tree.size)) == _naive_root([_leaf(i) for i in range(tree.size)])
    index = data.draw(st.integers(0, tree.size - 1))
    size = data.draw(st.integers(index + 1, tree.size))
    path = [tree.root(span) for span in inclusion_spans(index, size)]
    root = tree.root((0, size))
    assert verify_inclusion(_leaf(index), index, size, path, root)
    assert not verify_inclusion(_leaf(index + 1), index, size, path, root)
    assert not verify_inclusion(_leaf(index), index, size, [*path, root], root)
    assert not verify_inclusion(_leaf(index), size, size, path, root)
    for wrong in range(len(path)):
        bad = [*path[:wrong], bytes(32), *path[wrong + 1 :]]
        assert not verify_inclusion(_leaf(index), index, size, bad, root)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 300), min_size=1, max_size=5), st.data())
def test_every_size_is_consistent_with_every_larger_one(batches: list[int], data: st.DataObject) -> None:
    tree = Tree(*batches)
    old = data.draw(st.integers(1, tree.size))
    new = data.draw(st.integers(old, tree.size))
    roots = tree.root((0, old)), tree.root((0, new))
    path = [tree.root(span) for span in consistency_spans(old, new)]
    assert verify_consistency((old, new), roots, path)
    if old < new:
        assert not verify_consistency((old, new), (bytes(32), roots[1]), path)
        assert not verify_consistency((old, new), (roots[0], bytes(32)), path)
        assert not verify_consistency((old, new), roots, path[:-1])


@pytest.mark.parametrize("size", [65_535, 65_536, 65_537, 70_000])
def test_high_trees_have_the_tiles_the_standard_names(size: int) -> None:
    tree = Tree(size)
    widths = {one: len(hashes) // 32 for one, hashes in tree.tiles.items()}
    if size == 70_000:  # the example of C2SP tlog-tiles
        full = sum(1 for (level, _), width in widths.items() if (level, width) == (0, 256))
        assert (full, widths[0, 273], widths[1, 0], widths[1, 1], widths[2, 0]) == (273, 112, 256, 17, 1)
    index = size - 3
    path = [tree.root(span) for span in inclusion_spans(index, size)]
    assert verify_inclusion(_leaf(index), index, size, path, tree.root((0, size)))


@pytest.mark.parametrize(
    ("path", "parsed"),
    [
        ("0/x001/x234/067", (0, 1_234_067, 256)),
        ("3/000.p/17", (3, 0, 17)),
        ("entries/x001/000", (None, 1_000, 256)),
        ("0/1234", None),
        ("0/000.p/256", None),
        ("0/000.p/0", None),
        ("00/000", None),
        ("64/000", None),
        ("0/x000/001", None),
        ("../000", None),
    ],
)
def test_tile_addresses(path: str, parsed: tuple[int | None, int, int] | None) -> None:
    found = parse_tile_path(path)
    assert (found and (found.level, found.index, found.width)) == parsed
    if parsed:
        assert tile_path(*parsed) == path


def test_nodes_stand_in_the_tile_of_their_height() -> None:
    assert tile_of((0, 511)) == (0, 1)
    assert tile_of((7, 3)) == (0, 1)
    assert tile_of((8, 3)) == (1, 0)
    assert tile_of((16, 300)) == (2, 1)


def test_checkpoints_are_signed_notes_and_take_no_other_spelling() -> None:
    signer = SoftwareSigner.generate()
    wanted = Checkpoint(ORIGIN, 17, bytes(range(32)))
    note = sign_checkpoint(wanted, signer, signer.public)
    assert verify_checkpoint(note, [SoftwareSigner.generate().public, signer.public]) == (wanted, signer.public)
    proof = write_proof(3, [bytes(32)], note)
    assert parse_proof(proof).note == note
    for position in range(len(note)):
        for flip in (1, 0x20):
            changed = note[:position] + chr(ord(note[position]) ^ flip) + note[position + 1 :]
            with pytest.raises(ValueError, match=r"\w"):
                verify_checkpoint(changed, [signer.public])
    for bad in (proof.replace("index 3", "index 03"), proof.replace("index 3", "extra AAAA\nindex 3"), "", "c2sp"):
        with pytest.raises(ValueError, match=r"\w"):
            parse_proof(bad)
    with pytest.raises(ValueError, match="known key"):
        verify_checkpoint(note, [SoftwareSigner.generate().public])
    with pytest.raises(HutongError):
        sign_checkpoint(Checkpoint("two words", 1, bytes(32)), signer, signer.public)


def test_note_key_id_is_the_published_one() -> None:
    # the example key of Go's golang.org/x/mod/sumdb/note
    raw = base64.b64decode("ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
    key = public_key_from_jwk({"kty": "OKP", "crv": "Ed25519", "x": encode_base64url(raw[1:])})
    assert note_key_id("PeterNeumann", key).hex() == "c74f20a3"


# --- the ledger -----------------------------------------------------------------------------------------------------


def test_receipt_ids_are_version_7_and_sort_by_time() -> None:
    ids = [UUID(new_receipt_id()) for _ in range(200)]
    assert {one.version for one in ids} == {7}
    assert {one.variant for one in ids} == {"specified in RFC 4122"}
    assert all(b.int >> 80 >= a.int >> 80 for a, b in pairwise(ids))
    assert len(set(ids)) == 200


def test_the_database_hashes_the_leaf_as_we_do(session: Session) -> None:
    entry = _entry(subjects=["ab" * 32], purpose={"case": "第17号"})
    record(session, [entry])
    found = session.execute(
        text("SELECT document, leaf_hash FROM evidence.entries WHERE id = :id"), {"id": entry.id}
    ).one()
    assert found.document == entry_document(entry)
    assert found.leaf_hash == leaf_hash(entry_document(entry))


def test_a_nonce_serves_once_per_key(session: Session) -> None:
    record(
        session, [_entry(keyid="a", nonce="n1"), _entry(keyid="b", nonce="n1"), _entry(keyid="a"), _entry(keyid="a")]
    )
    with pytest.raises(Denied) as refused:
        record(session, [_entry(keyid="a", nonce="n1")])
    assert (refused.value.code, refused.value.status) == ("nonce.replayed", 409)


def test_an_entry_that_does_not_fit_the_log_is_refused(session: Session) -> None:
    with pytest.raises(Invalid, match=r"evidence\.too_large"):
        record(session, [_entry(subjects=["ab" * 32] * 1_000)])


@pytest.mark.parametrize("table", ["entries", "leaves", "checkpoints"])
@pytest.mark.parametrize(
    "statement", ["DELETE FROM evidence.{}", "TRUNCATE evidence.{}", "UPDATE evidence.{} SET {} = {}"]
)
def test_evidence_is_insert_only_even_for_the_owner(session: Session, table: str, statement: str) -> None:
    column = {"entries": "kind", "leaves": "leaf_hash", "checkpoints": "note"}[table]
    with pytest.raises(DBAPIError, match="insert-only"):
        session.execute(text(statement.format(table, column, column)))


def test_subjects_are_hidden_by_a_key_kept_in_a_private_file(tmp_path: Path) -> None:
    secret = subject_secret(tmp_path)
    assert subject_secret(tmp_path) == secret == (tmp_path / "subject.key").read_bytes()
    assert (tmp_path / "subject.key").stat().st_mode & 0o777 == 0o600
    hashed = subject_hash(secret, "population", "110101199003070732")
    assert len(hashed) == 64
    assert hashed != subject_hash(secret, "credit", "110101199003070732")
    assert hashed != subject_hash(bytes(32), "population", "110101199003070732")


@pytest.mark.parametrize("length", [1, 32, 64, 65, 200])
def test_the_keyed_hash_is_hmac_whatever_the_key(length: int) -> None:
    secret, subject = secrets.token_bytes(length), "张三·Ω"
    for _ in range(2):  # the second time from what was begun before
        expected = hmac.digest(secret, f"credit\x00{subject}".encode(), "sha256").hex()
        assert subject_hash(secret, "credit", subject) == expected


# --- the log in the database ----------------------------------------------------------------------------------------


@pytest.fixture
def own_database(new_database: Callable[[], URL]) -> URL:
    """A migrated database whose commits are real: crashes and concurrency need them."""
    url = new_database()
    upgrade(url)
    return url


@pytest.fixture
def opened(own_database: URL) -> Iterator[Callable[[], Session]]:
    """Opens sessions on that database; committing is left to the test."""
    engine = create_engine(own_database)
    yield lambda: Session(engine, expire_on_commit=False)
    engine.dispose()


def _sequence(opened: Callable[[], Session], signer: SoftwareSigner, most: int = 20_000) -> int:
    with opened() as session, session.begin():
        return sequence_once(session, signer, ORIGIN, most)


def _record(opened: Callable[[], Session], entries: list[Entry]) -> None:
    with opened() as session, session.begin():
        record(session, entries)


def test_every_recorded_entry_is_proved_by_the_log(opened: Callable[[], Session]) -> None:
    signer, entries = SoftwareSigner.generate(), _entries(700)
    roots: dict[int, bytes] = {}
    for start, end in pairwise((0, 1, 257, 300, 700)):
        _record(opened, entries[start:end])
        assert _sequence(opened, signer) == end - start
        with opened() as session:
            newest = newest_checkpoint(session)
            assert newest is not None
            roots[newest.size] = newest.root
    assert _sequence(opened, signer) == 0
    with opened() as session:
        for entry in entries[::37]:
            found = find_entry(session, entry.id)
            assert found is not None
            assert found.document == entry_document(entry)
            proof = parse_proof(found.proof)
            checkpoint, _ = verify_checkpoint(proof.note, [signer.public])
            assert verify_inclusion(leaf_hash(found.document), proof.index, 700, proof.path, checkpoint.root)
        for old, new in ((1, 257), (257, 300), (300, 700), (1, 700)):
            assert verify_consistency((old, new), (roots[old], roots[new]), consistency_path(session, old, new))
            assert tree_root(session, old) == roots[old]


def test_tiles_and_bundles_are_served_as_the_standard_says(opened: Callable[[], Session]) -> None:
    signer = SoftwareSigner.generate()
    _record(opened, _entries(300))
    _sequence(opened, signer)
    with opened() as session:
        full, partial = tile(session, "0/000"), tile(session, "0/001.p/44")
        bundle = tile(session, "entries/001.p/44")
        assert full is not None
        assert partial is not None
        assert bundle is not None
        assert (len(full), len(partial)) == (8_192, 44 * 32)
        assert tile(session, "0/001.p/10") == partial[:320]  # older partial tiles stay fetchable
        assert tile(session, "1/000.p/1") is not None
        for absent in ("0/001", "0/001.p/45", "0/002.p/1", "entries/001", "5/000", "nonsense"):
            assert tile(session, absent) is None
    hashes = []
    while bundle:
        length = int.from_bytes(bundle[:2], "big")
        hashes.append(leaf_hash(bundle[2 : 2 + length]))
        bundle = bundle[2 + length :]
    assert b"".join(hashes) == partial


def test_a_crash_in_the_middle_loses_nothing(opened: Callable[[], Session]) -> None:
    signer, entries = SoftwareSigner.generate(), _entries(40)
    _record(opened, entries[:20])
    _sequence(opened, signer, most=7)
    _record(opened, entries[20:])
    with opened() as session:
        assert sequence_once(session, signer, ORIGIN) == 33
        session.rollback()  # the process dies before its commit
    with opened() as session:
        newest = newest_checkpoint(session)
        assert newest is not None
        assert newest.size == 7  # nothing of the lost attempt is published
    assert _sequence(opened, signer) == 33
    with opened() as session:
        found = [find_entry(session, entry.id) for entry in entries]
        assert sorted(one.index for one in found if one) == list(range(40))


def test_two_checkpoints_of_one_size_cannot_be(opened: Callable[[], Session]) -> None:
    signer = SoftwareSigner.generate()
    _record(opened, _entries(3))
    _sequence(opened, signer)
    twin = insert(CheckpointRow).values(size=3, root=bytes(32), keyid="k", signed_at=datetime.now(UTC), note="another")
    with opened() as session, pytest.raises(IntegrityError):
        session.execute(twin)


def test_only_one_sequencer_works_at_a_time(opened: Callable[[], Session]) -> None:
    signer = SoftwareSigner.generate()
    _record(opened, _entries(3))
    with opened() as first, first.begin():
        assert sequence_once(first, signer, ORIGIN) == 3
        assert _sequence(opened, signer) == 0
    with opened() as session:
        assert inclusion_path(session, 2, 3)


def test_a_log_whose_tiles_were_touched_stops(opened: Callable[[], Session]) -> None:
    signer = SoftwareSigner.generate()
    _record(opened, _entries(5))
    _sequence(opened, signer)
    with opened() as session, session.begin():
        session.execute(text("UPDATE evidence.tiles SET hashes = set_byte(hashes, 0, (get_byte(hashes, 0) + 1) % 256)"))
    _record(opened, _entries(1))
    with pytest.raises(Terminal, match=r"evidence\.log_broken"):
        _sequence(opened, signer)
    with opened() as session, session.begin():
        session.execute(text("DELETE FROM evidence.tiles"))
    with pytest.raises(Terminal, match=r"evidence\.log_broken"):
        _sequence(opened, signer)


def test_group_commit_writes_many_entries_and_names_the_replays(own_database: URL) -> None:
    entries = _entries(50)
    replay = _entry(keyid="k", nonce=entries[3].nonce)

    async def write() -> tuple[set[str], set[str]]:
        connection = await asyncpg.connect(
            own_database.set(drivername="postgresql").render_as_string(hide_password=False),
            server_settings={"role": "hutong_exchange"},
        )
        try:
            first = await connection.fetch(INSERT_SQL, *entry_columns(map(entry_row, entries)))
            second = await connection.fetch(INSERT_SQL, *entry_columns(map(entry_row, [replay, *_entries(2)])))
        finally:
            await connection.close()
        return {str(row["id"]) for row in first}, {str(row["id"]) for row in second}

    first, second = asyncio.run(write())
    assert first == {entry.id for entry in entries}
    assert replay.id not in second
    assert len(second) == 2


def test_the_sequencer_process_works_with_its_own_role(
    own_database: URL, opened: Callable[[], Session], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUTONG_DATABASE_URL", own_database.render_as_string(hide_password=False))
    monkeypatch.setenv("HUTONG_KEYS_FOLDER", str(tmp_path))
    entries, stop = _entries(10), Event()
    worker = Thread(target=run_sequencer, args=(stop, 0.02))
    worker.start()  # no key yet: it must wait, not die
    try:
        with opened() as session, session.begin():
            move_key(session, create_key(session, tmp_path).keyid, "active")
        _record(opened, entries)
        wait_until(lambda: _size(opened) == 10)
    finally:
        stop.set()
        worker.join(60)
    assert not worker.is_alive()


def _size(opened: Callable[[], Session]) -> int:
    with opened() as session:
        newest = newest_checkpoint(session)
        return newest.size if newest else 0


_TEXTS = st.dictionaries(st.text(max_size=8), st.text(max_size=20), max_size=4)


@given(
    texts=st.lists(st.text(max_size=30), min_size=9, max_size=9),
    headers=_TEXTS,
    facts=st.just({}) | _TEXTS,
    status=st.integers(100, 599),
)
def test_an_entry_is_spelled_canonically(
    texts: list[str], headers: dict[str, str], facts: dict[str, str], status: int
) -> None:
    entry = Entry(
        id=texts[0],
        at=datetime.now(UTC),
        kind="answer",
        keyid=texts[1],
        purpose=headers,
        subjects=texts[2:4],
        facts=facts,
        request=SignedQuestion(texts[4], texts[5], texts[6], texts[7], headers, {"x": texts[8]}),
        response=SignedAnswer(status, headers),
    )
    document = entry_document(entry)
    assert document == canonical_json(json.loads(document))
