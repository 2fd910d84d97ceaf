"""A department's REST service on a good day, a busy day and a broken day."""

import json
import socket
import time
from collections.abc import Callable
from typing import Any, Protocol

import pytest

from connectors.base import Connection
from connectors.rest import RestConnector
from schemas.errors import HutongError, Terminal, Transient

Answer = tuple[int, bytes, dict[str, str]]


class Service(Protocol):
    """What conftest's service offers."""

    port: int
    connection: Connection
    records: list[dict[str, Any]]
    refusals: list[tuple[int, dict[str, str]]]
    asked: list[dict[str, str]]
    files: dict[str, bytes]
    answer: Callable[[dict[str, str]], Answer] | None

    def page(self, asked: dict[str, str]) -> Answer: ...


def _open(service: Service, connection: Connection | None = None, **options: Any) -> RestConnector:
    paging = {"size": 300, "total": "data.total"}
    source = {"path": "api/people", "records": "data.items", "paging": paging, "backoff_seconds": 0.001, "retries": 2}
    return RestConnector(source | options, connection or service.connection)


def _rows(connector: RestConnector) -> list[dict[str, Any]]:
    return [row for piece in connector.slices() for batch in connector.read(piece) for row in batch.to_pylist()]


def _refusal(connector: RestConnector) -> HutongError:
    with pytest.raises(HutongError) as caught:
        _rows(connector)
    return caught.value


def _says(body: Any) -> Callable[[dict[str, str]], Answer]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return lambda _: (200, raw, {})


@pytest.mark.parametrize(
    "paging",
    [
        {"style": "page", "size": 300, "total": "data.total"},
        {"style": "page", "size": 300},
        {"style": "offset", "size": 300, "total": "data.total"},
        {"style": "offset", "size": 300},
        {"style": "cursor", "size": 300, "next": "data.next"},
        {"style": "none"},
    ],
)
def test_every_style_of_paging_reaches_every_record(service: Service, paging: dict[str, Any]) -> None:
    rows = _rows(_open(service, paging=paging))
    assert sorted(row["id"] for row in rows) == [record["id"] for record in service.records]


def test_values_keep_their_spelling_and_nested_ones_become_json(service: Service) -> None:
    raw = b'{"data": {"items": [{"n": 3.10, "big": 320106199001010011, "yes": true, "no": null, "list": [{"a": "\\u7532"}]}], "total": 1}}'
    service.answer = _says(raw)
    assert _rows(_open(service)) == [
        {"n": "3.10", "big": "320106199001010011", "yes": "true", "no": None, "list": '[{"a": "甲"}]'}
    ]


def test_a_busy_service_is_asked_again_when_it_says(service: Service) -> None:
    service.refusals = [(429, {"Retry-After": "1"}), (503, {})]
    begun = time.monotonic()
    assert len(_rows(_open(service))) == 1_000
    assert time.monotonic() - begun >= 1


@pytest.mark.parametrize(
    ("refusal", "code"),
    [
        ((429, {"Retry-After": "3600"}), "rest.rate_limited"),
        ((503, {"Retry-After": "Wed, 21 Oct 2099 07:28:00 GMT"}), "rest.unavailable"),
    ],
)
def test_a_long_wait_is_left_to_the_schedule(service: Service, refusal: tuple[int, dict[str, str]], code: str) -> None:
    service.refusals = [refusal]
    error = _refusal(_open(service))
    assert (type(error), error.code) == (Transient, code)
    assert len(service.asked) == 1


def test_attempts_are_bounded(service: Service) -> None:
    service.refusals = [(503, {})] * 9
    assert _refusal(_open(service)).code == "rest.unavailable"
    assert len(service.asked) == 3


def test_the_rate_is_kept(service: Service) -> None:
    begun = time.monotonic()
    _rows(_open(service, rate=20))
    assert len(service.asked) == 4
    assert time.monotonic() - begun >= 3 / 20


def test_a_wrong_token_is_refused_at_once_and_not_shown(service: Service) -> None:
    wrong = Connection("market", "http", "127.0.0.1", service.port, password="wrong, and secret")
    error = _refusal(_open(service, wrong))
    assert (type(error), error.code) == (Terminal, "connector.refused")
    assert len(service.asked) == 1
    assert "secret" not in f"{error}{error.facts}{wrong}"


def test_a_path_that_is_gone_is_named(service: Service) -> None:
    error = _refusal(_open(service, path="api/moved"))
    assert (error.code, error.facts["table"]) == ("connector.missing_table", "api/moved")


RECORD = {"id": "1", "changed": "2026-01-01"}


