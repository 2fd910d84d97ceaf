"""What only a MySQL or MariaDB source can do wrong, on a real MariaDB."""

import gc
from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pymysql
import pytest

from connectors.base import Connection, Slice
from connectors.database import DatabaseConnector
from schemas.errors import HutongError, Terminal, Transient
from tests.connectors.servers import Maria, line_to

PASSWORD = "p@ss/w?rd"
KINDS = """
    CREATE TABLE kinds (id bigint unsigned PRIMARY KEY, small smallint, flag boolean, year year, bits bit(3), day date, span time, clock datetime(6),
        moment timestamp(3) NULL, money decimal(9, 2), wide decimal(40, 2), share double, name varchar(20), padded char(3), choice enum('a', 'b'),
        choices set('x', 'y'), blob_ longblob, bytes varbinary(4), document json, uuid_ uuid, address inet6, nothing text)
"""
ROW = """
    INSERT INTO kinds VALUES (18446744073709551615, -3, true, 2026, b'101', '2026-01-05', '-25:00:01', '2026-01-05 08:00:00.000001',
        '2026-01-05 08:00:00.123', 3.50, 12.00, 0.1, '𠮷龘', 'a', 'b', 'x,y', x'00ff', x'00ff', '{"甲": 1.10}',
        'b2e7f4c0-0000-4000-8000-000000000001', '::1', NULL)
"""


@pytest.fixture(scope="module")
def civil(maria: Maria) -> Connection:
    """The civil registry: a login that may read (and call a function that writes), some odd tables."""
    maria.run("CREATE DATABASE `民政`", f"CREATE USER civil@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'")
    maria.run("GRANT SELECT, EXECUTE ON `民政`.* TO civil@'127.0.0.1'")
    maria.run(
        KINDS,
        "SET time_zone = '+08:00'",
        ROW,
        "CREATE TABLE `100% or` (`key` varchar(20), changed timestamp NULL, n int)",
        """INSERT INTO `100% or` SELECT IF(seq % 10 = 0, NULL, CONCAT(seq % 7, IF(seq % 2, 'a%:', 'A\\'"'))),
            IF(seq % 4 = 0, NULL, TIMESTAMP '2026-01-01 08:00:00' + INTERVAL seq MINUTE), seq FROM seq_1_to_500""",
        "CREATE VIEW seen AS SELECT n, changed FROM `100% or`",
        "CREATE FUNCTION write_one() RETURNS INT DETERMINISTIC BEGIN INSERT INTO `100% or` (n) VALUES (0); RETURN 1; END",
        "CREATE TABLE broad AS SELECT seq AS n, REPEAT('x', 500) AS filler FROM seq_1_to_60000",
        "SET sql_mode = ''",
        "CREATE TABLE strange (n int, day date)",
        "INSERT INTO strange VALUES (1, '2026-01-05'), (2, '0000-00-00')",
        database="民政",
    )
    return Connection("civil", "mysql", "127.0.0.1", maria.port, "民政", "civil", PASSWORD)


def _open(connection: Connection, **source: Any) -> DatabaseConnector:
    return DatabaseConnector(source, connection)


def _rows(connector: DatabaseConnector, since: Any = None, count: int = 1) -> list[dict[str, Any]]:
    pieces = [Slice.from_json(piece.to_json()) for piece in connector.slices(since, count)]
    return [row for piece in pieces for batch in connector.read(piece) for row in batch.to_pylist()]


def _refusal(connector: DatabaseConnector) -> HutongError:
    with pytest.raises(HutongError) as caught:
        _rows(connector)
    return caught.value


def test_types_come_through_and_those_without_an_arrow_twin_as_text(civil: Connection) -> None:
    row = _rows(_open(civil, table="kinds"))[0]
    assert row.pop("moment").isoformat() == "2026-01-05T00:00:00.123000+00:00"
    assert row == {
        "id": Decimal(18446744073709551615),
        "small": -3,
        "flag": 1,
        "year": 2026,
        "bits": b"\x05",
        "day": date(2026, 1, 5),
        "span": "-25:00:01",
        "clock": datetime.fromisoformat("2026-01-05T08:00:00.000001"),
        "money": Decimal("3.50"),
        "wide": "12.00",
        "share": 0.1,
        "name": "𠮷龘",
        "padded": "a",
        "choice": "b",
        "choices": "x,y",
        "blob_": b"\x00\xff",
        "bytes": b"\x00\xff",
        "document": '{"甲": 1.10}',
        "uuid_": "b2e7f4c0-0000-4000-8000-000000000001",
        "address": "::1",
        "nothing": None,
    }


def test_a_date_that_is_none_is_named_and_may_be_bound_as_text(civil: Connection) -> None:
    error = _refusal(_open(civil, table="strange"))
    assert (type(error), error.code, error.facts["column"]) == (Terminal, "connector.bad_value", "day")
    bound = _rows(_open(civil, table="strange", types={"day": "string"}))
    assert [row["day"] for row in bound] == ["2026-01-05", "0000-00-00"]


@pytest.mark.parametrize("count", [1, 4, 20])
def test_missing_repeated_and_differently_cased_keys_fall_into_exactly_one_slice(civil: Connection, count: int) -> None:
    rows = _rows(_open(civil, table="100% or", key=["key"]), count=count)
    assert sorted(row["n"] for row in rows) == list(range(1, 501))


