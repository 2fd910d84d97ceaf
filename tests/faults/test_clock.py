"""The clock is set back between two batches: what comes later still counts, and no period turns round or overlaps another."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from libraries import batches, ingest
from tests.faults.conftest import counts, many
from tests.libraries.conftest import RESIDENT

ID = "public_security.resident"
BACK = timedelta(days=2)
OVERLAPS = """
    WITH known AS (
        SELECT subject, known_from AS since, known_to AS till FROM library.population_history
        UNION ALL SELECT subject, recorded_at, 'infinity' FROM library.population)
    SELECT count(*) FROM known a JOIN known b USING (subject)
    WHERE a.till < a.since OR ((a.since, a.till) <> (b.since, b.till) AND a.since < b.till AND b.since < a.till)
"""


@pytest.mark.parametrize("mode", ["snapshot", "incremental"])
def test_a_batch_that_comes_later_counts_though_its_clock_says_earlier(
    hub: Any, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    hub.publish(source={**RESIDENT["source"], "mode": mode})
    rows = many(20)
    hub.fill(rows)
    first = ingest.ingest(ID, "1")
    clock = batches.now

    def set_back() -> datetime:
        return clock() - BACK

    monkeypatch.setattr(batches, "now", set_back)
    hub.fill([{**row, "xm": row["xm"] + "改"} for row in rows])
    second = ingest.ingest(ID, "2")
    assert hub.batch(second)["state"] == "merged"
    assert hub.batch(second)["landed_at"] > hub.batch(first)["landed_at"]
    assert hub.one("SELECT count(*) FROM library.population WHERE name LIKE '%改' AND version = 2") == 20
    assert counts(hub) == {"": 20, "_claims": 20, "_past_claims": 20, "_history": 20}
    monkeypatch.setattr(batches, "now", clock)  # and right again
    hub.fill(rows)
    ingest.ingest(ID, "3")
    assert hub.one("SELECT count(*) FROM library.population WHERE name LIKE '%改'") == 0
    assert hub.one(OVERLAPS) == 0


def test_the_servers_clock_set_back_turns_no_period_round(hub: Any) -> None:
    """A record is changed, withdrawn and comes back by a clock two days behind the one that wrote it first."""
    hub.publish(quality={"volume_drop": 1})
    rows = many(4)
    hub.fill(rows)
    ingest.ingest(ID, "1")
    changed = [{**row, "xm": "改"} for row in rows]
    for night, delivered in enumerate((changed, changed[:2], rows), 2):
        # what is in the tables was written by a clock that was ahead
        ahead = "UPDATE library.population{} SET {} = {} + interval '2 days'"
        with hub.session() as session:
            for part, column in (("", "recorded_at"), ("_history", "known_from"), ("_history", "known_to")):
                session.connection().exec_driver_sql(ahead.format(part, column, column))
        hub.fill(delivered)
        ingest.ingest(ID, str(night))
        assert hub.one(OVERLAPS) == 0
    assert counts(hub) == {"": 4, "_claims": 4, "_past_claims": 8, "_history": 8}
    versions = hub.rows("SELECT name, version FROM library.population ORDER BY subject")
    assert [row["version"] for row in versions] == [3, 3, 3, 3]
