"""Reconciliation: what a source has and the hub has not is found by key range, on real databases, without moving their rows."""

import json
import random
import sqlite3
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import URL, create_engine, text
from typer.testing import CliRunner

from connectors.digests import Tally, row_digests
from hutong.commands.reconcile import reconcile as command
from libraries import ingest
from libraries.comparing import range_search, reconcile
from libraries.comparing.landed_sums import Keyed, LandedSums
from libraries.comparing.reconcile import Limits
from schemas.errors import Terminal

RESIDENT = "public_security.resident"
WIDE: dict[str, Any] = {
    "id": "civil_affairs.wide", "name": "宽表", "department": "civil_affairs", "code": "101001/330199000003",
    "category": "c", "abstract": "a", "format": {"category": "3", "type": "PostgreSQL"}, "sharing": {"type": 1}, "update_cycle": 2,
    "assessment": {"secrecy": "none", "holds_personal_information": False, "conclusion": "可共享", "assessed_on": "2026-01-04", "assessed_by": "李"},
    "items": [
        {"id": "id", "name": "编号", "required": True}, {"id": "whole", "name": "整数", "type": "I"}, {"id": "money", "name": "金额", "type": "N"},
        {"id": "share", "name": "比例", "type": "F"}, {"id": "day", "name": "日期", "type": "D"}, {"id": "moment", "name": "时间", "type": "T"},
        {"id": "zoned", "name": "时刻", "type": "T"}, {"id": "flag", "name": "标志", "type": "L"}, {"id": "padded", "name": "定长"},
        {"id": "note", "name": "备注"},
    ],
    "source": {
        "connector": "database", "connection": "civil", "options": {"table": "wide"}, "key": ["id"],
        "mapping": {name: name for name in ("id", "whole", "money", "share", "day", "moment", "zoned", "flag", "padded", "note")},
    },
}  # fmt: skip


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ranges small enough that a few hundred rows are parted twice."""
    monkeypatch.setattr(range_search, "PIECES", 8)
    monkeypatch.setattr(range_search, "LEAF", 20)


@pytest.fixture(scope="module")
def civil(new_database: Callable[[], URL]) -> Any:
    """A real PostgreSQL table with a column of each type, keys that a language's order and their bytes' order part differently."""
    url = new_database()
    engine = create_engine(url)
    with engine.begin() as session:
        session.execute(text("CREATE TABLE seed (id text, whole int, money numeric(12, 4), share float8, day date, moment timestamp, zoned timestamptz,"
                             " flag boolean, padded char(4), note varchar(40))"))  # fmt: skip
        session.execute(text("""
            INSERT INTO seed SELECT (ARRAY['a', 'B', 'c-', '_D', '张', 'é'])[n % 6 + 1] || n, n * 7, n / 8.0, n / 3.0, date '1900-01-01' + n * 50,
                timestamp '1969-12-31 23:59:59.999999' + n * interval '1 hour', timestamptz '2026-01-05 08:00:00.5+08' + n * interval '1 day',
                n % 3 = 0, 'p' || n % 9, CASE WHEN n % 4 > 0 THEN '龘𠮷%' || n END
            FROM generate_series(1, 400) n"""))  # fmt: skip
    yield engine
    engine.dispose()


@pytest.fixture
def wide(hub: Any, civil: Any) -> Any:
    """The wide table, filled anew and taken in; returns what runs statements at the source."""
    url = civil.url
    hub.connect("civil", conn_type="postgres", host=url.host, port=url.port, login=url.username, password=url.password, schema=url.database,
                extra={"url": url.render_as_string(hide_password=False)})  # fmt: skip

    def run(*statements: str) -> None:
        with civil.begin() as session:
            for statement in statements:
                session.execute(text(statement))

    run("DROP TABLE IF EXISTS wide", "CREATE TABLE wide AS SELECT * FROM seed", "ALTER TABLE wide ADD UNIQUE (id)")
    hub.publish(WIDE)
    ingest.ingest(WIDE["id"], "1")
    return run


def keys(*named: str) -> tuple[str, ...]:
    return tuple(sorted(f":{name}" for name in named))


@pytest.mark.usefixtures("wide")
def test_a_postgres_table_as_taken_in_is_the_same_in_one_statement() -> None:
    report = reconcile.reconcile(WIDE["id"])
    assert report.found == reconcile.Found()
    assert (report.method, report.source_rows, report.landed_rows, report.rows_read) == ("digests", 400, 400, 0)
    assert report.left_out == ()
    assert report.ranges == 9  # eight of keys, and the rows without one


def test_missing_extra_and_different_rows_of_postgres_are_named_and_little_is_read(wide: Any) -> None:
    wide(
        "DELETE FROM wide WHERE id IN ('B7', '张400')",
        "INSERT INTO wide (id, note) VALUES ('zz', 'new'), ('', 'empty'), (NULL, 'no key')",
    )
    wide(
        "UPDATE wide SET share = share + 1e-12 WHERE id = 'a6'",
        "UPDATE wide SET note = '' WHERE id = 'é5'",
        "UPDATE wide SET padded = 'p' WHERE id = 'c-2'",
    )
    wide("UPDATE wide SET zoned = zoned + interval '1 microsecond' WHERE id = '_D3'")
    report = reconcile.reconcile(WIDE["id"])
    assert report.found.missing == (*keys("", "zz"), "~")
    assert report.found.extra == keys("B7", "张400")
    assert report.found.different == keys("a6", "é5", "c-2", "_D3")
    assert report.source_rows == 401
    assert 0 < report.rows_read < 150


def test_one_changed_value_of_any_type_is_found(wide: Any) -> None:
    changes = {
        "B1": "whole = whole + 1", "a6": "money = money + 0.0001", "c-2": "day = day + 1", "_D3": "moment = moment + interval '1 us'",
        "张4": "flag = NOT flag", "é5": "note = note || ' '", "B7": "note = NULL",
    }  # fmt: skip
    wide(*(f"UPDATE wide SET {change} WHERE id = '{key}'" for key, change in changes.items()))
    assert reconcile.reconcile(WIDE["id"]).found == reconcile.Found(different=keys(*changes))


def test_a_source_that_lost_everything_or_much_is_bounded(wide: Any) -> None:
    wide("UPDATE wide SET whole = 0")
    report = reconcile.reconcile(WIDE["id"], Limits(most_rows=30))
    assert not report.found.is_whole
    assert not report.found.is_same
    assert report.rows_read <= 30
    wide("DELETE FROM wide")
    report = reconcile.reconcile(WIDE["id"])
    assert (report.source_rows, len(report.found.extra), report.rows_read, report.found.is_whole) == (0, 400, 0, True)


def test_sqlite_differences_are_found_by_its_own_values(hub: Any, people: Any) -> None:
    hub.publish()
    rows = people(200)
    hub.fill(rows)
    ingest.ingest(RESIDENT, "1")
    assert reconcile.reconcile(RESIDENT).found == reconcile.Found()
    changed = [{**row, "sg": 170.5} if n == 7 else row for n, row in enumerate(rows) if n != 100]
    hub.fill([*changed, people(201)[-1]])
    report = reconcile.reconcile(RESIDENT)
    assert (report.method, report.source_rows) == ("digests", 200)
    assert report.found == reconcile.Found(
        keys(people(201)[-1]["gmsfhm"]), keys(rows[100]["gmsfhm"]), keys(rows[7]["gmsfhm"])
    )
    assert report.rows_read < 100


def test_an_increment_s_latest_word_counts_and_what_changed_since_waits(hub: Any) -> None:
    document = {
        **WIDE, "items": [{"id": "id", "name": "编号"}, {"id": "whole", "name": "整数", "type": "I"}, {"id": "note", "name": "备注"}],
        "source": {**WIDE["source"], "connection": "police", "mapping": {"id": "id", "whole": "whole", "note": "note"}, "mode": "incremental",
                   "watermark": "whole", "options": {"table": "grown"}},
    }  # fmt: skip
    hub.publish(document)

    def source(statement: str) -> None:
        with sqlite3.connect(hub.folder / "police.db") as database:
            database.execute(statement)
        database.close()

    source("CREATE TABLE grown (id TEXT, whole INTEGER, note TEXT)")
    source(
        "INSERT INTO grown WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60) SELECT 'k' || i, i, 'x' FROM n"
    )
    ingest.ingest(WIDE["id"], "1")
    source("UPDATE grown SET whole = 100, note = 'y' WHERE id IN ('k5', 'k6')")
    ingest.ingest(WIDE["id"], "2")
    assert reconcile.reconcile(WIDE["id"]).found == reconcile.Found()
    source("DELETE FROM grown WHERE id = 'k9'")
    source("UPDATE grown SET whole = 101 WHERE id = 'k10'")
    source("UPDATE grown SET note = 'silently' WHERE id = 'k11'")
    found = reconcile.reconcile(WIDE["id"]).found
    assert found == reconcile.Found(extra=keys("k9"), different=keys("k11"), waiting=keys("k10"))


def test_every_row_is_read_only_when_asked_and_says_the_same(wide: Any) -> None:
    wide("DELETE FROM wide WHERE id = 'B1'", "UPDATE wide SET share = 0 WHERE id = 'a6'")
    quick, full = reconcile.reconcile(WIDE["id"]), reconcile.reconcile(WIDE["id"], Limits(whole=True))
    assert quick.found == full.found == reconcile.Found(extra=keys("B1"), different=keys("a6"))
    assert (full.method, full.rows_read) == ("rows", 399)


def test_files_are_compared_by_name_and_digest(hub: Any) -> None:
    from tests.libraries.test_ingest import ENTRY

    hub.publish(
        {**ENTRY, "checks": [], "quality": {"reject_above": 1}, "source": {**ENTRY["source"], "mode": "incremental"}}
    )
    line = "主体,类别,文书号,罚款,日期\n91330000000000001X,01,号{0},1,2024-01-01\n"
    for number in (1, 2):
        hub.drop(f"{number}.csv", line.format(number))
    ingest.ingest(ENTRY["id"], "1")
    assert reconcile.reconcile(ENTRY["id"]).found.is_same
    hub.drop("2.csv", line.format(9))
    hub.drop("3.csv", line.format(3))
    report = reconcile.reconcile(ENTRY["id"])
    assert (report.method, report.found.missing, report.found.different) == ("files", ("3.csv",), ("2.csv",))


def test_nothing_landed_is_said_by_name(hub: Any) -> None:
    hub.publish()
    with pytest.raises(Terminal, match=r"reconcile\.nothing_landed"):
        reconcile.reconcile(RESIDENT)


def test_the_command_masks_keys_keeps_figures_and_tells_by_its_exit_code(hub: Any, people: Any) -> None:
    import typer

    app = typer.Typer()
    app.command()(command)
    hub.publish()
    rows = people(20)
    hub.fill(rows)
    ingest.ingest(RESIDENT, "1")
    assert CliRunner().invoke(app, [RESIDENT]).exit_code == 0
    hub.fill(rows[1:])
    gone = rows[0]["gmsfhm"]
    shown = CliRunner().invoke(app, [RESIDENT])
    assert (shown.exit_code, gone in shown.output, gone[-4:] in shown.output) == (3, False, True)
    assert gone in CliRunner().invoke(app, [RESIDENT, "--keys"]).output
    document = json.loads(CliRunner().invoke(app, [RESIDENT, "--json"]).output)
    assert (len(document["extra"]), document["is_same"], document["landed_rows"]) == (1, False, 20)
    past = json.loads(CliRunner().invoke(app, [RESIDENT, "--past", "--json"]).output)
    assert [one["extra"] for one in past] == [1, 1, 1, 0]
    kept = hub.rows("SELECT * FROM landing.reconciliations")
    assert not any(row["gmsfhm"] in str(kept) for row in rows)


@given(
    st.lists(st.tuples(st.text("aé张𠮷 _B", max_size=3), st.integers(0, 5)), max_size=40),
    st.integers(2, 7),
    st.randoms(),
)
def test_parts_of_a_range_hold_every_row_once_and_sum_to_the_whole(
    rows: list[tuple[str, int]], pieces: int, order: random.Random
) -> None:
    order.shuffle(rows)
    names = pa.array([key for key, _ in rows], pa.string())
    sums = LandedSums(Keyed(names, row_digests([names, pa.array([n for _, n in rows], pa.int64())], len(rows))), names)
    parts = sums.parted(sums.everything, (None, None), pieces)
    tallies = [sums.tally(stretch) for stretch, _ in parts]
    assert Tally(
        *(sum(column) for column in zip(*((one.rows, one.high, one.low) for one in tallies), strict=True))
    ) == sums.tally(sums.everything)
    for (low, high), span in parts:
        assert span is not None
        for key in sums.first[low:high].to_pylist():
            assert span[0] is None or key.encode() >= span[0].encode()
            assert span[1] is None or key.encode() < span[1].encode()
