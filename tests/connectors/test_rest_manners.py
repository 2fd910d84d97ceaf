"""How services want to be asked: who calls, links and letters, JSON and XML."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol

import pytest

from connectors.base import Connection
from connectors.credentials import national_signature
from connectors.rest import RestConnector
from schemas.errors import HutongError, Terminal, Transient

TOKEN = "a token made for this test"
XML: dict[str, Any] = {
    "format": "xml",
    "records": "body.people.person",
    "paging": {"size": 300, "total": "body.total"},
}


class Request(Protocol):
    """What conftest's service was asked."""

    path: str
    asked: dict[str, str]
    headers: dict[str, str]
    body: bytes


class Service(Protocol):
    """What conftest's service offers."""

    port: int
    connection: Connection
    records: list[dict[str, Any]]
    refusals: list[tuple[int, dict[str, str]]]
    requests: list[Request]
    asked: list[dict[str, str]]
    tokens: list[str]
    expires_in: int
    shape: str
    guard: Callable[[Request], bool]
    before: Callable[[int], None] | None
    answer: Callable[[dict[str, str]], tuple[int, bytes, dict[str, str]]] | None

    def page(self, asked: dict[str, str]) -> tuple[int, bytes, dict[str, str]]: ...


def _open(service: Service, extra: dict[str, Any] | None = None, **options: Any) -> RestConnector:
    paging = {"size": 300, "total": "data.total"}
    source = {"path": "api/people", "records": "data.items", "paging": paging, "backoff_seconds": 0.001, "retries": 2}
    connection = replace(service.connection, login="hub", extra=extra or {})
    return RestConnector(source | options, connection)


def _rows(connector: RestConnector) -> list[dict[str, Any]]:
    return [row for piece in connector.slices() for batch in connector.read(piece) for row in batch.to_pylist()]


def _refusal(connector: RestConnector) -> HutongError:
    with pytest.raises(HutongError) as caught:
        _rows(connector)
    return caught.value


def test_an_api_key_travels_in_a_header_of_the_services_own(service: Service) -> None:
    service.guard = lambda request: request.headers.get("x-api-key") == TOKEN
    assert len(_rows(_open(service, {"token_header": "X-Api-Key"}))) == 1_000
    assert "authorization" not in service.requests[-1].headers


def test_an_api_key_travels_in_the_query_once_even_along_links_and_into_no_message(service: Service) -> None:
    service.guard = lambda request: request.asked.get("key") == TOKEN
    extra = {"auth": "query", "token_param": "key"}
    paging = {"style": "link", "size": 300}
    assert len(_rows(_open(service, extra, paging=paging))) == 1_000
    service.guard = lambda _: False
    error = _refusal(_open(service, extra))
    assert error.code == "connector.refused"
    assert TOKEN not in f"{error!r}{error.facts}{error.__cause__!r}"


@pytest.mark.parametrize("platform", ["gjgxjhpt", "gjzwfwpt"])
def test_the_national_platforms_signature_is_right_and_has_a_time_of_its_own(service: Service, platform: str) -> None:
    def is_signed(request: Request) -> bool:
        rid, sid, rtime, sign = (
            request.headers.get(f"{platform}_{name}", "") for name in ("rid", "sid", "rtime", "sign")
        )
        expected = hmac.new(TOKEN.encode(), f"{sid}{rid}{rtime}".encode(), hashlib.sha256).digest()
        return (
            (rid, sid) == ("hub", "s_1100")
            and len(rtime) == 13
            and abs(int(rtime) / 1_000 - time.time()) < 60
            and base64.b64decode(sign) == expected
        )

    service.guard = is_signed
    assert len(_rows(_open(service, {"auth": "national", "platform": platform}, sid="s_1100"))) == 1_000
    assert _refusal(_open(service, {"auth": "national", "platform": platform}, sid="s_2")).code == "connector.refused"


def test_the_national_signature_of_a_known_message() -> None:
    """Held against OpenSSL: printf sid1rid11767571200000 | openssl dgst -sha256 -hmac secret -binary | base64."""
    sign = national_signature("rid1", "sid1", "1767571200000", "secret")
    assert sign == "SaPjJYh7GbUGANNYBwA13oMPmR8kFYn8YPB6k18bNO0="


