"""Programs of the authority ask who saw a person's items and review what detectors saw; the identifier stands nowhere but in the question's body."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from exchange_api.evidence import subjects
from exchange_api.evidence.sequencer import sequence_once
from exchange_api.keys import log_signer
from exchange_api.signing import Request
from schemas.calendar import today
from schemas.database import transaction
from schemas.tables.guarding import GuardFinding
from tests.exchange_api.desk_town import Client, Desks
from tests.exchange_api.recalling import Hub
from tests.exchange_api.watched import Caller, person

DAYS = {"first": (today() - timedelta(days=1)).isoformat(), "last": (today() + timedelta(days=1)).isoformat()}


@pytest.fixture(scope="module")
def bureau(hub: Hub) -> Client:
    """The authority's program at the exchange of this session."""
    return Desks(hub.site).client("bureau.watch", "public_security", "authority")


@pytest.fixture(scope="module")
def caller(hub: Hub) -> Caller:
    """An application of one's own."""
    return Caller(hub.site, hub.site.authority)


def _note() -> None:
    with transaction("sequencer") as session:
        sequence_once(session, log_signer(session), "test.local/log")
    while True:
        with transaction("sequencer") as session:
            if not subjects.note_subjects(session, 5_000):
                return


def _look(client: Client, subject: str, /, **changes: Any) -> tuple[int, Any, Any]:
    return client.call(
        "POST", "/v1/access", {"subject": subject, "reason": "公民申请查询", "case": "XX-2026-9", **DAYS} | changes
    )


def test_the_authoritys_program_finds_every_look_and_its_own_is_found_next_time(bureau: Client, caller: Caller) -> None:
    someone, grant_id = person(7, 501), caller.grant()
    asked = [caller.ask(grant_id, [someone], case=f"BJ-2026-{n}")[1]["receipt"] for n in range(3)]
    _note()
    status, said, entry = _look(bureau, someone, limit=2)
    assert status == 200, said
    assert [one["receipt"] for one in said["entries"]] == asked[:2]
    assert {one["application"] for one in said["entries"]} == {caller.id}
    assert json.loads(entry.document)["facts"]["action"] == "POST access"
    rest = _look(bureau, someone, after=said["next"])[1]
    assert [one["receipt"] for one in rest["entries"]] == asked[2:]
    assert rest["next"] is None
    _note()
    again = _look(bureau, someone)[1]["entries"]
    assert [one["receipt"] for one in again if one["outcome"] == "subject_access"] == [
        said["recorded_as"],
        rest["recorded_as"],
    ]


def test_a_look_asked_for_twice_is_recorded_twice_and_nothing_of_it_is_kept(hub: Hub, bureau: Client) -> None:
    someone, same = person(7, 502), {"x-request-id": "6f0dfd0c-3c39-4d3c-9d9a-6f1f52d8a2a1"}
    form = {"subject": someone, "reason": "公民申请查询", "case": "XX-2026-9", **DAYS}
    first, second = (bureau.call("POST", "/v1/access", form, **same)[1] for _ in range(2))
    assert first["recorded_as"] != second["recorded_as"]
    with hub.site.engine.connect() as connection:
        kept = text("SELECT count(*) FROM operations.desk_steps WHERE request_id = :id")
        assert connection.execute(kept, {"id": same["x-request-id"]}).scalar() == 0


def test_the_identifier_is_in_no_refusal_no_evidence_and_no_address(hub: Hub, bureau: Client) -> None:
    someone = person(7, 503)
    for changes, code in (
        ({"reason": f"关于 {someone}"}, "access.reason"),
        ({"case": ""}, "request.malformed"),
        ({"subject": f"{someone}1"}, "access.subject"),
        ({"subject": [someone]}, "request.malformed"),
        ({"first": someone}, "request.malformed"),
    ):
        status, said, entry = _look(bureau, someone, **changes)
        assert (status >= 400, said["code"]) == (True, code)
        assert someone not in json.dumps(said) + entry.document.decode()
    headers = {"authorization": f"Bearer {bureau.token()}", "content-type": "application/json"}
    response = hub.site.send(Request("POST", hub.site.authority, "/v1/access", f"subject={someone}", headers, b"{}"))
    told = json.loads(response.body)
    assert told["code"] == "url.personal"
    assert someone not in response.body.decode() + hub.site.entry(told["receipt"]).document.decode()
    assert someone not in hub.site.log.read_text()


def test_a_finding_is_listed_and_reviewed_by_the_authority_and_only_read_by_an_auditor(
    hub: Hub, bureau: Client, caller: Caller
) -> None:
    grant_id = caller.grant()
    with Session(hub.site.engine) as session:
        found = GuardFinding(
            rule="days", application_id=caller.id, grant_id=grant_id, measured=9, above=8, receipt=UUID(int=7), has_suspended=False
        )  # fmt: skip
        session.add(found)
        session.commit()
        number = found.id
    listed = bureau.call("GET", "/v1/findings?state=open&limit=200")[1]["findings"]
    (mine,) = [one for one in listed if one["finding"] == number]
    assert (mine["grant"], mine["measured"], mine["review"]) == (grant_id, 9, None)
    auditor = Desks(hub.site).client("audit.watch", "housing", "auditor")
    path = f"/v1/findings/{number}/review"
    assert auditor.call("POST", path, {"verdict": "abuse"})[1]["code"] == "case.role_needed"
    assert bureau.call("POST", path, {"verdict": "perhaps"})[1]["code"] == "request.malformed"
    assert bureau.call("POST", path, {"verdict": "abuse"})[1]["review"] == "abuse"
    reviewed = auditor.call("GET", f"/v1/findings?state=abuse&after={number + 1}")[1]["findings"]
    assert reviewed[0]["finding"] == number
    assert reviewed[0]["reviewed_by"]
    assert number not in {one["finding"] for one in bureau.call("GET", "/v1/findings?state=open")[1]["findings"]}
    assert bureau.call("GET", "/v1/findings?after=x")[1]["code"] == "request.malformed"
    assert auditor.call("POST", "/v1/access", {})[1]["code"] in ("case.role_needed", "request.malformed")
