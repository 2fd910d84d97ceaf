"""Operators watch figures, spans and lines of log. They are right with several workers, cost next to nothing, and no person stands in any of them."""

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client.parser import text_string_to_metric_families

from exchange_api.signing import Request
from exchange_api.watching.figures import Figures, Shared
from exchange_api.watching.lines import JsonLines
from exchange_api.watching.metrics import exposition
from exchange_api.watching.routes import route_of
from tests.exchange_api.recalling import Hub
from tests.exchange_api.watched import Caller, get, person, send, worker

Series = dict[tuple[str, tuple[tuple[str, str], ...]], float]
SECONDS = 60


def _series(body: bytes) -> Series:
    families = text_string_to_metric_families(body.decode())
    return {(one.name, tuple(sorted(one.labels.items()))): one.value for family in families for one in family.samples}


def _of(series: Series, name: str, **labels: str) -> float:
    return sum(value for (key, held), value in series.items() if key == name and labels.items() <= dict(held).items())


@pytest.fixture(scope="module")
def told(hub: Hub, serve: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, Path]]:
    """Two workers that put their figures together and write JSON lines; their authorities, and the folder of their logs."""
    folder = tmp_path_factory.mktemp("told")
    settings = {
        "HUTONG_METRICS_FOLDER": str(folder / "metrics"),
        "HUTONG_LOGS": "json",
        "HUTONG_METRICS_ADDRESSES": "127.0.0.2/32",
    }
    with (
        worker(serve, hub.site, folder / "one", **settings) as one,
        worker(serve, hub.site, folder / "two", **settings) as two,
    ):
        yield one, two, folder


def _figures(authority: str) -> Series:
    response = get(authority, "/metrics", source="127.0.0.2")
    assert response.status == 200, response.body
    return _series(response.body)


def _until(authority: str, is_so: Callable[[Series], bool]) -> Series:
    deadline = time.monotonic() + SECONDS
    while not is_so(found := _figures(authority)):
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    return found


def _is_standing(found: Series) -> bool:
    """Whether the database was read in time: what stands in it is left out otherwise."""
    return "hutong_evidence_pending_entries" in {name for name, _ in found}


def test_every_worker_tells_of_all(hub: Hub, told: tuple[str, str, Path]) -> None:
    one, two, _ = told
    first, second = Caller(hub.site, one), Caller(hub.site, two)
    before = _of(_figures(one), "hutong_answers_total", route="population.query", status="2xx")
    for number in range(3):
        assert first.ask(first.grant(), [person(6, number)])[0] == 200
    # the refusal first: a worker's figures that hold the last answer hold it too
    assert second.ask("SQ-2027-999999", [person(6, 9)])[0] in (403, 404)
    for number in range(4):
        assert second.ask(second.grant(), [person(6, number)])[0] == 200
    answered = {"route": "population.query", "status": "2xx"}
    for authority in (one, two):
        found = _until(
            authority,
            lambda found: _is_standing(found) and _of(found, "hutong_answers_total", **answered) == before + 7,
        )
        assert _of(found, "hutong_answers_total", code="grant.unknown") >= 1
        assert _of(found, "hutong_workers") == 2
        assert _of(found, "hutong_answer_seconds_count", route="population.query") >= 8
        assert _of(found, "hutong_group_commit_entries_sum") >= 8
        assert {"hutong_evidence_lag_seconds", "hutong_grants_near_quota", "hutong_notices_waiting"} <= {
            name for name, _ in found
        }
        assert _of(found, "hutong_evidence_pending_entries") > 0, "no sequencer runs here"


def test_figures_are_shown_to_declared_networks_only(told: tuple[str, str, Path]) -> None:
    refused = get(told[0], "/metrics")
    assert (refused.status, json.loads(refused.body)["code"]) == (403, "metrics.address")
    assert get(told[0], "/metrics", {"x-forwarded-for": "127.0.0.2"}, "127.0.0.2").status == 403, (
        "who came through a proxy is unknown"
    )


def test_paths_do_not_make_figures_grow(told: tuple[str, str, Path]) -> None:
    one = told[0]
    before = len(_figures(one))
    for number in range(20):
        get(one, f"/v1/{number}/x")
        get(one, f"/v1/demands/XQ-2026-{number:06d}")
    assert len(_figures(one)) - before < 60


def test_no_person_stands_in_any_line_wherever_he_is_put(hub: Hub, told: tuple[str, str, Path]) -> None:
    one, _, folder = told
    caller, someone = Caller(hub.site, one), person(7, 707)
    grant_id = caller.grant()
    assert caller.ask(grant_id, [someone])[0] == 200
    assert caller.ask(someone, [someone])[0] == 403
    assert caller.ask(grant_id, [someone], case=someone)[0] == 422
    for path in (f"/v1/trace/{someone}", f"/v1/{someone}", f"/{someone}", f"/v1/trace/{hub.site.company}"):
        get(
            one,
            path,
            {"x-request-id": someone, "signature-input": f'sig1=("@method");keyid="{someone}"', "user-agent": someone},
        )
    send(Request("POST", one, "/v1/libraries/population/query", f"x={someone}", {}, someone.encode()))
    lines = [json.loads(line) for line in (folder / "one" / "worker.log").read_text().splitlines()]
    answers = [line for line in lines if line["logger"] == "hutong.answers"]
    good = [line for line in answers if line.get("grant") == grant_id]
    assert {(line["status"], line["code"], line["application"]) for line in good} == {
        (200, None, caller.id),
        (422, "purpose.case_personal", caller.id),
    }
    assert all(line["receipt"] and line["ms"] > 0 for line in good)
    text = json.dumps(lines)
    assert someone not in text
    assert hub.site.company not in text


