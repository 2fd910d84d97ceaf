"""The SDK against a small real hub: signed questions, verified answers, safe repetition, receipts that survive a crash."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import URL, create_engine, select
from sqlalchemy.orm import Session

from exchange_api.client import Hub as Client
from exchange_api.client import Limits, Records, Refused
from exchange_api.client.trust import Trust
from exchange_api.evidence.keyring import ensure_active_key, revoke_key, roll_key
from exchange_api.evidence.ledger import Entry, answer_of, new_receipt_id, question_of, record
from exchange_api.evidence.receipt import verify_receipt
from exchange_api.evidence.receipts import build_receipt, require_document
from exchange_api.evidence.sequencer import sequence_once
from exchange_api.keys import jwks
from exchange_api.signing import Request, Response, SoftwareSigner, sign_response, verify_request
from schemas.errors import HutongError, Terminal, Transient
from schemas.migrations import upgrade
from schemas.tables.evidence import Entry as EntryRow

PURPOSE = {"service_item": "110100-0001", "case": "2026-17"}
FAST = Limits(pause_s=0.01)
SUBJECT = "110101199003070732"


class Hub:
    """As much of a hub as a client can see: keys, one caller, evidence; and faults to be had on demand."""

    def __init__(self, session: Callable[[], Session], folder: Path, caller: SoftwareSigner) -> None:
        self.session, self.folder, self.caller = session, folder, caller
        self.faults: list[str] = []
        self.authority = ""
        with session() as opened, opened.begin():
            self.signer = ensure_active_key(opened, folder)

    def keys(self) -> dict[str, Any]:
        """Return the published key set."""
        with self.session() as opened:
            return jwks(opened)

    def sequence(self) -> int:
        """Take everything recorded into the log."""
        with self.session() as opened, opened.begin():
            return sequence_once(opened, self.signer, "hub.example/log")

    def answer(self, request: Request) -> Response:
        """Verify, answer, sign, record; a repeated question is answered under its first receipt."""
        with self.session() as opened, opened.begin():
            verified = verify_request(
                request, {self.caller.keyid: self.caller.public}.get, time.time(), {self.authority}
            )
            claim = verified.claim
            status, document = self._document(opened, request)
            earlier = opened.scalars(select(EntryRow.id).where(EntryRow.request_id == claim.request_id)).first()
            entry_id = new_receipt_id()
            receipt = str(earlier) if earlier else entry_id
            headers = {"content-type": "application/json", "x-request-id": claim.request_id, "x-receipt": receipt}
            response = Response(status, headers, json.dumps(document, ensure_ascii=False).encode())
            signed = sign_response(response, request, self.signer, int(time.time()))
            entry = Entry(
                id=entry_id,
                at=datetime.now(UTC),
                kind="answer",
                keyid=claim.keyid,
                nonce=claim.nonce,
                request_id=claim.request_id,
                code="repeated" if earlier else None,
                facts={"repeats": receipt} if earlier else {},
                request=question_of(request, verified.key.jwk),
                response=answer_of(response, signed),
            )
            record(opened, [entry])
        return Response(status, {**headers, **signed.headers}, response.body)

    def _document(self, opened: Session, request: Request) -> tuple[int, dict[str, Any]]:
        if not request.path.startswith("/v1/receipts/"):
            records = [{"subject": one, "found": True} for one in json.loads(request.body)["subjects"]]
            told = {"known_at": "2026-03-01T00:00:00+00:00", "items": {}, "records": records}
            return 200, {"library": "population", "grant": "g1", **told}
        try:
            return 200, require_document(opened, request.path.removeprefix("/v1/receipts/"))
        except HutongError as refused:
            return refused.status, {"code": refused.code}


class Handler(BaseHTTPRequestHandler):
    """HTTP around the hub."""

    protocol_version = "HTTP/1.1"
    hub: Hub

    def do_GET(self) -> None:
        """Answer GET."""
        if self.path == "/.well-known/jwks.json":
            self._send(Response(200, {}, json.dumps(self.hub.keys()).encode()))
        else:
            self._answer()

    def do_POST(self) -> None:
        """Answer POST."""
        self._answer()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, headers["host"], self.path, "", headers, body)
        fault = self.hub.faults.pop(0) if self.hub.faults else ""
        if fault == "busy":
            self._send(Response(503, {}, b"overloaded"))
            return
        response = self.hub.answer(request)
        if fault == "drop":  # answered and recorded, but the answer never arrives
            self.close_connection = True
            return
        if fault == "forge":
            response = Response(200, response.headers, response.body.replace(b"true", b"null"))
        self._send(response)

    def _send(self, response: Response) -> None:
        self.send_response(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(response.body)))
        self.end_headers()
        self.wfile.write(response.body)

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""


@pytest.fixture
def caller() -> SoftwareSigner:
    """The application system's key."""
    return SoftwareSigner.generate()


