"""Bad rows are held as they came with every reason, and a mended one ends where it would have been if it had come right the first time."""

from typing import Any

import pytest

from libraries import ingest, quarantine
from schemas.errors import Invalid, Terminal

RESIDENT = "public_security.resident"
STRANGE = '引号"逗号,反斜\\杠\n换行\t制表\x01控制{}'


def held(hub: Any, batch: Any) -> Any:
    with hub.session() as session:
        return quarantine.find(session, batch_id=batch)


def test_every_reason_is_listed_and_values_stay_as_they_came(hub: Any, people: Any) -> None:
    hub.publish()
    rows = people(20)
    id = rows[0]["gmsfhm"]
    rows[0] |= {
        "gmsfhm": " " + id[:17] + "?",
        "xm": None,
        "xb": "外星",
        "csrq": "2023年2月30日",
        "dh": "12",
        "sg": "300",
    }
    rows[1] |= {"xm": STRANGE}
    rows[2] |= {"gmsfhm": "3.30106E+17", "sg": ""}
    hub.fill(rows)
    batch = ingest.ingest(RESIDENT, "r")
    assert hub.reasons(batch) == {
        1: [
            "citizen_id.check_digit", "name.required", "sex.length", "sex.code_table", "birth_date.type",
            "phone.pattern", "height.range",
        ],
        2: ["name.length"],
        3: ["citizen_id.check_digit"],
    }  # fmt: skip
    first, second, third = held(hub, batch)
    assert first.values == {
        "citizen_id": " " + id[:17] + "?", "name": None, "sex": "外星", "birth_date": "2023年2月30日", "phone": "12", "height": "300",
    }  # fmt: skip
    assert (first.record_key, second.record_key) == (id[:17] + "?", rows[1]["gmsfhm"])
    assert second.values["name"] == STRANGE
    assert (third.values["citizen_id"], third.values["height"]) == ("3.30106E+17", None)


def test_a_mended_row_ends_in_the_same_place_as_if_it_had_come_right(hub: Any, people: Any) -> None:
    hub.publish()
    rows = people(10)
    right = dict(rows[4])
    rows[4] |= {"xm": None, "dh": "12"}
    hub.fill(rows)
    batch = ingest.ingest(RESIDENT, "r")
    (row,) = held(hub, batch)
    assert hub.one("SELECT count(*) FROM library.population") == 9
    with pytest.raises(Terminal, match=r"quality\.rejected"):
        ingest.replay(row.id, {"name": right["xm"]})
    assert hub.one("SELECT count(*) FROM library.population") == 9
    by = ingest.replay(row.id, {"name": right["xm"], "phone": right["dh"]})
    assert hub.one("SELECT count(*) FROM library.population") == 10
    found = hub.one(
        "SELECT name, sex, birth_date::text, phone FROM library.population WHERE subject = :id", id=right["gmsfhm"]
    )
    assert found == {"name": right["xm"], "sex": right["xb"], "birth_date": right["csrq"], "phone": right["dh"]}
    released = hub.one("SELECT released_by_batch_id FROM landing.quarantined_rows WHERE id = :id", id=row.id)
    assert released == by
    assert held(hub, batch) == []
    with pytest.raises(Terminal, match=r"quarantine\.released"):
        ingest.replay(row.id, {"name": right["xm"]})


def test_a_replay_is_no_snapshot_and_no_previous_batch(hub: Any, people: Any) -> None:
    hub.publish(quality={"reject_above": 0.5, "volume_drop": 0.5})
    rows = people(10)
    rows[4]["xm"] = None
    hub.fill(rows)
    batch = ingest.ingest(RESIDENT, "r")
    ingest.replay(held(hub, batch)[0].id, {"name": "张4"})
    assert hub.one("SELECT count(*) FROM library.population") == 10
    hub.fill(rows[:2])
    with pytest.raises(Terminal, match=r"quality\.volume") as caught:
        ingest.ingest(RESIDENT, "r2")
    assert (caught.value.facts["rows"], caught.value.facts["least"]) == (2, 5)


def test_what_cannot_be_replayed_is_refused_by_name(hub: Any, people: Any) -> None:
    hub.publish()
    rows = people(3)
    rows[0]["xm"] = None
    hub.fill(rows)
    batch = ingest.ingest(RESIDENT, "r")
    with pytest.raises(Invalid, match=r"quarantine\.unknown_row"):
        ingest.replay(99, {})
    with pytest.raises(Invalid, match=r"quarantine\.unknown_item"):
        ingest.replay(held(hub, batch)[0].id, {"shoe_size": "44"})


def test_thousands_of_bad_rows_are_all_held_and_counted_by_reason(hub: Any, people: Any) -> None:
    hub.publish(quality={"reject_above": 0.9})
    rows = people(3_000)
    for row in rows[::2]:
        row["sg"] = "1"
    for row in rows[::3]:
        row["xm"] = None
    hub.fill(rows)
    batch = ingest.ingest(RESIDENT, "r")
    with hub.session() as session:
        assert quarantine.count_reasons(session, batch) == {"height.range": 1500, "name.required": 1000}
        assert len(quarantine.find(session, resource_id=RESIDENT, limit=5_000)) == 2_000
    assert hub.one("SELECT count(*) FROM library.population") == 1_000
    results = {row["rule"]: (row["evaluated"], row["failed"]) for row in hub.rows("SELECT * FROM landing.rule_results")}
    assert results["height.range"] == (3_000, 1_500)
    assert results["citizen_id.check_digit"] == (3_000, 0)
