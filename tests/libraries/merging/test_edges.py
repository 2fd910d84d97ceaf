"""What a merge meets at its edges: nothing at all, everything gone, keys of odd bytes, columns without a value, a row group without a row."""

import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from libraries.merging import units
from libraries.merging.known import Gathered
from libraries.merging.merge import merge_batch
from libraries.merging.partitions import PARTITIONS, partition_of
from libraries.merging.units import EVERYTHING, Shelf
from schemas.errors import Terminal
from schemas.library import library

PS, CA, CREDIT = "public_security.resident", "civil_affairs.marriage", "credit_office.decision"
ODD = ["\x01", " ", "0", "A", "Z", "a", "z", "~", "\x7f", "é", "中", "\ud7ff", "\ue000", "\uffff", "𠮷", "\U0010ffff"]


@pytest.fixture(autouse=True)
def _no_ranges(request: pytest.FixtureRequest) -> None:
    """Ranges of keys are chosen once: by each test anew."""
    if "hub" in request.fixturenames:
        request.getfixturevalue("hub").run("DELETE FROM library.key_ranges")


def _counts(report: Any) -> dict[str, int]:
    return {
        name: value for name, value in vars(report).items() if name not in ("batch", "seconds", "duplicates") and value
    }


@pytest.mark.parametrize("small", [1, 50_000])
def test_an_empty_snapshot_takes_everything_back_and_the_next_brings_it_again(
    hub: Any, monkeypatch: pytest.MonkeyPatch, small: int
) -> None:
    monkeypatch.setattr(units, "SMALL", small)
    hub.resource(PS)
    assert _counts(hub.merge(PS, [])) == {}
    rows = [{"subject": f"{n:03}", "name": "x"} for n in range(40)]
    assert _counts(hub.merge(PS, rows)) == {"rows": 40, "claims_added": 40, "golden_added": 40}
    assert _counts(hub.merge(PS, [])) == {"claims_withdrawn": 40, "golden_removed": 40}
    assert hub.golden() == {}
    assert _counts(hub.merge(PS, rows)) == {"rows": 40, "claims_added": 40, "golden_added": 40}
    assert {row["version"] for row in hub.rows("SELECT version FROM library.population")} == {2}


