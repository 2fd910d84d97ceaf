"""Officers' programs at the desks over HTTP: a whole demand's way by three clients, once and no more often, signed and in the evidence, refusals too."""

import base64
import json
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from exchange_api.accounts import trail
from exchange_api.app import create_app
from exchange_api.desk_api.routes import ROUTES
from schemas.tables.exchange import Demand
from tests.exchange_api.desk_town import FORM, Client, Desks


@pytest.fixture(scope="module")
def housing(desks: Desks) -> Client:
    return desks.client("housing.office", "housing", "demander")


@pytest.fixture(scope="module")
def police(desks: Desks) -> Client:
    return desks.client("police.office", "public_security", "provider", algorithm="ecdsa-p256-sha256")


@pytest.fixture(scope="module")
def bureau(desks: Desks) -> Client:
    return desks.client("bureau.office", "data_bureau", "authority")


def done(answer: tuple[int, Any, Any]) -> Any:
    status, said, _ = answer
    assert status == 200, said
    return said


def submitted(housing: Client, **changes: Any) -> str:
    number = done(housing.call("POST", "/v1/demands", FORM | changes))["demand"]
    done(housing.call("POST", f"/v1/demands/{number}/submission", {}))
    return str(number)


def test_a_demand_goes_its_whole_way_by_three_clients(housing: Client, police: Client, bureau: Client) -> None:
    number = submitted(housing)
    assert done(bureau.call("POST", f"/v1/demands/{number}/dispatch", {}))["state"] == "dispatched"
    (task,) = [
        one for one in done(police.call("GET", "/v1/supply-tasks"))["tasks"] if one["demands"][0]["demand"] == number
    ]
    (waiting,) = done(police.call("GET", f"/v1/supply-tasks/{task['task']}"))["answers"]
    assert (waiting["name"], waiting["decision"]) == ("户籍地址", None)
    answers = {"answers": [{"demand_item_id": waiting["item"], "decision": "confirm", "form": "masked"}]}
    assert done(police.call("POST", f"/v1/supply-tasks/{task['task']}/answers", answers))["state"] == "answered"
    demand = done(housing.call("GET", f"/v1/demands/{number}"))
    assert demand["state"] == "provided"
    (grant,) = demand["grants"]
    granted = done(housing.call("GET", f"/v1/grants/{grant}"))
    assert {one["attribute"]: one["form"] for one in granted["items"]} == {
        "address": "masked",
        "marital_status": "full",
    }
    status, said, entry = housing.call("POST", f"/v1/demands/{number}/acceptance", {})
    assert (status, said["state"]) == (200, "closed")
    facts = json.loads(entry.document)["facts"]
    assert facts == {
        "action": "POST demands/{demand}/acceptance", "demand": number, "by": "client", "client": "housing.office",
        "client_key": housing.signer.keyid, "state": "closed",
    }  # fmt: skip
    actions = [one["action"] for one in done(housing.call("GET", f"/v1/demands/{number}/timeline"))["events"]]
    assert (actions[0], actions[-1]) == ("register", "close")
    chain = done(police.call("GET", f"/v1/trace/{grant}"))
    assert {("demand", number), ("supply_task", task["task"]), ("grant", grant)} <= {
        (one["kind"], one["id"]) for one in chain["nodes"]
    }


def test_a_provider_learns_of_a_demander_only_what_its_task_needs(
    housing: Client, police: Client, bureau: Client
) -> None:
    number = submitted(housing, scenario="窗口受理", scope="本市户籍")
    done(bureau.call("POST", f"/v1/demands/{number}/dispatch", {}))
    tasks = done(police.call("GET", "/v1/supply-tasks?state=open&limit=200"))["tasks"]
    (shared,) = [demand for task in tasks for demand in task["demands"] if demand["demand"] == number]
    assert set(shared) == {"demand", "state", "purpose", "service_item", "basis", "terms"}
    assert "窗口受理" not in json.dumps(tasks, ensure_ascii=False)
    status, said, _ = police.call("GET", f"/v1/demands/{number}")
    assert (status, said["code"]) == (403, "case.role_needed")


