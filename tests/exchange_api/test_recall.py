"""From a retracted batch to everyone who was told: found in the evidence, notified under the hub's signature, acknowledged, asked again. Over real HTTP."""

import base64
import hashlib
import json
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from catalog.review.review_steps import authorities
from exchange_api.client import Hub as Client
from exchange_api.evidence.canonical import canonical_json
from exchange_api.recalls import recall, recall_upkeep
from exchange_api.recalls.recall_upkeep import SETTLING, Followed
from exchange_api.signing import public_key_from_jwk
from schemas.calendar import CHINA
from schemas.database import transaction
from schemas.errors import Invalid, Transient
from schemas.tables.landing import Batch
from schemas.tables.recall import Recall, RecallReceipt
from tests.exchange_api.recalling import ATTRIBUTES, GOLDEN, HOUSING, MARKET, Hub


def test_from_retraction_to_asked_again(hub: Hub) -> None:
    wrong, other = hub.site.people[10:12], hub.site.people[12]
    batch = hub.wrong_batch(wrong)
    first, second = hub.query([wrong[0], other]), hub.query(wrong)
    hub.query([wrong[0]], MARKET, signer=hub.site.other_signer)  # shows the name only
    hub.query([other])
    opened = hub.open(hub.retract(batch, wrong, "marital_status", "birth_date"))

    (mine,) = hub.recipients(opened.id).values()
    assert (mine.application_id, mine.state, mine.receipts, mine.subjects) == ("housing.desk", "notified", 2, 2)
    assert mine.attributes == ["birth_date", "marital_status"]
    assert hub.told("recall.notified", opened.id) == ["housing"]

    status, listed, _ = hub.get("/v1/recalls")
    assert status == 200
    assert [one["recall"] for one in listed["recalls"]][:1] == [opened.id]
    status, told, evidence = hub.get(f"/v1/recalls/{opened.id}")
    assert {one["receipt"]: one["subjects"] for one in told["receipts"]} == {first: 1, second: 2}
    assert told["notice"]["receipts"] == sorted([first, second])
    assert (evidence.application_id, json.loads(evidence.document)["facts"]) == ("housing.desk", {"recall": opened.id})

    status, said, evidence = hub.ask({"outcome": "asking_again"}, f"/v1/recalls/{opened.id}/acknowledgement")
    assert (status, said["state"], said["subjects_asked_again"]) == (200, "acknowledged", 0)
    assert hub.recipients(opened.id)["housing.desk"].acknowledgement_receipt == evidence.id

    hub.query(wrong[:1])
    hub.follow()
    assert hub.get(f"/v1/recalls/{opened.id}")[1]["subjects_asked_again"] == 1
    assert hub.recipients(opened.id)["housing.desk"].state == "acknowledged"
    hub.query([other, wrong[1]])
    assert f"{opened.id} housing.desk" in hub.follow().finished
    assert hub.recipients(opened.id)["housing.desk"].state == "done"
    hub.follow(SETTLING)
    with Session(hub.site.engine) as session:
        assert session.get_one(Recall, opened.id).closed_at is not None


def test_the_notice_can_be_proven_to_have_been_issued(hub: Hub) -> None:
    person = hub.site.people[13:14]
    batch = hub.wrong_batch(person)
    hub.query(person)
    opened = hub.open(hub.retract(batch, person, "name"))
    told = hub.get(f"/v1/recalls/{opened.id}")[1]
    signed = told["signed"]
    (jwk,) = [one for one in hub.site.jwks["keys"] if one["kid"] == signed["keyid"]]
    spelled = signed["text"].encode()
    assert public_key_from_jwk(jwk).verify(base64.b64decode(signed["signature"]), spelled)
    assert canonical_json(told["notice"]) == spelled
    entry = hub.site.entry(signed["evidence"])
    facts = json.loads(entry.document)["facts"]
    assert (entry.kind, entry.application_id, facts["recall"]) == ("action", "housing.desk", opened.id)
    assert (facts["sha256"], facts["signature"]) == (hashlib.sha256(spelled).hexdigest(), signed["signature"])
    assert person[0].encode() not in entry.document + spelled


def test_opening_twice_changes_nothing(hub: Hub) -> None:
    person = hub.site.people[14:15]
    batch = hub.wrong_batch(person)
    hub.query(person)
    retraction = hub.retract(batch, person, "name")
    first, second = hub.open(retraction), hub.open(retraction)
    assert first.id == second.id
    assert hub.follow().opened == []
    assert hub.told("recall.notified", first.id) == ["housing"]


