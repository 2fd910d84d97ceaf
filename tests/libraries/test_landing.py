"""What comes in: whole or not at all, once, named by item; what is not as the directory says stops the batch by name."""

import hashlib
import json
from typing import Any

import pyarrow.parquet as pq
import pytest

from libraries import ingest, landing
from schemas.errors import Invalid, Terminal, Transient

RESIDENT = "public_security.resident"
DECISION: dict[str, Any] = {
    "id": "credit_office.decision", "name": "双公示", "department": "credit_office", "code": "101001/330199000002",
    "category": "c", "abstract": "a", "format": {"category": "2", "type": "csv"}, "sharing": {"type": 1, "mode": "文件"}, "update_cycle": 2,
    "assessment": {"secrecy": "none", "holds_personal_information": True, "conclusion": "可共享", "assessed_on": "2026-01-04", "assessed_by": "李"},
    "items": [
        {"id": "number", "name": "文书号", "required": True},
        {"id": "title", "name": "名称"},
    ],
    "source": {
        "connector": "files", "connection": "drops", "options": {"pattern": "*.csv"}, "mode": "incremental",
        "mapping": {"文书号": "number", "名称": "title"}, "key": ["number"],
    },
}  # fmt: skip


def landed(hub: Any, batch_id: Any) -> Any:
    folder = landing.folder_of(hub.batch(batch_id)["path"])
    return [row for path in folder.files("landed") for row in pq.read_table(hub.folder / "landing" / path).to_pylist()]


def test_a_batch_is_planned_once_per_resource_and_run_and_bound_to_its_version(hub: Any) -> None:
    hub.publish()
    first = ingest.plan(RESIDENT, "run 1")
    hub.publish(abstract="changed")
    assert ingest.plan(RESIDENT, "run 1") == first
    other = ingest.plan(RESIDENT, "run 2")
    assert hub.batch(first)["resource_version_id"] == f"{RESIDENT}@1"
    assert hub.batch(other)["resource_version_id"] == f"{RESIDENT}@2"


def test_what_cannot_be_collected_is_refused_by_name(hub: Any) -> None:
    with pytest.raises(Invalid, match="unknown_resource"):
        ingest.plan("public_security.nothing", "r")
    hub.publish(source=None)
    with pytest.raises(Invalid, match=r"landing\.no_source"):
        ingest.plan(RESIDENT, "r")
    with pytest.raises(Invalid, match=r"landing\.unknown_batch"):
        ingest.land("public_security.resident.000000000000")


def test_rows_land_as_delivered_under_item_names_and_the_manifest_says_so(hub: Any, people: Any) -> None:
    hub.publish()
    rows = people(5)
    rows[1]["xm"] = "  王五　"
    hub.fill(rows)
    batch = ingest.plan(RESIDENT, "r")
    ingest.land(batch)
    found = landed(hub, batch)
    assert [row["_row"] for row in found] == [1, 2, 3, 4, 5]
    assert sorted(row["citizen_id"] for row in found) == sorted(row["gmsfhm"] for row in rows)
    assert "  王五　" in [row["name"] for row in found]
    assert "bz" not in found[0]
    manifest = json.loads((hub.folder / "landing" / RESIDENT / batch / "manifest.json").read_text("utf-8"))
    (file,) = manifest["files"]
    content = (hub.folder / "landing" / RESIDENT / batch / file["name"]).read_bytes()
    assert hashlib.sha256(content).hexdigest() == file["sha256"]
    assert (manifest["rows"], file["rows"], hub.batch(batch)["state"]) == (5, 5, "landed")
    assert hub.batch(batch)["manifest"] == manifest


@pytest.mark.parametrize(
    ("renamed", "changes", "proposal"),
    [
        ({"dh": "dianhua"}, "+ dianhua, - dh", "mapping: {dianhua: phone} (instead of dh)"),
        ({"dh": None}, "- dh", "without mapping dh: phone"),
        ({"+": "email"}, "+ email", "ignore: [email]"),
    ],
)
def test_changed_columns_reject_the_batch_with_a_proposal(
    hub: Any, people: Any, renamed: Any, changes: Any, proposal: Any
) -> None:
    hub.publish()
    rows = people(3)
    columns = [renamed.get(name, name) for name in rows[0]] + ([renamed["+"]] if "+" in renamed else [])
    hub.fill([dict.fromkeys(filter(None, columns), "x")], columns=list(filter(None, columns)))
    batch = ingest.plan(RESIDENT, "r")
    for _ in range(2):  # a retry says the same
        with pytest.raises(Terminal, match=r"landing\.schema_drift") as caught:
            ingest.land(batch)
        assert (caught.value.facts["changes"], caught.value.facts["proposal"]) == (changes, proposal)
    found = hub.batch(batch)
    assert (found["state"], found["error_code"], found["rows_in"]) == ("rejected", "landing.schema_drift", None)
    with pytest.raises(Terminal, match=r"landing\.schema_drift"):
        ingest.check(batch)


