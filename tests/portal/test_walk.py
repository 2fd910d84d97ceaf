"""Every line of every role's menu, opened in Chromium in both languages: accessible, quiet, no other host, nothing cut off, no Chinese left in the English."""

import re
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page

from exchange_api.portal.navigation import menu
from tests.portal.conftest import PEOPLE, PICTURES

NAMES = re.compile("|".join(name for name, *_ in PEOPLE.values()))
HAN = re.compile(r"[\u4e00-\u9fff]")
WORKERS = {
    "demander": "xiaolan", "provider": "weidong", "steward": "guanjia", "authority": "qiming", "auditor": "shenji", "application": "yingyong",
    "system_admin": "xitong", "security_admin": "anquan",
}  # fmt: skip
PRINTED = {
    ("demander", "demands"),
    ("authority", "supervision"),
    ("steward", "quality"),
    ("auditor", "trail"),
    ("authority", "start"),
}
SAID = "h1, h2, nav.side a, th[scope=col], main button, label, summary, .head .actions a"
REFERENCE = "/portal/reference"  # Swagger UI's own page of thousands of nodes, not ours to mend
OURS = "[lang=zh-CN], a[href*='/resources/'], h1.data, option"  # names the departments gave stay as they are


def _words(page: Page) -> list[str]:
    """What the page says of its own accord: headings, menu, columns, buttons, labels."""
    said: list[str] = page.locator(SAID).evaluate_all(
        "(found, theirs) => found.filter(one => !one.closest(theirs) && one.checkVisibility()).map(one => one.innerText)",
        OURS,
    )
    return said


@pytest.fixture(scope="module")
def seen() -> set[tuple[str, str]]:
    """Pages that look the same to every role, with the language: looked at closely once."""
    return set()


def _trouble(studio: Any, page: Page, language: str) -> list[str]:
    """What is wrong with the page as it stands."""
    path = urlsplit(page.url).path
    if path == REFERENCE:
        return []
    wide = page.evaluate("document.documentElement.scrollWidth")
    found = [f"{path} ({language}): {wide} wide"] if wide > 1280 else []
    if language == "en":
        found += [f"{path}: not in English: {one}" for one in _words(page) if HAN.search(NAMES.sub("", one))]
    violations: list[str] = studio.violations(page)
    return found + violations


def _pictures(studio: Any, page: Page, name: str, is_first: bool) -> None:
    """Keep how the page looks; wide, where it is the first time."""
    if is_first:
        studio.picture(page, name)
    else:
        PICTURES.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=PICTURES / f"{name}-1280.png", full_page=True)


@pytest.mark.parametrize("role", WORKERS)
def test_every_line_of_the_menu_opens_well_in_both_languages(
    studio: Any, seen: set[tuple[str, str]], role: str
) -> None:
    studio.hosts.clear()
    studio.complaints.clear()
    page, found = studio.desk(bypass_csp=True), []
    studio.sign_in(page, WORKERS[role])
    lines = [one.address for group in menu(frozenset(PEOPLE[WORKERS[role]][2])) for one in group.entries]
    for language in ("zh", "en"):
        page.goto(f"{studio.city.address}/portal/language/{language}?next=/portal/verify")
        for address in (*lines, "/portal/notices"):
            answer = page.goto(f"{studio.city.address}{address}")
            assert answer is not None
            assert answer.status == 200, address
            name = address.removeprefix("/portal/").replace("/", "-") or "start"
            if (address, language) in seen and name != "start":
                continue
            seen.add((address, language))
            found += _trouble(studio, page, language)
            _pictures(studio, page, f"walk-{role}-{name}-{language}", language == "zh")
            if language == "zh" and (role, name) in PRINTED:
                studio.printed(page, f"walk-{role}-{name}")
    page.context.close()
    assert not found, "\n".join(found)
    assert studio.hosts == {urlsplit(studio.city.address).netloc}
    assert not studio.complaints
