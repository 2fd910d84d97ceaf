"""Values that are doubted: over a receipt by the application that holds it, put to the source, corrected, refused or ruled on; over real HTTP."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from exchange_api.actors import Actor, Step
from exchange_api.evidence.ledger import subject_secret
from exchange_api.objections import doubting, objection_cases, objections
from exchange_api.objections.objection_upkeep import Settled, follow, keep_objections
from exchange_api.objections.objections import Doubt
from schemas.database import transaction
from schemas.errors import Denied, HutongError, Invalid
from schemas.messages.exchange import ObjectionForm
from schemas.tables.evidence import Entry
from schemas.tables.objections import LIVE_STATES, OBJECTION_STATES, Objection
from schemas.tables.operations import Notice
from schemas.tables.recall import Recall
from schemas.tables.rulings import Ruling
from tests.exchange_api.recalling import GOLDEN, MARKET, Hub

POLICE = Actor("wang", "public_security", frozenset({"provider"}))
OFFICER = Actor("lan", "housing", frozenset({"demander"}))
REASON = "当事人出示的结婚证与登记不符"


def doubt(receipt: str, person: str, **more: Any) -> dict[str, Any]:
    return {"receipt": receipt, "subject": person, "attribute": "marital_status", "reason": REASON, **more}


def object_to(hub: Hub, person: str, **more: Any) -> tuple[str, Any, Entry]:
    """Ask for a person and doubt his marital status; the receipt, the answer and its evidence."""
    receipt = hub.query([person])
    status, answer, evidence = hub.ask(doubt(receipt, person, **more), "/v1/objections")
    assert status == 200, answer
    return receipt, answer, evidence


def state_of(hub: Hub, objection_id: str) -> str:
    return str(hub.get(f"/v1/objections/{objection_id}")[1]["state"])


def told(hub: Hub, key: str, objection_id: str) -> list[str]:
    with Session(hub.site.engine) as session:
        found = session.scalars(
            select(Notice).where(Notice.key == key, Notice.facts["objection"].as_string() == objection_id)
        )
        return sorted(one.department_id for one in found)


def correct_record(hub: Hub, person: str, value: str) -> str:
    """What a merged correction batch leaves in the library; returns the batch."""
    batch = hub.wrong_batch([person])
    with Session(hub.site.engine) as session:
        changed = {"marital_status": value, "recorded_at": func.clock_timestamp()}
        session.execute(update(GOLDEN).where(GOLDEN.c.subject == person).values(**changed))
        session.commit()
    return batch


def test_a_doubted_value_is_corrected_and_everyone_who_had_it_is_told(hub: Hub) -> None:
    person = hub.site.people[25]
    hub.wrong_batch([person])
    earlier = hub.query([person])
    hub.query([person], MARKET, signer=hub.site.other_signer)  # shows the name only
    receipt, raised, evidence = object_to(hub, person, claimed="10", evidence="结婚证照片")
    assert (raised["state"], raised["source_department"]) == ("open", "public_security")
    assert told(hub, "objection.raised", raised["objection"]) == ["public_security"]
    assert evidence.application_id == "housing.desk"
    assert person.encode() not in evidence.document
    assert REASON.encode() not in evidence.document

    with transaction("exchange") as session:
        objections.promise(session, POLICE, raised["objection"], "将于本周更正")
    assert state_of(hub, raised["objection"]) == "correcting"
    assert raised["objection"] not in keep_objections().closed
    batch = correct_record(hub, person, "10")
    assert raised["objection"] in keep_objections().closed
    ended = hub.get(f"/v1/objections/{raised['objection']}")[1]
    assert (ended["state"], ended["corrected_by_batch"], ended["is_value_changed"]) == ("corrected", batch, True)
    assert told(hub, "objection.corrected", raised["objection"]) == ["housing", "public_security"]

    hub.query([person])  # holds the corrected value: it is not called back
    recalled = hub.follow().opened[-1]
    (mine,) = hub.recipients(recalled).values()
    assert (mine.application_id, mine.attributes) == ("housing.desk", ["marital_status"])
    notice = hub.get(f"/v1/recalls/{recalled}")[1]["notice"]
    assert (notice["cause"], notice["receipts"]) == ("value_corrected", sorted([earlier, receipt]))
    hub.ask({"outcome": "asking_again"}, f"/v1/recalls/{recalled}/acknowledgement")
    hub.query([person])
    assert f"{recalled} housing.desk" in hub.follow().finished


def test_the_same_doubt_is_the_same_objection_while_it_is_open(hub: Hub) -> None:
    person = hub.site.people[26]
    receipt, raised, _ = object_to(hub, person)
    _, again, _ = hub.ask(doubt(receipt, person, reason="再次核实"), "/v1/objections")
    assert again["objection"] == raised["objection"]
    with transaction("exchange") as session:
        objections.refuse(session, POLICE, raised["objection"], "value_confirmed", "已核档")
    ended = hub.get(f"/v1/objections/{raised['objection']}")[1]
    assert (ended["state"], ended["refusal"], ended["is_value_changed"]) == ("refused", "value_confirmed", False)
    assert told(hub, "objection.refused", raised["objection"]) == ["housing"]
    _, anew, _ = hub.ask(doubt(receipt, person, reason="有新证据"), "/v1/objections")
    assert anew["objection"] != raised["objection"]


def test_the_same_question_asked_again_finds_its_objection_even_when_it_is_closed(hub: Hub) -> None:
    person = hub.site.people[26]
    receipt = hub.query([person])
    asked = hub.site.question(doubt(receipt, person), "/v1/objections")
    first = json.loads(hub.site.send(asked).body)
    with transaction("exchange") as session:
        objections.refuse(session, POLICE, first["objection"], "no_evidence")
    same = {"headers": {"x-request-id": asked.headers["x-request-id"]}}
    _, again, _ = hub.ask(doubt(receipt, person), "/v1/objections", **same)
    assert (again["objection"], again["receipt"]) == (first["objection"], first["receipt"])


def refused_by(document: Callable[[Hub], dict[str, Any]], code: str, status: int) -> Any:
    return pytest.param(document, code, status, id=code)


NOT_HANDED_OUT = [
    refused_by(lambda hub: doubt("01890a5d-ac96-774b-bcce-b302099a8057", hub.site.people[0]), "objection.receipt_unknown", 404),
    refused_by(lambda hub: doubt(hub.query(hub.site.people[:1]), hub.site.people[1]), "objection.not_in_receipt", 403),
    refused_by(
        lambda hub: doubt(hub.query(hub.site.people[:1]), hub.site.people[0], attribute="phone"), "objection.not_in_receipt", 403
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("document", "code", "status"),
    [
        *NOT_HANDED_OUT,
        refused_by(lambda hub: doubt("x", hub.site.people[0]), "request.malformed", 422),
        refused_by(lambda hub: doubt(hub.query(hub.site.people[:1]), hub.site.people[0], reason=""), "request.malformed", 422),
    ],
)  # fmt: skip
def test_what_was_not_handed_out_cannot_be_doubted(
    hub: Hub, document: Callable[[Hub], dict[str, Any]], code: str, status: int
) -> None:
    with Session(hub.site.engine) as session:
        before = session.scalar(select(func.count()).select_from(Objection))
    got, refused, evidence = hub.ask(document(hub), "/v1/objections")
    assert (got, refused["code"], evidence.kind, evidence.code) == (status, code, "refusal", code)
    assert hub.site.people[0].encode() not in evidence.document
    with Session(hub.site.engine) as session:
        assert session.scalar(select(func.count()).select_from(Objection)) == before


def test_anothers_receipt_and_objection_are_as_unknown_as_none(hub: Hub) -> None:
    person = hub.site.people[27]
    receipt, raised, _ = object_to(hub, person)
    other = {"signer": hub.site.other_signer}
    assert hub.ask(doubt(receipt, person), "/v1/objections", **other)[1]["code"] == "objection.receipt_unknown"
    status, refused, evidence = hub.get(f"/v1/objections/{raised['objection']}", **other)
    assert (status, refused["code"], evidence.application_id) == (404, "objection.unknown", "market.portal")
    path = f"/v1/objections/{raised['objection']}/withdrawal"
    assert hub.ask(None, path, **other)[1]["code"] == "objection.unknown"
    assert state_of(hub, raised["objection"]) == "open"
    assert hub.get("/v1/objections", **other)[1]["objections"] == []
    assert hub.ask(None, path)[1]["state"] == hub.ask(None, path)[1]["state"] == "withdrawn"
    listed = hub.get("/v1/objections")[1]["objections"]
    assert raised["objection"] in [one["objection"] for one in listed]
    assert person not in json.dumps(listed)


def test_a_batch_that_changed_nothing_corrects_nothing(hub: Hub) -> None:
    person = hub.site.people[28]
    _, raised, _ = object_to(hub, person)
    same = hub.wrong_batch([person])
    for batch in (same, "public_security.resident/never"):
        with pytest.raises(Invalid, match=r"objection\.not_corrected"), transaction("exchange") as session:
            objections.correct(session, POLICE, raised["objection"], batch)
    right = correct_record(hub, person, "10")
    with transaction("exchange") as session:
        objections.correct(session, POLICE, raised["objection"], right)
    assert state_of(hub, raised["objection"]) == "corrected"
    hub.follow()


def test_a_steward_ruling_closes_it_and_a_value_that_stands_is_not_called_back(hub: Hub) -> None:
    person = hub.site.people[29]
    _, raised, _ = object_to(hub, person)
    with Session(hub.site.engine) as session:
        ruled = {"library": "population", "record_key": person, "attribute": "marital_status", "value": "20"}
        session.add(Ruling(**ruled, reason="核对原件", ruled_by="chen"))
        session.commit()
    assert raised["objection"] in keep_objections().closed
    assert state_of(hub, raised["objection"]) == "ruled"
    hub.follow()
    with Session(hub.site.engine) as session:
        assert session.scalar(select(Recall.id).where(Recall.objection_id == raised["objection"])) is None


def test_only_its_source_may_answer(hub: Hub) -> None:
    _, raised, _ = object_to(hub, hub.site.people[30])
    for other in (Actor("li", "housing", frozenset({"provider"})), Actor("wang", "public_security", frozenset())):
        for answer in (objections.promise, lambda s, a, o: objections.refuse(s, a, o, "value_confirmed")):
            with pytest.raises(HutongError, match=r"case\.(not_yours|role_needed)"), transaction("exchange") as session:
                answer(session, other, raised["objection"])
    with pytest.raises(Invalid, match=r"objection\.reason_unknown"), transaction("exchange") as session:
        objections.refuse(session, POLICE, raised["objection"], "不想改")
    assert state_of(hub, raised["objection"]) == "open"


def test_two_officers_answering_at_once_give_one_answer(hub: Hub) -> None:
    _, raised, _ = object_to(hub, hub.site.people[31])

    def refuse(reason: str) -> str:
        try:
            with transaction("exchange") as session:
                objections.refuse(session, POLICE, raised["objection"], reason)
        except Invalid as late:
            return late.code
        return reason

    with ThreadPoolExecutor(2) as pool:
        said = sorted(pool.map(refuse, ("other_person", "value_confirmed")))
    assert said[0] == "case.wrong_state"
    with transaction("exchange") as session:
        found = session.get_one(Objection, raised["objection"])
        steps = [one.action for one in objection_cases.timeline(session, found.id)]
    assert (found.state, found.refusal, steps) == ("refused", said[1], ["raise", "refuse"])


def test_two_objections_at_once_are_one(hub: Hub) -> None:
    person = hub.site.people[32]
    receipt = hub.query([person])
    with ThreadPoolExecutor(4) as pool:
        asked = [hub.site.question(doubt(receipt, person), "/v1/objections") for _ in range(4)]
        answers = [json.loads(one.body) for one in pool.map(hub.site.send, asked)]
    assert len({one["objection"] for one in answers}) == 1
    assert len({one["receipt"] for one in answers}) == 4


def test_a_silent_source_is_reminded_once_and_reported_once(hub: Hub) -> None:
    _, raised, _ = object_to(hub, hub.site.people[33])
    with transaction("exchange") as session:
        due = session.get_one(Objection, raised["objection"]).due_date
    for day in (due, due, due + timedelta(days=1), due + timedelta(days=9)):
        with transaction("exchange") as session:
            follow(session, raised["objection"], Settled(), on=day)
    assert told(hub, "objection.due_soon", raised["objection"]) == ["public_security"]
    assert told(hub, "objection.overdue", raised["objection"]) == ["public_security"]


def test_an_officer_may_object_without_a_receipt(hub: Hub) -> None:
    person, officer = hub.site.people[6], Actor("li", "housing", frozenset({"demander"}))
    place = ("population", person, None)
    with transaction("exchange") as session:
        first = objections.raise_by_officer(session, officer, place, "name", Doubt(REASON))
        again = objections.raise_by_officer(session, officer, place, "name", Doubt("又"))
    assert first.id == again.id
    assert (first.source_department_id, first.receipt, first.value) == ("public_security", None, "欧阳小6")
    with pytest.raises(Invalid, match=r"item\.unknown"), transaction("exchange") as session:
        objections.raise_by_officer(session, officer, place, "shoe_size", Doubt(REASON))


def by_officer(hub: Hub, document: dict[str, Any], actor: Actor = OFFICER) -> Objection:
    """What the portal does with an officer's form."""
    with transaction("exchange") as session:
        form = ObjectionForm.model_validate(document)
        return doubting.object_as_officer(session, actor, subject_secret(hub.keys), form)


