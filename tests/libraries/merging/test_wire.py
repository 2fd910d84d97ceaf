"""What leaves Arrow in the server's binary form arrives as the same values."""

from datetime import UTC, date, datetime
from decimal import Decimal

import psycopg
import pyarrow as pa
from sqlalchemy import URL

from libraries import wire

_TABLE = "CREATE TEMP TABLE arrived (n int, t text, d date, m timestamptz, s smallint, h bigint, v numeric, a smallint[], b int[])"
_DECIMALS = ["0", "1.5", "-0.0000000001", "10000", "-99990000.1", "9" * 28 + ".9999999999", "0.00010001", "1234567.89"]


def test_every_kind_of_value_arrives_as_it_was(database: URL) -> None:
    count = len(_DECIMALS) + 1
    texts = [None, "", "张伟", "a\tb\n\\", "\"',", "ß" * 300, "1", None, "x"]
    dates = [date(1, 1, 1), None, date(1999, 12, 31), date(2000, 1, 1), date(9999, 12, 31), *[date(1990, 2, 3)] * 4]
    moments = [datetime(1970, 1, 1, tzinfo=UTC), datetime(2026, 7, 1, 8, 30, 0, 123456, UTC), *[None] * 7]
    hashes = [-(2**63), 2**63 - 1, 0, -1, *range(5)]
    small = [None, -32768, 32767, *range(6)]
    lists: list[list[int | None]] = [[1, None, 3], [None, None, None], [7, 8, 9]] * 3
    numbers = [*map(Decimal, _DECIMALS), None]
    rows = pa.record_batch(
        {
            "n": pa.array(range(count), pa.int32()), "t": pa.array(texts), "d": pa.array(dates, pa.date32()),
            "m": pa.array(moments, pa.timestamp("us", "UTC")), "s": pa.array(small, pa.int16()), "h": pa.array(hashes, pa.int64()),
            "v": pa.array(numbers, pa.decimal128(38, 10)), "a": pa.array([wire.array_value(x, 2) for x in lists], pa.binary()),
            "b": pa.array([wire.array_value(x, 4) for x in lists], pa.binary()),
        }
    )  # fmt: skip
    uri = database.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(uri) as connection:
        connection.execute(_TABLE)
        with connection.cursor().copy("COPY arrived FROM STDIN (FORMAT binary)") as copy:
            for part in (wire.HEAD, wire.encode(rows.slice(0, 4)), wire.encode(rows.slice(4)), wire.TAIL):
                copy.write(part)
        found = connection.execute("SELECT * FROM arrived ORDER BY n").fetchall()
        shown = connection.execute("SELECT v::text FROM arrived ORDER BY n").fetchall()
    expected = zip(range(count), texts, dates, moments, small, hashes, numbers, lists, lists, strict=True)
    assert [tuple(row) for row in found] == list(expected)
    assert [row[0] for row in shown] == [*_DECIMALS, None]
