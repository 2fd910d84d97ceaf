"""Who may come in, and who may open which page: every route for every role; a route nobody listed here fails."""

from typing import Any

import pytest
from fastapi import FastAPI

from exchange_api.portal import mounting

ROLES = {
    "visitor": None,
    "demander": "xiaolan",
    "provider": "weidong",
    "steward": "guanjia",
    "authority": "qiming",
    "auditor": "shenji",
    "application": "yingyong",
    "system_admin": "xitong",
    "security_admin": "anquan",
}
Doors = dict[str, int]


def doors(visitor: int, others: int, **open_to: int) -> Doors:
    """What a visitor gets, what every role gets, and what those named get instead."""
    return {role: open_to.get(role, visitor if role == "visitor" else others) for role in ROLES}


def looks(others: int = 403, **open_to: int) -> Doors:
    """A page: a visitor is led to the sign-in."""
    return doors(303, others, **open_to)


def acts(others: int = 403, **open_to: int) -> Doors:
    """A form: a visitor is refused."""
    return doors(401, others, **open_to)


ANYBODY = dict.fromkeys(ROLES, 200)
STRANGERS = dict.fromkeys(
    ("steward", "system_admin", "security_admin"), 403
)  # of a department the case does not concern
# what an empty form, or a look, gets: 303 leads on (a visitor: to the sign-in page), 422 means that the door was open, 404 and 409 that it was
WALK: dict[tuple[str, str], Doors] = {
    ("GET", "/sign-in"): doors(200, 303),
    ("POST", "/sign-in"): dict.fromkeys(ROLES, 422),
    ("GET", "/language/{language}"): dict.fromkeys(ROLES, 303),
    ("GET", "/"): looks(200),
    ("GET", "/demands"): looks(200),
    ("GET", "/demands/new"): looks(demander=200),
    ("POST", "/demands/new"): acts(demander=200),
    ("POST", "/demands/matches"): acts(demander=200),
    ("POST", "/demands/keep"): acts(demander=200),
    ("GET", "/demands/{demand_id}"): looks(200, **STRANGERS),
    ("GET", "/demands/{demand_id}/edit"): looks(demander=200),
    ("POST", "/demands/{demand_id}/{action}"): acts(authority=422),
    ("GET", "/tasks"): looks(provider=200),
    ("GET", "/supply-workbook"): looks(provider=200),
    ("GET", "/supply-workbook/file"): looks(provider=200),
    ("POST", "/supply-workbook"): acts(provider=422),
    ("GET", "/tasks/{task_id}"): looks(200, **STRANGERS),
    ("POST", "/tasks/{task_id}"): acts(provider=422),
    ("POST", "/tasks/{task_id}/keep"): acts(provider=200),
    ("POST", "/tasks/{task_id}/ask/{demand_id}"): acts(provider=422, authority=422),
    ("GET", "/demands/{demand_id}/files/{attachment_id}"): looks(404, **STRANGERS),
    ("POST", "/demands/{demand_id}/attach"): acts(demander=422),
    ("POST", "/demands/{demand_id}/files/{attachment_id}/remove"): acts(demander=409),
    ("POST", "/questions/{request_id}/{action}"): acts(authority=404, auditor=404),
    ("POST", "/answers/{answer_id}/{action}"): acts(authority=404, auditor=404),
    ("POST", "/disputes/{dispute_id}/{action}"): acts(authority=404, auditor=404),
    ("POST", "/clocks/{clock_id}/extend"): acts(authority=404, auditor=404),
    ("POST", "/extensions/{extension_id}/{decision}"): acts(authority=404, auditor=404),
    ("GET", "/grants"): looks(200),
    ("GET", "/grants/{grant_id}"): looks(authority=404, auditor=404),
    ("POST", "/grants/{grant_id}/{action}"): acts(authority=404, auditor=404),
    ("POST", "/quota/{request_id}/{decision}"): acts(authority=404, auditor=404),
    ("GET", "/notices"): looks(200),
    ("POST", "/lists/{name}"): acts(303),
    ("POST", "/notices/read"): acts(303),
    ("POST", "/notices/read-all"): acts(422),
    ("GET", "/resources"): looks(200),
    ("GET", "/resources/{resource_id}"): looks(200),
    ("GET", "/resources/{resource_id}/changes"): looks(200),
    ("GET", "/directory-draft"): looks(provider=200, authority=200),
    ("POST", "/directory-draft"): acts(provider=422, authority=422),
    ("GET", "/resources/{resource_id}/edit"): looks(provider=200, authority=200),
    ("POST", "/resources/{resource_id}/edit"): acts(provider=200, authority=200),
    ("POST", "/resources/{resource_id}/keep"): acts(provider=200, authority=200),
    ("GET", "/directory-workbook"): looks(provider=200, authority=200),
    ("GET", "/directory-workbook/file"): looks(provider=200, authority=200),
    ("POST", "/directory-workbook"): acts(provider=422, authority=422),
    ("GET", "/reviews"): looks(200),
    ("GET", "/reviews/{resource_id}"): looks(provider=200, authority=200, auditor=200),
    ("POST", "/reviews/{resource_id}/{action}"): acts(provider=422, authority=422),
    ("GET", "/services"): looks(200),
    ("GET", "/services/{service_item_id}"): looks(200),
    ("GET", "/departments"): looks(200),
    ("GET", "/elements"): looks(200),
    ("GET", "/elements/{element_id}"): looks(200),
    ("GET", "/element-proposals"): looks(authority=200),
    ("POST", "/element-proposals/{proposal_id}/{decision}"): acts(authority=422),
    ("GET", "/sign-in/next"): dict.fromkeys(ROLES, 303),
    ("POST", "/sign-in/next"): dict.fromkeys(ROLES, 422),
    ("GET", "/sign-in/square.svg"): dict.fromkeys(ROLES, 404),
    ("GET", "/sign-in/oidc"): dict.fromkeys(ROLES, 404),  # no identity provider is set up
    ("GET", "/sign-in/oidc/back"): dict.fromkeys(ROLES, 403),
    ("GET", "/account"): looks(200),
    ("GET", "/account/square.svg"): looks(404),
    ("POST", "/account/acting"): acts(303),
    ("POST", "/account/delegations/{delegation_id}/revoke"): acts(403),
    ("POST", "/account/{action}"): acts(422),
    ("GET", "/accounts"): looks(system_admin=200, security_admin=200),
    ("GET", "/accounts/new"): looks(system_admin=200),
    ("POST", "/accounts/new"): acts(system_admin=422),
    ("GET", "/accounts/{officer_id}"): looks(system_admin=404, security_admin=404),
    ("POST", "/accounts/{officer_id}/{action}"): acts(system_admin=403, security_admin=404),
    ("GET", "/trail"): looks(auditor=200),
    ("GET", "/trail/{line_id}"): looks(auditor=404),
    ("GET", "/supervision"): looks(authority=200, auditor=200),
    ("GET", "/supervision/concerns/{key}"): looks(authority=200, auditor=200),
    ("GET", "/supervision/clocks/{clock_id}"): looks(authority=404),
    ("POST", "/supervision/clocks/{clock_id}"): acts(authority=404),
    ("GET", "/supervision/own"): looks(demander=200, provider=200, authority=200, auditor=200),
    ("GET", "/supervision/own/{week}"): looks(demander=404, provider=404, authority=404, auditor=404),
    ("GET", "/supervision/scores/{week}/{department_id}"): looks(demander=404, authority=404, auditor=404),
    ("GET", "/supervision/scores/{week}/{department_id}/{key}"): looks(demander=404, authority=404, auditor=404),
    ("GET", "/supervision/objections"): looks(demander=200, provider=200, authority=200, auditor=200),
    ("GET", "/supervision/objections/new"): looks(demander=404, provider=404),
    ("POST", "/supervision/objections/new"): acts(demander=422, provider=422),
    ("GET", "/supervision/objections/{objection_id}"): looks(authority=404, auditor=404),
    ("POST", "/supervision/objections/{objection_id}/{decision}"): acts(
        demander=422, provider=422, authority=422, auditor=422
    ),
    ("GET", "/reports"): looks(authority=200, auditor=200),
    ("GET", "/reports/{week}"): looks(authority=404, auditor=404),
    ("GET", "/verify"): ANYBODY,
    ("POST", "/verify"): dict.fromkeys(ROLES, 422),
    ("GET", "/reference"): ANYBODY,
    ("GET", "/help"): ANYBODY,
    ("GET", "/help/glossary"): ANYBODY,
    ("GET", "/help/errors"): ANYBODY,
    ("GET", "/reference/openapi.json"): ANYBODY,
    ("GET", "/pipelines"): looks(steward=200, provider=200),
    ("GET", "/pipelines/{resource_id}"): looks(steward=200, provider=200),
    ("GET", "/pipelines/{resource_id}/run"): looks(steward=303, provider=303),
    ("POST", "/pipelines/{resource_id}/{action}"): acts(steward=422),
    ("GET", "/batches/{batch_id}"): looks(steward=404, provider=404),
    ("GET", "/batches/{batch_id}/docs"): looks(steward=404, provider=404),
    ("GET", "/batches/{batch_id}/retract"): looks(steward=404),
    ("POST", "/batches/{batch_id}/preview"): acts(steward=404),
    ("POST", "/batches/{batch_id}/retract"): acts(steward=404),
    ("GET", "/quarantine"): looks(steward=200, provider=200),
    ("GET", "/quarantine/{ticket_id}"): looks(steward=404, provider=404),
    ("POST", "/quarantine/{ticket_id}/replay"): acts(steward=404),
    ("POST", "/quarantine/{ticket_id}/answer"): acts(steward=404),
    ("GET", "/waivers"): looks(steward=200, provider=200),
    ("POST", "/waivers/look"): acts(steward=422),
    ("POST", "/waivers"): acts(steward=422),
    ("POST", "/waivers/{waiver_id}/withdraw"): acts(steward=404),
    ("GET", "/rows/{row_id}"): looks(steward=404, provider=404),
    ("POST", "/rows/{row_id}/reveal"): acts(steward=422),
    ("POST", "/rows/{row_id}/replay"): acts(steward=404),
    ("GET", "/conflicts"): looks(steward=200),
    ("GET", "/conflicts/{number}"): looks(steward=404),
    ("POST", "/conflicts/{number}/settle"): acts(steward=404),
    ("POST", "/rulings/{ruling_id}/withdraw"): acts(steward=404),
    ("GET", "/objections"): looks(200, system_admin=403, security_admin=403),
    ("GET", "/objections/new"): looks(demander=200),
    ("POST", "/objections/receipt"): acts(demander=422),
    ("POST", "/objections/new"): acts(demander=422),
    ("GET", "/objections/{objection_id}"): looks(steward=404, authority=404, auditor=404),
    ("POST", "/objections/{objection_id}/look"): acts(steward=404),
    ("POST", "/objections/{objection_id}/rule"): acts(steward=404),
    ("POST", "/objections/{objection_id}/{action}"): acts(steward=404, authority=404, auditor=404),
    ("GET", "/quality"): looks(steward=200, provider=200),
    ("GET", "/quality/{resource_id}"): looks(steward=200, provider=200),
    ("GET", "/records"): looks(steward=200),
    ("POST", "/records"): acts(steward=422),
    ("GET", "/orders/{order_id}"): looks(steward=404, provider=404),
    ("GET", "/orders/{order_id}/report"): looks(steward=404, provider=404),
    ("POST", "/orders/{order_id}/take"): acts(steward=404, provider=404),
    ("POST", "/orders/{order_id}/drop"): acts(steward=404, provider=404),
    ("GET", "/batches/{batch_id}/corrections"): looks(steward=404, provider=404),
    ("POST", "/batches/{batch_id}/corrections"): acts(steward=404, provider=404),
    ("GET", "/batches/{batch_id}/corrections/file"): looks(steward=404, provider=404),
    ("POST", "/batches/{batch_id}/corrections/file"): acts(steward=404),
    ("GET", "/recalls"): looks(steward=200),
    ("GET", "/recalls/{recall_id}"): looks(steward=404),
    ("GET", "/applications"): looks(application=200, authority=200),
    ("GET", "/applications/{application_id}"): looks(application=200, authority=200),
    ("POST", "/applications/{application_id}/testing/{action}"): acts(authority=422),
    ("POST", "/applications/{application_id}/keys"): acts(application=422),
    ("GET", "/applications/{application_id}/keys/{keyid}"): looks(application=404, authority=404),
    ("POST", "/applications/{application_id}/keys/{keyid}/{action}"): acts(application=404),
    ("POST", "/applications/{application_id}/trial-key"): acts(application=422),
    ("GET", "/reference/try"): looks(application=200),
    ("POST", "/sign-out"): acts(303),  # last: it ends the walk
}


