"""The main path, from a wish to an accepted grant, as three people walk it who are easily forgotten: by keyboard alone, without JavaScript, in English."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect
from sqlalchemy import select

from exchange_api.actors import Actor
from exchange_api.demand import demands
from exchange_api.portal.language import translations
from schemas.database import transaction
from schemas.tables.exchange import Demand

MOST_TABS = 160
_SEEN = "(getComputedStyle(document.activeElement).outlineStyle !== 'none') || (getComputedStyle(document.activeElement).boxShadow !== 'none')"


class Mouse:
    """Clicks and types."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def press(self, wish: Locator) -> None:
        """Use a button or a link."""
        wish.click()

    def fill(self, wish: Locator, text: str) -> None:
        """Write into a field."""
        wish.fill(text)

    def choose(self, wish: Locator, value: str) -> None:
        """Choose from a list."""
        wish.select_option(value)


class Keys(Mouse):
    """Tab, Enter, arrows and letters only; wherever the focus comes, it is seen."""

    def press(self, wish: Locator) -> None:
        """Go there and press Enter."""
        self._go(wish)
        self.page.keyboard.press("Enter")

    def fill(self, wish: Locator, text: str) -> None:
        """Go there and type."""
        self._go(wish)
        self.page.keyboard.type(text)

    def choose(self, wish: Locator, value: str) -> None:
        """Go there and press the arrow until it stands there."""
        self._go(wish)
        for _ in range(40):
            if wish.input_value() == value:
                return
            self.page.keyboard.press("ArrowDown")
        raise AssertionError(f"{value} is not in the list")

    def _go(self, wish: Locator) -> None:
        expect(wish).to_be_visible()
        for _ in range(MOST_TABS):
            if wish.evaluate("one => one === document.activeElement"):
                assert self.page.evaluate(_SEEN), "the focus is not seen"
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"{wish} cannot be reached by Tab")


@pytest.fixture(autouse=True)
def nothing_waits(city: Any) -> None:  # noqa: ARG001 - its database must be there
    """Withdraw what other tests left open: equal needs would share their tasks."""
    with transaction("exchange") as session:
        left = select(Demand).where(Demand.state.in_(["dispatched", "needs_information", "offered"]))
        for other in session.scalars(left).all():
            demands.withdraw(session, Actor(other.created_by, other.department_id, frozenset({"demander"})), other.id)


@pytest.mark.parametrize(
    ("hands", "language", "options"),
    [(Keys, "zh", {}), (Mouse, "zh", {"java_script_enabled": False}), (Mouse, "en", {})],
    ids=["keyboard", "without-script", "english"],
)
def test_the_main_path_is_open_to_everybody(
    studio: Any, hands: Callable[[Page], Mouse], language: Any, options: dict[str, Any]
) -> None:
    say = translations(language).gettext
    home = f"{studio.city.address}/portal"

    def enter(officer: str) -> tuple[Page, Mouse]:
        page = studio.desk(**options)
        page.goto(f"{home}/language/{language}?next=/portal/sign-in")
        hand = hands(page)
        hand.fill(page.locator("#name"), officer)
        hand.fill(page.locator("#password"), studio.city.passwords[officer])
        hand.press(page.locator("button.wide").first)
        page.wait_for_url("**/portal/")
        return page, hand

    def button(page: Page, words: str) -> Locator:
        return page.locator("main").get_by_role("button", name=say(words), exact=True)

    # the demander writes two items down and submits them
    page, hand = enter("xiaolan")
    hand.press(page.locator("nav.side").get_by_role("link", name=say("登记需求"), exact=True))
    page.wait_for_url("**/demands/new")
    hand.choose(page.locator("#service_item_id"), "public_rental_housing")
    hand.press(button(page, "查看材料"))
    expect(page.locator("table.materials")).to_be_visible()
    hand.fill(page.locator("#name-0"), "性别")
    hand.fill(page.locator("#name-1"), "民族")
    hand.choose(page.locator("#application_id"), "housing_security")
    hand.press(button(page, "提交需求"))
    hand.press(page.locator("#sure button"))
    page.wait_for_url("**/portal/demands/XQ-*")
    number = page.url.rpartition("/")[2]

    # the authority sends it on, the police confirms what is its own
    authority, hand = enter("qiming")
    hand.press(_line(authority, number))
    hand.press(button(authority, "分派到数源部门"))
    hand.press(authority.locator("#sure button"))
    expect(authority.locator(".head .tag").first).to_have_text(say("待数源确认"))
    provider, hand = enter("weidong")
    hand.press(_line(provider, number))
    hand.press(button(provider, "其余全部选为确认"))
    hand.press(button(provider, "提交答复"))
    hand.press(provider.locator("#sure button"))
    provider.wait_for_url(f"**/portal/demands/{number}")

    # what is granted is accepted
    hand = hands(page)
    page.goto(f"{home}/")
    hand.press(_line(page, number))
    expect(page.locator(".grant").first).to_be_visible()
    hand.press(button(page, "验收并办结"))
    hand.press(page.locator("#sure button"))
    expect(page.locator(".head .tag").first).to_have_text(say("已办结"))
    assert not studio.complaints


def _line(page: Page, number: str) -> Locator:
    """The button in the workbench's line of a case."""
    return page.locator(f"tr:has-text('{number}') a.button").first
