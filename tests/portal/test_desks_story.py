"""A demand in the browser that does not go straight: asked about, answered, offered something else, taken, granted, objected to. Axe looks at every page."""

from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Page, expect

SURE = "#sure button"


def test_a_demand_is_asked_about_offered_taken_granted_and_objected_to(
    studio: Any, dispatched: tuple[str, str]
) -> None:
    case, task = (f"/portal/demands/{dispatched[0]}", f"/portal/tasks/{dispatched[1]}")
    demander, provider, authority = (studio.desk(bypass_csp=True) for _ in range(3))
    problems: list[str] = []

    def look(page: Page, name: str) -> None:
        studio.picture(page, name)
        problems.extend(studio.violations(page))

    # the provider asks; the demander tells
    studio.sign_in(provider, "weidong")
    provider.goto(f"{studio.city.address}{task}")
    provider.click("summary:has-text('要求补充说明')")
    provider.fill("details[open] textarea", "请说明为何需要户口所在地")
    look(provider, "50-task-ask")
    provider.click("details[open] button")
    look(provider, "50-sure-ask")
    provider.click(SURE)
    expect(provider.locator("main")).to_contain_text("待补充说明")
    look(provider, "51-task-asked")
    studio.sign_in(demander, "xiaolan")
    look(demander, "52-workbench-question")
    demander.click(f"tr:has-text('{dispatched[0]}') a.button:has-text('补充说明')")
    demander.fill(".talk textarea[name=why]", "须核对户籍是否在本市")
    look(demander, "53-case-question")
    demander.click("button:has-text('提交说明')")
    demander.click(SURE)
    expect(demander.locator("#sure")).to_have_count(0)

    # one item confirmed, for the other something else is offered; first without words, which is said at the item
    provider.goto(f"{studio.city.address}{task}")
    first, second = provider.locator("fieldset.pair").nth(0), provider.locator("fieldset.pair").nth(1)
    first.get_by_text("确认提供").click()
    second.get_by_text("替代方案").first.click()
    second.get_by_text("仅比对（是/否）").click()
    provider.click("details.terms summary")
    provider.fill("input[name^=hours_]", "08-18")
    look(provider, "54-task-four-words")
    provider.click("button:not([aria-hidden]):has-text('提交答复')")
    expect(second.locator(".field-error")).to_be_visible()
    look(provider, "55-task-error")
    second.locator("input[name^=note_]").fill("地址只能比对")
    provider.click("button:not([aria-hidden]):has-text('提交答复')")
    provider.click(SURE)
    provider.wait_for_url(f"**{case}")

    # taken, granted, suspended and lifted, objected to
    demander.goto(f"{studio.city.address}{case}")
    expect(demander.locator(".head .tag")).to_have_text("待回复替代方案")
    look(demander, "56-case-offer")
    demander.click("button:has-text('接受')")
    demander.click(SURE)
    expect(demander.locator(".head .tag")).to_have_text("待验收")
    demander.click("details.raise summary")
    look(demander, "57-case-granted")
    demander.click(".grant a")
    expect(demander.locator("main")).to_contain_text("08-18")
    demander.click("button:has-text('体检')")
    expect(demander.locator("#h-health")).to_be_visible()
    look(demander, "58-grant")
    demander.click("text=English")
    look(demander, "59-grant-english")
    demander.goto(f"{studio.city.address}/portal/language/zh?next={case}")
    demander.click("details.raise summary")
    demander.locator("input[name=item]").nth(1).check()
    demander.fill("#object-why", "比对结果与约定不符")
    demander.click("button:has-text('提出异议')")
    look(demander, "59-sure-object")
    demander.click(SURE)
    expect(demander.locator(".head .tag")).to_have_text("待数源确认")

    # the provider refuses now; the demander may dispute that
    provider.goto(f"{studio.city.address}/portal/")
    provider.click(f"tr:has-text('{dispatched[0]}') a.button:has-text('逐项确认供给')")
    provider.locator("fieldset.pair").first.get_by_text("不予提供").first.click()
    provider.locator("select[name^=ground_]").select_option("not_our_duty")
    expect(provider.locator("select[name^=duty_]")).to_be_visible()
    provider.locator("select[name^=duty_]").select_option(label="民政局")
    look(provider, "60-task-refuse")
    provider.click("button:not([aria-hidden]):has-text('提交答复')")
    provider.click(SURE)
    provider.wait_for_url(f"**{case}")
    demander.goto(f"{studio.city.address}{case}")
    demander.click("summary:has-text('提出争议')")
    demander.locator("details.raise[open] input[type=checkbox]").first.check()
    demander.locator("details.raise[open] textarea").fill("户籍是公安的职责")
    demander.click("button:has-text('提出争议')")
    demander.click(SURE)
    expect(demander.locator("#sure")).to_have_count(0)
    demander.click("summary:has-text('陈述意见')")
    look(demander, "61-case-dispute")
    studio.sign_in(authority, "qiming")
    for number, path in enumerate(("/portal/", case, "/portal/grants", "/portal/notices")):
        authority.goto(f"{studio.city.address}{path}")
        look(authority, f"62-authority-{number}")
    demander.goto(f"{studio.city.address}/portal/language/en?next={case}")
    look(demander, "63-case-english")
    demander.goto(f"{studio.city.address}/portal/demands/new?service_item=public_rental_housing")
    demander.fill("#name-0", "姓名")
    demander.click("button:has-text('Check')")
    expect(demander.locator("#h-findings")).to_be_visible()
    look(demander, "64-form-findings")
    assert not problems, "\n".join(problems)
    assert studio.hosts == {urlsplit(studio.city.address).netloc}
    assert not studio.complaints