@pytest.fixture
def hub(new_database: Callable[[], URL], tmp_path: Path, caller: SoftwareSigner) -> Iterator[Hub]:
    """A hub on a free loopback port with a database of its own."""
    url = new_database()
    upgrade(url)
    engine = create_engine(url)
    made = Hub(lambda: Session(engine, expire_on_commit=False), tmp_path / "keys", caller)
    handler = type("BoundHandler", (Handler,), {"hub": made})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    made.authority = f"127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield made
    server.shutdown()
    server.server_close()
    thread.join()
    engine.dispose()


@pytest.fixture
def client(hub: Hub, caller: SoftwareSigner, tmp_path: Path) -> Client:
    """A client that trusts the hub's keys as handed over at registration."""
    return Client(f"http://{hub.authority}", caller.pem(), hub.keys(), tmp_path / "receipts", FAST)


def _ask(client: Client) -> Records:
    return client.query("population", "g1", PURPOSE, [SUBJECT], items=["name"])


def test_a_question_is_answered_and_its_receipt_proves_it(hub: Hub, client: Client, tmp_path: Path) -> None:
    answer = _ask(client)
    assert answer.of(SUBJECT)[0].found
    assert SUBJECT not in repr(answer)
    assert client.collect_receipts(patience_s=0) == []  # not in the log yet
    hub.sequence()
    (path,) = client.collect_receipts()
    assert path == tmp_path / "receipts" / f"{answer.receipt_id}.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert verify_receipt(path.read_bytes(), hub.keys()).verified
    assert client.collect_receipts() == []


def test_receipts_survive_a_crash_of_the_application(
    hub: Hub, client: Client, caller: SoftwareSigner, tmp_path: Path
) -> None:
    _ask(client)
    hub.sequence()
    reborn = Client(f"http://{hub.authority}", caller, hub.keys(), tmp_path / "receipts")
    assert len(reborn.collect_receipts()) == 1


def test_a_lost_answer_is_asked_again_and_gives_the_first_receipt(hub: Hub, client: Client) -> None:
    hub.faults = ["drop", "busy"]
    answer = _ask(client)
    assert hub.faults == []
    hub.sequence()
    (path,) = client.collect_receipts()
    receipt = json.loads(path.read_bytes())
    assert verify_receipt(path.read_bytes(), hub.keys()).verified
    assert receipt["entry"]["id"] == answer.receipt_id
    assert receipt["entry"]["code"] is None  # the first answer's entry, not the repetition's
    assert receipt["response"]["body"] == {"text": answer.answer.response.body.decode()}


def test_a_forged_answer_is_not_believed(hub: Hub, client: Client) -> None:
    hub.faults = ["forge", "kept"]
    with pytest.raises(Terminal, match=r"client\.unverified.*digest\.wrong"):
        _ask(client)
    assert hub.faults == ["kept"], "nothing is asked again on a forged answer"


def test_another_hub_is_not_believed(hub: Hub, caller: SoftwareSigner) -> None:
    stranger = SoftwareSigner.generate()
    trusted = {"keys": [{**stranger.public.jwk, "kid": stranger.keyid}]}
    client = Client(f"http://{hub.authority}", caller, trusted, limits=FAST)
    with pytest.raises(Terminal, match=rf"no longer holds key {stranger.keyid}"):
        _ask(client)


def test_a_key_that_was_swapped_under_its_name_is_not_believed(hub: Hub, caller: SoftwareSigner) -> None:
    (known,) = hub.keys()["keys"]
    client = Client(
        f"http://{hub.authority}", caller, {"keys": [{**SoftwareSigner.generate().public.jwk, "kid": known["kid"]}]}
    )
    with pytest.raises(Terminal, match="no longer holds key"):
        _ask(client)


def _roll(hub: Hub, times: int = 1) -> None:
    with hub.session() as opened, opened.begin():
        for _ in range(times):
            roll_key(opened, hub.folder)
        hub.signer = ensure_active_key(opened, hub.folder)


@pytest.mark.parametrize("is_handed_over", [True, False])
def test_a_rolled_key_becomes_known(hub: Hub, caller: SoftwareSigner, is_handed_over: bool) -> None:
    client = Client(f"http://{hub.authority}", caller, hub.keys() if is_handed_over else None)
    first = _ask(client)
    _roll(hub)
    second = _ask(client)
    keys = [one.answer.response.headers["signature-input"].partition("keyid=")[2] for one in (first, second)]
    assert keys[0] != keys[1]
    _roll(hub, times=2)  # one key was never seen in use
    assert _ask(client).records


