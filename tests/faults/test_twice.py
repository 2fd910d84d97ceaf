"""Two processes at once: the same run twice, and two resources into one library."""

from typing import Any

from libraries import ingest
from tests.faults.conftest import Nursery, counts, many
from tests.libraries.conftest import RESIDENT

ID = "public_security.resident"
REGISTRY: dict[str, Any] = {
    **RESIDENT, "id": "civil_affairs.registry", "name": "婚姻登记", "department": "civil_affairs", "code": "101001/330199000009",
    "items": [
        {"id": "citizen_id", "name": "公民身份号码", "required": True, "attribute": "subject"},
        {"id": "name", "name": "姓名", "attribute": "name"},
        {"id": "status", "name": "婚姻状况", "attribute": "marital_status"},
    ],
    "source": {
        "connector": "database", "connection": "police", "options": {"table": "registry"},
        "mapping": {"gmsfhm": "citizen_id", "xm": "name", "hy": "status"}, "key": ["citizen_id"],
    },
    "checks": [],
}  # fmt: skip


def test_the_same_run_twice_at_once_is_one_run(hub: Any, nursery: Nursery) -> None:
    hub.publish()
    hub.fill(many(2_000))
    said = nursery.run(*[f"print(ingest.ingest({ID!r}, 'night'))"] * 2)
    assert [ended for ended, _ in said] == [0, 0], said
    found = hub.one("SELECT state, rows_good, error_code FROM landing.batches")
    assert found == {"state": "merged", "rows_good": 2_000, "error_code": None}
    assert counts(hub) == {"": 2_000, "_claims": 2_000, "_past_claims": 0, "_history": 0}


def test_two_resources_feed_one_library_at_once_range_by_range(hub: Any, nursery: Nursery) -> None:
    hub.publish()
    hub.publish(REGISTRY)
    rows = many(6_000)
    others = [{"gmsfhm": row["gmsfhm"], "xm": "别名", "hy": "20"} for row in rows[2_000:]]
    for night in ("1", "2"):
        ready = []
        for id, table, delivered in ((ID, "resident", rows), (REGISTRY["id"], "registry", others)):
            hub.fill(delivered, table)
            ready.append(ingest.plan(id, night))
            ingest.land(ready[-1])
            ingest.check(ready[-1])
        said = nursery.run(*(f"units.SMALL = 1_000; ingest.merge({batch!r})" for batch in ready))
        assert [ended for ended, _ in said] == [0, 0], said
        rows = [{**row, "xm": row["xm"] + "改"} for row in rows]  # the second night changes every record both know
        others = [{**row, "hy": "30"} for row in others]
    assert len(hub.one("SELECT boundaries FROM library.key_ranges WHERE library = 'population'")) == 15
    assert hub.rows(
        "SELECT right(name, 1) = '改' AS own, marital_status, count(*) AS n FROM library.population GROUP BY 1, 2 ORDER BY 2"
    ) == [
        {"own": True, "marital_status": "30", "n": len(others)},
        {"own": True, "marital_status": None, "n": 2_000},
    ]
    found = counts(hub)
    assert found[""] == len(rows)
    assert found["_claims"] == found["_past_claims"] == len(rows) + len(others)
    assert hub.one("SELECT count(*) FROM library.conflicts WHERE closed_at IS NULL") == len(
        others
    )  # the name, contested
    assert (
        hub.one(
            "SELECT count(*) FROM library.population_history h JOIN library.population g USING (subject)"
            " WHERE h.known_to > g.recorded_at OR h.known_to < h.known_from"
        )
        == 0
    )
