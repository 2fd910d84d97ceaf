"""The try-it of the API reference signs in a real browser, is answered by the real API, and leaves a receipt that verifies."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from exchange_api import applications
from exchange_api.evidence.receipt import verify_receipt
from exchange_api.keys import jwks
from schemas.database import transaction
from tests.portal.applications.conftest import TESTED


@pytest.fixture
def known(hub: Any) -> set[str]:  # noqa: ARG001 - its database must be there
    """The keys that the application has before anybody tries anything."""
    with transaction() as session:
        return {one.keyid for one in applications.keys_of(session, TESTED)}


@pytest.fixture
def trying(browsing: Any) -> Page:
    """A signed-in team at the page of the try-it."""
    page: Page = browsing.desk(bypass_csp=False, accept_downloads=True)
    browsing.sign_in(page, "yingyong")
    page.goto(f"{browsing.city.address}/portal/reference")
    page.click("main >> text=在线试用")
    return page


def test_a_question_signed_in_the_browser_is_answered_and_its_receipt_holds(
    browsing: Any, known: set[str], trying: Page
) -> None:
    browsing.hosts.clear()
    browsing.complaints.clear()
    page, hub = trying, browsing.city
    page.click("#send")
    expect(page.locator("#wire-status")).to_have_text("200")
    expect(page.locator("#wire-verdict")).to_have_text("平台签名核验通过，且与本次提问绑定")
    expect(page.locator("#wire-response")).to_contain_text('"sandbox": true')
    expect(page.locator("#wire-base")).to_contain_text('"@signature-params": ("@method"')
    hub.sequence()
    expect(page.locator("#wire-receipt")).to_contain_text("回执已生成", timeout=60_000)
    browsing.picture(page, "70-try-it")
    with page.expect_download() as saved:
        page.click("#receipt-save")
    with transaction() as session:
        report = verify_receipt(saved.value.path().read_bytes(), jwks(session))
        (key,) = [one for one in applications.keys_of(session, TESTED) if one.keyid not in known]
    assert report.verified, report.failed
    assert (key.algorithm, key.state) == ("ecdsa-p256-sha256", "active")
    assert key.expires_at is not None
    assert timedelta(minutes=59) < key.expires_at - key.created_at <= timedelta(minutes=61)
    page.click("text=去验真")
    expect(page.locator(".verdict")).to_contain_text("回执有效")
    assert browsing.hosts == {urlsplit(hub.address).netloc}
    assert not [
        one for one in browsing.complaints if "404" not in one
    ]  # the receipt was asked for before the log had it


def test_a_refused_question_says_why_and_is_listed_with_its_remedy(browsing: Any, trying: Page) -> None:
    trying.select_option("#operation", index=5)
    trying.click("#send")
    expect(trying.locator("#wire-status")).to_have_text("403")
    expect(trying.locator("#wire-response")).to_contain_text("item.not_granted")
    trying.goto(f"{browsing.city.address}/portal/applications/{TESTED}")
    expect(trying.locator(".reasons-list")).to_contain_text("item.not_granted")
    expect(trying.locator(".reasons-list")).to_contain_text("怎样处理：")
    browsing.picture(trying, "71-application")


def test_the_pages_of_teams_are_accessible_in_both_languages(browsing: Any) -> None:
    page, found = browsing.desk(bypass_csp=True), []
    browsing.sign_in(page, "yingyong")
    with transaction() as session:
        keyid = applications.keys_of(session, TESTED)[0].keyid
    for language in ("en", "zh"):
        paths = ("/applications", f"/applications/{TESTED}", f"/applications/{TESTED}/keys/{keyid}", "/reference/try")
        for number, path in enumerate(paths):
            page.goto(f"{browsing.city.address}/portal/language/{language}?next=/portal{path}")
            found += browsing.violations(page)
            browsing.picture(page, f"72-applications-{number}-{language}")
    page.context.clear_cookies(name="hutong_session")
    browsing.sign_in(page, "qiming")
    page.goto(f"{browsing.city.address}/portal/applications/{TESTED}")
    page.click("button:has-text('转入正式环境')")
    found += browsing.violations(page)
    browsing.picture(page, "73-sure-production")
    assert not found, "\n".join(found)