def test_a_row_group_without_a_row_and_a_column_without_a_value(hub: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(units, "SMALL", 1)
    hub.resource(PS)
    rows = [{"subject": f"{n}", "name": None, "birth_date": None} for n in range(3)]
    batch = hub.batch(PS, rows, parts=7)  # 4 of the 7 files hold nothing
    assert merge_batch(batch).claims_added == 3
    assert hub.golden() == {"0": {}, "1": {}, "2": {}}
    assert hub.merge(PS, [{"subject": "0", "name": None}, {"subject": "1"}, {"subject": "2"}]).claims_changed == 0


@pytest.mark.parametrize("part", [0, 1])
def test_an_entry_without_a_part_of_its_key_is_named(hub: Any, part: int) -> None:
    hub.resource(CREDIT, of="credit")
    parts = library("credit").entry.from_  # type: ignore[union-attr]
    entry = {"subject": "s"} | dict.fromkeys(parts, "n")
    with pytest.raises(Terminal, match=r"merge\.key_missing") as caught:
        hub.merge(CREDIT, [entry, {**entry, parts[part]: None}])
    assert caught.value.facts["rows"] == 1
    assert hub.golden("credit") == {}


def test_keys_of_odd_bytes_fall_into_ranges_as_the_database_sorts_them(
    hub: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(units, "SMALL", 1)
    hub.resource(PS)
    keys = sorted({a + b for a in ODD for b in ODD})
    hub.merge(PS, [{"subject": key, "name": "x"} for key in keys[::2]])
    hub.merge(PS, [{"subject": key, "name": "y"} for key in keys])
    boundaries = hub.rows("SELECT boundaries FROM library.key_ranges WHERE library = 'population'")[0]["boundaries"]
    assert len(boundaries) == PARTITIONS - 1
    found = hub.rows(
        'SELECT subject, name, (SELECT count(*) FROM unnest(CAST(:b AS text[])) AS b WHERE subject >= b COLLATE "C") AS n'
        ' FROM library.population ORDER BY subject COLLATE "C"',
        b=boundaries,
    )
    assert [row["subject"] for row in found] == keys
    assert {row["name"] for row in found} == {"y"}
    assert partition_of(pa.array(keys), boundaries).tolist() == [row["n"] for row in found]


@given(
    keys=st.lists(st.text(st.characters(codec="utf-8"), max_size=4)), bounds=st.sets(st.text(max_size=3), max_size=15)
)
def test_every_key_lies_in_the_range_its_bytes_say(keys: list[str], bounds: set[str]) -> None:
    ordered = sorted(bounds)
    expected = [sum(key.encode() >= bound.encode() for bound in ordered) for key in keys]
    assert partition_of(pa.array(keys, pa.string()), ordered).tolist() == expected


@pytest.mark.parametrize("boundaries", [[], ["5"]])
def test_one_range_is_the_whole_library_and_is_held_as_such(
    monkeypatch: pytest.MonkeyPatch, boundaries: list[str]
) -> None:
    """A small batch that lets many go has no ranges of its own: with only the first range locked, a peer would write beside it."""
    monkeypatch.setattr(units, "SMALL", 5)
    with Shelf(library("population"), boundaries) as shelf:
        shelf.withdraw(pa.array([str(n) for n in range(10)]))
        places = shelf.places()
        assert places == ([0, 1] if boundaries else [EVERYTHING])
        held = [unit.partitions for place in places for unit in shelf.units(place)]
    assert held == ([(0,), (1,)] if boundaries else [tuple(range(PARTITIONS))])


def test_what_waits_on_disk_goes_when_the_merge_fails(
    hub: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    opened: list[Any] = []
    temporary = tempfile.TemporaryFile

    def noticed(**options: Any) -> Any:
        opened.append(temporary(dir=tmp_path, **options))
        return opened[-1]

    monkeypatch.setattr(tempfile, "TemporaryFile", noticed)
    monkeypatch.setattr(units, "SMALL", 1)
    monkeypatch.setattr(units, "SPILL_BYTES", 1)
    hub.resource(PS)
    rows = [{"subject": f"{n:03}", "name": "x"} for n in range(50)]
    with pytest.raises(Terminal, match=r"merge\.refused"):
        hub.merge(PS, [*rows, {"subject": "999\0", "name": "x"}])
    assert len(opened) > 1
    assert all(file.closed for file in opened)
    assert list(tmp_path.iterdir()) == []
    assert hub.merge(PS, rows).rows == 50  # by itself, with what can be believed
    assert set(hub.golden()) == {row["subject"] for row in rows}


@pytest.mark.parametrize("first", [True, False])
def test_a_key_too_long_for_an_index_is_refused_by_name_and_not_tried_again(hub: Any, first: bool) -> None:
    hub.resource(PS)
    if not first:
        hub.merge(PS, [{"subject": "a", "name": "x"}])
    noise = "".join(map(str, np.random.default_rng(1).integers(0, 10**9, 2_000)))  # nothing compresses it below a page
    with pytest.raises(Terminal, match=r"merge\.refused") as caught:
        hub.merge(PS, [{"subject": "a", "name": "x"}, {"subject": noise, "name": "secret"}])
    assert "secret" not in str(caught.value)
    assert caught.value.facts["state"] == "54000"


def test_a_held_entry_of_a_register_is_held_back_not_gone(hub: Any) -> None:
    """The key of an entry is made of its parts, not of whatever the source calls its key."""
    hub.resource(CREDIT, of="credit")
    parts = library("credit").entry.from_  # type: ignore[union-attr]
    number = next(a.id for a in library("credit").attributes if a.type == "number")
    entries = [{"subject": "s", parts[0]: "1", parts[1]: f"n{n}", parts[2]: "a", number: Decimal(n)} for n in range(3)]
    hub.merge(CREDIT, entries)
    batch = hub.batch(CREDIT, entries[:1])
    hub.hold(batch, "1/n1/a")
    merge_batch(batch)
    assert set(hub.golden("credit")) == {"1/n0/a", "1/n1/a"}


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), max_size=12), st.lists(st.integers(0, 5), max_size=6))
def test_what_is_known_is_found_and_nothing_else(claims: list[tuple[int, int]], asked: list[int]) -> None:
    """Also where two keys share a hash: then a row may be looked at once too often, never once too little."""
    gathered = Gathered(np.sort(np.array(asked, np.uint64)))
    for part in (claims[::2], claims[1::2]):  # as a stream brings them, in any order
        keys = pa.array([str(key) for key, _ in part], pa.string())
        gathered.take(np.array([key for key, _ in part], np.uint64), keys, np.array([row for _, row in part], np.int64))
    known = gathered.known(None)
    assert {key for part in gathered.gone for key in part.to_pylist()} == {str(k) for k, _ in claims if k not in asked}
    said = known.says(np.array(asked, np.uint64), np.zeros(len(asked), np.int64))
    for key, answer in zip(asked, said, strict=True):
        possible = [row for other, row in claims if other == key]
        assert not answer or 0 in possible
        assert answer or len(possible) != 1 or possible != [0]
