"""The console helps where no administrator can: it makes, changes, locks out and lets in again, and each step stands in the trail."""

import time
from typing import Any

import pytest
from typer.testing import CliRunner

from exchange_api.accounts import trail
from hutong.commands.officers import app
from schemas.database import transaction
from schemas.errors import HutongError
from schemas.tables.operations import Officer
from tests.portal.conftest import City


def run(*typed: str) -> str:
    done = CliRunner().invoke(app, typed, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def row(login: str) -> Officer:
    with transaction("exchange") as session:
        return session.get_one(Officer, login)


@pytest.fixture
def person(city: City) -> tuple[str, str]:  # noqa: ARG001 - the database is the city's
    """An officer whom the console registered: login name and password."""
    login = f"konsole{time.monotonic_ns()}"
    said = run("add", login, "--department", "housing", "--role", "demander", "--name", "控台")
    name, password = said.split()
    assert name == login
    return login, password


def lets_in(city: City, login: str, password: str) -> bool:
    answer = city.post(city.browser(), "/portal/sign-in", {"name": login, "password": password}, allow_redirects=False)
    assert answer.status_code in (303, 422)
    return bool(answer.status_code == 303)


def test_the_password_that_add_shows_signs_in_and_password_replaces_it(city: City, person: tuple[str, str]) -> None:
    login, first = person
    assert lets_in(city, login, first)
    second = run("password", login).split()[1]
    assert not lets_in(city, login, first)
    assert lets_in(city, login, second)


def test_roles_are_given_listed_and_refused_where_they_exclude_each_other(person: tuple[str, str]) -> None:
    login, _ = person
    run("roles", login, "--role", "provider", "--role", "demander")
    (line,) = [line for line in run("list", "--department", "housing").splitlines() if login in line]
    assert "demander" in line
    with pytest.raises(HutongError, match=r"officer\.roles_conflict"):
        run("roles", login, "--role", "authority", "--role", "demander")
    assert row(login).roles == ["demander", "provider"]


def test_an_account_is_switched_off_and_on(person: tuple[str, str]) -> None:
    login, _ = person
    run("disable", login)
    assert row(login).is_disabled
    run("enable", login)
    assert not row(login).is_disabled


def test_a_lock_is_lifted_before_its_time(city: City, person: tuple[str, str]) -> None:
    login, password = person
    for _ in range(5):
        assert not lets_in(city, login, "wrong")
    assert not lets_in(city, login, password)
    run("unlock", login)
    assert lets_in(city, login, password)


def test_a_second_factor_whose_device_is_lost_is_taken_away(person: tuple[str, str]) -> None:
    with transaction("exchange") as session:
        session.get_one(Officer, person[0]).factor_secret = b"sealed elsewhere"
    run("reset-factor", person[0])
    assert row(person[0]).factor_secret is None


def test_an_identity_is_linked_only_where_there_is_a_provider(
    person: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(HutongError, match=r"oidc\.off"):
        run("link", person[0], "sub-1")
    monkeypatch.setenv("HUTONG_OIDC_ISSUER", "https://id.example")
    run("link", person[0], "sub-1")


def test_every_step_at_the_console_stands_in_the_trail(person: tuple[str, str]) -> None:
    login, _ = person
    for step in ("password", "disable", "enable", "unlock", "reset-factor"):
        run(step, login)
    with transaction("exchange") as session:
        lines: list[Any] = list(trail.page(session, trail.Sought(case=login)))
    assert {one.action.removeprefix("console.") for one in lines} == {
        "add", "password", "disable", "enable", "unlock", "factor",
    }  # fmt: skip
    assert {one.officer_id for one in lines} == {"console"}


def test_nobody_unknown_is_changed(city: City) -> None:  # noqa: ARG001
    for step in ("password", "disable", "unlock"):
        with pytest.raises(HutongError, match=r"officer\.unknown"):
            run(step, "nobody.at.all")