def test_the_hourly_task_opens_what_nobody_opened_and_finds_answers_that_were_under_way(hub: Hub) -> None:
    person = hub.site.people[15:16]
    batch = hub.wrong_batch(person)
    retraction = hub.retract(batch, person, "name")
    with Session(hub.site.engine) as session:  # read before the retraction, recorded after the recall
        number = session.scalars(select(Batch.number).where(Batch.id == batch)).one()
        session.execute(update(GOLDEN).where(GOLDEN.c.subject == person[0]).values(batches=[number] * len(ATTRIBUTES)))
        session.commit()
    (opened,) = hub.follow().opened
    assert hub.recipients(opened) == {}
    with Session(hub.site.engine) as session:
        closed = session.get_one(Recall, opened)
        assert closed.retraction_id == retraction
    late = hub.query(person)
    hub.follow()
    assert hub.recipients(opened)["housing.desk"].state == "notified"
    assert [one["receipt"] for one in hub.get(f"/v1/recalls/{opened}")[1]["receipts"]] == [late]


def test_whoever_kept_nothing_is_done_and_saying_so_again_changes_nothing(hub: Hub) -> None:
    person = hub.site.people[16:17]
    batch = hub.wrong_batch(person)
    hub.query(person)
    opened = hub.open(hub.retract(batch, person, "name"))
    path = f"/v1/recalls/{opened.id}/acknowledgement"
    once, again = hub.ask({"outcome": "not_kept"}, path)[1], hub.ask({"outcome": "asking_again"}, path)[1]
    assert (once["state"], once["outcome"]) == (again["state"], again["outcome"]) == ("done", "not_kept")
    assert once["acknowledged_at"] == again["acknowledged_at"]


def test_a_silent_recipient_is_reported_once(hub: Hub) -> None:
    person = hub.site.people[17:18]
    batch = hub.wrong_batch(person)
    hub.query(person, MARKET, signer=hub.site.other_signer)
    opened = hub.open(hub.retract(batch, person, "name"))
    noon = datetime.combine(opened.due_date, time(12), CHINA)
    for moment in (noon, noon + timedelta(days=1), noon + timedelta(days=2)):
        assert hub.told("recall.overdue", opened.id) == [] or moment > noon + timedelta(days=1)
        with transaction("exchange") as session:
            recall_upkeep.follow(session, opened.id, Followed(), folder=hub.keys, now=moment)
    with transaction("exchange") as session:
        concerned = {"market_regulation"} | authorities(session)
    assert hub.told("recall.overdue", opened.id) == sorted(concerned)


def test_anothers_recall_is_as_unknown_as_none(hub: Hub) -> None:
    person = hub.site.people[18:19]
    batch = hub.wrong_batch(person)
    hub.query(person)
    opened = hub.open(hub.retract(batch, person, "name"))
    for path in (f"/v1/recalls/{opened.id}", "/v1/recalls/ZH-2026-999999"):
        status, refused, evidence = hub.get(path, signer=hub.site.other_signer)
        assert (status, refused["code"]) == (404, "recall.unknown")
        assert (evidence.kind, evidence.application_id, evidence.code) == ("refusal", "market.portal", "recall.unknown")
    said = {"outcome": "not_kept"}
    path = f"/v1/recalls/{opened.id}/acknowledgement"
    assert hub.ask(said, path, signer=hub.site.other_signer)[:2][0] == 404
    assert hub.recipients(opened.id)["housing.desk"].state == "notified"


@pytest.mark.parametrize(
    ("document", "changes", "code"),
    [
        ({"outcome": "perhaps"}, {}, "request.malformed"),
        ({"outcome": "not_kept"}, {"query": "now=true"}, "request.malformed"),
        ({"outcome": "not_kept"}, {"method": "PUT"}, "route.method"),
        ({"outcome": "not_kept"}, {"headers": {"content-type": "text/plain"}}, "request.media_type"),
        (None, {"body": b"{"}, "request.not_json"),
    ],
)
def test_what_is_not_in_form_is_refused_signed_and_recorded(
    hub: Hub, document: Any, changes: dict[str, Any], code: str
) -> None:
    person = hub.site.people[19:20]
    hub.query(person)
    with Session(hub.site.engine) as session:
        before = session.execute(text("SELECT max(recall_id), count(*) FROM exchange.recall_recipients")).one()
        known = session.scalars(select(Recall.id).limit(1)).first() or "ZH-2026-000001"
    _, refused, evidence = hub.ask(document, f"/v1/recalls/{known}/acknowledgement", **changes)
    assert (refused["code"], evidence.code) == (code, code)
    with Session(hub.site.engine) as session:
        assert session.execute(text("SELECT max(recall_id), count(*) FROM exchange.recall_recipients")).one() == before