@pytest.mark.parametrize("client_auth", ["basic", "body"])
def test_a_token_is_fetched_once_and_used_for_every_page(service: Service, client_auth: str) -> None:
    service.guard = lambda request: request.headers.get("authorization") == f"Bearer {service.tokens[-1]}"
    assert len(_rows(_oauth(service, client_auth=client_auth))) == 1_000
    assert len(service.tokens) == 1


def _oauth(service: Service, **extra: Any) -> RestConnector:
    return _open(service, {"auth": "oauth2", "token_url": f"http://127.0.0.1:{service.port}/token"} | extra)


def test_a_token_that_expires_in_mid_pull_is_renewed_and_nothing_is_lost(service: Service) -> None:
    used: dict[str, int] = {}

    def lasts_two_pages(request: Request) -> bool:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        used[token] = used.get(token, 0) + 1
        return token in service.tokens and used[token] <= 2

    service.guard = lasts_two_pages
    assert sorted(row["id"] for row in _rows(_oauth(service))) == [record["id"] for record in service.records]
    assert len(service.tokens) == 2


def test_a_token_is_renewed_before_its_end(service: Service) -> None:
    service.expires_in = 10  # no longer than it may take on the way
    service.guard = lambda request: request.headers.get("authorization") == f"Bearer {service.tokens[-1]}"
    assert len(_rows(_oauth(service))) == 1_000
    assert len(service.tokens) == 4


def test_a_client_that_is_refused_is_told_once(service: Service) -> None:
    connector = RestConnector(
        {"path": "api/people", "retries": 3},
        replace(_oauth(service).connection, password="wrong, and secret"),
    )
    error = _refusal(connector)
    assert (type(error), error.code) == (Terminal, "connector.refused")
    assert len(service.requests) == 1
    service.guard = lambda _: False
    assert _refusal(_oauth(service)).code == "connector.refused"
    assert len(service.tokens) == 2  # one renewal, no more


@pytest.mark.parametrize(
    "extra",
    [
        {"auth": "oauth2"},
        {"auth": "query"},
        {"auth": "national"},
        {"auth": "national", "platform": "another", "sid": "1"},
        {"auth": "carrier pigeon"},
    ],
)
def test_a_connection_that_lacks_something_is_told_so(service: Service, extra: dict[str, Any]) -> None:
    error = _refusal(_open(service, extra))
    assert (type(error), error.code) == (Terminal, "connector.bad_connection")
    assert not service.requests


@pytest.mark.parametrize(
    "paging",
    [
        {"style": "link", "size": 300, "next": "nowhere"},  # the Link header
        {"style": "link", "size": 300, "next": "link"},  # a path in the answer
    ],
)
def test_links_to_the_next_page_are_followed(service: Service, paging: dict[str, Any]) -> None:
    rows = _rows(_open(service, paging=paging))
    assert sorted(row["id"] for row in rows) == [record["id"] for record in service.records]
    assert len(service.asked) == 4


def test_a_link_to_another_service_does_not_get_the_token(service: Service) -> None:
    body = {"data": {"items": [{"id": "1"}]}, "link": "http://elsewhere.example/api/people?page=2"}
    service.answer = lambda _: (200, json.dumps(body).encode(), {})
    error = _refusal(_open(service, paging={"style": "link", "next": "link"}))
    assert (error.code, error.facts["address"]) == ("rest.foreign_address", "elsewhere.example")


def test_links_in_a_circle_are_noticed(service: Service) -> None:
    numbers = iter(range(100))
    service.answer = lambda _: (
        200,
        json.dumps({"items": [{"id": next(numbers)}], "next": "/api/people?a"}).encode(),
        {},
    )
    error = _refusal(_open(service, records="items", paging={"style": "link"}))
    assert error.code == "rest.page_loop"


def test_parameters_may_be_posted_as_json_also_below_an_object(service: Service) -> None:
    assert len(_rows(_open(service, method="post"))) == 1_000
    assert json.loads(service.requests[-1].body) == {"size": 300, "page": 4}
    paging = {"size": 300, "total": "data.total", "page_param": "page.page", "size_param": "page.size"}
    assert len(_rows(_open(service, body={"page": {"asc": True}, "kind": "甲"}, paging=paging))) == 1_000
    assert json.loads(service.requests[-1].body) == {"page": {"asc": True, "size": 300, "page": 4}, "kind": "甲"}
    assert service.requests[-1].asked == {}


