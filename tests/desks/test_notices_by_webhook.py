"""A department's own system takes notices: signed so that it can check them, once, and the hub is nobody's door into a network."""

import json
import socketserver
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from exchange_api.keys import jwks
from exchange_api.noticing import calling, sending, ways
from exchange_api.signing import Request, public_key_from_jwk, verify_request
from schemas.database import transaction
from schemas.errors import HutongError
from tests.desks.mail_server import certificate
from tests.desks.outgoing import LI, add_way, hub, hub_url, states, tell, told, way_of

__all__ = ["hub", "hub_url"]
pytestmark = pytest.mark.usefixtures("hub")


@dataclass
class Office:
    """A department's own system: what it answers, and what it was sent."""

    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    port: int = 0
    scheme: str = "http"
    over: Event = field(default_factory=Event)
    dribble: bool = False

    @property
    def origin(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"


@contextmanager
def office(folder: Path | None = None, **how: Any) -> Iterator[Office]:
    it = Office(**how)

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            path, _, query = self.path.partition("?")
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers["content-length"]))
            it.requests.append(Request("POST", headers["host"], path, query, headers, body))
            while it.dribble and not it.over.wait(0.05):
                self.wfile.write(b"H")
            self.send_response(it.status)
            for name, value in it.headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Nobody reads it."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: Any) -> None:
            """A caller that hangs up is what some stories are about."""

    with Server(("127.0.0.1", 0), Door) as server:
        if folder is not None:
            server.socket = certificate(folder)[1].wrap_socket(server.socket, server_side=True)
            it.scheme = "https"
        it.port = server.server_port
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield it
        finally:
            it.over.set()
            server.shutdown()
            thread.join()


