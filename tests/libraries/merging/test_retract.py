"""A batch that is taken back leaves nothing behind but history: the libraries say what the remaining batches say."""

from pathlib import Path
from shutil import rmtree
from typing import Any

import pytest

from libraries.merging.merge import merge_batch
from libraries.retracting.retract import Report, retract
from schemas.errors import Invalid, Terminal

PS, CA = "public_security.resident", "civil_affairs.marriage"


def back(batch: str, **options: Any) -> Report:
    return retract(batch, reason="wrong file", by="li", **options)


def said(hub: Any) -> dict[str, tuple[str | None, str]]:
    """Return of each key the claimed name and the batch that says it."""
    rows = hub.rows(
        "SELECT c.subject, c.name, b.id FROM library.population_claims c JOIN landing.batches b ON b.number = c.batch"
    )
    return {row["subject"]: (row["name"], row["id"]) for row in rows}


def merged(hub: Any, resource: str, rows: dict[str, str | None], day: float | None = None) -> str:
    batch: str = hub.batch(resource, [{"subject": key, "name": name} for key, name in rows.items()], day)
    merge_batch(batch)
    return batch


def test_what_a_batch_changed_added_and_withdrew_is_as_before(hub: Any) -> None:
    hub.resource(PS)
    first = merged(hub, PS, {"a": "1", "b": "1", "c": "1"})
    second = merged(hub, PS, {"a": "1", "b": "2", "d": "2"})
    report = back(second)
    assert said(hub) == {"a": ("1", first), "b": ("1", first), "c": ("1", first)}
    assert hub.golden() == {key: {"name": "1"} for key in "abc"}
    assert report.counts["claims_withdrawn"] == 1
    assert report.counts["claims_restored"] == 2
    assert hub.rows("SELECT state, retracted_at IS NOT NULL AS told FROM landing.batches WHERE id = :b", b=second) == [
        {"state": "retracted", "told": True}
    ]


def test_a_row_a_later_batch_said_again_stays_and_is_its_word(hub: Any) -> None:
    hub.resource(PS)
    first = merged(hub, PS, {"a": "1", "b": "1"})
    second = merged(hub, PS, {"a": "1", "b": "1"})
    assert said(hub)["a"] == ("1", first)
    back(first)
    assert said(hub) == {"a": ("1", second), "b": ("1", second)}


def test_a_later_snapshot_that_did_not_hold_the_key_withdrew_it(hub: Any) -> None:
    hub.resource(PS)
    merged(hub, PS, {"a": "1", "b": "1"})
    second = merged(hub, PS, {"a": "1"})
    third = merged(hub, PS, {"a": "1", "b": "3"})
    back(third)
    assert set(said(hub)) == {"a"}
    back(second)
    assert hub.golden() == {"a": {"name": "1"}, "b": {"name": "1"}}


def test_what_a_later_snapshot_held_back_it_did_not_withdraw(hub: Any) -> None:
    hub.resource(PS)
    first = merged(hub, PS, {"a": "1", "b": "1"})
    second = merged(hub, PS, {"a": "1", "b": "2"})
    third = hub.batch(PS, [{"subject": "a", "name": "1"}])
    hub.hold(third, "b")
    merge_batch(third)
    back(second)
    assert said(hub)["b"] == ("1", first)


def test_before_a_batch_that_was_taken_back_one_looks_further_back(hub: Any) -> None:
    hub.resource(PS, mode="incremental")
    first = merged(hub, PS, {"a": "1"})
    second = merged(hub, PS, {"a": "2"})
    third = merged(hub, PS, {"a": "3"})
    back(second)
    assert said(hub) == {"a": ("3", third)}
    back(third)
    assert said(hub) == {"a": ("1", first)}
    back(first)
    assert said(hub) == {}
    assert hub.golden() == {}


def test_the_next_batch_merges_as_if_the_one_taken_back_had_never_been(hub: Any) -> None:
    hub.resource(PS)
    first = merged(hub, PS, {"a": "1", "b": "1"}, day=1)
    back(merged(hub, PS, {"b": "2", "c": "2"}, day=3))
    between = merged(hub, PS, {"a": "1", "b": "1", "c": "3"}, day=2)
    assert said(hub) == {"a": ("1", first), "b": ("1", first), "c": ("3", between)}


