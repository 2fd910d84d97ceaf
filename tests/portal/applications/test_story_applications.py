"""A team's first day in the browser, from sign-in to done: a key registered, a question tried, its receipt verified, a refusal read with its remedy."""

from typing import Any

from playwright.sync_api import expect

from exchange_api.signing import SoftwareSigner
from tests.portal.applications.conftest import TESTED


def test_a_team_registers_a_key_tries_a_question_verifies_its_receipt_and_reads_its_errors(browsing: Any) -> None:
    key = SoftwareSigner.generate().public
    page = browsing.desk(accept_downloads=True)
    browsing.sign_in(page, "yingyong")

    # the key is registered
    page.click("nav.side >> text=应用系统")
    page.click("text=住房保障测试系统")
    page.fill("#key", key.pem().decode())
    page.click("button:has-text('登记公钥')")
    expect(page.locator("h1")).to_contain_text(key.keyid)
    expect(page.locator(".head .tag")).to_have_text("使用中")
    page.click(".head a")

    # a question is signed in the browser, answered, and its receipt holds
    page.click("text=在线试用")
    page.click("#send")
    expect(page.locator("#wire-status")).to_have_text("200")
    browsing.city.sequence()
    expect(page.locator("#wire-receipt")).to_contain_text("回执已生成", timeout=60_000)
    page.click("text=去验真")
    expect(page.locator(".verdict")).to_contain_text("回执有效")

    # a refused one stands at the application with what to do
    page.go_back()
    page.goto(f"{browsing.city.address}/portal/reference/try?application={TESTED}")
    page.select_option("#operation", index=5)
    page.click("#send")
    expect(page.locator("#wire-status")).to_have_text("403")
    page.goto(f"{browsing.city.address}/portal/applications/{TESTED}")
    expect(page.locator(".reasons-list")).to_contain_text("怎样处理：")

    # the key is retired once it was said what that causes
    page.click(f"a:has-text('{key.keyid}')")
    page.click("button:has-text('停用：正常更换')")
    expect(page.locator(".sure")).to_contain_text("用它签名的提问立即被拒绝")
    browsing.picture(page, "74-sure-retire")
    page.click("#sure button")
    expect(page.locator(".head .tag")).to_have_text("已停用")
    assert not [one for one in browsing.complaints if "404" not in one and "403" not in one]