def test_the_same_step_twice_is_done_once(desks: Desks, housing: Client) -> None:
    twice = {"x-request-id": str(uuid.uuid4())}
    before = _demands(desks)
    first, again = (done(housing.call("POST", "/v1/demands", FORM, **twice)) for _ in range(2))
    assert first | {"receipt": ""} == again | {"receipt": ""}
    assert _demands(desks) == before + 1
    status, said, entry = housing.call("POST", "/v1/demands", FORM | {"purpose": "另一目的"}, **twice)
    assert (status, said["code"], entry.kind) == (409, "request_id.reused", "refusal")
    *_, entry = housing.call("POST", "/v1/demands", FORM, **twice)
    assert (entry.code, json.loads(entry.document)["facts"]["repeats"]) == ("repeated", first["receipt"])


def test_a_step_is_one_line_of_the_trail_however_often_it_is_asked_for(desks: Desks, housing: Client) -> None:
    number, once = submitted(housing), {"x-request-id": str(uuid.uuid4())}
    for _ in range(2):
        done(housing.call("POST", f"/v1/demands/{number}/withdrawal", {"why": "不再需要"}, **once))
    done(housing.call("GET", f"/v1/demands/{number}"))
    with Session(desks.site.engine) as session:
        lines = trail.page(session, trail.Sought(case=number))
    assert [(one.action, one.outcome, one.department_id) for one in lines] == [
        ("POST /v1/demands/{demand}/withdrawal", "done", "housing"),
        ("POST /v1/demands/{demand}/submission", "done", "housing"),
    ]


def test_a_refused_step_may_be_tried_again_under_its_id(housing: Client) -> None:
    number = done(housing.call("POST", "/v1/demands", FORM | {"items": []}))["demand"]
    once = {"x-request-id": str(uuid.uuid4())}
    status, said, _ = housing.call("POST", f"/v1/demands/{number}/submission", {}, **once)
    assert (status, said["code"]) == (422, "demand.incomplete")
    done(housing.call("PUT", f"/v1/demands/{number}", FORM))
    assert done(housing.call("POST", f"/v1/demands/{number}/submission", {}, **once))["state"] == "submitted"


def test_a_draft_is_dropped_and_a_submitted_demand_is_not(housing: Client) -> None:
    draft = done(housing.call("POST", "/v1/demands", FORM))["demand"]
    assert done(housing.call("DELETE", f"/v1/demands/{draft}"))["state"] == "discarded"
    assert housing.call("GET", f"/v1/demands/{draft}")[1]["code"] == "case.not_yours"
    status, said, _ = housing.call("DELETE", f"/v1/demands/{submitted(housing)}")
    assert (status, said["code"]) == (409, "case.wrong_state")


def test_lists_come_in_pages(housing: Client) -> None:
    for _ in range(3):
        done(housing.call("POST", "/v1/demands", FORM))
    whole = [one["demand"] for one in done(housing.call("GET", "/v1/demands?limit=200"))["demands"]]
    paged, after = [], ""
    while after is not None:
        page = done(housing.call("GET", f"/v1/demands?limit=2&after={after}"))
        assert len(page["demands"]) <= 2
        paged += [one["demand"] for one in page["demands"]]
        after = page["next"]
    assert paged == whole == sorted(whole, reverse=True)
    assert len(whole) >= 3


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("POST", "/v1/demands", {**FORM, "colour": "red"}, 422, "request.malformed"),
        ("POST", "/v1/demands", None, 400, "request.not_json"),
        ("POST", "/v1/demands", {**FORM, "purpose": "\x00"}, 422, "request.malformed"),
        ("POST", "/v1/demands", {**FORM, "volume_per_day": 10**30}, 422, "request.malformed"),
        ("GET", "/v1/demands?limit=0", None, 422, "request.malformed"),
        ("GET", "/v1/demands?limit=10&limit=20", None, 422, "request.malformed"),
        ("GET", "/v1/demands?after=%00", None, 422, "request.malformed"),
        ("GET", "/v1/demands?colour=red", None, 422, "request.malformed"),
        ("GET", "/v1/notices?after=x", None, 422, "request.malformed"),
        ("GET", "/v1/notices?state=lost", None, 422, "request.malformed"),
        ("GET", "/v1/deadlines?after=2026-02-30.1", None, 422, "request.malformed"),
        ("PATCH", "/v1/demands", None, 405, "route.method"),
        ("GET", "/v1/demands/7", None, 404, "route.unknown"),
        ("GET", "/v1/demands/XQ-2026-000001/secrets", None, 404, "route.unknown"),
    ],
)
def test_what_is_not_in_form_is_refused_by_name_signed_and_recorded(
    housing: Client, method: str, path: str, body: Any, status: int, code: str
) -> None:
    answered, said, entry = housing.call(method, path, body)
    assert (answered, said["code"], entry.kind) == (status, code, "refusal")
    assert said["remedy_zh"]