def _routes() -> set[tuple[str, str]]:
    portal = mounting.application(FastAPI())
    return {
        (method, route.path)
        for route in mounting.pages(portal)
        for method in route.methods or ()
        if method != "HEAD"
    }  # fmt: skip


def test_every_route_is_listed() -> None:
    assert _routes() == set(WALK)


@pytest.mark.parametrize("role", ROLES)
def test_each_role_opens_its_own_doors_only(city: Any, dispatched: tuple[str, str], role: str) -> None:
    places = {
        "demand_id": dispatched[0],
        "task_id": dispatched[1],
        "resource_id": "public_security.resident",
        "language": "zh",
        "service_item_id": "public_rental_housing",
        "element_id": "person_name",
        "proposal_id": "999999",
        "name": "demands",
        "decision": "decline",
        **dict.fromkeys(("attachment_id", "request_id", "answer_id", "clock_id", "extension_id"), "999999"),
        "dispute_id": "ZY-1900-000001",
        "grant_id": "SQ-1900-000001",
        "week": "1999-W01",
        "department_id": "housing",
        "key": "overdue",
        "objection_id": "KH-1900-000001",
        "officer_id": "nobody.at.all",
        "delegation_id": "999999",
        "line_id": "x",
        **dict.fromkeys(("ticket_id", "row_id", "number", "ruling_id", "order_id", "waiver_id"), "999999"),
        "batch_id": "public_security.resident.000000000000",
        "recall_id": "ZH-1900-000001",
        "application_id": "housing_security",
        "keyid": "x",
    }
    actions = {
        "questions": "drop",
        "answers": "take",
        "disputes": "state",
        "grants": "health",
        "demands": "return",
        "account": "password",
        "accounts": "unlock",
        "pipelines": "pause",
        "applications": "retire",
        "reviews": "return",
        "objections": "withdraw",
    }
    visitor = city.signed_in(ROLES[role]) if ROLES[role] else city.browser()
    wrong = []
    for (method, path), expected in WALK.items():
        address = "/portal" + path.format(**places, action=actions.get(path.split("/")[1], ""))
        answer = _asked(city, visitor, method, address)
        if answer.status_code != expected[role]:
            wrong.append(f"{method} {path}: {answer.status_code}, expected {expected[role]}")
        if answer.status_code == 303 and method == "GET" and role == "visitor" and "language" not in path:
            way = "/portal/sign-in" if path.startswith("/sign-in/") else "/portal/sign-in?next="
            assert answer.headers["location"].startswith(way), path
    assert not wrong


def _asked(city: Any, visitor: Any, method: str, address: str) -> Any:
    if method == "GET":
        return visitor.get(city.address + address, allow_redirects=False)
    return city.post(visitor, address, allow_redirects=False)


@pytest.mark.parametrize("token", [None, "", "x" * 32, "令牌"])
def test_a_form_made_up_elsewhere_is_refused(city: Any, submitted: str, token: str | None) -> None:
    visitor = city.signed_in("xiaolan")
    form = {} if token is None else {"csrf_token": token}
    answer = visitor.post(f"{city.address}/portal/demands/{submitted}/withdraw", form)
    assert answer.status_code == 403
    assert "表单已失效" in answer.text


@pytest.mark.parametrize(
    "wish",
    ["https://evil.example/", "//evil.example/", "/portal//evil.example", "/\\evil.example", "/portal/\\evil", ""],
)
def test_nobody_is_led_to_a_stranger(city: Any, wish: str) -> None:
    answer = city.browser().get(f"{city.address}/portal/language/en", params={"next": wish}, allow_redirects=False)
    assert answer.headers["location"] == "/portal/"
