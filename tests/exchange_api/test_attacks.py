"""What an attacker sends: malformed, huge, ambiguous and smuggled questions. Each is refused in words or closed on, nothing breaks, nothing is told."""

import contextlib
import dataclasses
import json
import socket
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from exchange_api.signing import Request

VERIFY = "/v1/libraries/population/verify"
INJECTIONS = (
    "' OR '1'='1", "'; DROP TABLE exchange.grants; --", "\\'); DELETE FROM library.population; --", '" OR ""="', "$1", "$$;--",
    "%s%(x)s{0}", "1) UNION SELECT subject FROM library.population --", "E'\\\\'", "';SELECT pg_sleep(3)--",
)  # fmt: skip


def _code(site: Any, document: Any = None, path: str = "/v1/libraries/population/query", **changes: Any) -> str:
    """The code of a signed refusal; "answered" for what was not refused."""
    request, response = site.ask(document, path, **changes)
    site.check(request, response)
    return str(json.loads(response.body).get("code", "answered"))


def _raw(site: Any, *parts: bytes, is_ended: bool = True) -> bytes:
    """Put bytes on a connection and read what comes until it is closed, or nothing more comes."""
    host, port = site.authority.split(":")
    with socket.create_connection((host, int(port)), timeout=30) as wire:
        found = b""
        with contextlib.suppress(OSError):  # it may close before it has heard all
            for part in parts:
                wire.sendall(part)
            if is_ended:
                wire.shutdown(socket.SHUT_WR)
        with contextlib.suppress(TimeoutError, ConnectionResetError):
            while part := wire.recv(65536):
                found += part
        return found


def _head(request: Request, *more: str, length: bool = True) -> bytes:
    """A question's head as it stands on the wire."""
    lines = [f"{request.method} {request.path} HTTP/1.1", f"host: {request.authority}"]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    lines += [f"content-length: {len(request.body)}"] if length else []
    return "\r\n".join([*lines, *more, "", ""]).encode("latin-1")


def _answers(found: bytes) -> list[int]:
    """The statuses of all answers in what came back."""
    return [int(part[:3]) for part in found.split(b"HTTP/1.1 ")[1:]]


def _state(site: Any) -> tuple[Any, ...]:
    tables = (
        "library.population",
        "exchange.grants",
        "exchange.grant_items",
        "exchange.application_keys",
        "exchange.objections",
    )
    with site.engine.connect() as connection:
        return tuple(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar() for table in tables)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 10_000, b'{"a":' * 10_000, b"[" * 10_000 + b"]" * 10_000, b'{"a":' * 9_000 + b"1" + b"}" * 9_000, b"", b"\xff\xfe",
        b'{"grant":"\xc3\x28"}', b'{"grant":NaN}', b'{"grant":Infinity}', b'{"grant":1} {}', b'{"grant":01}', b"\xef\xbb\xbf{}",
        '{"grant":"SQ"}'.encode("utf-16"), b'{"grant":"\x00"}', b"{'grant':1}", b'{"grant":"SQ",}', b"9" * 5_000 + b"x",
    ],
)  # fmt: skip
def test_what_is_no_json_is_refused(exchange_site: Any, body: bytes) -> None:
    assert _code(exchange_site, body=body) in ("request.not_json", "request.malformed")


def test_members_named_twice_are_refused_wherever_they_are(exchange_site: Any) -> None:
    plain = json.dumps(exchange_site.asking("SQ-2026-000001"))
    for again in (
        '{"grant":"SQ-2026-000007",' + plain[1:],
        plain[:-1] + ',"grant":"SQ-2026-000007"}',
        '{"gr\\u0061nt":"SQ-2026-000007",' + plain[1:],
        '{"x\\"":1,"x\\u0022":2,' + plain[1:],
        plain.replace('{"service_item"', '{"case":"1","service_item"'),
    ):
        assert _code(exchange_site, body=again.encode()) == "request.duplicate", again
    assert _code(exchange_site, body=plain.encode()) == "answered"


