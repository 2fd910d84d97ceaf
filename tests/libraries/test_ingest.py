"""The whole way of a resource: once, again, killed in the middle of any step, refused as a whole."""

import os
import signal
import subprocess
import sys
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from libraries import batches, ingest, landing, verdicts
from schemas.errors import Terminal
from schemas.identifiers import append_citizen_check_digits

RESIDENT = "public_security.resident"
ENTRY: dict[str, Any] = {
    "id": "credit_office.decision", "name": "双公示", "department": "credit_office", "code": "101001/330199000002",
    "category": "c", "abstract": "a", "format": {"category": "2", "type": "csv"}, "sharing": {"type": 1, "mode": "文件"}, "update_cycle": 2,
    "assessment": {"secrecy": "none", "holds_personal_information": True, "conclusion": "可共享", "assessed_on": "2026-01-04", "assessed_by": "李"},
    "library": "credit",
    "items": [
        {"id": "subject_code", "name": "主体代码", "required": True, "check": "holder_code", "attribute": "subject"},
        {"id": "kind", "name": "类别", "code_table": "credit_entry_kind", "attribute": "entry_kind"},
        {"id": "number", "name": "文书号", "required": True, "attribute": "document_number"},
        {"id": "fine", "name": "罚款", "type": "N", "attribute": "fine_amount"},
        {"id": "decided", "name": "日期", "type": "D", "attribute": "decision_date", "normalise": ["date"]},
        {"id": "authority", "name": "机关", "attribute": "authority", "normalise": ["else:信用办"]},
    ],
    "source": {
        "connector": "files", "connection": "drops", "options": {"pattern": "*.csv"},
        "mapping": {"主体": "subject_code", "类别": "kind", "文书号": "number", "罚款": "fine", "日期": "decided"},
        "key": ["kind", "number", "authority"],
    },
    "checks": [
        {
            "id": "subject.exists", "kind": "reference", "items": ["subject_code"], "scope": "library",
            "options": {"libraries": ["legal_entity", "population"]},
        },
    ],
    "quality": {"reject_above": 0.9},
}  # fmt: skip


class Crashed(Exception):
    pass


def crash(*_args: Any, **_kwargs: Any) -> Any:
    raise Crashed


def state_of(hub: Any, batch: Any) -> Any:
    """Everything a run leaves behind that must not depend on how often it was interrupted."""
    found = hub.batch(batch)
    kept = ("state", "rows_in", "rows_good", "rows_quarantined", "repairs", "score", "error_code")
    return {
        **{name: found[name] for name in kept},
        "reasons": hub.reasons(batch),
        "rules": hub.rows(
            "SELECT rule, evaluated, failed FROM landing.rule_results WHERE batch_id = :id ORDER BY 1", id=batch
        ),
        "golden": hub.rows("SELECT subject, name, sex, version FROM library.population ORDER BY 1"),
    }


def dirty(people: Any) -> Any:
    rows = people(60)
    rows[3]["gmsfhm"] = "3.30106E+17"
    rows[4]["xm"] = f" {rows[4]['xm']}　"
    rows[5]["xb"] = {"1": "男", "2": "女"}[rows[5]["xb"]]
    rows[6]["csrq"] = rows[6]["csrq"].replace("-", "/")
    rows[7]["xb"] = {"1": "2", "2": "1"}[rows[7]["xb"]]
    rows.append(dict(rows[8]))
    rows.append({**rows[9], "xm": "别名"})
    return rows


def test_the_whole_way_repairs_holds_and_merges_exactly_what_it_should(hub: Any, people: Any) -> None:
    hub.publish()
    rows = dirty(people)
    hub.fill(rows)
    batch = ingest.ingest(RESIDENT, "r")
    found = state_of(hub, batch)
    assert found["reasons"] == {
        4: ["citizen_id.check_digit"], 8: ["sex.matches_id"], 10: ["citizen_id.unique"], 62: ["citizen_id.unique"],
    }  # fmt: skip
    assert found["repairs"] == {"name.trim": 1, "sex.code:sex": 1, "birth_date.date": 1, "duplicate_row": 1}
    assert (found["rows_in"], found["rows_good"], found["rows_quarantined"]) == (62, 57, 4)
    assert {row["subject"] for row in found["golden"]} == {
        row["gmsfhm"] for place, row in enumerate(rows) if place not in (3, 7, 9, 61)
    }
    assert found["state"] == "merged"
    assert found["score"] < 100
    folder = hub.folder / "landing" / RESIDENT / batch
    assert (folder / "quality" / "index.html").is_file()
    (part,) = (folder / "checked").iterdir()
    schema = pq.read_schema(part)
    assert schema.names == ["subject", "name", "sex", "birth_date", "phone", "_row"]
    assert schema.field("birth_date").type == pa.date32()