def test_a_request_id_that_cannot_be_kept_is_refused(housing: Client) -> None:
    status, said, _ = housing.call("POST", "/v1/demands", FORM, **{"x-request-id": "x" * 129})
    assert (status, said["code"]) == (400, "request_id.malformed")


def test_the_reference_describes_every_step() -> None:
    document = create_app().openapi()
    described = {
        (method.upper(), path): step for path, steps in document["paths"].items() for method, step in steps.items()
    }
    mine = {(route.method, route.path): route for route in ROUTES}
    assert set(mine) - set(described) == set()
    for place, route in mine.items():
        step = described[place]
        schema = step["responses"]["200"]["content"]["application/json"]["schema"]["$ref"]
        assert schema.endswith(f"/{route.said.__name__}")
        assert {"OAuth2": [route.scope]} in step["security"]
        assert {"401", "403", "409", "422"} <= set(step["responses"])
        assert ("requestBody" in step) == (route.form is not None)
        assert [one["name"] for one in step["parameters"] if one["in"] == "path"] == list(route.names)
    assert {"/v1/oauth/token", "/v1/oauth/revocation", "/.well-known/oauth-authorization-server"} <= set(
        document["paths"]
    )


def test_two_officers_at_once_one_wins_and_the_other_is_told(housing: Client, bureau: Client) -> None:
    number = submitted(housing)
    bureau.token()
    with ThreadPoolExecutor(6) as crowd:
        steps = [f"/v1/demands/{number}/dispatch", f"/v1/demands/{number}/return"] * 3
        said = list(
            crowd.map(lambda path: bureau.call("POST", path, {"why": "依据不足"} if "return" in path else {}), steps)
        )
    assert sorted(status for status, _, _ in said) == [200] + [409] * 5
    assert {one["code"] for status, one, _ in said if status == 409} == {"case.wrong_state"}
    events = done(housing.call("GET", f"/v1/demands/{number}/timeline"))["events"]
    assert sum(one["action"] in ("dispatch", "return") for one in events) == 1


def test_the_same_step_by_many_hands_at_once_is_done_once(desks: Desks, housing: Client) -> None:
    before, once = _demands(desks), {"x-request-id": str(uuid.uuid4())}
    housing.token()
    with ThreadPoolExecutor(6) as crowd:
        said = list(crowd.map(lambda _: done(housing.call("POST", "/v1/demands", FORM, **once)), range(6)))
    assert len({one["demand"] for one in said}) == 1
    assert _demands(desks) == before + 1


def test_a_file_comes_with_a_demand_and_is_handed_back_as_it_came(
    desks: Desks, housing: Client, bureau: Client
) -> None:
    number = done(housing.call("POST", "/v1/demands", FORM))["demand"]
    content = b"%PDF-1.7\n" + b"\x00\xff" * 1_000_000
    form = {"name": "../依据.pdf", "content": base64.b64encode(content).decode()}
    kept = done(housing.call("POST", f"/v1/demands/{number}/attachments", form))
    assert (kept["name"], kept["media_type"], kept["size"]) == ("依据.pdf", "application/pdf", len(content))
    path = f"/v1/demands/{number}/attachments/{kept['attachment']}"
    assert base64.b64decode(done(housing.call("GET", path))["content"]) == content
    stranger = desks.client("office.stranger", "civil_affairs", "demander")
    assert stranger.call("GET", path)[1]["code"] == "case.not_yours"
    assert bureau.call("GET", path)[1]["code"] == "case.unknown", "a draft's papers are its department's own"
    assert (
        housing.call("POST", f"/v1/demands/{number}/attachments", form | {"content": "%"})[1]["code"]
        == "request.malformed"
    )
    assert (
        housing.call("POST", f"/v1/demands/{number}/attachments", form, authorization="Bearer x")[1]["code"]
        == "request.too_large"
    )
    assert done(housing.call("DELETE", path))["attachments"] == []