def test_parameters_may_be_written_into_a_letter(service: Service) -> None:
    letter = "<ask><page>$page</page><of>$size</of><who>$who</who></ask>"
    service.answer = lambda _: service.page(
        {"size": "300", "page": service.requests[-1].body.decode().split("page>")[1].removesuffix("</")}
    )
    assert len(_rows(_open(service, body=letter, params={"who": "甲 & <乙>"}))) == 1_000
    assert service.requests[-1].body.decode() == "<ask><page>4</page><of>300</of><who>甲 &amp; &lt;乙&gt;</who></ask>"
    assert service.requests[-1].headers["content-type"].startswith("text/xml")


def test_xml_in_gbk_is_read_like_json(service: Service) -> None:
    service.shape = "xml"
    rows = _rows(_open(service, **XML))
    assert [row | {"note": row["note"] or ""} for row in rows] == [
        record | {"note": (record["note"] or "").strip()} for record in service.records
    ]


@pytest.mark.parametrize(
    ("body", "records", "expected"),
    [
        ("<a><r><x>1</x></r></a>", "a.r", [{"x": "1"}]),
        ("<a/>", "a.r", []),
        ("<a><b/></a>", "a.b.r", []),
        ("<a><r n='1'><x>1</x><x>2</x></r></a>", "a.r", [{"@n": "1", "x": '["1", "2"]'}]),
        ("<a><r><x><![CDATA[<&>]]></x></r></a>", "a.r", [{"x": "<&>"}]),
        ("<a><r><x k='1'>t</x></r></a>", "a.r", [{"x": '{"@k": "1", "#text": "t"}'}]),
    ],
)
def test_xml_has_no_lists_but_records_are_found(
    service: Service, body: str, records: str, expected: list[dict[str, str]]
) -> None:
    service.answer = lambda _: (200, body.encode(), {})
    assert _rows(_open(service, format="xml", records=records, paging={"style": "none"})) == expected


BOMB = '<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;&b;&b;">]><a><r><x>&c;</x></r></a>'
THIEF = '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a><r><x>&b;</x></r></a>'


@pytest.mark.parametrize(
    ("body", "kind", "code", "reason"),
    [
        (BOMB, Terminal, "rest.bad_answer", "document type"),
        (THIEF, Terminal, "rest.bad_answer", "document type"),
        ("<a>" * 100 + "</a>" * 100, Terminal, "rest.bad_answer", "deeply"),
        ("<a><r><x>1</x></r>", Transient, "rest.truncated", ""),
        ("<a><r><x>1</x></r></", Transient, "rest.truncated", ""),
        ("<a></b>", Terminal, "rest.bad_answer", "not XML"),
        ('{"a": 1}', Terminal, "rest.bad_answer", "not XML"),
        ("<fault>no</fault>", Terminal, "rest.bad_answer", "no list"),
        ("<a><r>1</r><r>2</r></a>", Terminal, "rest.bad_answer", "no list"),
        ('<?xml version="1.0" encoding="no-such"?><a/>', Terminal, "rest.bad_answer", "not UTF-8"),
    ],
)
def test_xml_without_sense_is_told_by_its_kind_and_looks_nothing_up(
    service: Service, body: str, kind: type[HutongError], code: str, reason: str
) -> None:
    service.answer = lambda _: (200, body.encode(), {})
    error = _refusal(_open(service, format="xml", records="a.r", paging={"style": "none"}))
    assert (type(error), error.code) == (kind, code)
    assert reason in str(error.facts.get("reason", ""))


def test_json_in_a_declared_encoding_is_read_and_a_wrong_one_is_told(service: Service) -> None:
    body = json.dumps([{"name": "龘龑"}], ensure_ascii=False)
    service.answer = lambda _: (200, body.encode("gb18030"), {})
    options: dict[str, Any] = {"records": "", "paging": {"style": "none"}}
    assert _rows(_open(service, encoding="gb18030", **options)) == [{"name": "龘龑"}]
    error = _refusal(_open(service, encoding="ascii", **options))
    assert (error.code, error.facts["reason"]) == ("rest.bad_answer", "not ascii")