def test_an_officer_objects_over_a_receipt_as_his_departments_application_would(hub: Hub) -> None:
    person = hub.site.people[37]
    receipt = hub.query([person])
    raised = by_officer(hub, doubt(receipt, person, claimed="10"))
    followed = hub.get(f"/v1/objections/{raised.id}")[1]
    assert (followed["state"], followed["receipt_doubted"], followed["claimed"]) == ("open", receipt, "10")
    assert told(hub, "objection.raised", raised.id) == ["public_security"]
    _, again, _ = hub.ask(doubt(receipt, person), "/v1/objections")
    assert again["objection"] == raised.id, "over the same value of the same receipt"
    other = hub.query([person])
    assert by_officer(hub, doubt(other, person)).id != raised.id, "another receipt: nothing of his was asked before"
    with Session(hub.site.engine) as session:
        found = [one.document for one in session.scalars(select(Entry).where(Entry.kind == "action"))]
    (evidence,) = [one for one in found if raised.id.encode() in one]
    assert b'"action":"objection_raise"' in evidence
    assert receipt.encode() in evidence
    assert person.encode() not in evidence
    assert REASON.encode() not in evidence


@pytest.mark.parametrize(("document", "code", "status"), NOT_HANDED_OUT)
def test_an_officer_is_refused_what_his_application_would_be(
    hub: Hub, document: Callable[[Hub], dict[str, Any]], code: str, status: int
) -> None:
    with pytest.raises(Denied) as refused:
        by_officer(hub, document(hub))
    assert (refused.value.code, refused.value.status) == (code, status)


