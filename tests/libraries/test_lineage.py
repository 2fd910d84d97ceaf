"""Lineage: valid OpenLineage of every step, columns followed from the source's field to the library's attribute, and never in a batch's way."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from typer.testing import CliRunner

from hutong.commands.lineage import app
from libraries import ingest
from libraries.tracing import lineage, lineage_delivery, lineage_events
from schemas.errors import Invalid, Terminal
from tests.connectors.servers import free_port
from tests.libraries.lineage_schema import classes, event_schema

RESIDENT = "public_security.resident"


@pytest.fixture
def events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    file = tmp_path / "lineage" / "events.jsonl"
    monkeypatch.setenv("HUTONG_LINEAGE", str(file))
    return lambda: [json.loads(line) for line in file.read_text("utf-8").splitlines()] if file.exists() else []


def held(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Hold events against OpenLineage's schemas, formats included."""
    judge = jsonschema.Draft202012Validator(event_schema(), format_checker=jsonschema.FormatChecker())
    for event in events:
        judge.validate(event)
        assert event["eventTime"][-6:] == "+00:00"
    return events


def facets_of(events: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    for event in events:
        for part in (event["run"], event["job"], *event["inputs"], *event["outputs"]):
            for kind in ("facets", "inputFacets", "outputFacets"):
                yield from part.get(kind, {}).items()


def test_every_step_of_a_run_is_told_in_valid_events(hub: Any, people: Any, events: Any) -> None:
    hub.publish()
    rows = people(12)
    rows[3]["gmsfhm"] = "330106194912319999"
    hub.fill(rows)
    batch = ingest.ingest(RESIDENT, "r")
    told = held(events())
    assert [(event["job"]["name"], event["eventType"]) for event in told] == [
        (f"{RESIDENT}.{step}", kind) for step in ("land", "check", "merge") for kind in ("START", "COMPLETE")
    ]
    runs = [event["run"]["runId"] for event in told]
    assert runs[0::2] == runs[1::2]
    assert len(set(runs)) == 3
    assert len({event["run"]["facets"]["parent"]["run"]["runId"] for event in told}) == 1
    assert {kind for kind, _ in facets_of(told)} == set(lineage_events.FACETS) - {"errorMessage"}
    known = classes()
    assert all(facet["_schemaURL"] in known for _, facet in facets_of(told))
    landed, checked, merged = (event["outputs"][0]["outputFacets"]["outputStatistics"] for event in told[1::2])
    assert (landed["rowCount"], checked["rowCount"], merged["rowCount"]) == (12, 11, 11)
    said = {one["name"]: one for one in told[3]["inputs"][0]["inputFacets"]["dataQualityAssertions"]["assertions"]}
    assert (said["citizen_id.check_digit"]["success"], said["citizen_id.check_digit"]["actual"]) == (False, "1")
    assert (said["name.required"]["success"], said["name.required"]["column"]) == (True, "name")
    assert told[1]["outputs"][0]["facets"]["version"]["datasetVersion"] == batch


def test_columns_lead_from_the_library_back_to_the_source_s_fields(hub: Any, people: Any, events: Any) -> None:
    hub.publish()
    hub.fill(people(2))
    ingest.ingest(RESIDENT, "r")
    back: dict[tuple[str, str], tuple[str, str]] = {}
    for event in events():
        for one in event["outputs"]:
            for column, found in one["facets"]["columnLineage"]["fields"].items():
                for field in found["inputFields"]:
                    back[one["namespace"], column] = field["namespace"], field["field"]

    def origin(attribute: str) -> tuple[str, str]:
        place = ("hutong://library", attribute)
        while place in back:
            place = back[place]
        return place

    source = "hutong://source/police"
    assert {name: origin(name) for name in ("subject", "name", "sex", "birth_date", "phone")} == {
        "subject": (source, "gmsfhm"), "name": (source, "xm"), "sex": (source, "xb"), "birth_date": (source, "csrq"), "phone": (source, "dh"),
    }  # fmt: skip


def test_no_value_of_a_row_is_told(hub: Any, people: Any, events: Any) -> None:
    hub.publish()
    rows = people(6)
    hub.fill(rows)
    ingest.ingest(RESIDENT, "r")
    hub.fill([{**row, "xingming": row["xm"]} for row in rows])
    with pytest.raises(Terminal):
        ingest.ingest(RESIDENT, "2")
    text = json.dumps(events(), ensure_ascii=False)
    assert not [value for row in rows for value in row.values() if value and len(value) > 3 and value in text]


def test_a_refused_batch_fails_by_name_and_a_step_with_nothing_to_do_is_silent(
    hub: Any, people: Any, events: Any
) -> None:
    hub.publish(quality={"reject_above": 0})
    hub.fill([{**row, "xm": None} for row in people(3)])
    with pytest.raises(Terminal, match=r"quality\.rejected"):
        ingest.ingest(RESIDENT, "r")
    told = held(events())
    assert [event["eventType"] for event in told] == ["START", "COMPLETE", "START", "FAIL"]
    assert told[-1]["run"]["facets"]["errorMessage"]["message"].startswith("quality.rejected: ")
    assert any(
        not one["success"] for one in told[-1]["inputs"][0]["inputFacets"]["dataQualityAssertions"]["assertions"]
    )
    with pytest.raises(Terminal):
        ingest.ingest(RESIDENT, "r")
    assert len(events()) == 4


def test_a_lineage_file_that_cannot_be_written_stops_nothing(
    hub: Any, people: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("HUTONG_LINEAGE", str(tmp_path / "file" / "events.jsonl"))
    hub.publish()
    hub.fill(people(2))
    assert hub.batch(ingest.ingest(RESIDENT, "r"))["state"] == "merged"


@contextmanager
def receiver(statuses: list[int], took: list[dict[str, Any]], port: int = 0) -> Iterator[int]:
    """A lineage receiver: answers with these statuses first, then 200."""

    class Desk(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status = statuses.pop(0) if statuses else 200
            if status == 200:
                took.append({"event": json.loads(body), "key": self.headers.get("authorization")})
            self.send_response_only(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

    with ThreadingHTTPServer(("127.0.0.1", port), Desk) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield int(server.server_port)
        server.shutdown()
    thread.join(10)


@pytest.fixture
def address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Names an address to the lineage, its spool in this test's own folder, nothing remembered of former receivers."""
    monkeypatch.setenv("HUTONG_ROOT", str(tmp_path))
    monkeypatch.setenv("HUTONG_LINEAGE_TIMEOUT", "60")
    sender = lineage_delivery._Sender()
    monkeypatch.setattr(lineage_delivery, "_SENDER", sender)

    def name(port: int) -> Any:
        monkeypatch.setenv("HUTONG_LINEAGE", f"http://127.0.0.1:{port}/api/v1/lineage")
        return sender

    yield name
    sender.wait(10)


def test_a_receiver_that_was_down_gets_everything_in_order_when_it_is_back(address: Any) -> None:
    took: list[dict[str, Any]] = []
    port = free_port()
    sender = address(port)
    for number in range(5):
        lineage_delivery.emit({"n": number})
    sender.wait(30)
    assert lineage_delivery.send() == lineage_delivery.Sent(0, 0, 5)
    with receiver([500, 200, 429], took, port):
        assert lineage_delivery.send() == lineage_delivery.Sent(0, 0, 5)
        assert lineage_delivery.send() == lineage_delivery.Sent(1, 0, 4)
        lineage_delivery.emit({"n": 5})  # the sender rests after the failure, so this one waits
        assert lineage_delivery.send() == lineage_delivery.Sent(5, 0, 0)
    assert [one["event"]["n"] for one in took] == [0, 1, 2, 3, 4, 5]


def test_events_are_sent_behind_the_step_s_back_with_their_key(address: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    took: list[dict[str, Any]] = []
    monkeypatch.setenv("HUTONG_LINEAGE_KEY", "a key made for this test")
    with receiver([], took) as port:
        sender = address(port)
        lineage_delivery.emit({"n": 1})
        sender.wait(30)
    assert [(one["event"], one["key"]) for one in took] == [({"n": 1}, "Bearer a key made for this test")]


def test_an_event_the_receiver_refuses_for_good_holds_up_no_other(address: Any, tmp_path: Path) -> None:
    took: list[dict[str, Any]] = []
    (tmp_path / "var" / "lineage").mkdir(parents=True)
    (tmp_path / "var" / "lineage" / "spool.jsonl").write_text('{"n":0}\n{"n":1}\n')
    with receiver([422], took) as port:
        address(port)
        assert lineage_delivery.send() == lineage_delivery.Sent(1, 1, 0)
    assert [one["event"]["n"] for one in took] == [1]
    assert (tmp_path / "var" / "lineage" / "refused.jsonl").read_text() == '{"n":0}\n'


def test_a_silent_receiver_delays_no_batch(
    hub: Any, people: Any, address: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    monkeypatch.setenv("HUTONG_LINEAGE_TIMEOUT", "200")
    hub.publish()
    hub.fill(people(2))
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes the connection, never answers
        sender = address(silent.getsockname()[1])
        assert hub.batch(ingest.ingest(RESIDENT, "r"))["state"] == "merged"
        assert sender._thread is not None
        assert sender._thread.is_alive()  # still waiting for the first event's answer, long after the batch was in


def test_a_full_file_is_put_aside_and_no_line_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUTONG_LINEAGE", str(tmp_path / "e.jsonl"))
    monkeypatch.setenv("HUTONG_LINEAGE_MB", "1")
    for number in range(30):
        lineage_delivery.emit({"n": number, "filler": "x" * 100_000})
    files = sorted(tmp_path.glob("e.jsonl*"))
    assert [file.name for file in files] == ["e.jsonl", "e.jsonl.1", "e.jsonl.2"]
    numbers = sorted(json.loads(line)["n"] for file in files for line in file.read_text().splitlines())
    assert numbers == list(range(30))


def test_off_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUTONG_ROOT", str(tmp_path))
    monkeypatch.setenv("HUTONG_LINEAGE", "off")
    lineage_delivery.emit({"n": 1})
    assert list(tmp_path.iterdir()) == []


def test_the_command_names_the_fields_that_feed_an_attribute(hub: Any) -> None:
    hub.publish()
    shown = CliRunner().invoke(app, ["show", "library.population.name", "--json"])
    (feed,) = json.loads(shown.output)
    assert (feed["connection"], feed["container"], feed["column"], feed["item"]) == ("police", "resident", "xm", "name")
    assert (feed["repairs"], feed["resource"]) == (["trim"], RESIDENT)
    with hub.session() as session:
        assert lineage.feeding(session, "population.subject")[0].column == "gmsfhm"
        for wrong in ("library.population.nothing", "library.atlantis.name", "name"):
            with pytest.raises(Invalid, match=r"lineage\.unknown_attribute"):
                lineage.feeding(session, wrong)
