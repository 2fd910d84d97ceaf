"""The demand of the demonstration, clicked through by hand: registered, dispatched, confirmed item by item, granted, accepted."""

from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Page, expect

SURE = "#sure button"


def test_a_demand_is_registered_dispatched_confirmed_and_accepted(studio: Any) -> None:
    demander, authority = studio.desk(), studio.desk()
    studio.picture(_at(demander, studio, "/portal/sign-in"), "01-sign-in")
    studio.sign_in(demander, "xiaolan")
    studio.picture(demander, "02-workbench")

    # the demander: service item, materials, wanted items, matches while typing
    demander.click("nav.side >> text=登记需求")
    demander.select_option("#service_item_id", label="公共租赁住房申请")
    demander.click("text=查看材料")
    demander.click("text=全部加入")
    expect(demander.locator("input[name=item_name]")).to_have_count(11)
    demander.fill("#name-10", "婚育情况调查档案")
    expect(demander.locator("#match-10")).to_contain_text("目录中没有部门提供这一项")
    demander.fill("#name-10", "民族")
    expect(demander.locator("#match-10")).to_contain_text("公安局")
    expect(demander.locator("#match-7")).to_contain_text("牵头来源")
    expect(demander.locator("#summary")).to_contain_text("11 / 11 项有部门可提供")
    demander.select_option("#application_id", label="住房保障业务系统")
    studio.picture(demander, "03-register-demand")
    demander.click("button:not([aria-hidden]):has-text('提交需求')")
    expect(demander.locator(".sure")).to_contain_text("主管部门审核 开始计时")
    studio.picture(demander, "03-sure-submit")
    demander.click(SURE)
    demander.wait_for_url("**/portal/demands/XQ-*")
    case = urlsplit(demander.url).path
    expect(demander.locator("h1")).to_have_text("办理公共租赁住房申请")
    studio.picture(demander, "04-case-submitted")

    # the authority: review and dispatch
    studio.sign_in(authority, "qiming")
    studio.picture(authority, "05-workbench-authority")
    authority.click(_line(case, "审核并分派"))
    authority.click("button:has-text('分派到数源部门')")
    expect(authority.locator(".sure")).to_contain_text("公安局 · 数源部门答复")
    studio.picture(authority, "05-sure-dispatch")
    authority.click(SURE)
    expect(authority.locator(".head .tag")).to_have_text("待数源确认")
    studio.picture(authority, "06-case-dispatched")

    # the providers: item by item
    for number, officer in enumerate(("weidong", "sunhui", "wumin")):
        provider = studio.desk()
        studio.sign_in(provider, officer)
        if number == 0:
            studio.picture(provider, "07-workbench-provider")
        provider.click(_line(case, "逐项确认供给"))
        _answer(provider, studio, is_first=number == 0)

    # the demander sees what was granted, and accepts
    _at(demander, studio, "/portal/")
    studio.picture(demander, "10-workbench-granted")
    demander.click(_line(case, "核对授权并验收"))
    expect(demander.locator(".grant")).to_contain_text("人口库")
    expect(demander.locator(".chips")).to_contain_text("仅比对（是/否）")
    studio.picture(demander, "11-case-granted")
    demander.click("button:has-text('验收并办结')")
    demander.click(SURE)
    expect(demander.locator(".head .tag")).to_have_text("已办结")
    studio.printed(demander, "12-case")
    demander.click("text=English")
    assert urlsplit(demander.url).path == case
    expect(demander.locator(".head .tag")).to_have_text("Closed")
    studio.picture(demander, "13-case-english")

    assert studio.hosts == {urlsplit(studio.city.address).netloc}, "a page asked another host"
    assert not studio.complaints


def _answer(provider: Page, studio: Any, *, is_first: bool) -> None:
    """Confirm everything; the first provider first forgets to answer, and gives one item as yes/no only and refuses another."""
    if is_first:
        provider.click("button:not([aria-hidden]):has-text('提交答复')")
        expect(provider.locator("#problem")).to_contain_text("尚未答复")
        provider.locator("fieldset.pair").nth(4).get_by_text("仅比对（是/否）").click()
        provider.locator("fieldset.pair").nth(2).get_by_text("不予提供").first.click()
    provider.click("button:has-text('其余全部选为确认')")
    if is_first:
        expect(provider.locator("fieldset.pair").nth(2).locator("select[name^=ground_]")).to_be_visible()
        studio.picture(provider, "08-confirm-supply")
    provider.click("button:not([aria-hidden]):has-text('提交答复')")
    if is_first:
        studio.picture(provider, "09-sure-answer")
    provider.click(SURE)
    provider.wait_for_url("**/portal/demands/XQ-*")


def _line(case: str, todo: str) -> str:
    """The button in the workbench's line of this case."""
    return f"tr:has-text('{case.rpartition('/')[2]}') a.button:has-text('{todo}')"


def _at(page: Page, studio: Any, path: str) -> Page:
    page.goto(f"{studio.city.address}{path}")
    return page
