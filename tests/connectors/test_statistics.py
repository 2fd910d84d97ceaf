"""What a server says of its tables: about how many rows, and where the keys lie; nothing where it does not know."""

from collections.abc import Callable
from itertools import pairwise

import pytest
from sqlalchemy import URL, create_engine, text

from connectors.base import Connection, open_connector
from connectors.database import DatabaseConnector

ROWS = 20_000


@pytest.fixture(scope="module")
def source(new_database: Callable[[], URL]) -> Connection:
    url = new_database()
    engine = create_engine(url)
    with engine.begin() as connection:
        for sql in (
            'CREATE SCHEMA "户籍"',
            'CREATE TABLE "户籍"."Person" (id bigint, code text, day date)',
            f"INSERT INTO \"户籍\".\"Person\" SELECT n * 7, lpad(n::text, 8, '0'), date '1950-01-01' + n FROM generate_series(1, {ROWS}) n",
            'ANALYZE "户籍"."Person"',
            'CREATE VIEW "户籍".seen AS SELECT * FROM "户籍"."Person"',
            "CREATE TABLE fresh (id int) WITH (autovacuum_enabled = off)",
            "CREATE TABLE parted (id int) PARTITION BY RANGE (id)",
            "CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (100000)",
            "INSERT INTO parted SELECT generate_series(1, 5000)",
            "ANALYZE parted",
        ):
            connection.execute(text(sql))
    engine.dispose()
    return Connection("s", "postgres", extra={"url": url.render_as_string(hide_password=False)})


def opened(source: Connection, **options: object) -> DatabaseConnector:
    found = open_connector("database", options, source)
    assert isinstance(found, DatabaseConnector)
    return found


@pytest.mark.parametrize("key", ["id", "code", "day"])
def test_key_ranges_follow_the_histogram_and_hold_every_row_once(source: Connection, key: str) -> None:
    connector = opened(source, table="Person", schema="户籍", key=key)
    connector.describe()
    planned = connector.slices(count=4)
    assert connector._statistics.edges(connector.describe().field(key), 4) == [piece.low for piece in planned[1:]]
    found = [sum(batch.num_rows for batch in connector.read(piece)) for piece in planned]
    assert sum(found) == ROWS
    assert max(found) < 1.2 * ROWS / 4
    assert all(one.high == two.low for one, two in pairwise(planned))


def test_the_rows_are_about_those_there_are(source: Connection) -> None:
    assert opened(source, table="Person", schema="户籍").estimate() == ROWS
    assert opened(source, table="parted").estimate() == 5000


@pytest.mark.parametrize(
    "options", [{"table": "seen", "schema": "户籍"}, {"table": "fresh"}, {"query": "SELECT 1 AS id"}]
)
def test_what_has_no_statistics_has_no_estimate_and_is_still_sliced(
    source: Connection, options: dict[str, str]
) -> None:
    connector = opened(source, key="id", **options)
    assert connector.estimate() is None
    assert sum(b.num_rows for piece in connector.slices(count=3) for b in connector.read(piece)) in (ROWS, 0, 1)


def test_another_dialect_tells_nothing(tmp_path: object) -> None:
    assert opened(Connection("s", "sqlite", host=f"{tmp_path}/none.db"), table="t").estimate() is None
