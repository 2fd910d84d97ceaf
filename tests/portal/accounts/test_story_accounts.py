"""An account from its making to its first day's work in a real browser: made, given a role, let in by a password of its own and a second factor, and read
about in the trail.
"""

import base64
import time
from typing import Any

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from playwright.sync_api import Page, expect

from exchange_api.evidence.keyring import ensure_active_key
from exchange_api.evidence.sequencer import sequence_once
from schemas.database import transaction

NEWCOMER, OWN = "xinren", "Chun-Feng-2026-huayu"


def _code(page: Page) -> str:
    """The six digits that an authenticator app would show for the secret on the page."""
    shown = page.locator("code.secret").text_content() or ""
    secret = base64.b32decode(shown + "=" * (-len(shown) % 8))
    return TOTP(secret, 6, SHA1(), 30, enforce_key_length=False).generate(int(time.time())).decode()


def _at(page: Page, studio: Any, path: str) -> None:
    page.goto(f"{studio.city.address}/portal{path}")


def test_an_auditor_is_made_by_three_hands_and_reads_about_it_with_proof(
    studio: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUTONG_PORTAL_SECOND_FACTOR_ROLES", "auditor")
    system, security, auditor = studio.desk(), studio.desk(), studio.desk()
    studio.complaints.clear()

    # the system administrator makes the account; the security administrator gives it a role; the first lets it in
    studio.sign_in(system, "xitong")
    system.click("nav.side >> text=账号管理")
    system.click("text=新建账号")
    system.fill("#login", NEWCOMER)
    system.fill("#name", "新审")
    system.select_option("#department", "data_bureau")
    system.click("text=建立账号")
    first = system.locator("code.once").text_content() or ""
    studio.picture(system, "story-account-password")
    system.click("text=已告知，继续")
    studio.sign_in(security, "anquan")
    _at(security, studio, f"/accounts/{NEWCOMER}")
    security.check("input[name=role][value=auditor]")
    security.click("text=保存角色")
    expect(security.locator("dl.facts")).to_contain_text("审计")
    system.reload()
    system.click("summary:has-text('启用')")
    system.click("details[open] button:has-text('启用')")
    expect(system.locator("h1 .tag")).to_contain_text("正常")

    monkeypatch.setenv("HUTONG_PORTAL_CHANGE_GENERATED", "true")  # the administrators kept theirs, above

    # the newcomer sets up what is asked for before anything opens
    _at(auditor, studio, "/sign-in")
    auditor.fill("#name", NEWCOMER)
    auditor.fill("#password", first)
    auditor.click("button.wide")
    expect(auditor.locator("code.secret")).to_have_count(1)
    studio.picture(auditor, "story-enrol")
    auditor.fill("#code", _code(auditor))
    auditor.click("button:has-text('继续')")
    expect(auditor.locator("ol.recovery li")).to_have_count(10)
    auditor.click("text=已保存，继续")
    auditor.fill("#current", first)
    auditor.fill("#wanted", OWN)
    auditor.fill("#again", OWN)
    auditor.click("button:has-text('继续')")
    auditor.wait_for_url("**/portal/")
    expect(auditor.locator("h1")).to_contain_text("新审，您好")

    # and finds in the trail who made the account, with the proof that it is in the signed tree
    with transaction() as session:
        sequence_once(session, ensure_active_key(session), "hub.example/log")
    auditor.click("nav.side >> text=操作记录")
    auditor.fill("#case", NEWCOMER)
    auditor.click("form.filters button")
    expect(auditor.locator("tbody tr").first).to_be_visible()
    studio.picture(auditor, "story-trail")
    auditor.locator("tbody a.strong").last.click()
    expect(auditor.locator("#h-proof")).to_contain_text("已入日志")
    studio.picture(auditor, "story-trail-proof")
    assert not studio.complaints
