"""Coming in, staying away too long, going out: what holds at every sign-in."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from exchange_api import officers
from schemas.database import transaction
from schemas.errors import HutongError, Invalid
from schemas.tables.operations import Officer, OfficerSession


def test_five_wrong_passwords_lock_the_account_until_the_operator_helps(city: Any) -> None:
    with transaction("exchange") as session:
        password = officers.add(session, "locked", "某人", "housing", ["demander"])
    for _ in range(5):
        with transaction("exchange") as session:
            assert officers.sign_in(session, "locked", "wrong") is None
    visitor = city.browser()
    answer = city.post(visitor, "/portal/sign-in", {"name": "locked", "password": password})
    assert answer.status_code == 422
    assert "连续 5 次失败，账号将锁定 15 分钟" in answer.text
    with transaction("exchange") as session:
        fresh = officers.renew_password(session, "locked")
    assert city.post(visitor, "/portal/sign-in", {"name": "locked", "password": fresh}).url.endswith("/portal/")


def test_a_lock_opens_again_after_its_time(city: Any) -> None:  # noqa: ARG001
    with transaction("exchange") as session:
        password = officers.add(session, "patient", "某人", "housing", ["demander"])
        session.execute(
            update(Officer).where(Officer.id == "patient").values(locked_until=datetime.now(UTC) - timedelta(seconds=1))
        )
        assert officers.sign_in(session, "patient", password)


def test_the_database_holds_neither_password_nor_cookie(city: Any) -> None:  # noqa: ARG001
    with transaction("exchange") as session:
        password = officers.add(session, "secret", "某人", "housing", ["demander"])
        cookie = officers.sign_in(session, "secret", password)
        session.flush()
        officer = session.get_one(Officer, "secret")
        kept = session.scalars(select(OfficerSession.id).where(OfficerSession.officer_id == "secret")).one()
    assert officer.password_hash.startswith("$argon2id$")
    assert password not in officer.password_hash
    assert cookie != kept
    assert len(kept) == 64


def test_whoever_was_away_too_long_signs_in_again_and_finds_his_page(city: Any) -> None:
    visitor = city.signed_in("xiaolan")
    with transaction("exchange") as session:
        session.execute(
            update(OfficerSession)
            .where(OfficerSession.officer_id == "xiaolan")
            .values(seen_at=datetime.now(UTC) - timedelta(minutes=31))
        )
    answer = visitor.get(f"{city.address}/portal/resources?q=婚姻")
    assert answer.url.startswith(f"{city.address}/portal/sign-in?next=")
    form = {"name": "xiaolan", "password": city.passwords["xiaolan"], "next": "/portal/resources?q=婚姻"}
    assert "婚姻登记信息" in city.post(visitor, "/portal/sign-in", form).text


def test_signing_out_ends_the_sign_in_on_the_server_too(city: Any) -> None:
    visitor = city.signed_in("xiaolan")
    cookies = dict(visitor.cookies)
    city.post(visitor, "/portal/sign-out")
    stolen = city.browser()
    stolen.cookies.update(cookies)
    assert "/portal/sign-in" in stolen.get(f"{city.address}/portal/").url


def test_the_session_cookie_is_for_this_site_and_no_script(city: Any) -> None:
    visitor = city.browser()
    form = {"name": "qiming", "password": city.passwords["qiming"]}
    answer = city.post(visitor, "/portal/sign-in", form, allow_redirects=False)
    cookie = next(one for one in answer.raw.headers.getlist("set-cookie") if one.startswith("hutong_session="))
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie


@pytest.mark.parametrize(
    ("officer", "roles", "code"),
    [
        ("Upper", ["demander"], "officer.bad_name"),
        ("xiaolan", ["demander"], "officer.exists"),
        ("newcomer", ["king"], "officer.unknown_role"),
        ("newcomer", [], "officer.unknown_role"),
        ("newcomer", ["authority", "demander"], "officer.roles_conflict"),
        ("newcomer", ["authority", "auditor"], "officer.roles_conflict"),
    ],
)
def test_officers_that_cannot_be(city: Any, officer: str, roles: list[str], code: str) -> None:  # noqa: ARG001
    with pytest.raises(HutongError) as refused, transaction("exchange") as session:
        officers.add(session, officer, "某人", "housing", roles)
    assert refused.value.code == code
    assert isinstance(refused.value, Invalid)
