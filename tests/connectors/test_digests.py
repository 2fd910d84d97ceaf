"""What a server sums of a range is what Arrow sums of the rows that are read from it, on a real MariaDB."""

import numpy as np
import pytest

from connectors.base import Connection
from connectors.digests import TallyingConnector, row_digests
from tests.connectors.servers import Maria

KEYS = ("a", "B", "ä", "张", "𠮷", "_", "~", "Ab", "aB ", "'")


@pytest.fixture(scope="module")
def tax(maria: Maria) -> Connection:
    maria.run(
        "CREATE DATABASE tax",
        "CREATE USER tax@'127.0.0.1' IDENTIFIED BY 'x'",
        "GRANT SELECT ON tax.* TO tax@'127.0.0.1'",
    )
    maria.run(
        """CREATE TABLE payers (id varchar(40), whole bigint unsigned, money decimal(12, 4), share double, day date, clock datetime(6),
            moment timestamp(3) NULL, flag boolean, padded char(4), note text, old varchar(20) CHARACTER SET gbk, span time)""",
        "SET time_zone = '+08:00'",
        """INSERT INTO payers SELECT NULL, seq * 100000000000000000, seq / -8, seq / 3, '1900-01-01' + INTERVAL seq DAY,
            '1969-12-31 23:59:59.999999' + INTERVAL seq HOUR, '2026-01-05 08:00:00.5' + INTERVAL seq DAY, seq % 2, CONCAT('p', seq),
            IF(seq % 3, CONCAT('龘𠮷%\\\\', seq), NULL), IF(seq % 4, '张三', ''), SEC_TO_TIME(-seq * 5000) FROM seq_1_to_90""",
        *(
            f"UPDATE payers SET id = CONCAT('{key.replace(chr(39), chr(39) * 2)}', whole) WHERE whole % {len(KEYS)} = 0 AND id IS NULL LIMIT 8"
            for key in KEYS
        ),
        database="tax",
    )
    return Connection("tax", "mysql", "127.0.0.1", maria.port, "tax", "tax", "x")


def test_mariadb_and_arrow_sum_the_same_digests_over_ranges_in_bytes_order(tax: Connection) -> None:
    connector = TallyingConnector({"table": "payers", "key": ["id"]}, tax)
    columns = connector.digestible()
    assert set(connector.describe().names) - set(columns) == {"share"}
    spans = [(None, "_"), ("_", "a"), ("a", "ä"), ("ä", None), None]
    tallies, counted = connector.tallies(spans, columns), 0
    for number, span in enumerate(spans):
        digests = [
            row_digests([batch.column(batch.schema.get_field_index(name)) for name in columns], batch.num_rows)
            for batch in connector.rows([span])
        ]
        found = np.concatenate([np.empty(0, np.uint64), *digests])
        tally = tallies[number]
        assert (tally.rows, tally.high, tally.low) == (
            len(found), int((found >> np.uint64(32)).sum()), int((found & np.uint64(0xFFFFFFFF)).sum()),
        )  # fmt: skip
        counted += len(found)
    assert counted == 90
    assert all(tally.rows for tally in tallies.values())
