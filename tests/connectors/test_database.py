"""What only databases can do wrong: names, types, keys and watermarks."""

import sqlite3
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from sqlalchemy import URL

from connectors.base import Connection
from connectors.database import DatabaseConnector
from schemas.errors import HutongError, Terminal, Transient

ODD = 'o\'dd \\ 100% :name "q"'


@pytest.fixture(scope="module")
def address(new_database: Callable[[], URL]) -> str:
    url = new_database().set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url) as session:
        session.execute(
            """
            CREATE TABLE kinds AS SELECT 3.50::numeric(9, 2) AS money, 3.50::numeric AS free, 12::numeric(40, 2) AS wide, 'a  '::char(3) AS padded,
                date '2026-01-05' AS day, timestamp '2026-01-05 08:00' AS clock, timestamptz '2026-01-05 08:00+08' AS moment, true AS yes,
                '{"甲": 1.10}'::jsonb AS document, ARRAY['x', 'y'] AS list, 'b2e7f4c0-0000-4000-8000-000000000001'::uuid AS id,
                inet '10.0.0.1' AS host, interval '1 day' AS span, '\\x00ff'::bytea AS bytes, 7::smallint AS small, NULL::text AS nothing;
            CREATE TABLE keyed (key text, changed timestamptz, n int);
            INSERT INTO keyed SELECT CASE WHEN g % 10 = 0 THEN NULL ELSE g % 7 || %(odd)s END,
                CASE WHEN g % 4 = 0 THEN NULL ELSE timestamptz '2026-01-01 00:00+00' + g * interval '1 minute' END, g FROM generate_series(1, 500) g;
            CREATE TABLE strange (n numeric(5, 2)); INSERT INTO strange VALUES ('NaN');
            CREATE TABLE hidden (n int); CREATE ROLE visitor LOGIN;
            """.replace("%(odd)s", "'" + ODD.replace("'", "''") + "'")
        )
    return url


def _open(address: str, **source: Any) -> DatabaseConnector:
    return DatabaseConnector(source, Connection("police", "postgres", extra={"url": address}))


def _rows(connector: DatabaseConnector, since: Any = None, count: int = 1) -> list[dict[str, Any]]:
    pieces = connector.slices(since, count)
    return [row for piece in pieces for batch in connector.read(piece) for row in batch.to_pylist()]


def _refusal(connector: DatabaseConnector) -> HutongError:
    with pytest.raises(HutongError) as caught:
        _rows(connector)
    return caught.value


def test_postgres_types_come_through_and_those_without_an_arrow_twin_as_text(address: str) -> None:
    row = _rows(_open(address, table="kinds"))[0]
    assert row["moment"].isoformat() == "2026-01-05T00:00:00+00:00"
    assert {name: value for name, value in row.items() if name != "moment"} == {
        "money": Decimal("3.50"),
        "free": "3.50",
        "wide": "12.00",
        "padded": "a  ",
        "day": date(2026, 1, 5),
        "clock": datetime.fromisoformat("2026-01-05T08:00"),
        "yes": True,
        "document": '{"甲": 1.10}',
        "list": '["x","y"]',
        "id": "b2e7f4c0-0000-4000-8000-000000000001",
        "host": "10.0.0.1/32",
        "span": "1 day",
        "bytes": b"\x00\xff",
        "small": 7,
        "nothing": None,
    }


def test_a_number_that_is_none_is_named_by_its_column(address: str) -> None:
    error = _refusal(_open(address, table="strange"))
    assert (type(error), error.code, error.facts["column"]) == (Terminal, "connector.bad_value", "n")


def test_odd_and_missing_and_repeated_keys_fall_into_exactly_one_slice(address: str) -> None:
    connector = _open(address, table="keyed", key=["key"])
    assert len(connector.slices(count=4)) == 4
    assert sorted(row["n"] for row in _rows(connector, count=4)) == list(range(1, 501))
    assert sorted(row["n"] for row in _rows(connector, count=50)) == list(range(1, 501))


def test_the_watermark_steps_back_by_the_overlap_and_rows_without_one_come_along(address: str) -> None:
    connector = _open(address, table="keyed", key=["key"], watermark="changed", overlap=120)
    numbers = {row["n"] for row in _rows(connector, "2026-01-01T08:00:00+00:00", 3)}
    assert numbers == {n for n in range(1, 501) if n % 4 == 0 or n >= 478}


def test_slices_say_from_where_the_next_plan_goes_on(address: str) -> None:
    pieces = _open(address, table="keyed", watermark="changed").slices()
    assert pieces[0].until.isoformat() == "2026-01-01T08:19:00+00:00"


def test_a_watermark_of_another_kind_is_refused(address: str) -> None:
    with pytest.raises(Terminal, match="watermark"):
        _open(address, table="keyed", watermark="changed").slices("yesterday")


def test_a_query_is_read_like_a_table(address: str) -> None:
    connector = _open(address, query="SELECT n, key || ':' AS tagged FROM keyed WHERE key LIKE '1%';", key="n")
    assert connector.describe().names == ["n", "tagged"]
    assert all(row["tagged"] == f"1{ODD}:" for row in _rows(connector, count=3))


@pytest.mark.parametrize("query", ["DELETE FROM keyed", "SELECT 1; DELETE FROM keyed"])
def test_only_one_select_is_accepted(address: str, query: str) -> None:
    with pytest.raises(Terminal, match="query"):
        _open(address, query=query)


