"""What a browser makes of the pages: accessible to WCAG 2.2 AA, no other host, no complaint of the console, usable by keyboard and without JavaScript."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect


@pytest.mark.parametrize("language", ["zh", "en"])
def test_axe_finds_nothing_against_wcag_on_any_page(
    studio: Any, dispatched: tuple[str, str], submitted: str, language: str
) -> None:
    paths = {
        "xiaolan": [
            "/",
            "/demands",
            "/demands/new?service_item=public_rental_housing",
            f"/demands/{submitted}",
            "/resources",
            "/none",
        ],
        "weidong": ["/", "/tasks", f"/tasks/{dispatched[1]}", "/resources/public_security.resident"],
        "qiming": ["/", f"/demands/{submitted}", f"/demands/{dispatched[0]}"],
    }
    page, found = studio.desk(bypass_csp=True), []
    for path in ("/sign-in", "/verify"):
        page.goto(f"{studio.city.address}/portal/language/{language}?next=/portal{path}")
        found += studio.violations(page)
    for officer, places in paths.items():
        page.context.clear_cookies(name="hutong_session")
        studio.sign_in(page, officer)
        for path in places:
            page.goto(f"{studio.city.address}/portal{path}")
            found += studio.violations(page)
    assert page.locator("html").get_attribute("lang") == {"zh": "zh-CN", "en": "en"}[language]
    assert not found, "\n".join(found)


def test_a_dropped_receipt_is_verified_and_a_changed_one_refused(studio: Any, receipt_file: Path) -> None:
    page = studio.desk(bypass_csp=True)
    page.goto(f"{studio.city.address}/portal/verify")
    studio.picture(page, "20-verify")
    page.set_input_files("#receipt", receipt_file)
    page.click("main >> text=验证")
    expect(page.locator(".verdict")).to_contain_text("回执有效")
    studio.picture(page, "21-verify-good")
    assert not studio.violations(page)
    changed = receipt_file.with_name("changed.json")
    changed.write_bytes(receipt_file.read_bytes().replace(b"GZ-2026-17", b"GZ-2026-18"))
    page.set_input_files("#receipt", changed)
    page.click("main >> text=验证")
    expect(page.locator(".verdict")).to_contain_text("回执无效")
    studio.picture(page, "22-verify-bad")
    assert not studio.violations(page)


def test_other_pages_stand_for_a_picture(studio: Any, submitted: str) -> None:
    page = studio.desk()
    studio.sign_in(page, "xiaolan")
    places = {
        "30-demands": "/demands",
        "31-resources": "/resources",
        "32-resource": "/resources/public_security.resident",
        "33-not-found": "/none",
    }
    for name, path in places.items():
        page.goto(f"{studio.city.address}/portal{path}")
        studio.picture(page, name)
    page.goto(f"{studio.city.address}/portal/language/en?next=/portal/demands/new?service_item=public_rental_housing")
    page.click("text=Add all")
    expect(page.locator("#summary")).to_contain_text("have a provider")
    studio.picture(page, "34-register-demand-english")
    page.goto(f"{studio.city.address}/portal/demands/{submitted}")
    assert submitted in page.title()


def test_the_reference_is_drawn_from_our_own_files(studio: Any) -> None:
    studio.hosts.clear()
    studio.complaints.clear()
    page = studio.desk()
    page.goto(f"{studio.city.address}/docs")
    expect(page.locator(".swagger-ui")).to_contain_text("/v1/libraries/{library}/query")
    studio.picture(page, "40-reference")
    assert studio.hosts == {urlsplit(studio.city.address).netloc}
    assert not studio.complaints


def test_a_demand_can_be_written_by_keyboard_alone(studio: Any) -> None:
    page = studio.desk()
    studio.sign_in(page, "xiaolan")
    page.goto(f"{studio.city.address}/portal/demands/new")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("跳到正文")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_id("service_item_id")
    page.keyboard.press("ArrowDown")
    page.locator("#name-0").focus()
    page.keyboard.type("婚姻状况")
    expect(page.locator("#match-0")).to_contain_text("民政局")
    page.keyboard.press("Enter")  # the first button in order keeps the draft
    page.wait_for_url("**/portal/demands/XQ-*")


def test_the_form_works_without_javascript(studio: Any) -> None:
    page = studio.desk(java_script_enabled=False)
    studio.sign_in(page, "xiaolan")
    page.goto(f"{studio.city.address}/portal/demands/new")
    page.fill("#name-0", "婚姻状况")
    page.click("text=查看匹配")
    expect(page.locator("#match-0")).to_contain_text("民政局")
    page.click("text=增加一行")
    expect(page.locator("input[name=item_name]")).to_have_count(4)
