"""The door of systems that cannot sign: off by default, for named grants and a time, answered as usual, and marked as weak wherever it shows."""

import json
import time
import uuid
from collections.abc import Iterator
from datetime import timedelta
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from connectors.credentials import national_signature
from exchange_api.actors import Actor
from exchange_api.evidence.receipt import bare_receipt, drop_bodies, earlier_receipt, verify_receipt
from exchange_api.evidence.receipts import require_document
from exchange_api.evidence.sequencer import sequence_once
from exchange_api.guarding import lists
from exchange_api.keys import active_signer
from exchange_api.legacy.calls import expected_sign
from exchange_api.signing import Request, Response
from hutong.cli import app
from schemas.calendar import today
from schemas.database import transaction
from schemas.errors import HutongError
from schemas.tables.evidence import Entry
from schemas.tables.legacy import LegacyDoor
from schemas.tables.operations import Notice
from tests.exchange_api.conftest import PEOPLE
from tests.exchange_api.recalling import HOUSING, MARKET, Hub

RID, SID = "housing-rid-7", "s_110000_0042"
UNTIL = (today() + timedelta(days=30)).isoformat()


def run(*words: str) -> str:
    result = CliRunner().invoke(app, ["applications", "legacy", *words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def switch_on(*more: str, service: str = f"{SID}={HOUSING}:gmsfhm") -> str:
    return run("on", f"housing.desk={RID}", "--service", service, "--until", UNTIL, "--why", "系统改造中", *more)


@pytest.fixture
def secret(hub: Hub) -> Iterator[str]:
    said = switch_on()
    yield said.partition("secret: ")[2].split("\n")[0]
    run("off", "housing.desk")
    del hub


class Caller:
    """A system that calls as the national platform taught it."""

    def __init__(self, hub: Hub, secret: str, rid: str = RID, platform: str = "gjzwfwpt") -> None:
        self.site, self.secret, self.rid, self.platform = hub.site, secret, rid, platform

    def request(self, body: Any, sid: str = SID, rtime: int | None = None, **headers: str) -> Request:
        moment = str(time.time_ns() // 1_000_000 if rtime is None else rtime)
        sign = national_signature(self.rid, sid, moment, self.secret)
        parts = {"rid": self.rid, "sid": sid, "rtime": moment, "sign": sign}
        own = {f"{self.platform}_{name}": value for name, value in parts.items()}
        raw = json.dumps(body).encode()
        return Request(
            "POST",
            self.site.authority,
            f"/v1/legacy/{sid}",
            "",
            {"content-type": "application/json", **own, **headers},
            raw,
        )

    def call(self, body: Any, **more: Any) -> tuple[int, dict[str, Any], Entry]:
        """Call, hold the answer against the hub's signature, and return status, answer and evidence."""
        return self.send(self.request(body, **more))

    def send(self, request: Request) -> tuple[int, dict[str, Any], Entry]:
        response = self.site.send(request)
        return response.status, json.loads(response.body), self.site.check(request, response)


ASKED = {"gmsfhm": PEOPLE[0], "case": "BJ-2026-0001"}


def test_the_sign_is_the_one_the_connectors_make_for_the_national_platforms() -> None:
    """Held against OpenSSL, as the connectors' own: printf sid1rid11767571200000 | openssl dgst -sha256 -hmac secret -binary | base64."""
    assert expected_sign("rid1", "sid1", "1767571200000", "secret") == "SaPjJYh7GbUGANNYBwA13oMPmR8kFYn8YPB6k18bNO0="


@pytest.mark.parametrize("platform", ["gjgxjhpt", "gjzwfwpt"])
def test_a_good_call_is_answered_as_the_grant_allows_and_signed_as_usual(hub: Hub, secret: str, platform: str) -> None:
    status, answer, _ = Caller(hub, secret, platform=platform).call(ASKED)
    assert (status, answer["code"], answer["message"]) == (200, 200, "成功")
    assert answer["grant"] == HOUSING
    assert answer["records"][0]["values"]["name"] == "欧阳小0"
    assert set(answer["items"]) == {"name", "birth_date", "marital_status"}


def test_several_people_and_chosen_items_may_be_asked_for(hub: Hub, secret: str) -> None:
    _, answer, _ = Caller(hub, secret).call({"gmsfhm": PEOPLE[:3], "items": ["name"], "case": "BJ-1"})
    assert [set(record["values"]) for record in answer["records"]] == [{"name"}] * 3


def test_evidence_says_that_only_a_shared_secret_vouched_for_it(hub: Hub, secret: str) -> None:
    _, _, entry = Caller(hub, secret).call(ASKED)
    told = json.loads(entry.document)
    assert told["facts"].items() >= {"auth": "legacy_hmac", "weak": True, "rid": RID, "sid": SID}.items()
    assert (entry.application_id, entry.keyid, told["request"]["jwk"]) == ("housing.desk", f"legacy:{RID}", None)
    assert told["purpose"] == {"service_item": "housing.rental_subsidy", "case": "BJ-2026-0001"}
    assert PEOPLE[0].encode() not in entry.document
    assert secret.encode() not in entry.document


def test_the_door_is_held_to_its_applications_networks(hub: Hub, secret: str) -> None:
    caller = Caller(hub, secret)
    _set_networks("10.20.0.0/16")
    try:
        told = _until(caller, 403)
        assert told["code"] == "application.address"
        assert "records" not in told
        entry = hub.site.entry(told["receipt"])
        assert (entry.kind, entry.application_id) == ("refusal", "housing.desk")
        with Session(hub.site.engine) as session:
            assert PEOPLE[0].encode() not in session.get_one(Entry, entry.id).document
        wrong = Caller(hub, "another").call(ASKED)[1]
        assert wrong["code"] == "legacy.refused", "from where it may ask is told to nobody but itself"
        _set_networks("127.0.0.0/8")
        assert "records" in _until(caller, 200)
    finally:
        _set_networks()
    assert "records" in _until(caller, 200)


def _set_networks(*networks: str) -> None:
    with transaction("exchange") as session:
        lists.set_networks(
            session, Actor("chen", "public_security", frozenset({"authority"})), "housing.desk", networks
        )


def _until(caller: Caller, status: int) -> dict[str, Any]:
    """Call until the change has come to the worker."""
    deadline = time.monotonic() + 60
    while (told := caller.call(ASKED))[0] != status:
        assert time.monotonic() < deadline, told[1]
        time.sleep(0.1)
    return told[1]


def test_an_ordinary_answer_is_not_marked_weak(hub: Hub) -> None:
    _, _, entry = hub.ask(hub.site.asking(), "/v1/libraries/population/query")
    assert "auth" not in json.loads(entry.document)["facts"]


# --- what the receipt proves ---------------------------------------------------------------------------------------


def receipt_file(hub: Hub, secret: str) -> tuple[bytes, bytes]:
    request = Caller(hub, secret).request(ASKED)
    response: Response = hub.site.send(request)
    with Session(hub.site.engine) as session:
        while sequence_once(session, active_signer(session, hub.keys), "hub.example/log"):
            session.commit()
        document = require_document(session, response.headers["x-receipt"])
    return earlier_receipt(request, response, document), bare_receipt(document)


def test_the_receipt_holds_and_says_that_the_question_was_not_signed(hub: Hub, secret: str, tmp_path: Path) -> None:
    whole, _ = receipt_file(hub, secret)
    report = verify_receipt(whole, hub.site.jwks)
    assert report.verified, report.failed
    assert report.weak is not None
    file, keys = tmp_path / "receipt.json", tmp_path / "jwks.json"
    file.write_bytes(whole)
    keys.write_text(json.dumps(hub.site.jwks))
    said = CliRunner().invoke(app, ["verify", str(file), "--keys", str(keys)])
    assert said.exit_code == 0
    assert "请求仅凭共享密钥认证，未经应用系统签名" in said.output
    assert "请求由所列应用系统签名" not in said.output
    told = json.loads(CliRunner().invoke(app, ["verify", str(file), "--keys", str(keys), "--json"]).output)
    assert (told["verified"], told["weak"]) == (True, True)


def test_the_receipt_still_proves_which_body_was_asked(hub: Hub, secret: str) -> None:
    whole, bare = receipt_file(hub, secret)
    assert verify_receipt(bare, hub.site.jwks).verified
    assert verify_receipt(drop_bodies(whole), hub.site.jwks).verified
    changed = whole.replace(PEOPLE[0].encode(), PEOPLE[1].encode(), 1)
    assert verify_receipt(changed, hub.site.jwks).failed in ("request_digest", "response_digest")


def test_no_other_question_passes_for_one_through_the_door(hub: Hub, secret: str) -> None:
    """A hub that forgot to check a signature could not hide it behind the mark: it counts on the door's own path only."""
    whole, _ = receipt_file(hub, secret)
    moved = whole.replace(f"/v1/legacy/{SID}".encode(), b"/v1/libraries/population/query")
    assert verify_receipt(moved, hub.site.jwks).failed == "request_signature"


# --- refusals ------------------------------------------------------------------------------------------------------


def test_an_unknown_requester_and_a_wrong_sign_look_alike(hub: Hub, secret: str) -> None:
    unknown = Caller(hub, secret, rid="nobody").call(ASKED)
    wrong = Caller(hub, "x" * 43).call(ASKED)
    assert [(status, answer["code"], answer["facts"]) for status, answer, _ in (unknown, wrong)] == [
        (401, "legacy.refused", {})
    ] * 2
    assert {(entry.application_id, entry.keyid, entry.nonce) for _, _, entry in (unknown, wrong)} == {
        (None, None, None)
    }


@pytest.mark.parametrize("seconds", [-301, 360])  # until it is there the hub's clock has gone on towards the future one
def test_a_stale_call_is_refused(hub: Hub, secret: str, seconds: int) -> None:
    moment = time.time_ns() // 1_000_000 + seconds * 1_000
    status, answer, _ = Caller(hub, secret).call(ASKED, rtime=moment)
    assert (status, answer["code"]) == (401, "legacy.clock")


def test_a_call_is_answered_once_with_this_body_or_any_other(hub: Hub, secret: str) -> None:
    caller = Caller(hub, secret)
    first = caller.request(ASKED)
    assert caller.send(first)[0] == 200
    other = Request(
        "POST",
        first.authority,
        first.path,
        "",
        first.headers,
        json.dumps({"gmsfhm": PEOPLE[5], "case": "BJ-1"}).encode(),
    )
    for again in (first, other):
        status, answer, _ = caller.send(again)
        assert (status, answer["code"]) == (409, "legacy.replayed")


def test_a_body_that_does_not_fit_a_digest_given_with_it_is_refused(hub: Hub, secret: str) -> None:
    status, answer, _ = Caller(hub, secret).call(ASKED, **{"content-digest": "sha-256=:AAAA:"})
    assert (status, answer["code"]) == (400, "digest.wrong")


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"gjzwfwpt_sign": ""}, "legacy.headers"),
        ({"gjzwfwpt_rtime": "soon"}, "legacy.headers"),
        ({"gjzwfwpt_sid": "another"}, "legacy.headers"),
        ({"gjgxjhpt_rid": "two-sets"}, "legacy.headers"),
        ({"signature": "sig1=:AA==:"}, "legacy.signed"),
        ({"host": "elsewhere.example"}, "authority.unknown"),
    ],
)  # fmt: skip
def test_headers_that_are_not_in_form_are_refused(hub: Hub, secret: str, headers: dict[str, Any], code: str) -> None:
    request = Caller(hub, secret).request(ASKED, **{name: value for name, value in headers.items() if name != "host"})
    if "host" in headers:
        request = Request("POST", headers["host"], request.path, "", request.headers, request.body)
    assert json.loads(hub.site.send(request).body)["code"] == code


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ([], "request.malformed"),
        ({"case": "BJ-1"}, "request.malformed"),
        ({**ASKED, "SQL": "1"}, "request.malformed"),
        ({**ASKED, "gmsfhm": [[]]}, "request.malformed"),
        ({**ASKED, "gmsfhm": "33"}, "subject.malformed"),
        ({**ASKED, "items": ["phone"]}, "item.not_granted"),
        ({"gmsfhm": PEOPLE[0]}, "purpose.case_missing"),
        ({"gmsfhm": PEOPLE[0], "case": PEOPLE[0]}, "purpose.case_personal"),
    ],
)
def test_the_grant_behind_the_door_holds_as_ever(hub: Hub, secret: str, body: Any, code: str) -> None:
    status, answer, entry = Caller(hub, secret).call(body)
    assert (status >= 400, answer["code"]) == (True, code)
    assert json.loads(entry.document)["facts"]["auth"] == "legacy_hmac"