def test_sources_cannot_be_written_to(address: str) -> None:
    writes = "WITH gone AS (DELETE FROM keyed RETURNING n) SELECT n FROM gone"
    for query in (writes, "SELECT lo_create(0) AS made FROM keyed"):
        error = _refusal(_open(address, query=query))
        assert (type(error), error.code) == (Terminal, "connector.failed")
    assert len(_rows(_open(address, table="keyed"))) == 500


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ({"table": "vanished"}, "connector.missing_table"),
        ({"schema": "vanished", "table": "keyed"}, "connector.missing_table"),
        ({"query": "SELECT vanished FROM keyed"}, "connector.missing_column"),
        ({"query": "SELECT 1 +* 2"}, "connector.failed"),
        ({"table": "keyed", "watermark": "vanished"}, "connector.missing_column"),
    ],
)
def test_postgres_errors_are_translated(address: str, source: dict[str, Any], code: str) -> None:
    error = _refusal(_open(address, **source))
    assert (type(error), error.code) == (Terminal, code)


def test_a_login_without_the_right_to_read_is_refused(address: str) -> None:
    assert (
        _refusal(
            _open(address.replace("postgres:@", "visitor:@").replace("postgres@", "visitor@"), table="hidden")
        ).code
        == "connector.refused"
    )
    unknown = address.replace("postgres:@", "nobody_here:@").replace("postgres@", "nobody_here@")
    assert _refusal(_open(unknown, table="keyed")).code == "connector.refused"


def test_a_binding_without_a_table_is_refused(address: str) -> None:
    with pytest.raises(Terminal, match="table"):
        _open(address, key="n")


def _sqlite(path: Path, *statements: str) -> Connection:
    session = sqlite3.connect(path)
    for statement in statements:
        session.execute(statement)
    session.commit()
    session.close()
    return Connection("civil", "sqlite", str(path))


def test_sqlite_gives_what_was_written_not_what_was_declared(tmp_path: Path) -> None:
    connection = _sqlite(
        tmp_path / "a.db",
        'CREATE TABLE "t t" (n INTEGER, d DATE, m NUMERIC(9, 2), f REAL, b BLOB, x)',
        "INSERT INTO \"t t\" VALUES (1, '2026-02-30', 3.5, 2, x'00ff', 7)",
    )
    connector = DatabaseConnector({"table": "t t"}, connection)
    assert _rows(connector) == [{"n": 1, "d": "2026-02-30", "m": "3.5", "f": 2.0, "b": b"\x00\xff", "x": "7"}]


def test_a_dirty_sqlite_column_is_named_and_may_be_bound_as_text(tmp_path: Path) -> None:
    connection = _sqlite(tmp_path / "a.db", "CREATE TABLE t (n INTEGER)", "INSERT INTO t VALUES (1), ('十二')")
    error = _refusal(DatabaseConnector({"table": "t"}, connection))
    assert (error.code, error.facts["column"]) == ("connector.bad_value", "n")
    assert _rows(DatabaseConnector({"table": "t", "types": {"n": "string"}}, connection)) == [{"n": "1"}, {"n": "十二"}]


def test_sqlite_watermarks_in_text_step_back_too(tmp_path: Path) -> None:
    rows = ", ".join(f"('2026-01-{day:02d} 08:00:00')" for day in range(1, 11))
    connection = _sqlite(tmp_path / "a.db", "CREATE TABLE t (at TEXT)", f"INSERT INTO t VALUES {rows}")
    connector = DatabaseConnector({"table": "t", "watermark": "at", "overlap": 86_400}, connection)
    assert len(_rows(connector, "2026-01-09 08:00:00")) == 3


def test_sqlite_errors_are_translated_and_no_file_is_made(tmp_path: Path) -> None:
    connection = _sqlite(tmp_path / "a.db", "CREATE TABLE t (n INTEGER)")
    assert _refusal(DatabaseConnector({"table": "vanished"}, connection)).code == "connector.missing_table"
    assert (
        _refusal(DatabaseConnector({"query": "SELECT vanished FROM t"}, connection)).code == "connector.missing_column"
    )
    gone = tmp_path / "gone.db"
    error = _refusal(DatabaseConnector({"table": "t"}, Connection("civil", "sqlite", str(gone))))
    assert isinstance(error, Transient)
    assert not gone.exists()


def test_a_dialect_without_its_driver_is_named() -> None:
    with pytest.raises(Terminal, match="bad_connection"):
        DatabaseConnector({"table": "t"}, Connection("x", "nosuchbase", extra={"url": "nosuchbase://h/d"}))


def test_a_locked_or_slow_table_does_not_hold_the_task_for_ever(address: str) -> None:
    with psycopg.connect(address) as session:
        session.execute("LOCK TABLE hidden")
        error = _refusal(_open(address, table="hidden", timeout_seconds=0.2))
        session.rollback()
    assert (type(error), error.code) == (Transient, "connector.timeout")
    error = _refusal(_open(address, query="SELECT pg_sleep(60)::text AS slow", timeout_seconds=0.2))
    assert (type(error), error.code) == (Transient, "connector.timeout")


def test_a_server_that_goes_away_in_the_middle_is_worth_another_try(address: str) -> None:
    connector = _open(address, query="SELECT g, repeat('x', 1000) AS filler FROM generate_series(1, 300000) g")
    batches = connector.read(connector.slices()[0])
    next(batches)
    with psycopg.connect(address, autocommit=True) as session:
        session.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    with pytest.raises(Transient) as caught:
        list(batches)
    assert caught.value.code == "connector.broken_off"


def test_describing_reads_no_row(address: str) -> None:
    connector = _open(address, query="SELECT 1 / (n - n) AS boom FROM keyed")
    assert connector.describe() == pa.schema([("boom", pa.int32())])
    assert _refusal(connector).code == "connector.failed"