def test_an_unsigned_question_and_a_replay_do_nothing(hub: Hub) -> None:
    person = hub.site.people[20:21]
    batch = hub.wrong_batch(person)
    hub.query(person)
    opened = hub.open(hub.retract(batch, person, "name"))
    path = f"/v1/recalls/{opened.id}/acknowledgement"
    bare = hub.site.question({"outcome": "not_kept"}, path)
    headers = {name: value for name, value in bare.headers.items() if not name.startswith("signature")}
    refused = hub.site.send(type(bare)(bare.method, bare.authority, bare.path, "", headers, bare.body))
    assert refused.status == 401
    assert hub.recipients(opened.id)["housing.desk"].state == "notified"

    asked = hub.site.question({"outcome": "asking_again"}, path)
    assert hub.site.send(asked).status == 200
    replayed = hub.site.send(asked)
    assert json.loads(replayed.body)["code"] == "nonce.replayed"


def test_an_id_used_for_another_question_is_refused_before_anything_is_done(hub: Hub) -> None:
    person = hub.site.people[21:22]
    batch = hub.wrong_batch(person)
    request, _ = hub.site.ask(hub.site.asking(HOUSING, person))
    opened = hub.open(hub.retract(batch, person, "name"))
    reused = {"headers": {"x-request-id": request.headers["x-request-id"]}}
    _, refused, _ = hub.ask({"outcome": "not_kept"}, f"/v1/recalls/{opened.id}/acknowledgement", **reused)
    assert refused["code"] == "request_id.reused"
    assert hub.recipients(opened.id)["housing.desk"].state == "notified"


def test_without_its_secret_the_hub_does_not_find_nobody_in_silence(hub: Hub, tmp_path: Path) -> None:
    person = hub.site.people[22:23]
    batch = hub.wrong_batch(person)
    retraction = hub.retract(batch, person, "name")
    with pytest.raises(Transient, match=r"key\.none_active"), transaction("exchange") as session:
        recall.open_recall(session, retraction, tmp_path)
    assert list(tmp_path.iterdir()) == []
    with transaction("exchange") as session:
        assert session.scalar(select(Recall.id).where(Recall.retraction_id == retraction)) is None
    with pytest.raises(Invalid, match=r"recall\.no_retraction"):
        hub.open(0)
    hub.follow()


def test_receipts_come_a_page_at_a_time(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    from uuid import UUID

    from exchange_api.asked import Asked
    from exchange_api.recalls import recall_counter

    person = hub.site.people[23:24]
    batch = hub.wrong_batch(person)
    receipts = sorted(hub.query(person) for _ in range(3))
    opened = hub.open(hub.retract(batch, person, "name"))
    monkeypatch.setattr(recall_counter, "PAGE", 2)
    seen: list[str] = []
    after: str | None = ""
    while after is not None:
        with transaction("exchange") as session:
            asked = Asked("housing.desk", "", "", b"", opened.id, after, lambda _: None)
            told = recall_counter.told_one(session, asked).document
        seen += [one["receipt"] for one in told["receipts"]]
        after = told["next"]
    assert seen == receipts
    with Session(hub.site.engine) as session:
        assert session.get(RecallReceipt, (opened.id, "housing.desk", UUID(receipts[0]))) is not None


def test_the_client_reads_acknowledges_and_objects(hub: Hub) -> None:
    client = Client(hub.site.url, hub.site.signer, hub.site.jwks)
    person = hub.site.people[24]
    batch = hub.wrong_batch([person])
    told = client.query("population", HOUSING, hub.site.purpose, [person])
    opened = hub.open(hub.retract(batch, [person], "name"))
    assert client.recalls().entries[0].recall == opened.id
    assert client.recall(opened.id).receipts == (told.receipt_id,)
    assert client.recall(opened.id, after=told.receipt_id).receipts == ()
    assert client.acknowledge(opened.id).state == "acknowledged"
    doubted = client.object_to(told.receipt_id, person, "name", "姓名有误", claimed="王五")
    assert client.objection(doubted.objection).state == "open"
    assert client.objections(after=doubted.objection).following is None