def test_only_named_services_are_behind_the_door(hub: Hub, secret: str) -> None:
    status, answer, _ = Caller(hub, secret).call(ASKED, sid="s_2")
    assert (status, answer["code"]) == (403, "legacy.service_unknown")


def test_headers_on_an_ordinary_path_open_nothing(hub: Hub, secret: str) -> None:
    more: dict[str, Any] = {"x-request-id": str(uuid.uuid4())}
    request = Caller(hub, secret).request(hub.site.asking(), **more)
    ordinary = Request("POST", request.authority, "/v1/libraries/population/query", "", request.headers, request.body)
    assert json.loads(hub.site.send(ordinary).body)["code"] == "signature.missing"


def test_the_door_is_asked_by_post_alone(hub: Hub) -> None:
    connection = HTTPConnection(hub.site.authority, timeout=30)
    connection.request("GET", f"/v1/legacy/{SID}")
    assert json.loads(connection.getresponse().read())["code"] == "route.method"
    connection.close()


# --- the switch ----------------------------------------------------------------------------------------------------


def test_switched_off_it_refuses_at_once_whoever_knows_the_secret(hub: Hub, secret: str) -> None:
    run("off", "housing.desk")
    assert Caller(hub, secret).call(ASKED)[1]["code"] == "legacy.closed"
    assert Caller(hub, "x" * 43).call(ASKED)[1]["code"] == "legacy.refused"


