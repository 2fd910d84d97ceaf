"""A worker is killed -9 in the middle of a step; the same step called again ends as if nothing had happened."""

from collections.abc import Callable
from typing import Any

import pytest

from libraries import ingest, landing
from tests.faults.conftest import KILL, counts

RESIDENT = "public_security.resident"
SMALL_GROUPS = "landing.GROUP_ROWS = units.SMALL = 64; units.UNIT_ROWS = 32\n"
ROWS = 400


def _after(place: str, calls: int) -> str:
    """Kill the process when a function returned for the n-th time."""
    return (
        f"whole, left = {place}, [{calls}]\n"
        "def dying(*a, **k):\n    found = whole(*a, **k)\n    left[0] -= 1\n"
        f"    if left[0] == 0: {KILL}\n    return found\n{place} = dying\n"
    )


def test_killed_while_landing_it_lands_anew_and_whole(hub: Any, people: Any, killed: Callable[[str], None]) -> None:
    hub.publish()
    hub.fill(people(ROWS))
    batch = ingest.plan(RESIDENT, "night")
    writing = _after("landing.pq.ParquetWriter.write_table", 1)  # its first rows are on disk, the rest is not
    for where in (writing, _after("landing.digest_of", 1), _after("landing.write_manifest", 1)):
        killed(SMALL_GROUPS + where + f"ingest.land({batch!r})")
        assert hub.batch(batch)["state"] == "planned"
    ingest.land(batch)
    landing.require_undamaged(landing.folder_of(hub.batch(batch)["path"]), batch)
    ingest.check(batch)
    ingest.merge(batch)
    assert hub.batch(batch)["rows_good"] == ROWS
    assert counts(hub) == {"": ROWS, "_claims": ROWS, "_past_claims": 0, "_history": 0}


@pytest.mark.parametrize("units", [1, 5])
def test_killed_between_the_units_of_a_merge_it_goes_on_where_it_was(
    hub: Any, people: Any, killed: Callable[[str], None], units: int
) -> None:
    """The first load is copied, the second one changes, adds and withdraws: two ways, killed in both."""
    hub.publish(quality={"volume_drop": 1})
    rows = people(ROWS)
    changed = [{**row, "xm": row["xm"] + "改"} for row in rows[100:]]
    for night, delivered in enumerate((rows[:350], changed)):
        hub.fill(delivered)
        batch = ingest.plan(RESIDENT, str(night))
        ingest.land(batch)
        ingest.check(batch)
        killed(SMALL_GROUPS + _after("merge._merge_unit", units) + f"ingest.merge({batch!r})")
        assert hub.batch(batch)["state"] == "checked"
        done = hub.one("SELECT count(*) FROM library.population_claims WHERE batch = :n", n=hub.batch(batch)["number"])
        assert 0 < done < 300  # some of it is in, most is not
        killed(SMALL_GROUPS + _after("merge._renew_figures", 1) + f"ingest.merge({batch!r})")
        assert hub.batch(batch)["state"] == "checked"  # all is in, and nobody said so
        ingest.merge(batch)
        assert hub.batch(batch)["state"] == "merged"
    # 100 gone, 250 changed once, 50 new
    assert counts(hub) == {"": 300, "_claims": 300, "_past_claims": 350, "_history": 350}
    assert hub.one("SELECT count(*) FROM library.population WHERE name LIKE '%改'") == 300
    assert hub.rows("SELECT version, count(*) AS n FROM library.population GROUP BY 1 ORDER BY 1") == [
        {"version": 1, "n": 50},
        {"version": 2, "n": 250},
    ]