def test_a_run_repeated_changes_nothing_and_says_nothing_new(hub: Any, people: Any) -> None:
    hub.publish()
    hub.fill(dirty(people))
    first = ingest.ingest(RESIDENT, "r")
    before, at = state_of(hub, first), hub.batch(first)["checked_at"]
    for step in (ingest.land, ingest.check, ingest.merge, ingest.publish):
        step(first)
    assert ingest.ingest(RESIDENT, "r") == first
    assert state_of(hub, first) == before
    assert hub.batch(first)["checked_at"] == at
    assert len(hub.rows("SELECT 1 FROM landing.batches")) == 1


def test_steps_out_of_order_are_refused_by_name(hub: Any, people: Any) -> None:
    hub.publish()
    hub.fill(people(3))
    batch = ingest.plan(RESIDENT, "r")
    for step in (ingest.check, ingest.merge, ingest.publish):
        with pytest.raises(Terminal, match=r"landing\.wrong_state"):
            step(batch)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        (landing, "write_part"),
        (landing, "write_manifest"),
        (ingest, "_record_landed"),
        (landing, "write_table"),
        (verdicts, "judge"),
        (verdicts, "keep_report"),
        (verdicts, "_results"),
        (verdicts, "score_of"),
        (ingest, "merge_batch"),
    ],
)
def test_a_crash_anywhere_is_taken_up_where_it_stopped(
    hub: Any, people: Any, monkeypatch: pytest.MonkeyPatch, module: Any, name: Any
) -> None:
    hub.publish()
    hub.fill(dirty(people))
    with monkeypatch.context() as patched:
        patched.setattr(module, name, crash)
        with pytest.raises(Crashed):
            ingest.ingest(RESIDENT)
    (stopped,) = hub.rows("SELECT id, state FROM landing.batches")
    assert stopped["state"] in ("planned", "landed", "checked")
    batch = ingest.ingest(RESIDENT)
    assert batch == stopped["id"]
    resumed = state_of(hub, batch)
    assert resumed["state"] == "merged"
    assert len(resumed["reasons"]) == len(hub.rows("SELECT 1 FROM landing.quarantined_rows")) == 4
    assert len(resumed["golden"]) == 57
    assert resumed["repairs"]["duplicate_row"] == 1


def test_a_killed_check_leaves_no_trace_that_stops_the_next(hub: Any, people: Any) -> None:
    hub.publish()
    hub.fill(dirty(people))
    batch = ingest.plan(RESIDENT, "r")
    ingest.land(batch)
    program = (
        "import os, signal\n"
        "from libraries import ingest, quarantine\n"
        "quarantine.hold_malformed = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"  # rows are held, nothing committed
        f"ingest.check({batch!r})\n"
    )
    killed = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], env=dict(os.environ), timeout=240, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert (hub.batch(batch)["state"], hub.reasons(batch)) == ("landed", {})
    ingest.check(batch)
    assert (hub.batch(batch)["state"], len(hub.reasons(batch))) == ("checked", 4)


def test_above_the_threshold_nothing_merges_and_the_verdict_survives_the_failure(hub: Any, people: Any) -> None:
    hub.publish(quality={"reject_above": 0.1})
    rows = people(20)
    for row in rows[:3]:
        row["xm"] = None
    hub.fill(rows)
    batch = ingest.plan(RESIDENT, "r")
    ingest.land(batch)
    for _ in range(2):
        with pytest.raises(Terminal, match=r"quality\.rejected") as caught:
            ingest.check(batch)
        assert caught.value.facts["bad"] == 3
        assert caught.value.facts["worst"] == "name.required 3"
    found = hub.batch(batch)
    assert (found["state"], found["error_code"], found["rows_quarantined"]) == ("rejected", "quality.rejected", 3)
    assert len(hub.reasons(batch)) == 3
    assert hub.one("SELECT failed FROM landing.rule_results WHERE rule = 'name.required'") == 3
    with pytest.raises(Terminal, match=r"quality\.rejected"):
        ingest.merge(batch)
    assert hub.one("SELECT count(*) FROM library.population") == 0


def test_exactly_at_the_threshold_a_batch_still_merges(hub: Any, people: Any) -> None:
    hub.publish(quality={"reject_above": 0.15})
    rows = people(20)
    for row in rows[:3]:
        row["xm"] = None
    hub.fill(rows)
    ingest.ingest(RESIDENT, "r")
    assert hub.one("SELECT count(*) FROM library.population") == 17