def test_it_ends_by_itself(hub: Hub, secret: str) -> None:
    with Session(hub.site.engine) as session:
        session.execute(update(LegacyDoor).values(valid_until=today() - timedelta(days=1)))
        session.commit()
    assert Caller(hub, secret).call(ASKED)[1]["code"] == "legacy.closed"
    assert "已到期 expired" in run("show", "housing.desk")


def test_a_renewed_secret_replaces_the_old_one(hub: Hub, secret: str) -> None:
    fresh = run("renew", "housing.desk").partition("secret: ")[2].split("\n")[0]
    assert Caller(hub, secret).call(ASKED)[1]["code"] == "legacy.refused"
    assert Caller(hub, fresh).call(ASKED)[0] == 200


def test_the_secret_is_shown_once_and_kept_sealed(hub: Hub, secret: str) -> None:
    assert secret not in run("show", "housing.desk")
    assert secret not in switch_on()
    with Session(hub.site.engine) as session:
        door = session.scalars(select(LegacyDoor)).one()
        assert secret.encode() not in door.secret
    assert (hub.keys / "sealing.key").stat().st_mode & 0o777 == 0o600


def test_doing_it_again_changes_where_it_leads_and_keeps_the_secret(hub: Hub, secret: str) -> None:
    switch_on(service=f"{SID}=SQ-2026-000008:xm")
    status, answer, _ = Caller(hub, secret).call({"xm": PEOPLE[0]})
    assert (status, answer["grant"]) == (200, "SQ-2026-000008")