@pytest.mark.parametrize(
    ("body", "kind", "code"),
    [
        (b"<html>maintenance</html>", Terminal, "rest.bad_answer"),
        (b"\xc4\xe3\xba\xc3", Terminal, "rest.bad_answer"),
        (b"busy", Terminal, "rest.bad_answer"),
        (b'{"data": {"items": [{"id": "1"}, {"i', Transient, "rest.truncated"),
        (b'{"data": {"items": [{"id": "1"}', Transient, "rest.truncated"),
        (b'{"data": ]}, "x": 1, "y": 2}', Terminal, "rest.bad_answer"),
        ({"data": {"items": {"id": "1"}}}, Terminal, "rest.bad_answer"),
        ({"data": {"items": ["1", "2"]}}, Terminal, "rest.bad_answer"),
        ({"rows": []}, Terminal, "rest.bad_answer"),
        ([], Terminal, "rest.bad_answer"),
        ({"data": {"items": [RECORD], "total": 5}}, Terminal, "rest.page_loop"),
        ({"data": {"items": [RECORD]}}, Terminal, "rest.page_loop"),
        ({"data": {"items": [RECORD, RECORD], "total": 1}}, Transient, "rest.count_mismatch"),
        ({"data": {"items": [], "total": 3}}, Transient, "rest.count_mismatch"),
    ],
)
def test_an_answer_without_sense_is_told_by_its_kind(
    service: Service, body: Any, kind: type[HutongError], code: str
) -> None:
    service.answer = _says(body)
    error = _refusal(_open(service))
    assert (type(error), error.code) == (kind, code)


def test_a_body_shorter_than_announced_is_truncated(service: Service) -> None:
    service.answer = lambda _: (200, b'{"data": ', {"Content-Length": "500", "Connection": "close"})
    assert _refusal(_open(service, timeout_seconds=0.5)).code in ("rest.truncated", "connector.timeout")


def test_cursors_in_a_circle_are_noticed(service: Service) -> None:
    def circle(asked: dict[str, str]) -> Answer:
        here = asked.get("cursor", "a")
        items = [{"id": here, "changed": ""}]
        return 200, json.dumps({"data": {"items": items, "next": {"a": "b", "b": "c", "c": "b"}[here]}}).encode(), {}

    service.answer = circle
    assert _refusal(_open(service, paging={"style": "cursor", "next": "data.next"})).code == "rest.page_loop"


def test_a_field_that_appears_late_is_named_unless_columns_are_bound(service: Service) -> None:
    service.records = [*service.records, {"id": "x", "changed": "2026-01-01", "surprise": 1}]
    error = _refusal(_open(service))
    assert (error.code, error.facts["column"]) == ("connector.unexpected_column", "surprise")
    assert len(_rows(_open(service, columns=["id", "changed"]))) == 1_001


def test_an_answer_that_says_no_inside_is_refused(service: Service) -> None:
    service.answer = _says({"code": 300, "message": "no", "data": {"items": []}})
    assert _refusal(_open(service, success={"path": "code", "values": [200]})).code == "rest.bad_answer"


def test_a_redirect_is_not_followed(service: Service) -> None:
    service.refusals = [(302, {"Location": "http://127.0.0.1:1/"})]
    assert _refusal(_open(service)).code == "rest.bad_answer"


def test_a_service_that_does_not_answer_times_out(service: Service) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        connection = Connection("market", "http", "127.0.0.1", silent.getsockname()[1])
        error = _refusal(_open(service, connection, timeout_seconds=0.05, retries=1))
    assert (type(error), error.code) == (Transient, "connector.timeout")


def test_an_answer_too_large_is_stopped(service: Service) -> None:
    assert _refusal(_open(service, page_bytes=1_000)).code == "rest.too_large"


def test_attachments_come_from_the_same_service_only(service: Service) -> None:
    service.files["/files/1.pdf"] = b"%PDF-1.7"
    connector = _open(service, attachment_bytes=100)
    assert connector.fetch("/files/1.pdf") == b"%PDF-1.7"
    assert connector.fetch(f"http://127.0.0.1:{service.port}/files/1.pdf") == b"%PDF-1.7"
    with pytest.raises(Terminal) as caught:
        connector.fetch("http://elsewhere.example/files/1.pdf")
    assert caught.value.code == "rest.foreign_address"
    service.files["/files/2.pdf"] = b"x" * 101
    with pytest.raises(Terminal, match="too_large"):
        connector.fetch("/files/2.pdf")


def test_the_token_may_travel_as_the_connection_says(service: Service) -> None:
    plain = service.connection
    basic = Connection("market", "http", plain.host, plain.port, None, "user", plain.password, {"auth": "basic"})
    assert _refusal(_open(service, basic)).code == "connector.refused"
    named = Connection(
        "market",
        "http",
        plain.host,
        plain.port,
        None,
        None,
        f"Bearer {plain.password}",
        {"token_header": "Authorization"},
    )
    assert len(_rows(_open(service, named))) == 1_000


def test_an_unknown_paging_key_is_named(service: Service) -> None:
    with pytest.raises(Terminal, match="paging"):
        _open(service, paging={"stile": "page"})