def test_a_source_that_is_down_leaves_the_batch_planned_and_the_reason_readable(hub: Any, people: Any) -> None:
    hub.publish()
    batch = ingest.plan(RESIDENT, "r")
    with pytest.raises((Terminal, Transient), match="connector") as caught:
        ingest.land(batch)
    assert (hub.batch(batch)["state"], hub.batch(batch)["error_code"]) == ("planned", caught.value.code)
    hub.fill(people(3))
    ingest.land(batch)
    assert (hub.batch(batch)["state"], hub.batch(batch)["error_code"]) == ("landed", None)


def test_a_retyped_column_is_drift_until_a_new_version_confirms_it(hub: Any) -> None:
    import sqlite3

    hub.connect("drops", conn_type="sqlite", host=str(hub.folder / "typed.db"))
    source = {**DECISION["source"], "connector": "database", "options": {"table": "t"}, "mode": "snapshot"}
    hub.publish({**DECISION, "source": source})

    def deliver(kind: Any, value: Any) -> Any:
        with sqlite3.connect(hub.folder / "typed.db") as database:
            database.execute("DROP TABLE IF EXISTS t")
            database.execute(f'CREATE TABLE t ("文书号" TEXT, "名称" {kind})')
            database.execute("INSERT INTO t VALUES ('1', ?)", (value,))
        database.close()

    deliver("TEXT", "x")
    ingest.ingest(DECISION["id"], "1")
    deliver("INTEGER", 5)
    batch = ingest.plan(DECISION["id"], "2")
    with pytest.raises(Terminal, match=r"landing\.schema_drift"):
        ingest.land(batch)
    assert hub.batch(batch)["state"] == "rejected"
    hub.publish({**DECISION, "source": source, "abstract": "types confirmed"})
    ingest.ingest(DECISION["id"], "3")