def test_instants_are_compared_as_instants_whatever_zone_they_are_written_in(civil: Connection) -> None:
    connector = _open(civil, table="100% or", key=["n"], watermark="changed", overlap=120)
    until = connector.slices()[0].until
    assert until == datetime(2026, 1, 1, 0, 0, tzinfo=UTC).replace(hour=8, minute=19)
    wanted = {n for n in range(1, 501) if n % 4 == 0 or n >= 478}
    for since in ("2026-01-01T08:00:00+00:00", "2026-01-01T16:00:00+08:00", datetime(2026, 1, 1, 8, tzinfo=UTC)):
        assert {row["n"] for row in _rows(connector, since, 3)} == wanted


def test_a_view_and_a_query_are_read_like_a_table(civil: Connection) -> None:
    assert _open(civil, table="seen").describe() == pa.schema(
        [("n", pa.int64()), ("changed", pa.timestamp("us", "UTC"))]
    )
    query = "SELECT n, CONCAT(`key`, ':100%') AS tagged FROM `100% or` WHERE `key` LIKE '1a%';"
    tagged = _rows(_open(civil, query=query, key="n"), count=3)
    assert tagged
    assert {row["tagged"] for row in tagged} == {"1a%::100%", "1A'\":100%"}  # the server's collation knows no case


def test_sources_cannot_be_written_to(civil: Connection) -> None:
    error = _refusal(_open(civil, query="SELECT write_one() AS n"))
    assert (type(error), error.code) == (Terminal, "connector.failed")
    assert len(_rows(_open(civil, table="100% or"))) == 500


@pytest.mark.parametrize(
    ("source", "code", "named"),
    [
        ({"table": "vanished"}, "connector.missing_table", "vanished"),
        ({"schema": "nowhere", "table": "t"}, "connector.refused", ""),  # the server does not tell whether it exists
        ({"query": "SELECT vanished FROM kinds"}, "connector.missing_column", "vanished"),
        ({"query": "SELECT 1 +* 2"}, "connector.failed", ""),
        ({"schema": "mysql", "table": "user"}, "connector.refused", ""),
    ],
)
def test_errors_are_translated(civil: Connection, source: dict[str, Any], code: str, named: str) -> None:
    error = _refusal(_open(civil, **source))
    assert (type(error), error.code) == (Terminal, code)
    assert named in str(error)


def test_a_wrong_password_is_refused_and_not_shown(civil: Connection) -> None:
    wrong = Connection("civil", "mysql", civil.host, civil.port, "民政", "civil", "wrong, and secret")
    error = _refusal(_open(wrong, table="kinds"))
    assert (type(error), error.code) == (Terminal, "connector.refused")
    assert "secret" not in f"{error}{error.facts}{error.__cause__!r}{wrong}"


def test_a_slow_or_locked_statement_does_not_hold_the_task_for_ever(maria: Maria, civil: Connection) -> None:
    error = _refusal(_open(civil, query="SELECT SLEEP(60) AS slow", timeout_seconds=0.2))
    assert (type(error), error.code) == (Transient, "connector.timeout")
    with maria.root("民政") as session, session.cursor() as cursor:
        cursor.execute("LOCK TABLES strange WRITE")
        error = _refusal(_open(civil, table="strange", timeout_seconds=0.2))
    assert (type(error), error.code) == (Transient, "connector.timeout")


def _interrupted(connector: DatabaseConnector, fault: Any) -> HutongError:
    batches = connector.read(connector.slices()[0])
    next(batches)
    fault()
    with pytest.raises(HutongError) as caught:
        list(batches)
    gc.collect()  # the driver must not complain from its grave either
    return caught.value


def test_a_connection_killed_in_mid_read_is_worth_another_try(maria: Maria, civil: Connection) -> None:
    def kill() -> None:
        with maria.root() as session, session.cursor() as cursor:
            cursor.execute("SELECT id FROM information_schema.processlist WHERE user = 'civil'")
            for (number,) in cursor.fetchall():
                with suppress(pymysql.err.OperationalError):  # a former reader's, which ended by itself meanwhile
                    cursor.execute(f"KILL {number}")

    error = _interrupted(_open(civil, table="broad", batch_rows=500), kill)
    assert (type(error), error.code) == (Transient, "connector.broken_off")


def test_a_network_cut_in_mid_read_is_worth_another_try_and_that_one_reads_all(civil: Connection) -> None:
    assert civil.port
    with line_to(civil.port) as line:
        far = Connection("civil", "mysql", "127.0.0.1", line.port, "民政", "civil", PASSWORD)
        error = _interrupted(_open(far, table="broad", batch_rows=500), line.cut)
        assert (type(error), error.code) == (Transient, "connector.broken_off")
        assert isinstance(_refusal(_open(far, table="broad")), Transient)
        line.mend()
        assert len(_rows(_open(far, table="broad", columns=["n"]))) == 60_000


def test_a_reader_that_stops_early_leaves_the_rest_at_the_source(civil: Connection) -> None:
    assert civil.port
    with line_to(civil.port) as line:
        far = Connection("civil", "mysql", "127.0.0.1", line.port, "民政", "civil", PASSWORD)
        batches = _open(far, table="broad", batch_rows=100).read(Slice("1"))
        line.passes = 20_000_000
        next(batches)
        batches.close()  # type: ignore[attr-defined]
        gc.collect()
        assert line.passes is not None
        assert line.passes > 10_000_000