def test_a_rolled_key_is_not_taken_from_an_address_that_does_not_vouch(hub: Hub) -> None:
    def fetch() -> dict[str, Any]:
        pytest.fail("keys were fetched from an address anybody can answer at")

    trust = Trust("http://hub.example:8000", hub.keys(), fetch)
    _roll(hub)
    trust.prepare()
    assert trust.find(hub.signer.keyid) is None


def _state(hub: Hub, **members: Any) -> dict[str, Any]:
    (jwk,) = hub.keys()["keys"]
    return {"keys": [jwk | {f"hutong:{name}": value for name, value in members.items()}]}


def test_a_retired_or_revoked_key_vouches_for_no_new_answer(hub: Hub) -> None:
    now, keyid = int(time.time()), hub.signer.keyid

    def check(created: int, **members: Any) -> None:
        Trust("https://hub.example", _state(hub, **members), dict).check(keyid, created)

    check(now, state="active")
    check(now - 2, state="retired", not_after=now - 1)  # under way while it was rolled
    with pytest.raises(Terminal, match="was not in use"):
        check(now, state="retired", not_after=now - 60)
    with pytest.raises(Terminal, match="vouches for no new answer"):  # whatever the answer says of its time
        check(now - 900, state="retired", not_after=now - 600, not_before=0)
    with pytest.raises(Terminal, match="was revoked"):
        check(now, state="revoked", not_after=now)


def test_an_answer_of_a_revoked_key_is_refused_by_a_client_that_knew_it_as_active(hub: Hub, client: Client) -> None:
    with hub.session() as opened, opened.begin():
        revoke_key(opened, hub.signer.keyid, hub.folder)
    with pytest.raises(Terminal, match="was revoked"):
        _ask(client)


def test_an_absent_hub_is_named(caller: SoftwareSigner) -> None:
    client = Client("http://127.0.0.1:9", caller, limits=Limits(pause_s=0.001))
    with pytest.raises(Transient, match=r"client\.unreachable.*127\.0\.0\.1:9"):
        _ask(client)


# --- the whole exchange -----------------------------------------------------------------------------------------------


def test_the_real_exchange_answers_and_refuses_with_receipts_that_verify(exchange_site: Any, tmp_path: Path) -> None:
    site = exchange_site
    client = Client(site.url, site.signer, site.jwks, tmp_path / "receipts")
    person = site.people[0]
    answer = client.query("population", "SQ-2026-000001", site.purpose, [person], items=["name"])
    with pytest.raises(Refused, match=r"grant\.not_active") as refused:
        client.query("population", "SQ-2026-000004", site.purpose, [person])
    assert refused.value.title("zh") != refused.value.title("en")
    assert answer.of(person)[0].values["name"]
    key_file = next(Path(site.environment["HUTONG_KEYS_FOLDER"]).glob("*.pem"))
    with Session(site.engine) as opened, opened.begin():
        assert sequence_once(opened, SoftwareSigner.from_pem(key_file.read_bytes()), "hutong.local/log") >= 2
    receipts = client.collect_receipts()
    assert {path.stem for path in receipts} == {answer.receipt_id, refused.value.receipt_id}
    for path in receipts:
        data = path.read_bytes()
        assert verify_receipt(data, site.jwks).verified
        assert person.encode() not in json.dumps(json.loads(data)["entry"]).encode()
        assert not verify_receipt(data.replace(b'"status":', b'"status": '), site.jwks).verified


def _unsigned(site: Any) -> Request:
    signed = site.question(site.asking())
    return Request(signed.method, signed.authority, signed.path, "", {"content-type": "application/json"}, signed.body)


def _other_body(site: Any) -> Request:
    signed = site.question(site.asking())
    return Request(signed.method, signed.authority, signed.path, "", signed.headers, b"{}")


def _strange_key(site: Any) -> Request:
    return site.question(site.asking(), signer=SoftwareSigner.generate())  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("make", "code"),
    [(_unsigned, "signature.missing"), (_other_body, "digest.wrong"), (_strange_key, "signature.unknown_key")],
)
def test_refusals_before_any_trust_leave_receipts_that_verify(
    exchange_site: Any, make: Callable[[Any], Request], code: str
) -> None:
    site = exchange_site
    response = site.send(make(site))
    assert json.loads(response.body)["code"] == code
    key_file = next(Path(site.environment["HUTONG_KEYS_FOLDER"]).glob("*.pem"))
    with Session(site.engine) as opened, opened.begin():
        assert sequence_once(opened, SoftwareSigner.from_pem(key_file.read_bytes()), "hutong.local/log")
        receipt = build_receipt(opened, response.headers["x-receipt"])
    report = verify_receipt(receipt, site.jwks)
    assert report.verified, report
    assert json.loads(receipt)["entry"]["code"] == code
