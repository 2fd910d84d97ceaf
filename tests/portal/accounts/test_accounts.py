"""Accounts as people meet them: passwords, the second factor, who administers whom, who stands in, and what stays in the trail."""

import re
import time
from base64 import b32decode
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from sqlalchemy import select

from exchange_api import officers
from exchange_api.accounts import administration, delegations, passwords, second_factor, sign_ins, trail
from exchange_api.accounts.trail import Sought
from exchange_api.actors import Actor
from schemas.database import transaction
from schemas.errors import HutongError
from schemas.tables.operations import Officer, OfficerSession
from tests.portal.conftest import City, actor, csrf

GOOD = "Blaue-Tuer 47 am Fluss"


@pytest.fixture
def person(city: City) -> tuple[str, str]:
    """Somebody new in the housing bureau: login name and password."""
    login = f"neu{time.monotonic_ns()}"
    with transaction("exchange") as session:
        password = officers.add(session, login, "新来", "housing", ["demander"])
    city.passwords[login] = password
    return login, password


def _officer(login: str) -> Officer:
    with transaction("exchange") as session:
        return session.get_one(Officer, login)


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ("Kurz-1", "officer.password_short"), ("allesklein und lang", "officer.password_plain"), ("Xiaolan-Haus 47!", "officer.password_named"),
        ("P@ssw0rd2026!!", "officer.password_common"), ("Admin123456789!", "officer.password_common"), ("PasswordPassword1!", "officer.password_common"),
    ],
)  # fmt: skip
def test_a_password_that_opens_the_door_to_anybody_is_refused(city: City, wanted: str, code: str) -> None:  # noqa: ARG001
    with pytest.raises(HutongError) as refused:
        passwords.require_good(_officer("xiaolan"), wanted)
    assert refused.value.code == code


def test_none_of_the_last_five_passwords_comes_back(person: tuple[str, str]) -> None:
    login, current = person
    with transaction("exchange") as session:
        officer = session.get_one(Officer, login)
        for number in range(5):
            passwords.change(officer, current, current := f"{GOOD} {number}")
        for number in range(5):
            with pytest.raises(HutongError, match=r"officer\.password_used"):
                passwords.change(officer, current, f"{GOOD} {number}")
        passwords.change(officer, current, f"{GOOD} 9")