def test_a_record_of_log_hides_people_and_foreign_messages() -> None:
    import logging

    record = logging.LogRecord("hutong.x", logging.ERROR, "x.py", 1, "failed for %s", (person(8, 808),), None)
    try:
        raise ValueError(person(8, 808))
    except ValueError:
        import sys

        record.exc_info = sys.exc_info()
    said = json.loads(JsonLines().format(record))
    assert (said["error"], person(8, 808) in json.dumps(said)) == ("ValueError", False)


class Collector(ThreadingHTTPServer):
    """A collector of traces on this machine: keeps what it is sent."""

    spans: ClassVar[list[Any]] = []


class _Take(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        sent = ExportTraceServiceRequest()
        sent.ParseFromString(self.rfile.read(int(self.headers["content-length"])))
        Collector.spans += [span for res in sent.resource_spans for scope in res.scope_spans for span in scope.spans]
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A running collector."""
    server = Collector(("127.0.0.1", 0), _Take)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_question_can_be_followed_down_to_the_statement(
    hub: Hub, serve: Any, tmp_path: Path, collector: Collector
) -> None:
    settings = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.server_address[1]}",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "none",
    }
    trace, someone = "0af7651916cd43dd8448eb211c80319c", person(10, 1)
    with worker(serve, hub.site, tmp_path / "traced", **settings) as authority:
        caller = Caller(hub.site, authority)
        request = hub.site.question(
            {"grant": caller.grant(), "purpose": hub.site.purpose, "subjects": [someone]}, authority=authority, signer=caller.signer
        )  # fmt: skip
        headers = request.headers | {"traceparent": f"00-{trace}-b7ad6b7169203331-01"}
        answered = send(Request(request.method, authority, request.path, "", headers, request.body))
        get(authority, f"/v1/trace/{someone}", {"x-request-id": someone})
    assert answered.status == 200
    given = re.fullmatch(rf"00-{trace}-([0-9a-f]{{16}})-01", answered.headers["traceparent"])
    assert given, answered.headers
    spans = [span for span in collector.spans if span.trace_id.hex() == trace]
    by_id = {span.span_id.hex(): span for span in spans}
    root = by_id[given[1]]
    assert root.parent_span_id.hex() == "b7ad6b7169203331"
    names = {span.name for span in spans}
    assert {"POST population.query", "key", "permit", "find", "record"} <= names
    statements = [span for span in spans if span.name.startswith("SELECT library.")]
    assert "find" in {by_id[span.parent_span_id.hex()].name for span in statements}, names
    facts = {one.key: one.value.string_value for one in root.attributes}
    assert facts["hutong.receipt"] == answered.headers["x-receipt"]
    assert not any(someone in str(span) for span in collector.spans), "nobody is named"


@given(st.text(), st.sampled_from(["/v1/", "/v1/libraries/", "/", "/static/", "/v1/trace/"]))
def test_a_class_of_routes_is_one_of_few_words(rest: str, start: str) -> None:
    assert re.fullmatch(r"[a-z_]+(?:\.(?:query|verify))?|quota-requests|supply-tasks", route_of(start + rest))


def test_figures_of_dead_workers_are_kept_and_their_gauges_are_not(tmp_path: Path) -> None:
    here = Shared(tmp_path)
    dead, mine = Figures(gauges={"workers": 1.0}), Figures(gauges={"workers": 1.0})
    dead.answered("health", 200, "", 0.003)
    dead.grouped(5)
    (tmp_path / "999999999.json").write_text(json.dumps(dead.as_json()))
    (tmp_path / "888888888.json").write_text("{ half")
    here.write(mine)
    for other in Shared(tmp_path).others():
        mine.merge(other)
    found = _series(exposition(mine, []))
    assert _of(found, "hutong_answers_total") == 1
    assert _of(found, "hutong_answer_seconds_bucket", le="0.005") == 1
    assert _of(found, "hutong_answer_seconds_bucket", le="0.002") == 0
    assert (_of(found, "hutong_workers"), _of(found, "hutong_group_commit_entries_sum")) == (1, 5)


def test_a_new_generation_begins_anew(tmp_path: Path) -> None:
    dead = Figures()
    dead.answered("health", 200, "", 0.003)
    (tmp_path / "999999999.json").write_text(json.dumps(dead.as_json()))
    assert Shared(tmp_path).others() == []


def test_codes_without_number_are_counted_as_other() -> None:
    figures = Figures()
    for number in range(5_000):
        figures.answered("health", 404, f"code.{number}", 0.1)
    assert len(figures.answers) < 2_100
    assert sum(figures.answers.values()) == 5_000