@pytest.mark.parametrize(
    "number", ["1e400", "-1e400", "9" * 400, "1e-400", "0." + "1" * 4_000, str(2**63), "1E+999999999"]
)
def test_huge_numbers_match_nothing_and_break_nothing(exchange_site: Any, number: str) -> None:
    claim = f'[{{"subject":"{exchange_site.people[1]}","values":{{"name":{number}}}}}]'
    purpose = json.dumps(exchange_site.purpose)
    body = f'{{"grant":"SQ-2026-000001","purpose":{purpose},"claims":{claim}}}'.encode()
    request, response = exchange_site.ask(None, VERIFY, body=body)
    exchange_site.check(request, response)
    told = json.loads(response.body)
    assert response.status in (200, 400, 422), told
    assert response.status != 200 or told["verdicts"][0]["matches"] == {"name": False}


@pytest.mark.parametrize("injection", INJECTIONS)
def test_sql_in_any_text_is_text(exchange_site: Any, injection: str) -> None:
    before, begun = _state(exchange_site), time.monotonic()
    asking, purpose = exchange_site.asking, exchange_site.purpose
    for document in (
        asking(injection), asking(purpose={**purpose, "service_item": injection}), asking(purpose={**purpose, "case": injection}),
        asking(subjects=[injection]), asking(items=[injection]), asking(as_of=injection), asking(known_at=injection), asking(**{injection: 1}),
    ):  # fmt: skip
        assert _code(exchange_site, document) != "server.error"
    claims = [{"subject": exchange_site.people[1], "values": {"name": injection}}]
    _, response = exchange_site.ask({"grant": "SQ-2026-000001", "purpose": purpose, "claims": claims}, VERIFY)
    assert json.loads(response.body)["verdicts"][0]["matches"] == {"name": False}
    claims[0]["values"] = {injection: "x"}
    assert (
        _code(exchange_site, {"grant": "SQ-2026-000001", "purpose": purpose, "claims": claims}, VERIFY)
        == "request.malformed"
    )
    objection = {
        "receipt": str(uuid.uuid4()),
        "subject": injection,
        "attribute": "name",
        "reason": injection,
        "evidence": injection,
    }
    assert _code(exchange_site, objection, "/v1/objections") not in ("answered", "server.error")
    coded = "".join(f"%{byte:02X}" for byte in injection.encode())
    for path in (
        f"/v1/receipts/{coded}",
        f"/v1/trace/{coded}",
        f"/v1/recalls/{coded}",
        f"/v1/libraries/{coded}/query",
        f"/v1/log/tile/{coded}",
    ):
        assert _code(exchange_site, None, path, method="GET") not in ("answered", "server.error")
    assert _code(exchange_site, None, "/v1/recalls", method="GET", query=f"after={coded}") != "server.error"
    assert _state(exchange_site) == before
    assert time.monotonic() - begun < 40, "no text made the database sleep"


def test_quotes_in_a_case_number_come_back_as_they_were(exchange_site: Any) -> None:
    case = "BJ-'\"; --"
    request, response = exchange_site.ask(exchange_site.asking(purpose={**exchange_site.purpose, "case": case}))
    entry = exchange_site.check(request, response)
    assert json.loads(entry.document)["purpose"]["case"] == case


@pytest.mark.parametrize(
    "path",
    [
        "/v1/libraries/population/%2e%2e/population/query", "/v1/libraries/population/../population/query", "//v1/libraries/population/query",
        "/v1//libraries/population/query", "/v1/libraries/population%2Fquery", "/v1/libraries/population/query/", "/v1/%6cibraries/population/query",
        "/V1/libraries/population/query", "/v1/libraries/population/query%00", "/v1/libraries/population/query;x=1", "/v1\\libraries/population/query",
        "/v1/./libraries/population/query", "/v1/libraries/population/query%20", "/x/../v1/libraries/population/query", "/%76%31/libraries/population/query",
    ],
)  # fmt: skip
def test_no_other_spelling_of_a_path_leads_to_records(exchange_site: Any, path: str) -> None:
    response = exchange_site.send(exchange_site.question(exchange_site.asking(), path))
    assert 400 <= response.status < 500, response.body
    assert b"records" not in response.body