def test_another_sources_word_wins_again(hub: Any) -> None:
    hub.resource(PS)
    hub.resource(CA)
    merged(hub, CA, {"a": "theirs"})
    wrong = merged(hub, PS, {"a": "wrong"})
    assert hub.golden() == {"a": {"name": "wrong"}}
    back(wrong)
    assert hub.golden() == {"a": {"name": "theirs"}}
    assert hub.rows("SELECT count(*) AS n FROM library.conflicts WHERE closed_at IS NULL") == [{"n": 0}]


def test_who_may_have_been_told_is_written_down(hub: Any) -> None:
    hub.resource(PS)
    hub.resource(CA)
    merged(hub, CA, {"b": "same"})
    wrong = merged(hub, PS, {"a": "wrong", "b": "same", "c": "wrong"})
    merged(hub, PS, {"a": "wrong", "b": "same", "c": "right"})
    back(wrong)
    found = hub.rows(
        "SELECT record_key, subject, attributes, changed, is_current FROM library.retracted_records ORDER BY 1"
    )
    assert [tuple(row.values()) for row in found] == [
        ("a", "a", ["name"], [], True),
        ("b", "b", ["name"], [], True),
        ("c", "c", ["name"], ["name"], False),
    ]


def test_taking_back_again_tells_the_same(hub: Any) -> None:
    hub.resource(PS)
    batch = merged(hub, PS, {"a": "1"})
    first, state = back(batch), hub.state()
    again = back(batch)
    assert again.counts == first.counts
    assert again.is_known
    assert hub.state() == state


def test_a_dry_run_tells_the_same_and_does_nothing(hub: Any) -> None:
    hub.resource(PS)
    merged(hub, PS, {"a": "1", "b": "1"})
    batch = merged(hub, PS, {"a": "2", "c": "2"})
    before = hub.state()
    would = back(batch, dry_run=True)
    assert hub.state() == before
    assert hub.rows("SELECT id FROM library.retractions") == []
    assert would.counts == back(batch).counts


def test_a_batch_that_is_not_merged_is_refused(hub: Any) -> None:
    hub.resource(PS)
    with pytest.raises(Terminal, match=r"retraction\.wrong_state"):
        back(hub.batch(PS, [{"subject": "a"}]))
    with pytest.raises(Invalid, match=r"landing\.unknown_batch"):
        back("no.such")
    with pytest.raises(Invalid, match=r"retraction\.unsigned"):
        retract("no.such", reason=" ", by="li")


def test_a_later_batch_whose_files_are_gone_is_named_and_nothing_changes(hub: Any) -> None:
    hub.resource(PS)
    first = merged(hub, PS, {"a": "1"})
    second = merged(hub, PS, {"a": "2"})
    hub.run(f"UPDATE landing.batches SET rows_good = 1 WHERE id = '{second}'")
    rmtree(Path(hub.landing) / PS / second)
    before = hub.state()
    with pytest.raises(Terminal, match=r"retraction\.batch_missing") as raised:
        back(first)
    assert raised.value.facts["batch"] == second
    assert hub.state() == before
    back(second)
    assert hub.golden() == {"a": {"name": "1"}}


def test_a_replay_that_a_snapshot_taken_back_made_late_counts(hub: Any) -> None:
    hub.resource(PS)
    first = hub.batch(PS, [{"subject": "a", "name": "1"}])
    hub.hold(first, "b")
    merge_batch(first)
    second = merged(hub, PS, {"a": "1"})
    number = hub.rows("SELECT max(id) AS id FROM landing.quarantined_rows")[0]["id"]
    replay = hub.batch(PS, [{"subject": "b", "name": "mended"}])
    hub.run(f"UPDATE landing.batches SET run_id = 'replay:{number}:x' WHERE id = '{replay}'")
    merge_batch(replay)
    assert set(said(hub)) == {"a"}
    back(second)
    assert said(hub) == {"a": ("1", first), "b": ("mended", replay)}