def test_the_authority_and_the_department_are_told(hub: Hub, secret: str) -> None:
    with Session(hub.site.engine) as session:
        told = session.scalars(select(Notice.department_id).where(Notice.key == "legacy.on")).all()
    assert {"public_security", "housing"} <= set(told)
    del secret


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("on", "housing.desk", "--service", f"{SID}={MARKET}", "--until", UNTIL, "--why", "w"), "legacy.grant_unknown"),
        (("on", "housing.desk", "--service", f"{SID}={HOUSING}", "--until", "2020-01-01", "--why", "w"), "legacy.period"),
        (("on", "housing.desk", "--service", f"{SID}={HOUSING}", "--until", "2999-01-01", "--why", "w"), "legacy.period"),
        (("on", "housing.desk", "--service", f"{SID}={HOUSING}", "--until", "soon", "--why", "w"), "legacy.malformed"),
        (("on", "housing.desk", "--service", f"{SID}={HOUSING}", "--until", UNTIL, "--why", " "), "legacy.reason_needed"),
        (("on", "housing.desk", "--service", f"{PEOPLE[0]}={HOUSING}", "--until", UNTIL, "--why", "w"), "legacy.malformed"),
        (("on", "housing.desk", "--service", f"{SID}={HOUSING}:case", "--until", UNTIL, "--why", "w"), "legacy.malformed"),
        (("on", "nobody", "--service", f"{SID}={HOUSING}", "--until", UNTIL, "--why", "w"), "application.unknown"),
        (("show", "market.portal"), "legacy.unknown"),
        (("renew", "market.portal"), "legacy.unknown"),
    ],
)  # fmt: skip
def test_a_door_is_opened_in_form_or_not_at_all(hub: Hub, words: tuple[str, ...], code: str) -> None:
    with pytest.raises(HutongError) as refused:
        run(*words)
    assert refused.value.code == code
    del hub


def test_a_requester_id_belongs_to_one_application(hub: Hub, secret: str) -> None:
    with pytest.raises(HutongError, match=r"legacy\.rid_taken"):
        run("on", f"market.portal={RID}", "--service", f"{SID}={MARKET}", "--until", UNTIL, "--why", "w")
    del hub, secret