def test_method_overrides_are_not_heeded(exchange_site: Any) -> None:
    claimed = {"x-http-method-override": "POST", "x-http-method": "POST", "x-method-override": "POST"}
    assert _code(exchange_site, exchange_site.asking(), method="GET", headers=claimed) == "route.method"
    assert _code(exchange_site, None, "/v1/errors", method="DELETE", query="_method=GET") == "route.method"


def test_only_the_configured_host_counts(exchange_site: Any) -> None:
    own, forwarded = exchange_site.authority, ("x-forwarded-host", "x-host", "forwarded", "x-original-host")
    for authority in ("evil.example", f"{own}.evil.example", f"{own}@evil.example", ""):
        for header in forwarded:
            value = f"host={own}" if header == "forwarded" else own
            request = exchange_site.question(exchange_site.asking(), authority=authority, headers={header: value})
            assert json.loads(exchange_site.send(request).body)["code"] == "authority.unknown"
    for header in forwarded:  # and none takes the right one away
        assert _code(exchange_site, exchange_site.asking(), headers={header: "evil.example"}) == "answered"
    request = exchange_site.question(exchange_site.asking())
    assert 200 not in _answers(
        _raw(exchange_site, _head(request, "host: evil.example", "connection: close"), request.body)
    )


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (["content-length: 5"], b""),
        (["transfer-encoding: chunked"], b""),
        (["transfer-encoding: chunked", "transfer-encoding: identity"], b""),
        (["transfer-encoding: xchunked"], b""),
        (["transfer-encoding : chunked"], b""),
        (["content-length: +5"], b""),
        (["content-length: 5, 6"], b""),
    ],
)
def test_a_question_of_two_lengths_smuggles_nothing(exchange_site: Any, headers: list[str], body: bytes) -> None:
    outer, inner = exchange_site.question(exchange_site.asking()), exchange_site.question(exchange_site.asking())
    smuggled = _head(inner, "connection: close") + inner.body
    found = _raw(exchange_site, _head(outer, *headers), b"0\r\n\r\n" + body + smuggled)
    assert 200 not in _answers(found), found
    with exchange_site.engine.connect() as connection:
        counted = text("SELECT count(*) FROM evidence.entries WHERE request_id = :id AND status = 200")
        assert connection.execute(counted, {"id": inner.headers["x-request-id"]}).scalar() == 0


def test_chunks_that_lie_are_not_answered_with_data(exchange_site: Any) -> None:
    request = exchange_site.question(exchange_site.asking())
    head = _head(request, "transfer-encoding: chunked", "connection: close", length=False)
    for chunks in (b"zz\r\nabc\r\n0\r\n\r\n", b"ffffffffffffffff1\r\nabc", b"-1\r\n\r\n", b"5\r\nab"):
        assert 200 not in _answers(_raw(exchange_site, head, chunks))
    half = len(request.body) // 2
    good = (
        b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (request.body[:half], request.body[half:]))
        + b"0\r\n\r\n"
    )
    assert _answers(_raw(exchange_site, head, good, is_ended=False)) == [200], (
        "chunks that hold what was signed are a question"
    )


def test_a_body_of_a_gibibyte_is_refused_unread(exchange_site: Any) -> None:
    request = exchange_site.question(exchange_site.asking())
    begun = time.monotonic()
    found = _raw(
        exchange_site, _head(request, "content-length: 1073741824", "connection: close", length=False), is_ended=False
    )
    assert _answers(found) == [413]
    assert b"request.too_large" in found
    assert time.monotonic() - begun < 25


def test_huge_headers_break_nothing(exchange_site: Any) -> None:
    for name in ("x-padding", "x-request-id", "signature-input", "signature", "content-digest", "content-type"):
        request = exchange_site.question(exchange_site.asking())
        headers = {**request.headers, name: "a" * 60_000}
        found = _raw(
            exchange_site,
            _head(Request("POST", request.authority, request.path, "", headers, request.body), "connection: close"),
            request.body,
        )
        statuses = _answers(found)
        assert statuses == [] or statuses[0] == 200 or 400 <= statuses[0] < 500, (name, found[:300])
        assert statuses != [200] or name == "x-padding"
    many = [f"x-{n}: {n}" for n in range(5_000)]
    statuses = _answers(_raw(exchange_site, _head(request, *many, "connection: close"), request.body))
    assert statuses == [] or statuses[0] < 500
    assert _code(exchange_site, exchange_site.asking()) == "answered"


