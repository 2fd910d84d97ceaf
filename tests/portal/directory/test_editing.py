"""A resource's draft is written in the portal: with gaps, with errors at their fields, items in their order, nobody's work lost, and submitted from there."""

import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest
from playwright.sync_api import expect
from sqlalchemy import delete, select

from catalog import directory
from exchange_api.directory import editing
from schemas.database import transaction
from schemas.tables.directory import Resource, ResourceEvent, ResourceVersion
from tests.portal.conftest import actor

NAME = "流动人口居住登记"
FIELD = re.compile(r'<input[^>]* name="([^"]+)" value="([^"]*)"|<textarea[^>]* name="([^"]+)"[^>]*>([^<]*)</textarea>')
CHOICE = re.compile(r'<select[^>]* name="([^"]+)"[^>]*>(.*?)</select>', re.DOTALL)
WHOLE = {
    "category.1": "部门信息资源/公安", "abstract": "居住登记的基本信息", "format.category": "数据库", "format.type": "mysql", "update_cycle": "每日",
    "sharing.type": "无条件共享", "sharing.mode": "接口", "sharing.mode_category": "共享平台方式", "assessment.secrecy": "不涉密",
    "assessment.holds_personal_information": "是", "assessment.assessed_by": "法制处", "assessment.assessed_on": "2026-01-05",
    "assessment.conclusion": "可以共享",
}  # fmt: skip


@pytest.fixture
def begun(city: Any) -> Iterator[str]:
    """A draft that says its name only; its id."""
    answer = city.post(city.signed_in("weidong"), "/portal/directory-draft", {"name": NAME})
    assert answer.url.endswith("/edit"), answer.text
    resource_id = answer.url.rpartition("/resources/")[2].removesuffix("/edit")
    yield resource_id
    with transaction() as session:
        versions = select(ResourceVersion.id).where(ResourceVersion.resource_id == resource_id)
        session.execute(delete(ResourceEvent).where(ResourceEvent.version_id.in_(versions)))
        session.execute(delete(ResourceVersion).where(ResourceVersion.resource_id == resource_id))
        session.execute(delete(Resource).where(Resource.id == resource_id))


def form_of(html: str) -> dict[str, Any]:
    """What the form says as it stands."""
    found: dict[str, list[str]] = {}
    for name, value, long, text in FIELD.findall(html.partition('id="draft"')[2]):
        found.setdefault(name or long, []).append(unescape(value or text))
    for name, options in CHOICE.findall(html):
        chosen = re.search(r'value="([^"]*)" selected', options)
        found.setdefault(name, []).append(unescape(chosen[1]) if chosen else "")
    return {name: values for name, values in found.items() if name != "csrf_token"}


def row(form: dict[str, Any], *rows: dict[str, str]) -> dict[str, Any]:
    """The form with these items."""
    return form | {f"items.{name}": [one.get(name, "") for one in rows] for name in editing.OF_ITEM}


def test_a_draft_is_saved_with_gaps_and_says_at_each_field_what_it_lacks(city: Any, begun: str) -> None:
    author, at = city.signed_in("weidong"), f"/portal/resources/{begun}/edit"
    form = form_of(author.get(city.address + at).text)
    saved = city.post(
        author,
        at,
        row(form, {"name": "姓名"}, {"name": "登记日期", "type": "日期"}) | {"abstract": "居住登记", "do": "save"},
    )
    assert "草稿已保存" in saved.text
    assert "缺少“共享属性”" in saved.text
    with transaction("exchange") as session:
        draft = directory.draft(session, begun)
    assert (draft.abstract, draft.sharing) == ("居住登记", None)
    assert [(one.name, one.type) for one in draft.items] == [("姓名", "C"), ("登记日期", "D")]
    refused = city.post(author, at, form_of(saved.text) | {"do": "submit"})
    assert refused.status_code == 422
    assert "须补正" in refused.text


def test_what_is_wrong_is_said_at_its_field_and_nothing_is_lost(city: Any, begun: str) -> None:
    author, at = city.signed_in("weidong"), f"/portal/resources/{begun}/edit"
    form = row(
        form_of(author.get(city.address + at).text), {"name": "姓名", "length": "很长"}, {"name": "", "length": "3"}
    )
    wrong = city.post(author, at, form | {"sharing.type": "有条件共享", "code": "不是代码", "do": "save"})
    assert wrong.status_code == 422
    for field in ("i-0-length", "i-1-name", "f-code"):
        assert f'class="field-error" id="wrong-{field}"' in wrong.text, field
    assert 'value="很长"' in wrong.text
    with transaction("exchange") as session:
        assert directory.draft(session, begun).items == ()
    condition = city.post(author, at, row(form, {"name": "姓名"}) | {"sharing.type": "有条件共享", "do": "save"})
    assert 'class="field-error" id="wrong-f-sharing-condition"' in condition.text