def test_a_snapshot_that_lost_most_of_its_rows_is_rejected(hub: Any, people: Any) -> None:
    hub.publish(quality={"volume_drop": 0.4})
    hub.fill(people(20))
    ingest.ingest(RESIDENT, "1")
    hub.fill(people(20)[:12])
    ingest.ingest(RESIDENT, "2")
    hub.fill(people(20)[:7])
    with pytest.raises(Terminal, match=r"quality\.volume") as caught:
        ingest.ingest(RESIDENT, "3")
    assert (caught.value.facts["rows"], caught.value.facts["least"]) == (7, 8)
    assert hub.one("SELECT failed FROM landing.rule_results WHERE rule = 'batch.volume' ORDER BY batch_id LIMIT 1") in (
        0,
        1,
    )


def test_an_empty_source_goes_the_whole_way(hub: Any, people: Any) -> None:
    hub.publish()
    hub.fill([], columns=list(people(1)[0]))
    batch = ingest.ingest(RESIDENT, "r")
    assert (hub.batch(batch)["state"], hub.batch(batch)["rows_in"]) == ("merged", 0)


def test_an_entry_about_somebody_unknown_is_held_and_a_known_one_merges(hub: Any, people: Any) -> None:
    hub.publish()
    known = people(5)
    hub.fill(known)
    ingest.ingest(RESIDENT, "r")
    (orphan,) = append_citizen_check_digits(pa.array(["33010619630101777"])).to_pylist()
    lines = ["主体,类别,文书号,罚款,日期"]
    lines += [f"{row['gmsfhm']},01,号{n},1.50,2024年1月{n + 1}日" for n, row in enumerate(known)]
    lines += [f"{orphan},01,号9,2,2024-01-01", "x,01,号10,many,2024-01-01"]
    hub.publish(ENTRY)
    hub.drop("credit.csv", "\n".join(lines) + "\n", "gb18030")
    batch = ingest.ingest(ENTRY["id"], "r")
    assert hub.reasons(batch) == {
        6: ["subject.exists"], 7: ["subject_code.check_digit", "fine.type", "subject.exists"],
    }  # fmt: skip
    entries = hub.rows("SELECT entry, subject, fine_amount, decision_date::text FROM library.credit ORDER BY entry")
    assert [row["entry"] for row in entries] == [f"01/号{n}/信用办" for n in range(5)]
    assert float(entries[0]["fine_amount"]) == 1.5
    assert entries[0]["decision_date"] == "2024-01-01"


def test_a_reference_to_no_library_is_a_bad_rule(hub: Any, people: Any) -> None:
    hub.publish(
        checks=[
            {
                "id": "x",
                "kind": "reference",
                "items": ["citizen_id"],
                "scope": "library",
                "options": {"library": "atlantis"},
            }
        ]
    )
    hub.fill(people(2))
    with pytest.raises(Terminal, match=r"quality\.bad_rule"):
        ingest.ingest(RESIDENT, "r")


def test_many_row_groups_in_several_files_keep_their_row_numbers(
    hub: Any, people: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landing, "GROUP_ROWS", 16)
    hub.publish(
        source={**hub.publish().source.model_dump(), "options": {"table": "resident", "batch_rows": 8, "slices": 3}}
    )
    rows = people(100)
    rows[95] = {**rows[2], "xm": "别人"}
    rows[50]["xm"] = None
    hub.fill(rows)
    batch = ingest.ingest(RESIDENT, "r")
    held = {
        row["record_key"]: row["reasons"]
        for row in hub.rows("SELECT record_key, reasons FROM landing.quarantined_rows")
    }
    assert held == {rows[2]["gmsfhm"]: ["citizen_id.unique"], rows[50]["gmsfhm"]: ["name.required"]}
    assert hub.batch(batch)["rows_good"] == 97
    assert len(landing.folder_of(hub.batch(batch)["path"]).files("checked")) > 3
    with hub.session() as session:
        assert batches.get(session, batch).batch.rows_quarantined == 3


def test_the_command_shows_what_became_of_the_rows(hub: Any, people: Any) -> None:
    import typer

    from hutong.commands.ingest import ingest as command

    app = typer.Typer()
    app.command()(command)
    hub.publish()
    hub.fill(dirty(people))
    shown = CliRunner().invoke(app, [RESIDENT, "--run-id", "r"])
    assert shown.exit_code == 0, shown.output
    for words in ("good 合格", "57", "citizen_id.unique", "duplicate_row"):
        assert words in shown.output
    everything = CliRunner().invoke(app, ["--all"])
    assert everything.exit_code == 0, everything.output
    assert RESIDENT in everything.output
