"""Who asks too much, too slowly or too large is told so or let go, and everybody else is answered as if nothing were."""

import contextlib
import json
import select
import socket
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from tests.exchange_api.crew import Crew, crew_of

GRANT, OTHERS = "SQ-2026-000011", "SQ-2026-000007"
AT_ONCE, OF_ONE = 8, 4


@pytest.fixture(scope="module")
def crew(exchange_site: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crew]:
    """One worker that takes on little."""
    limits = {
        "at_once": str(AT_ONCE),
        "application_at_once": str(OF_ONE),
        "connections": "60",
        "head_s": "2",
        "body_s": "2",
    }
    with crew_of(exchange_site, tmp_path_factory.mktemp("pressure"), 1, **limits, patience_s="60") as made:
        yield made


@contextlib.contextmanager
def _locked(site: Any, table: str) -> Iterator[None]:
    """Let nobody read or write a table."""
    with site.engine.begin() as connection:
        connection.execute(text(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"))
        yield


@contextlib.contextmanager
def _asking(site: Any, many: int, grant: str = GRANT, **changes: Any) -> Iterator[list[Future[Any]]]:
    """So many questions at once."""
    with ThreadPoolExecutor(many) as threads:
        yield [threads.submit(site.ask, site.asking(grant), **changes) for _ in range(many)]


def _told(asked: Future[Any]) -> str:
    _, response = asked.result(timeout=60)
    return str(json.loads(response.body).get("code", response.status))


def _until(many: int, asked: list[Future[Any]]) -> list[Future[Any]]:
    """Wait until so many are answered, and return them."""
    deadline = time.monotonic() + 20
    while len(done := [one for one in asked if one.done()]) < many:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return done


def test_an_application_beyond_its_share_is_refused_with_a_receipt_and_others_are_answered(crew: Crew) -> None:
    with contextlib.ExitStack() as held:
        with _locked(crew.site, "library.population"):
            asked = held.enter_context(_asking(crew.site, OF_ONE + 3))
            refused = _until(3, asked)
            others = held.enter_context(_asking(crew.site, 1, OTHERS, signer=crew.site.other_signer))
        told = Counter(map(_told, asked))
        assert told == {"200": OF_ONE, "application.busy": 3}
        assert _told(others[0]) == "200"
    for one in refused:
        request, response = one.result()
        entry = crew.site.check(request, response)
        assert (response.status, entry.code, entry.nonce) == (429, "application.busy", None)
        assert response.headers["retry-after"] == "1"
        assert crew.site.send(request).status == 200, "the very same question, later"


def test_more_than_a_worker_takes_on_is_refused_at_once_and_beyond_that_without_an_entry(crew: Crew) -> None:
    site = crew.site
    with contextlib.ExitStack() as held:
        with _locked(site, "evidence.entries"):
            asked = [
                *held.enter_context(_asking(site, OF_ONE)),
                *held.enter_context(_asking(site, OF_ONE, OTHERS, signer=site.other_signer)),
                *held.enter_context(_asking(site, 2 * AT_ONCE)),
            ]
            _until(2, asked)
        told = Counter(map(_told, asked))
        assert told["200"] >= OF_ONE
        assert told["server.busy"] + told["application.busy"] == len(asked) - told["200"]
    answers = [one.result() for one in asked]
    unrecorded = [one for one in answers if one[1].headers["x-receipt"] == "none"]
    assert len(unrecorded) >= 2
    for request, response in unrecorded:
        _check_signed(site, request, response)
    assert all(site.check(*one) is not None for one in answers if one not in unrecorded)


def _check_signed(site: Any, request: Any, response: Any) -> None:
    """Hold the signature of an answer that has no entry."""
    from exchange_api.signing import public_key_from_jwk, verify_response

    keys = {one["kid"]: public_key_from_jwk(one, one["kid"]) for one in site.jwks["keys"]}
    assert verify_response(response, request, keys.get).is_bound


def _connect(site: Any) -> socket.socket:
    host, _, port = site.authority.partition(":")
    return socket.create_connection((host, int(port)), timeout=20)


def _say(connection: socket.socket, what: bytes) -> bool:
    try:
        connection.sendall(what)
    except OSError:
        return False
    return True


def _hear(connection: socket.socket) -> bytes:
    """Everything up to the end of the connection."""
    heard = bytearray()
    with contextlib.suppress(ConnectionError):
        while part := connection.recv(65_536):
            heard += part
    return bytes(heard)


def test_hundreds_who_dribble_do_not_keep_anybody_waiting_and_are_let_go(crew: Crew) -> None:
    with contextlib.ExitStack() as open_:
        slow = [open_.enter_context(_connect(crew.site)) for _ in range(300)]
        for connection in slow:
            _say(connection, b"POST /v1/libraries/population/query HTTP/1.1\r\nx-drip: ")
        for _ in range(5):
            assert crew.site.ask(crew.site.asking(GRANT))[1].status == 200
            for connection in slow:
                _say(connection, b"a")
        ends = Counter(_hear(connection)[:12] for connection in slow)
    assert set(ends) <= {b"", b"HTTP/1.1 408"}
    assert ends[b"HTTP/1.1 408"] > 0, "whoever found a place was told after two seconds"
    assert crew.site.ask(crew.site.asking(GRANT))[1].status == 200


def test_a_body_that_does_not_come_is_refused_in_due_form(crew: Crew) -> None:
    question = crew.site.question(crew.site.asking(GRANT))
    with _connect(crew.site) as connection:
        _say(connection, _head(crew.site, question, len(question.body)) + question.body[:5])
        heard = _hear(connection)
    head, _, body = heard.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408")
    assert json.loads(body)["code"] == "request.slow"
    assert crew.site.entry(json.loads(body)["receipt"]).code == "request.slow"


def _head(site: Any, question: Any, length: int) -> bytes:
    headers = "".join(f"{name}: {value}\r\n" for name, value in question.headers.items())
    return (
        f"POST {question.path} HTTP/1.1\r\nhost: {site.authority}\r\n{headers}content-length: {length}\r\n\r\n".encode()
    )


def test_a_gigabyte_is_refused_by_its_announcement_and_not_read(crew: Crew) -> None:
    question = crew.site.question(crew.site.asking(GRANT))
    with _connect(crew.site) as connection:
        _say(connection, _head(crew.site, question, 1 << 30) + b"[")
        assert connection.recv(12) == b"HTTP/1.1 413", "before anything else was sent"
        part, sent = b" " * (1 << 20), 0
        while _say(connection, part):
            sent += len(part)
            assert sent < 64 << 20, "it is still being read"


@pytest.mark.parametrize(
    "head", [b"x-long: " + b"a" * 600_000, b"\r\n".join(b"x-%d: 1" % n for n in range(200))], ids=["long", "many"]
)
def test_heads_have_limits(crew: Crew, head: bytes) -> None:
    with _connect(crew.site) as connection:
        _say(connection, b"GET /v1/errors HTTP/1.1\r\nhost: a\r\n" + head + b"\r\n\r\n")
        assert _hear(connection)[:12] in (b"HTTP/1.1 431", b"")
    assert crew.site.ask(None, "/v1/errors", method="GET")[1].status == 200


def test_half_received_bodies_are_held_only_up_to_a_limit(exchange_site: Any, tmp_path: Path) -> None:
    with crew_of(exchange_site, tmp_path, 1, held_mb="2", body_s="60") as crew, contextlib.ExitStack() as open_:
        question = crew.site.question(crew.site.asking(GRANT))
        slow = [open_.enter_context(_connect(crew.site)) for _ in range(3)]
        for one in slow:
            _say(one, _head(crew.site, question, 1_048_576) + b" " * 1_000_000)
        answered, _, _ = select.select(slow, [], [], 50)  # whichever came in last, as the worker read them
        assert [one.recv(12) for one in answered] == [b"HTTP/1.1 503"]
        assert crew.site.ask(crew.site.asking(GRANT))[1].status == 200, "what comes whole is not held"