def test_a_landing_that_broke_off_is_done_anew_and_one_that_ended_is_not(
    hub: Any, people: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.publish()
    hub.fill(people(10))
    batch = ingest.plan(RESIDENT, "r")
    folder = landing.folder_of(hub.batch(batch)["path"])
    whole = landing.write_manifest

    class Crashed(Exception):
        pass

    def crash(*_: Any) -> Any:
        (hub.folder / "landing" / folder.at("landed", "part-00099.parquet.tmp")).write_bytes(b"half")
        (hub.folder / "landing" / folder.at("landed", "part-00098.parquet")).write_bytes(b"half")
        raise Crashed

    monkeypatch.setattr(landing, "write_manifest", crash)
    with pytest.raises(Crashed):
        ingest.land(batch)
    assert hub.batch(batch)["state"] == "planned"
    monkeypatch.setattr(landing, "write_manifest", whole)
    hub.fill(people(20))
    ingest.land(batch)
    assert len(landed(hub, batch)) == 20
    assert [path.rsplit("/")[-1] for path in folder.files("landed")] == ["part-00000.parquet"]
    hub.fill(people(30))
    ingest.land(batch)
    assert len(landed(hub, batch)) == 20


def test_a_landing_that_ended_before_its_row_said_so_is_taken_as_it_is(
    hub: Any, people: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.publish()
    hub.fill(people(10))
    batch = ingest.plan(RESIDENT, "r")

    class Crashed(Exception):
        pass

    def crash(*_: Any) -> Any:
        raise Crashed

    with monkeypatch.context() as patched:
        patched.setattr(ingest, "_record_landed", crash)
        with pytest.raises(Crashed):
            ingest.land(batch)
    hub.fill(people(20))
    ingest.land(batch)
    assert (hub.batch(batch)["rows_in"], len(landed(hub, batch))) == (10, 10)


def test_a_landing_file_that_was_touched_is_not_checked(hub: Any, people: Any) -> None:
    hub.publish()
    hub.fill(people(10))
    batch = ingest.plan(RESIDENT, "r")
    ingest.land(batch)
    path = hub.folder / "landing" / RESIDENT / batch / "landed" / "part-00000.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(Terminal, match=r"landing\.damaged"):
        ingest.check(batch)
    assert (hub.batch(batch)["state"], hub.batch(batch)["error_code"]) == ("landed", "landing.damaged")


def test_files_refused_are_recorded_and_the_rest_goes_on(hub: Any) -> None:
    hub.publish(DECISION)
    hub.drop("a.csv", "文书号,名称\n1,甲\n2,乙\n")
    hub.drop("b.csv", "文书号,名称\n1,甲\n2,乙\n")
    cut = hub.drop("c.csv", "文书号,名称\n3,丙\n")
    cut.with_name("c.csv.manifest.json").write_text('{"rows": 10}')
    batch = ingest.ingest(DECISION["id"], "1")
    assert hub.batch(batch)["rows_good"] == 2
    refused = {row["name"]: row["code"] for row in hub.rows("SELECT name, code FROM landing.refused_files")}
    assert refused == {"b.csv": "files.duplicate", "c.csv": "files.incomplete"}
    # the same folder again: nothing new is no failure, and nothing is taken twice
    again = ingest.ingest(DECISION["id"], "2")
    assert (hub.batch(again)["state"], hub.batch(again)["rows_in"]) == ("merged", 0)
    assert len(hub.rows("SELECT 1 FROM landing.refused_files")) == 2
    # the missing half arrives
    hub.drop("c.csv", "文书号,名称\n" + "".join(f"{n},丙\n" for n in range(3, 13)))
    third = ingest.ingest(DECISION["id"], "3")
    assert hub.batch(third)["rows_good"] == 10


def test_a_batch_of_which_no_file_is_left_is_rejected_by_name(hub: Any) -> None:
    hub.publish(DECISION)
    cut = hub.drop("c.csv", "文书号,名称\n3,丙\n")
    cut.with_name("c.csv.manifest.json").write_text('{"rows": 10}')
    batch = ingest.plan(DECISION["id"], "1")
    with pytest.raises(Terminal, match=r"landing\.nothing_left") as caught:
        ingest.land(batch)
    assert caught.value.facts["files"] == "c.csv"
    assert hub.batch(batch)["state"] == "rejected"
    assert hub.one("SELECT code FROM landing.refused_files") == "files.incomplete"


def test_lines_that_fit_no_header_are_quarantined_word_for_word(hub: Any) -> None:
    hub.publish(DECISION, quality={"reject_above": 0.9})
    hub.drop("a.csv", "文书号,名称\n1,甲\n2,乙,多\n3,丙\n")
    batch = ingest.ingest(DECISION["id"], "1")
    found = hub.batch(batch)
    assert (found["rows_in"], found["rows_good"], found["rows_quarantined"]) == (3, 2, 1)
    held = hub.one("SELECT reasons, values FROM landing.quarantined_rows")
    assert held["reasons"] == ["row.malformed"]
    assert "2,乙,多" in held["values"]["text"]


def test_an_incremental_source_is_read_from_the_last_merged_watermark(hub: Any, people: Any) -> None:
    source = {
        "connector": "database", "connection": "police", "options": {"table": "resident"}, "mode": "incremental",
        "mapping": {"gmsfhm": "citizen_id", "xm": "name", "gxsj": "updated_at"}, "watermark": "updated_at",
        "key": ["citizen_id"],
    }  # fmt: skip
    items = [
        {"id": "citizen_id", "name": "号码", "attribute": "subject"},
        {"id": "name", "name": "姓名", "attribute": "name"},
        {"id": "updated_at", "name": "更新时间", "type": "T"},
    ]
    hub.publish(items=items, source=source, checks=[])
    rows = [
        {"gmsfhm": row["gmsfhm"], "xm": row["xm"], "gxsj": f"2026-01-0{n + 1} 00:00:00"}
        for n, row in enumerate(people(4))
    ]
    hub.fill(rows[:3])
    first = ingest.ingest(RESIDENT, "1")
    hub.fill(rows)
    second = ingest.ingest(RESIDENT, "2")
    assert hub.batch(first)["rows_in"] == 3
    assert [row["name"] for row in landed(hub, second)] == ["张2", "张3"]
    third = ingest.ingest(RESIDENT, "3")
    assert [row["name"] for row in landed(hub, third)] == ["张3"]
