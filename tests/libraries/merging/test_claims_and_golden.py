"""One source's word, the winning word, and what happens when sources speak again, fall silent or disagree."""

import time
from datetime import date
from typing import Any

import pytest

from libraries.merging.merge import merge_batch
from schemas.database import rest
from schemas.errors import Invalid, Terminal

PS, CA, HR = "public_security.resident", "civil_affairs.marriage", "human_resources.insured"


def test_one_source_alone_is_golden(hub: Any) -> None:
    number = hub.resource(PS)
    report = hub.merge(
        PS, [{"subject": "a", "name": "张伟", "birth_date": date(1990, 2, 3)}, {"subject": "b", "name": "王芳"}]
    )
    assert (report.rows, report.claims_added, report.golden_added) == (2, 2, 2)
    assert hub.golden() == {"a": {"name": "张伟", "birth_date": date(1990, 2, 3)}, "b": {"name": "王芳"}}
    row = hub.rows("SELECT sources, batches, version FROM library.population WHERE subject = 'b'")[0]
    assert row["sources"][:4] == [number, None, None, None]
    assert row["batches"][0] is not None
    assert row["version"] == 1


def test_authority_decides_and_the_next_source_fills_gaps(hub: Any) -> None:
    for name in (PS, CA, HR):
        hub.resource(name)
    hub.merge(HR, [{"subject": "a", "name": "张三", "phone": "1", "education": "20"}])
    hub.merge(PS, [{"subject": "a", "name": "张伟", "phone": "2"}])
    hub.merge(CA, [{"subject": "a", "name": "张维", "marital_status": "20"}])
    assert hub.golden()["a"] == {"name": "张伟", "phone": "1", "education": "20", "marital_status": "20"}


def test_departments_not_listed_come_last_and_the_most_recent_wins(hub: Any) -> None:
    for name in ("education.a", "human_resources.b", "public_security.c"):
        hub.resource(name)
    hub.merge("human_resources.b", [{"subject": "a", "sex": "2"}], day=9)
    hub.merge("education.a", [{"subject": "a", "sex": "1"}], day=3)
    assert hub.golden()["a"]["sex"] == "2"
    hub.merge("public_security.c", [{"subject": "a", "sex": "9"}], day=1)
    assert hub.golden()["a"]["sex"] == "9"


def test_a_null_takes_the_sources_older_value_back(hub: Any) -> None:
    hub.resource(PS)
    hub.resource(CA)
    hub.merge(PS, [{"subject": "a", "name": "张伟", "sex": "1"}])
    hub.merge(CA, [{"subject": "a", "name": "张维"}])
    report = hub.merge(PS, [{"subject": "a", "name": None, "sex": "1"}])
    assert (report.claims_changed, report.golden_changed) == (1, 1)
    assert hub.golden()["a"] == {"name": "张维", "sex": "1"}
    past = hub.rows("SELECT name, version FROM library.population_past_claims")
    assert past == [{"name": "张伟", "version": 1}]


def test_the_same_again_changes_nothing(hub: Any) -> None:
    hub.resource(PS)
    rows = [{"subject": "a", "name": "张伟"}, {"subject": "b", "name": ""}, {"subject": "c", "name": None, "sex": "1"}]
    batch = hub.batch(PS, rows)
    merge_batch(batch)
    before = hub.state()
    assert merge_batch(batch).claims_added == 0
    report = hub.merge(PS, list(reversed(rows)))
    assert (report.claims_added, report.claims_changed, report.claims_withdrawn, report.golden_changed) == (0, 0, 0, 0)
    assert hub.state() == before


def test_a_full_snapshot_withdraws_what_it_no_longer_holds(hub: Any) -> None:
    hub.resource(PS)
    hub.resource(CA)
    hub.merge(PS, [{"subject": s, "name": "张伟", "sex": "1"} for s in "abc"])
    hub.merge(CA, [{"subject": "b", "name": "张维"}])
    report = hub.merge(PS, [{"subject": "a", "name": "张伟", "sex": "1"}])
    assert (report.claims_withdrawn, report.golden_changed, report.golden_removed) == (2, 1, 1)
    assert hub.golden() == {"a": {"name": "张伟", "sex": "1"}, "b": {"name": "张维"}}
    gone = hub.rows("SELECT subject, known_to >= known_from AS ended FROM library.population_history ORDER BY 1")
    assert gone == [{"subject": "b", "ended": True}, {"subject": "c", "ended": True}]


def test_a_record_that_comes_back_goes_on_counting_its_versions(hub: Any) -> None:
    hub.resource(PS)
    for rows in (
        [{"subject": "a", "name": "张伟"}, {"subject": "b"}],
        [{"subject": "b"}],
        [{"subject": "a", "name": "张伟"}, {"subject": "b"}],
    ):
        hub.merge(PS, rows)
    assert hub.rows("SELECT version FROM library.population WHERE subject = 'a'") == [{"version": 2}]
    assert hub.rows("SELECT version FROM library.population_claims WHERE subject = 'a'") == [{"version": 2}]