def test_replays_now_and_later_and_in_another_place_are_refused(exchange_site: Any) -> None:
    request = exchange_site.question(exchange_site.asking())
    assert exchange_site.send(request).status == 200
    assert json.loads(exchange_site.send(request).body)["code"] == "nonce.replayed"
    moved = Request("POST", request.authority, "/v1/libraries/population/verify", "", request.headers, request.body)
    assert json.loads(exchange_site.send(moved).body)["code"] == "signature.wrong"
    now = int(time.time())
    late = exchange_site.question(exchange_site.asking(), created=now - 200, expires=now - 1)
    assert json.loads(exchange_site.send(late).body)["code"] == "signature.expired"
    older = exchange_site.question(exchange_site.asking(), created=now - 3_600)
    assert json.loads(exchange_site.send(older).body)["code"] == "signature.clock"


@pytest.mark.parametrize("seconds", [-600, 600])
def test_a_clock_ten_minutes_off_is_refused_with_the_difference_and_evidence(exchange_site: Any, seconds: int) -> None:
    begun = time.time()
    request, response = exchange_site.ask(exchange_site.asking(), created=int(begun) + seconds)
    told, took = json.loads(response.body), time.time() - begun
    assert (response.status, told["code"]) == (401, "signature.clock")
    assert abs(abs(told["clock_difference"]) - 600) <= took + 2, told
    assert exchange_site.check(request, response).code == "signature.clock"
    assert exchange_site.ask(exchange_site.asking())[1].status == 200


def test_a_request_id_is_for_one_body(exchange_site: Any) -> None:
    same = {"x-request-id": str(uuid.uuid4())}
    assert _code(exchange_site, exchange_site.asking(), headers=same) == "answered"
    other = exchange_site.asking(subjects=exchange_site.people[3:4])
    assert _code(exchange_site, other, headers=same) == "request_id.reused"


@pytest.fixture
def patient(exchange_site: Any, serve: Any, tmp_path: Path) -> Iterator[Any]:
    """The exchange by a worker that waits long for a statement."""
    environment = exchange_site.environment | {"HUTONG_API_PATIENCE_S": "60"}
    with serve(environment, tmp_path / "server.log") as authority:
        yield dataclasses.replace(exchange_site, url=f"http://{authority}", authority=authority)


def test_neither_words_nor_work_tell_whether_anothers_grant_exists(patient: Any) -> None:
    another, none = "SQ-2026-000007", "SQ-2026-999999"
    asked = patient.question(patient.asking(another), signer=patient.other_signer)
    assert patient.send(asked).status == 200, "its owner uses it, so the worker remembers it"
    questions = [patient.question(patient.asking(grant)) for grant in (another, none)]
    with patient.engine.connect() as holding, ThreadPoolExecutor(2) as crowd:
        holding.execute(text("LOCK TABLE exchange.grants IN ACCESS EXCLUSIVE MODE"))
        replies = [crowd.submit(patient.send, question) for question in questions]
        _wait_for_waiting(patient, 2)
        holding.rollback()
        told = [json.loads(reply.result().body) for reply in replies]
    assert {one["code"] for one in told} == {"grant.unknown"}
    assert len({json.dumps({**one, "receipt": ""}) for one in told}) == 1


def _wait_for_waiting(site: Any, count: int) -> None:
    """Wait until so many questions stand before the table of grants: one that was answered from memory would not."""
    waiting = text("SELECT count(*) FROM pg_locks WHERE relation = 'exchange.grants'::regclass AND NOT granted")
    until = time.monotonic() + 20
    with site.engine.connect() as connection:
        while connection.execute(waiting).scalar() != count:
            assert time.monotonic() < until, "one of them was answered without asking the database"
            connection.rollback()