@pytest.fixture
def oa(monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    with office() as it:
        monkeypatch.setenv("HUTONG_NOTICE_ORIGINS", f"https://else.test {it.origin}")
        yield it


def later(minutes: float) -> datetime:
    return datetime.now(UTC) + timedelta(minutes=minutes)


def check(oa: Office, request: Request) -> str:
    """What a recipient does: fetch the hub's keys, check signature, digest, clock and that it was meant."""
    with transaction("reader") as session:
        keys = {key["kid"]: public_key_from_jwk(key, key["kid"]) for key in jwks(session)["keys"]}
    return verify_request(request, keys.get, time.time(), [f"127.0.0.1:{oa.port}"]).claim.request_id


def test_a_notice_is_posted_once_and_can_be_checked_with_the_hubs_keys(oa: Office) -> None:
    add_way(f"{oa.origin}/hub?desk=7")
    notice = tell()
    assert sending.send_due().sent == 1
    assert sending.send_due().sent == 0
    (request,) = oa.requests
    sent = json.loads(request.body)
    assert check(oa, request) == sent["id"] == request.headers["idempotency-key"].strip('"')
    assert (request.path, request.query) == ("/hub", "desk=7")
    (told_,) = sent["notices"]
    assert told_["text"] == "授权已生成：核验户籍"
    assert (told_["id"], told_["kind"], told_["severity"]) == (notice, "demand", "action")
    assert told_["link"].endswith("/portal/demands/XQ-2026-000001")


def test_a_forged_body_is_found_out(oa: Office) -> None:
    add_way(f"{oa.origin}/hub")
    tell()
    sending.send_due()
    sent = oa.requests[0]
    with pytest.raises(HutongError, match=r"digest\.wrong"):
        check(oa, Request("POST", sent.authority, sent.path, sent.query, sent.headers, sent.body + b" "))
    with pytest.raises(HutongError, match=r"signature\.wrong"):
        check(oa, Request("POST", sent.authority, "/else", sent.query, sent.headers, sent.body))


def test_a_repeat_bears_the_same_name_and_the_same_body(oa: Office) -> None:
    add_way(f"{oa.origin}/hub")
    tell()
    oa.status = 503
    assert sending.send_due().put_off == 1
    oa.status = 200
    assert sending.send_due(later(2)).sent == 1
    first, second = oa.requests
    assert first.body == second.body
    assert check(oa, first) == check(oa, second)


@pytest.mark.parametrize("status", [500, 503, 429, 408, 301, 302, 307, 308])
def test_what_may_pass_is_tried_again_and_no_redirect_is_followed(oa: Office, status: int) -> None:
    add_way(f"{oa.origin}/hub")
    tell()
    oa.status, oa.headers = status, {"Location": f"{oa.origin}/elsewhere"}
    assert sending.send_due().put_off == 1
    assert [one.path for one in oa.requests] == ["/hub"]
    assert [one[1:] for one in states()] == [("waiting", 1, f"notice.postponed HTTP {status}")]


@pytest.mark.parametrize("status", [400, 401, 404, 410])
def test_what_is_refused_for_good_has_failed(oa: Office, status: int) -> None:
    add_way(f"{oa.origin}/hub")
    tell()
    oa.status = status
    assert sending.send_due().failed == 1
    assert [one[1:] for one in states()] == [("failed", 1, f"notice.refused HTTP {status}")]
    assert told()[-1] == "notices.failed"


def test_a_way_that_keeps_failing_is_paused_until_it_was_tried(oa: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUTONG_NOTICE_PAUSE_AFTER", "3")
    way = add_way(f"{oa.origin}/hub")
    for _ in range(5):
        tell()
    oa.status = 404
    assert sending.send_due().failed == 3
    assert told().count("notices.way_paused") == 1
    oa.status = 200
    assert sending.send_due().sent == 0
    with transaction("exchange") as session:
        ways.try_out(session, LI, way)
    assert way_of(way).paused_at is None
    assert json.loads(oa.requests[-1].body)["notices"][0]["key"] == "notices.test"
    assert sending.send_due().sent == 2


def test_one_departments_broken_system_holds_nobody_else_up(oa: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    with office() as broken:
        pass
    monkeypatch.setenv("HUTONG_NOTICE_ORIGINS", f"{oa.origin} {broken.origin}")
    add_way(f"{broken.origin}/hub")
    add_way(f"{oa.origin}/hub")
    for _ in range(3):
        tell()
    done = sending.send_due()
    assert (done.sent, done.put_off) == (3, 1)


def test_a_server_that_dribbles_is_cut_off(oa: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUTONG_NOTICE_TIMEOUT", "0.3")
    add_way(f"{oa.origin}/hub")
    tell()
    oa.dribble = True
    assert sending.send_due().put_off == 1
    assert "notice.unreachable" in str(states())


def test_an_endless_answer_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    over = Event()

    class Talker(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.rfile.readline()
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
            try:
                while not over.is_set():
                    self.wfile.write(b"x" * 65536)
            except OSError:
                over.set()  # the hub has hung up

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Talker) as server:
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        origin = f"http://127.0.0.1:{server.server_address[1]}"
        monkeypatch.setenv("HUTONG_NOTICE_ORIGINS", origin)
        add_way(f"{origin}/hub")
        tell()
        assert sending.send_due().sent == 1
        assert over.wait(30)
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("http://127.0.0.1:5432/x", "notice.origin"), ("https://169.254.169.254/latest", "notice.origin"), ("http://allowed.test/x", "notice.origin"),
        ("https://allowed.test:8443/x", "notice.origin"), ("https://allowed.test.evil.test/x", "notice.origin"), ("file:///etc/passwd", "notice.address"),
        ("https://allowed.test@evil.test/x", "notice.address"), ("https://u:p@allowed.test/x", "notice.address"),
        ("https://allowed.test/a/../b", "notice.address"),
        ("https://allowed.test/%2e%2e/", "notice.address"), ("https://allowed.test/x#y", "notice.address"),
        ("https://allowed.test/x\nab", "notice.address"),
        ("https://允许.test/x", "notice.address"), ("https://allowed.test:99999/x", "notice.address"), ("gopher://allowed.test/x", "notice.address"),
        ("https://[::1/x", "notice.address"), ("https:///x", "notice.address"),
    ],
)  # fmt: skip
def test_only_what_operations_allow_is_called(address: str, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUTONG_NOTICE_ORIGINS", "https://allowed.test")
    with pytest.raises(HutongError) as refused:
        add_way(address)
    assert refused.value.code == code


def test_an_origin_no_longer_allowed_is_no_longer_called(oa: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    add_way(f"{oa.origin}/hub")
    tell()
    monkeypatch.setenv("HUTONG_NOTICE_ORIGINS", "")
    assert sending.send_due().failed == 1
    assert oa.requests == []


def test_a_name_that_leads_into_the_hubs_own_machine_is_not_called(oa: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUTONG_NOTICE_ORIGINS", f"http://localhost:{oa.port}")
    add_way(f"http://localhost:{oa.port}/hub")
    tell()
    assert sending.send_due().failed == 1
    assert "notice.inside" in str(states())
    assert oa.requests == []


def test_by_tls_only_to_a_server_whose_certificate_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with office(tmp_path) as oa:
        monkeypatch.setenv("HUTONG_NOTICE_ORIGINS", oa.origin)
        add_way(f"{oa.origin}/hub")
        tell()
        assert sending.send_due().put_off == 1
        assert oa.requests == []
        monkeypatch.setenv("HUTONG_NOTICE_CA_FILE", str(tmp_path / "post.pem"))
        assert sending.send_due(later(2)).sent == 1
        assert check(oa, oa.requests[0])


def test_without_an_active_key_webhooks_wait(oa: Office, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HUTONG_KEYS_FOLDER", str(tmp_path / "none"))
    add_way(f"{oa.origin}/hub")
    tell()
    assert "webhook" not in sending.send_due().channels
    assert [one[1:] for one in states()] == [("waiting", 0, None)]


def test_numbers_of_persons_are_struck_out_of_facts(oa: Office) -> None:
    add_way(f"{oa.origin}/hub")
    tell(purpose="核验 330106199003070018")
    sending.send_due()
    assert b"330106199003070018" not in oa.requests[0].body


def test_an_address_is_what_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUTONG_NOTICE_ORIGINS", "https://OA.test http://10.1.2.3:8080")
    assert calling.check_address("https://oa.test/hub") == ("https", "oa.test", 443)
    assert calling.check_address("https://oa.test:443/hub") == ("https", "oa.test", 443)
    assert calling.check_address("http://10.1.2.3:8080") == ("http", "10.1.2.3", 8080)