def test_items_are_added_moved_and_removed(city: Any, begun: str) -> None:
    author, at = city.signed_in("weidong"), f"/portal/resources/{begun}/edit"
    form = row(
        form_of(author.get(city.address + at).text), {"name": "姓名", "id": "name"}, {"name": "住址", "id": "address"}
    )
    moved = form_of(city.post(author, at, form | {"do": "up:1"}).text)
    assert moved["items.name"] == ["住址", "姓名"]
    more = form_of(city.post(author, at, moved | {"do": "add"}).text)
    assert more["items.name"] == ["住址", "姓名", ""]
    less = form_of(city.post(author, at, more | {"do": "remove:0"}).text)
    city.post(author, at, less | {"do": "save"})
    with transaction("exchange") as session:
        assert [one.id for one in directory.draft(session, begun).items] == ["name"]


def test_a_whole_draft_is_submitted_from_the_form_once_that_is_confirmed(city: Any, begun: str) -> None:
    author, at = city.signed_in("weidong"), f"/portal/resources/{begun}/edit"
    form = row(
        form_of(author.get(city.address + at).text),
        {"name": "姓名", "id": "name", "length": "50", "sensitivity": "个人信息"},
    )
    asked = city.ask(author, at, form | WHOLE | {"do": "submit"})
    assert "请确认：提交目录审核" in asked.text, asked.text
    with transaction("exchange") as session:
        assert directory.newest(session, begun).state == "draft"
        assert directory.draft(session, begun).abstract == WHOLE["abstract"]
    assert "部门审核中" in city.confirm(author, asked).text
    closed = author.get(city.address + at)
    assert closed.status_code == 409


def test_who_was_quicker_is_not_overwritten(city: Any, begun: str) -> None:
    author, other, at = city.signed_in("weidong"), city.signed_in("qiming"), f"/portal/resources/{begun}/edit"
    form = form_of(author.get(city.address + at).text)
    assert "草稿已保存" in city.post(other, at, form | {"abstract": "主管部门改过", "do": "save"}).text
    late = city.post(author, at, form | {"abstract": "我也改", "do": "save"})
    assert late.status_code == 409
    assert "我也改" in late.text
    with transaction("exchange") as session:
        assert directory.draft(session, begun).abstract == "主管部门改过"


def test_what_was_being_written_is_there_again(city: Any, begun: str) -> None:
    author, at = city.signed_in("weidong"), f"/portal/resources/{begun}"
    form = form_of(author.get(f"{city.address}{at}/edit").text)
    assert "自动保存" in city.post(author, f"{at}/keep", form | {"abstract": "写到一半"}).text
    assert "写到一半" in author.get(f"{city.address}{at}/edit").text
    assert "写到一半" not in city.post(author, f"{at}/edit", {"do": "forget"}).text


def test_another_departments_resource_is_not_opened(city: Any) -> None:
    author = city.signed_in("weidong")
    assert author.get(f"{city.address}/portal/resources/civil_affairs.marriage/edit").status_code == 403
    assert city.post(author, "/portal/resources/civil_affairs.marriage/edit", {"do": "save"}).status_code == 403
    assert (
        'civil_affairs.marriage/edit"' not in author.get(f"{city.address}/portal/resources/civil_affairs.marriage").text
    )


def test_a_published_resource_reads_back_as_it_was(city: Any) -> None:  # noqa: ARG001 - its directory must be there
    with transaction("exchange") as session:
        for resource in directory.find(session):
            _, form = editing.opened(session, actor("qiming"), resource.resource_id)
            said = editing.read(session, resource.resource_id, form)
            assert said.wrong == {}, resource.resource_id
            assert said.draft == directory.draft(session, resource.resource_id)


def test_the_form_is_accessible_in_both_languages(studio: Any, begun: str) -> None:
    page, problems = studio.desk(bypass_csp=True), []
    studio.sign_in(page, "weidong")
    for number, path in enumerate(
        ("/directory-draft", f"/resources/{begun}/edit", "/resources/public_security.resident/edit")
    ):
        for language in ("en", "zh"):
            page.goto(f"{studio.city.address}/portal/language/{language}?next=/portal{path}")
            problems += studio.violations(page)
            studio.picture(page, f"34-edit-{number}-{language}")
    page.goto(f"{studio.city.address}/portal/resources/{begun}/edit")
    page.click("button:has-text('增加一项')")
    page.fill("#i-0-name", "姓名")
    page.fill("#i-0-length", "很长")
    page.locator(".bar button").first.click()
    expect(page.locator("#wrong-i-0-length")).to_be_visible()
    problems += studio.violations(page)
    studio.picture(page, "34-edit-wrong")
    assert not problems, "\n".join(problems)
    assert not studio.complaints