@pytest.mark.parametrize(
    ("actor", "code"),
    [
        (Actor("li", "market_regulation", frozenset({"demander"})), "objection.receipt_unknown"),
        (Actor("li", "housing", frozenset({"provider", "steward"})), "case.role_needed"),
    ],
)
def test_only_an_officer_who_uses_what_was_handed_out_objects_to_it(hub: Hub, actor: Actor, code: str) -> None:
    person = hub.site.people[38]
    receipt = hub.query([person])
    with pytest.raises(Denied) as refused:
        by_officer(hub, doubt(receipt, person), actor)
    assert refused.value.code == code
    with pytest.raises(Denied) as unknown, transaction("exchange") as session:
        doubting.handed(session, actor, receipt)
    assert unknown.value.code == code
    with transaction("exchange") as session:
        assert doubting.handed(session, OFFICER, receipt).attributes >= {"name", "birth_date", "marital_status"}


def test_what_nobody_says_is_put_to_whoever_should_say_it(hub: Hub) -> None:
    officer = Actor("li", "housing", frozenset({"demander"}))
    place = ("population", hub.site.unknown_person, None)
    with transaction("exchange") as session:
        raised = objections.raise_by_officer(session, officer, place, "name", Doubt(REASON, claimed="王五"))
    assert (raised.source_department_id, raised.value, raised.source_batch_id) == ("public_security", None, None)


