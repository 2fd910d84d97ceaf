"""Help at the desk: a guide per role that leads to real pages, words that are the project's, errors with their remedy; for everybody, in both languages."""

import re
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from playwright.sync_api import expect

from catalog import deadlines
from exchange_api import officers
from exchange_api.portal import guidance, mounting, navigation
from exchange_api.portal.language import LANGUAGES
from schemas.calendar import today
from schemas.database import transaction
from schemas.errors import HutongError, error_codes
from tests.portal.test_doors import WALK

GLOSSARY = Path(__file__).parents[2] / "docs" / "glossary.md"


def _pages() -> set[str]:
    routes = mounting.pages(mounting.application(FastAPI()))
    return {f"/portal{route.path}" for route in routes if "GET" in (route.methods or ())}


def test_there_is_a_guide_for_every_role_and_each_step_leads_to_a_page(city: Any) -> None:  # noqa: ARG001
    for language in LANGUAGES:
        with transaction("exchange") as session:
            found = guidance.guides(session, language, frozenset({"auditor"}))
        assert found[0].role == "auditor"
        assert {one.role for one in found} == set(officers.ROLES)
        for guide in found:
            assert len(guide.steps) >= 3
            assert {step.address for step in guide.steps} <= _pages()
            assert all(step.linked for step in guide.steps)
            assert "{" not in guide.then
            assert "…" not in guide.then


def test_a_guide_leads_only_to_pages_its_role_may_open() -> None:
    for role, kept in guidance.read("guides").items():
        for step in kept["steps"]:
            assert WALK["GET", step["at"].removeprefix("/portal")][role] == 200, f"{role}: {step['at']}"


def test_the_days_in_a_guide_are_those_of_the_rules_in_force(city: Any) -> None:
    with transaction("exchange") as session:
        days = {key: deadlines.rule(session, key, today()).days for key in guidance.rules_named()}
    page = city.signed_in("xiaolan").get(f"{city.address}/portal/help").text
    assert f"主管部门 {days['conformity_check']} 个工作日内审核分派" in page
    assert f"同意后 {days['provide_after_agree']} 个工作日内提供" in page


def test_every_area_of_the_menu_has_its_words() -> None:
    keys = {f"{guidance.HELP}#area-{one.key}" for one in guidance.areas("zh")}
    for group in navigation.MENU:
        for entry in group.entries:
            assert guidance.address_for(entry.address) in keys, entry.address


@pytest.mark.parametrize(
    ("path", "anchor"),
    [
        ("/portal/", "#area-workbench"),
        ("/portal/demands/XQ-2026-000001", "#area-demands"),
        ("/portal/demands/new", "#area-register"),
        ("/portal/rows/7", "#area-quarantine"),
        ("/portal/accounts/xiaolan", "#area-accounts"),
        ("/portal/account", "#area-account"),
        ("/portal/nowhere", ""),
    ],
)
def test_a_page_leads_to_the_help_for_its_own_area(path: str, anchor: str) -> None:
    assert guidance.address_for(path) == f"/portal/help{anchor}"


def test_officers_see_their_own_guide_first_and_no_link_they_may_not_follow(city: Any) -> None:
    page = city.signed_in("guanjia").get(f"{city.address}/portal/help").text
    order = re.findall(r'<section class="card" id="role-(\w+)"', page)
    assert order[0] == "steward"
    assert len(order) == len(officers.ROLES)
    main = page.split('<main id="content"')[1]
    assert 'href="/portal/conflicts"' in main
    assert 'href="/portal/trail"' not in main


def test_the_glossary_is_that_of_the_documentation() -> None:
    rows = [line.strip("|\n ").split("|") for line in GLOSSARY.read_text("utf-8").splitlines() if line.startswith("| ")]
    told = [
        (chinese.strip(), english.strip().replace("`", ""), _plain(meaning)) for chinese, english, meaning in rows[1:]
    ]
    kept = guidance.read("glossary").values()
    assert [(one["zh"], one["en"], one["meaning"]["en"]) for one in kept] == told
    assert all(one["meaning"]["zh"] for one in kept)


def _plain(meaning: str) -> str:
    return re.sub(r" \(\[[^]]*\]\([^)]*\)\)", "", meaning).replace("`", "").strip()


def test_terms_are_found_in_either_language_and_stand_at_their_anchor(city: Any) -> None:
    visitor = city.browser()
    for sought in ("隔离", "quarantine"):
        page = visitor.get(f"{city.address}/portal/help/glossary", params={"q": sought}).text
        assert '<tr id="quarantine">' in page
        assert '<tr id="checkpoint">' not in page
    nothing = visitor.get(f"{city.address}/portal/help/glossary", params={"q": "<b>nix"}).text
    assert "没有这个词" in nothing
    assert "<b>nix" not in nothing


def test_every_error_is_found_by_its_code_and_by_its_words(city: Any) -> None:
    visitor = city.browser()
    by_code = visitor.get(f"{city.address}/portal/help/errors", params={"q": "officer.password_common"}).text
    assert "请更换" in by_code
    assert by_code.count("<tr id=") == 1
    assert "officer.password_common" in visitor.get(f"{city.address}/portal/help/errors", params={"q": "口令过于"}).text
    assert [one.code for one in guidance.codes("en")] == sorted(error_codes())
    for one in guidance.codes("zh"):
        assert one.remedy == re.sub(r"<[a-z]\w*>", "…", HutongError(one.code).remedy("zh"))
    last = visitor.get(f"{city.address}/portal/help/errors", params={"page": 9999})
    assert last.status_code == 200
    assert "<tr id=" in last.text


def test_a_refusal_leads_to_its_code(city: Any) -> None:
    refused = city.signed_in("xiaolan").get(f"{city.address}/portal/trail")
    assert 'href="/portal/help/errors?q=portal.role_needed"' in refused.text


@pytest.mark.parametrize("language", LANGUAGES)
def test_help_is_accessible_and_stands_for_a_picture(studio: Any, language: str) -> None:
    page = studio.desk(bypass_csp=True)
    studio.sign_in(page, "guanjia")
    page.goto(f"{studio.city.address}/portal/language/{language}?next=/portal/quarantine")
    page.click(".help-link")
    page.wait_for_url("**/portal/help#area-quarantine")
    expect(page.locator("#area-quarantine")).to_be_in_viewport()
    found = []
    for path, name in (("/help", "guides"), ("/help/glossary", "glossary"), ("/help/errors", "errors")):
        page.goto(f"{studio.city.address}/portal{path}")
        found += studio.violations(page)
        studio.picture(page, f"80-help-{name}-{language}")
    assert not found, "\n".join(found)