def test_a_suspension_over_http_is_effective_and_each_side_lifts_its_own(
    housing: Client, police: Client, bureau: Client
) -> None:
    number = submitted(housing)
    done(bureau.call("POST", f"/v1/demands/{number}/dispatch", {}))
    tasks = done(police.call("GET", "/v1/supply-tasks?state=open&limit=200"))["tasks"]
    (task,) = [one["task"] for one in tasks if number in {shared["demand"] for shared in one["demands"]}]
    waiting = [
        one for one in done(police.call("GET", f"/v1/supply-tasks/{task}"))["answers"] if one["demand"] == number
    ]
    answers = [{"demand_item_id": one["item"], "decision": "confirm"} for one in waiting]
    done(police.call("POST", f"/v1/supply-tasks/{task}/answers", {"demand": number, "answers": answers}))
    (grant,) = done(housing.call("GET", f"/v1/demands/{number}"))["grants"]
    deadline = time.monotonic() + 60
    while True:
        checked = done(police.call("POST", f"/v1/grants/{grant}/health-check", {}))
        assert not checked["is_good"], "the application has no key yet"
        steps = {one["name"]: one["is_good"] for one in checked["steps"]}
        if steps["answer"]:  # one that took longer than a second is none
            break
        assert time.monotonic() < deadline, checked
    assert (steps["key"], steps["state"]) == (False, True)
    assert done(police.call("POST", f"/v1/grants/{grant}/suspension", {"why": "系统检修"}))["suspended_by"] == [
        "provider"
    ]
    assert done(housing.call("POST", f"/v1/grants/{grant}/suspension", {}))["suspended_by"] == ["consumer", "provider"]
    assert done(police.call("POST", f"/v1/grants/{grant}/resumption", {}))["suspended_by"] == ["consumer"]
    status, said, entry = housing.call("POST", f"/v1/grants/{grant}/revocation", {})
    assert (status, said["code"], entry.kind) == (403, "case.role_needed", "refusal")
    assert [one["action"] for one in done(housing.call("GET", f"/v1/grants/{grant}/timeline"))["events"]][-3:] == [
        "suspend",
        "suspend",
        "resume",
    ]


def test_a_notice_is_read_once_and_deadlines_come_most_urgent_first(
    housing: Client, police: Client, bureau: Client
) -> None:
    number = submitted(housing)
    done(bureau.call("POST", f"/v1/demands/{number}/dispatch", {}))
    newest = done(police.call("GET", "/v1/notices?state=unread&limit=1"))["notices"][0]
    read = done(police.call("POST", f"/v1/notices/{newest['notice']}/reading", {}))
    assert read["read_at"] is not None
    assert done(police.call("POST", f"/v1/notices/{newest['notice']}/reading", {}))["read_at"] == read["read_at"]
    unread = done(police.call("GET", "/v1/notices?state=unread&limit=200"))["notices"]
    assert newest["notice"] not in {one["notice"] for one in unread}
    assert housing.call("POST", f"/v1/notices/{newest['notice']}/reading", {})[1]["code"] == "case.not_yours"
    owed = done(police.call("GET", "/v1/deadlines?limit=200"))["deadlines"]
    assert number in {one["demand"] for one in owed}
    assert [(one["due"], one["clock"]) for one in owed] == sorted((one["due"], one["clock"]) for one in owed)
    assert {one["lamp"] for one in owed} <= {"green", "yellow", "red", "paused"}


def _demands(desks: Desks) -> int:
    with Session(desks.site.engine) as session:
        return session.scalar(select(func.count()).select_from(Demand)) or 0