@given(st.lists(st.sampled_from([*objection_cases.TRANSITIONS]), max_size=8))
def test_an_objection_never_leaves_its_table(hub: Hub, actions: list[str]) -> None:
    """Any sequence of actions: allowed ones move as the table says, others are refused and change nothing."""
    with Session(hub.site.engine) as session:
        value = {
            "library": "population",
            "subject": "s",
            "record_key": "s",
            "attribute": "name",
            "reason": "r",
            "raised_by": "x",
        }
        objection = Objection(
            id="YY-1999-000001", department_id="housing", source_department_id="public_security", state="open",
            due_date=datetime.now(UTC).date(), **value,
        )  # fmt: skip
        session.add(objection)
        session.flush()
        state = "open"
        for action in actions:
            to_state = objection_cases.TRANSITIONS[action].get(state)
            if to_state is None:
                with pytest.raises(Invalid, match=r"case\.wrong_state"):
                    objection_cases.move(session, POLICE, objection, Step(action))
            else:
                objection_cases.move(session, POLICE, objection, Step(action))
            state = to_state or state
            assert objection.state == state
            assert (objection.closed_at is None) == (state in LIVE_STATES)
        moves = [(one.from_state, one.to_state) for one in objection_cases.timeline(session, objection.id)]
        assert [one[0] for one in moves] == ["open", *(one[1] for one in moves)][: len(moves)]


def test_the_table_ends_where_it_says() -> None:
    states = {state for ways in objection_cases.TRANSITIONS.values() for state in (*ways, *ways.values())}
    assert states == set(OBJECTION_STATES)
    assert {state for state in states if objection_cases.possible(state)} == set(LIVE_STATES)