def test_an_increment_withdraws_nothing(hub: Any) -> None:
    hub.resource(PS, mode="incremental")
    hub.merge(PS, [{"subject": s, "name": "张伟"} for s in "abc"])
    report = hub.merge(PS, [{"subject": "b", "name": "李娜"}, {"subject": "d", "name": "李强"}])
    assert (report.claims_added, report.claims_changed, report.claims_withdrawn) == (1, 1, 0)
    assert {key: row["name"] for key, row in hub.golden().items()} == {
        "a": "张伟",
        "b": "李娜",
        "c": "张伟",
        "d": "李强",
    }


def test_a_late_increment_does_not_take_newer_values_back(hub: Any) -> None:
    hub.resource(PS, mode="incremental")
    hub.merge(PS, [{"subject": "a", "name": "new"}], day=5)
    hub.merge(PS, [{"subject": "a", "name": "old"}, {"subject": "b", "name": "late"}], day=4)
    assert {key: row["name"] for key, row in hub.golden().items()} == {"a": "new", "b": "late"}


def test_a_late_snapshot_is_refused_by_name(hub: Any) -> None:
    hub.resource(PS)
    late = hub.batch(PS, [{"subject": "a"}], day=1)
    hub.merge(PS, [{"subject": "b"}], day=2)
    with pytest.raises(Terminal, match=r"merge\.overtaken"):
        merge_batch(late)
    assert set(hub.golden()) == {"b"}


def test_a_quarantined_record_is_held_back_not_gone(hub: Any) -> None:
    hub.resource(PS)
    hub.merge(PS, [{"subject": "a", "name": "张伟"}, {"subject": "b", "name": "王芳"}])
    batch = hub.batch(PS, [{"subject": "a", "name": "张伟"}])
    hub.hold(batch, "b")
    assert merge_batch(batch).claims_withdrawn == 0
    assert set(hub.golden()) == {"a", "b"}


def test_of_rows_with_one_key_the_last_counts(hub: Any) -> None:
    hub.resource(PS)
    report = hub.merge(PS, [{"subject": "a", "name": "1"}, {"subject": "b"}, {"subject": "a", "name": "2"}])
    assert report.duplicates == 1
    assert hub.golden()["a"] == {"name": "2"}


def test_a_register_keeps_many_entries_of_one_subject(hub: Any) -> None:
    hub.resource("credit_office.decision", of="credit")
    entry = {
        "subject": "91330000",
        "entry_kind": "10",
        "document_number": "文〔2026〕1号",
        "authority": "局",
        "fine_amount": None,
        "state": "1",
    }
    hub.merge("credit_office.decision", [entry, {**entry, "document_number": "2号", "fine_amount": 1}])
    golden = hub.golden("credit")
    assert set(golden) == {"10/文〔2026〕1号/局", "10/2号/局"}
    assert golden["10/2号/局"]["fine_amount"] == 1
    assert hub.rows("SELECT DISTINCT subject FROM library.credit") == [{"subject": "91330000"}]
    report = hub.merge(
        "credit_office.decision", [{**entry, "state": "3"}, {**entry, "document_number": "2号", "fine_amount": 1}]
    )
    assert (report.claims_changed, report.golden_changed) == (1, 1)


def test_a_batch_that_is_not_checked_does_not_merge(hub: Any) -> None:
    hub.resource(PS)
    batch = hub.batch(PS, [{"subject": "a"}])
    hub.run("UPDATE landing.batches SET state = 'landed'")
    with pytest.raises(Terminal, match=r"landing\.wrong_state"):
        merge_batch(batch)
    with pytest.raises(Invalid, match=r"landing\.unknown_batch"):
        merge_batch("no.such")


def test_a_row_without_its_key_stops_the_merge_by_name(hub: Any) -> None:
    hub.resource(PS)
    with pytest.raises(Terminal, match=r"merge\.key_missing"):
        hub.merge(PS, [{"subject": "a"}, {"subject": None}])
    assert hub.golden() == {}


def test_what_the_database_refuses_is_named_without_quoting_it(hub: Any) -> None:
    hub.resource(PS)
    with pytest.raises(Terminal, match=r"merge\.refused") as refused:
        hub.merge(PS, [{"subject": "a", "name": "张伟\0"}])
    assert "张伟" not in f"{refused.value}{refused.value.__cause__}"
    assert hub.golden() == {}


def _all_have_told(hub: Any) -> None:
    """Wait until every other session has ended: it tells its counts then, a moment after its client has gone."""
    others = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
    rest()
    ends = time.monotonic() + 60
    while left := hub.rows(others):
        assert time.monotonic() < ends, left
        time.sleep(0.02)
    hub.rows("SELECT pg_stat_clear_snapshot(), pg_stat_force_next_flush()")


def test_a_small_increment_into_a_large_library_reads_only_its_own_keys(hub: Any) -> None:
    hub.resource(PS, mode="incremental")
    hub.merge(PS, [{"subject": f"{n:06}", "name": "n"} for n in range(60_000)])
    read = "SELECT seq_tup_read AS n FROM pg_stat_all_tables WHERE relid IN ('library.population'::regclass, 'library.population_claims'::regclass)"
    _all_have_told(hub)
    before = sum(row["n"] for row in hub.rows(read))
    hub.merge(PS, [{"subject": f"{n:06}", "name": "m"} for n in range(0, 60_000, 300)])
    _all_have_told(hub)
    assert sum(row["n"] for row in hub.rows(read)) - before < 60_000
