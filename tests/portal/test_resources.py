"""The directory's pages: found while typing, with why; one resource whole; two versions side by side; drafts only for those whose they are."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from catalog import directory
from schemas.database import transaction

MARRIAGE = "civil_affairs.marriage"


@pytest.fixture
def revised(city: Any) -> Iterator[None]:  # noqa: ARG001 - its directory must be there
    """A draft of the marriage register: one item gone, one that says other than its element, its abstract missing."""
    with transaction() as session:
        draft = directory.draft(session, MARRIAGE)
        items = [one for one in draft.items if one.id != "registry"]
        longer = next(one for one in items if one.id == "name").model_copy(update={"length": 80})
        items = [longer if one.id == "name" else one for one in items]
        source = draft.source.model_copy(
            update={"mapping": {k: v for k, v in draft.source.mapping.items() if v != "registry"}, "ignore": ("XH", "DJJG")}
        ) if draft.source else None  # fmt: skip
        wanted = draft.model_copy(update={"items": tuple(items), "source": source, "abstract": None})
        version = directory.save_draft(session, wanted)
        assert version
        number = version.version
    yield
    with transaction() as session:
        session.delete(directory.get(session, MARRIAGE, number))


def found(html: str) -> list[str]:
    return re.findall(r'<a class="strong" href="/portal/resources/([^"]+)"', html)


@pytest.mark.parametrize(
    ("query", "first", "reason"),
    [
        ({"q": "hydj"}, MARRIAGE, "拼音"),
        ({"q": "101002/330199000002"}, MARRIAGE, "代码"),
        ({"q": "民政局 婚姻状况"}, MARRIAGE, "<mark>婚姻状况</mark>"),
        ({"library": "credit"}, "credit_office.decision", "信用库"),
        ({"department": "education"}, "education.graduate", "教育局"),
    ],
)
def test_words_and_filters_find_and_the_page_says_why(
    city: Any, query: dict[str, str], first: str, reason: str
) -> None:
    page = city.signed_in("xiaolan").get(f"{city.address}/portal/resources", params=query).text
    assert found(page)[0] == first
    assert reason in page.partition('id="found"')[2]


def test_htmx_gets_only_what_was_found(city: Any) -> None:
    visitor = city.signed_in("xiaolan")
    answer = visitor.get(f"{city.address}/portal/resources", params={"q": "婚姻"}, headers={"hx-request": "true"})
    assert answer.text.lstrip().startswith('<div id="found">')
    assert "<html" not in answer.text


def test_what_is_typed_never_becomes_markup(city: Any) -> None:
    for words in ("<script>alert(1)</script>", "婚姻<b>", '"><img src=x>', "\x00"):
        answer = city.signed_in("xiaolan").get(f"{city.address}/portal/resources", params={"q": words})
        assert answer.status_code == 200
        assert not re.search(r"<script>alert|<b>|<img src=x", answer.text)


def test_a_list_is_sorted_and_its_pages_end(city: Any) -> None:
    visitor = city.signed_in("xiaolan")
    by_items = visitor.get(f"{city.address}/portal/resources", params={"sort": "-items"}).text
    counts = [int(one) for one in re.findall(r"<td>(\d+)</td></tr>", by_items)]
    assert counts == sorted(counts, reverse=True)
    assert len(counts) == 8
    assert len(found(visitor.get(f"{city.address}/portal/resources", params={"page": "9"}).text)) == 8


@pytest.mark.usefixtures("revised")
def test_a_draft_is_its_departments_and_the_authoritys(city: Any) -> None:
    address = f"{city.address}/portal/resources/{MARRIAGE}"
    for officer in ("sunhui", "qiming", "shenji"):
        page = city.signed_in(officer).get(address, params={"version": "2"})
        assert "须补正" in page.text
        assert "信息资源摘要" in page.text
        assert "长度与数据元不同：50 → 80" in page.text
    stranger = city.signed_in("weidong")
    assert stranger.get(address, params={"version": "2"}).status_code == 404
    assert stranger.get(f"{address}/changes", params={"old": "1", "new": "2"}).status_code == 404
    assert "草稿" not in stranger.get(address).text


@pytest.mark.usefixtures("revised")
def test_two_versions_stand_side_by_side(city: Any) -> None:
    visitor = city.signed_in("sunhui")
    page = visitor.get(f"{city.address}/portal/resources/{MARRIAGE}").text
    assert "changes?old=1&amp;new=2" in page
    told = visitor.get(f"{city.address}/portal/resources/{MARRIAGE}/changes?old=1&new=2").text
    assert "信息项“登记机关”不再提供" in told
    assert "不兼容变更" in told
    same = visitor.get(f"{city.address}/portal/resources/{MARRIAGE}/changes").text
    assert "两个版本内容相同" in same


@pytest.mark.usefixtures("revised")
@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_directory_is_searched_while_typing_and_accessible(studio: Any, language: str) -> None:
    page = studio.desk(bypass_csp=True)
    studio.sign_in(page, "sunhui")
    page.goto(f"{studio.city.address}/portal/language/{language}?next=/portal/resources")
    expect(page.locator("#found tbody tr")).to_have_count(8)
    studio.picture(page, f"40-directory-{language}")
    page.locator("#q").press_sequentially("hydj")
    expect(page.locator("#found mark").first).to_have_text("婚姻登记信息")
    page.fill("#q", "姓名")
    page.select_option("#library", "population")
    expect(page.locator("#found tbody tr")).to_have_count(4)
    expect(page).to_have_url(re.compile("q=%E5%A7%93%E5%90%8D"))
    studio.picture(page, f"41-directory-search-{language}")
    problems = studio.violations(page)
    for number, path in ((42, ""), (43, "?version=2"), (44, "/changes?old=1&new=2")):
        page.goto(f"{studio.city.address}/portal/resources/{MARRIAGE}{path}")
        studio.picture(page, f"{number}-resource-{language}")
        problems += studio.violations(page)
    assert not problems, "\n".join(problems)
    assert not studio.complaints
