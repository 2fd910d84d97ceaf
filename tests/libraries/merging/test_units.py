"""A batch larger than memory is merged in pieces, waiting on disk between; that changes nothing but the memory it takes."""

from decimal import Decimal
from typing import Any

import pytest

from libraries.merging import units
from schemas.library import library

PS, CA, CREDIT = "public_security.resident", "civil_affairs.marriage", "credit_office.decision"


def _residents(numbers: range, sign: str = "") -> list[dict[str, Any]]:
    return [{"subject": f"{n * 7919 % 1000:04}", "name": f"张{n}{sign}", "sex": str(n % 3)} for n in numbers]


def _story(hub: Any) -> dict[str, Any]:
    """A snapshot, a second source, the snapshot changed with rows gone and keys twice, and a register with numbers."""
    hub.empty()
    for table in ("landing.batches", "directory.resources"):  # the same numbers each time
        hub.run(f"ALTER TABLE {table} ALTER number RESTART")
    hub.resource(PS)
    hub.resource(CA)
    hub.resource(CREDIT, of="credit")
    again = _residents(range(40, 150), "改") + _residents(range(60, 70), "又") + _residents(range(150, 160))
    reports = [
        hub.merge(PS, _residents(range(150)), day=1),
        hub.merge(
            CA, [{"subject": f"{n:04}", "name": "别名", "marital_status": "20"} for n in range(0, 1000, 3)], day=2
        ),
        hub.merge(PS, again, day=3),
    ]
    spec = library("credit")
    parts = dict.fromkeys((spec.entry.from_ if spec.entry else ()), "x")
    number = next(a.id for a in spec.attributes if a.type == "number")
    entries = [{"subject": f"{n:04}", **parts, spec.entry.from_[0]: f"n{n}", number: Decimal(n) / 4} for n in range(90)]  # type: ignore[union-attr]
    reports.append(hub.merge(CREDIT, entries, day=4))
    counts = [
        {name: value for name, value in vars(report).items() if name not in ("batch", "seconds")} for report in reports
    ]
    return {"counts": counts, "population": hub.state(), "credit": hub.state("credit")}


def test_pieces_on_disk_end_where_one_piece_in_memory_ends(hub: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = _story(hub)
    assert whole["counts"][2]["duplicates"] == 10
    assert whole["counts"][2]["claims_withdrawn"] == 40
    monkeypatch.setattr(units, "SMALL", 1)
    monkeypatch.setattr(units, "SPILL_BYTES", 1)
    monkeypatch.setattr(units, "UNIT_ROWS", 4)
    pieces = _story(hub)
    assert pieces["counts"] == whole["counts"]
    for name in ("population", "credit"):
        for part, rows in whole[name].items():
            assert pieces[name][part] == rows


def test_ranges_of_keys_are_chosen_once_and_hold_every_key(hub: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.empty()
    hub.run("DELETE FROM library.key_ranges")
    hub.resource(PS)
    monkeypatch.setattr(units, "SMALL", 100)
    hub.merge(PS, _residents(range(99)))
    assert hub.rows("SELECT * FROM library.key_ranges") == []  # too little to judge by
    hub.merge(PS, _residents(range(500)))
    chosen = hub.rows("SELECT boundaries FROM library.key_ranges WHERE library = 'population'")[0]["boundaries"]
    assert len(chosen) == 15
    assert chosen == sorted(set(chosen))
    hub.merge(PS, [{"subject": f"z{n}", "name": "远"} for n in range(200)])
    assert hub.rows("SELECT boundaries FROM library.key_ranges WHERE library = 'population'")[0]["boundaries"] == chosen
    assert sorted(hub.golden()) == sorted(f"z{n}" for n in range(200))
