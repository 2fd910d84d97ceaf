"""The steward's day in a real browser: a batch, the rows it holds back, one mended and sent again; a batch taken back after its consequences were seen."""

from typing import Any

from playwright.sync_api import expect

from tests.portal.steward.conftest import POLICE


def test_a_row_is_mended_and_a_batch_taken_back(studio: Any, site: Any) -> None:
    page = studio.desk()
    studio.complaints.clear()
    studio.sign_in(page, "guanjia")
    page.click("nav.side >> text=汇聚")
    page.goto(f"{site.address}/portal/pipelines/{POLICE}")
    page.click(f"a[href$='/batches/{site.batches['second']}']")
    expect(page.locator("#h-held")).to_be_visible()

    # one row is mended and goes the ordinary way
    page.click("tr:has-text('等待更正') a.strong")
    page.fill("input[name=set-name]", "张更正")
    page.click("button:has-text('更正并重放')")
    expect(page.locator("#order h2 .tag")).to_contain_text("完成", timeout=60_000)
    studio.picture(page, "story-steward-replayed")

    # the batch is taken back once it was seen what that changes
    page.goto(f"{site.address}/portal/batches/{site.batches['second']}/retract")
    assert page.locator("button.danger").count() == 0
    page.click("button:has-text('查看影响')")
    expect(page.locator("text=查看影响并决定")).to_be_visible(timeout=60_000)
    page.click("text=查看影响并决定")
    expect(page.locator("#h-what")).to_be_visible()
    studio.picture(page, "story-steward-consequences")
    page.fill("#why", "来源报送有误")
    page.click("button:has-text('确认撤回批次')")
    expect(page.locator("#order h2 .tag")).to_contain_text("完成", timeout=60_000)
    page.goto(f"{site.address}/portal/batches/{site.batches['second']}")
    expect(page.locator("main")).to_contain_text("已撤回批次")
    studio.picture(page, "story-steward-retracted")
    assert not studio.complaints