def test_a_generated_password_opens_nothing_until_it_is_changed(
    city: City, person: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUTONG_PORTAL_CHANGE_GENERATED", "true")
    login, password = person
    visitor = city.browser()
    answer = city.post(visitor, "/portal/sign-in", {"name": login, "password": password})
    assert answer.url.endswith("/portal/sign-in/next")
    assert visitor.get(f"{city.address}/portal/demands").url.endswith("sign-in?next=%2Fportal%2Fdemands")
    before = visitor.cookies["hutong_session"]
    form = {"current": password, "wanted": GOOD, "again": GOOD}
    assert city.post(visitor, "/portal/sign-in/next", {**form, "again": "other"}).status_code == 422
    assert city.post(visitor, "/portal/sign-in/next", form).url.endswith("/portal/")
    assert visitor.cookies["hutong_session"] != before
    city.passwords[login] = GOOD
    assert city.signed_in(login)


def _secret(html: str) -> bytes:
    found = re.search(r'class="secret">([A-Z2-7]+)<', html)
    assert found, html
    return b32decode(found[1] + "=" * (-len(found[1]) % 8))


def _code(secret: bytes, ahead: int = 0) -> str:
    return TOTP(secret, 6, SHA1(), 30, enforce_key_length=False).generate(int(time.time()) + 30 * ahead).decode()


def test_a_second_factor_is_set_up_at_the_door_and_no_code_counts_twice(
    city: City, person: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUTONG_PORTAL_SECOND_FACTOR_ROLES", "demander")
    login, password = person
    sign_in = {"name": login, "password": password}
    visitor = city.browser()
    page = city.post(visitor, "/portal/sign-in", sign_in)
    secret = _secret(page.text)
    picture = visitor.get(f"{city.address}/portal/sign-in/square.svg")
    assert picture.headers["content-type"].startswith("image/svg+xml")
    assert city.post(visitor, "/portal/sign-in/next", {"code": "000000"}).status_code == 422
    code = _code(secret)
    codes = re.findall(
        r"<li><code>([a-z0-9-]+)</code>", city.post(visitor, "/portal/sign-in/next", {"code": code}).text
    )
    assert len(set(codes)) == 10
    assert visitor.get(f"{city.address}/portal/demands").status_code == 200
    again = city.browser()
    city.post(again, "/portal/sign-in", sign_in)
    assert city.post(again, "/portal/sign-in/next", {"code": code}).status_code == 422
    assert city.post(again, "/portal/sign-in/next", {"code": codes[0]}).url.endswith("/portal/")
    third = city.browser()
    city.post(third, "/portal/sign-in", sign_in)
    assert city.post(third, "/portal/sign-in/next", {"code": codes[0]}).status_code == 422
    assert city.post(third, "/portal/sign-in/next", {"code": _code(secret, 1)}).url.endswith("/portal/")
    kept = _officer(login)
    assert kept.factor_secret is not None
    assert secret not in kept.factor_secret
    assert codes[1] not in str(kept.recovery_hashes)


def test_wrong_codes_lock_the_account_like_wrong_passwords(city: City, person: tuple[str, str]) -> None:
    login, password = person
    with transaction("exchange") as session:
        officer = session.get_one(Officer, login)
        officer.factor_secret = second_factor.draft(login)
    visitor = city.browser()
    for _ in range(5):
        city.post(visitor, "/portal/sign-in", {"name": login, "password": password})
        answer = city.post(visitor, "/portal/sign-in/next", {"code": "12345x"})
    assert answer.status_code == 422
    assert sign_ins.is_locked(_officer(login))
    assert "/portal/sign-in" in city.post(visitor, "/portal/sign-in", {"name": login, "password": password}).url


def test_one_more_sign_in_than_allowed_ends_the_oldest(
    city: City, person: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUTONG_PORTAL_SESSIONS", "2")
    first, _, third = (city.signed_in(person[0]) for _ in range(3))
    assert "/sign-in" in first.get(f"{city.address}/portal/demands").url
    assert third.get(f"{city.address}/portal/account").status_code == 200
    city.post(third, "/portal/account/others")
    with transaction("exchange") as session:
        assert len(sign_ins.of(session, person[0])) == 1


def test_an_account_takes_two_administrators_and_neither_can_do_the_others_part(city: City) -> None:
    system, security, login = city.signed_in("xitong"), city.signed_in("anquan"), f"zwei{time.monotonic_ns()}"
    made = city.post(system, "/portal/accounts/new", {"login": login, "name": "二人", "department": "housing"})
    password = re.search(r'class="once">([^<]+)<', made.text)
    assert password
    city.passwords[login] = password[1]
    at = f"/portal/accounts/{login}"
    assert city.post(system, f"{at}/enable").status_code == 422  # nobody said what it may do
    assert city.post(system, f"{at}/roles", {"role": ["demander"]}).status_code == 403
    assert city.post(security, f"{at}/roles", {"role": ["demander", "auditor"]}).status_code == 422
    assert city.post(security, f"{at}/roles", {"role": ["demander"]}).status_code == 200
    assert city.post(security, f"{at}/enable").status_code == 403
    assert city.post(system, f"{at}/enable").status_code == 200
    visitor = city.signed_in(login)
    assert city.post(system, f"{at}/disable").status_code == 200
    assert "/sign-in" in visitor.get(f"{city.address}/portal/demands").url
    assert city.post(visitor, "/portal/sign-in", {"name": login, "password": password[1]}).status_code == 422


@pytest.mark.parametrize(("admin", "step"), [("xitong", "disable"), ("anquan", "roles"), ("anquan", "password")])
def test_nobody_administers_himself(city: City, admin: str, step: str) -> None:
    visitor = city.signed_in(admin)
    assert city.post(visitor, f"/portal/accounts/{admin}/{step}", {"role": ["auditor"]}).status_code == 403
    assert _officer(admin).roles == sorted(actor(admin).roles)


def test_the_last_administrator_stays(city: City) -> None:  # noqa: ARG001
    with pytest.raises(HutongError, match=r"officer\.last_administrator"), transaction("exchange") as session:
        administration.disable(session, actor("xitong"), "anquan")


def _away(session: Any, officer: str, deputy: str) -> None:
    now = datetime.now(UTC)
    me = session.get_one(Officer, officer)
    delegations.begin(
        session, sign_ins.acting(me), deputy, (now - timedelta(minutes=1), now + timedelta(days=1)), "年休假"
    )


def test_a_colleague_acts_for_who_is_away_under_both_names_and_only_so_long(
    city: City, person: tuple[str, str]
) -> None:
    login, deputy = person[0], "xiaolan"
    with transaction("exchange") as session:
        _away(session, login, deputy)
    visitor = city.signed_in(deputy)
    assert city.post(visitor, "/portal/account/acting", {"officer": login}).url.endswith("/portal/")
    assert "代 新来" in visitor.get(f"{city.address}/portal/account").text
    city.post(visitor, "/portal/notices/read-all", {"up_to": "1"})
    assert city.post(visitor, "/portal/account/password", {}).status_code == 403
    with transaction("exchange") as session:
        (line, *_) = trail.page(session, Sought(officer=deputy, action="POST /account/password"))
        assert (line.officer_id, line.in_place_of, line.outcome) == (deputy, login, "delegation.own_hand")
        (given,) = delegations.by(session, login)
        delegations.revoke(session, sign_ins.acting(session.get_one(Officer, login)), given.id)
    assert "代 新来" not in visitor.get(f"{city.address}/portal/account").text


def test_who_stands_in_for_the_filer_cannot_approve_what_he_filed() -> None:
    both = Actor("deputy", "housing", frozenset({"authority"}), "filer")
    assert both.ids & {"filer"}
    assert both.place == {"in_place_of": "filer"}


def test_only_a_colleague_with_the_same_roles_can_stand_in(city: City) -> None:  # noqa: ARG001
    for other in ("weidong", "yingyong", "xiaolan", "nobody"):
        with pytest.raises(HutongError, match=r"delegation\.not_alike"), transaction("exchange") as session:
            _away(session, "xiaolan", other)


def test_pending_sign_ins_are_of_no_use_at_the_officers_interface(city: City, person: tuple[str, str]) -> None:  # noqa: ARG001
    with transaction("exchange") as session:
        officer = session.get_one(Officer, person[0])
        officer.factor_secret = second_factor.draft(officer.id)
        cookie = officers.sign_in(session, *person)
        assert cookie is not None
        assert officers.current(session, cookie) is None
        assert (
            session.scalars(select(OfficerSession.stage).where(OfficerSession.officer_id == officer.id)).one()
            == "second_factor"
        )


def test_pages_of_accounts_are_accessible_and_looked_at(studio: Any) -> None:
    page, found = studio.desk(bypass_csp=True), []
    for officer, places in {
        "xiaolan": ["account"],
        "anquan": ["accounts", "accounts/xiaolan"],
        "xitong": ["accounts/new"],
        "shenji": ["trail"],
    }.items():
        page.context.clear_cookies(name="hutong_session")
        studio.sign_in(page, officer)
        for place in places:
            page.goto(f"{studio.city.address}/portal/{place}")
            found += studio.violations(page)
            studio.picture(page, f"accounts-{place.replace('/', '-')}")
    page.goto(f"{studio.city.address}/portal/language/en?next=/portal/trail")
    found += studio.violations(page)
    studio.picture(page, "accounts-trail-en")
    assert found == []
    assert csrf(page.content())
