"""What a department, or a stranger, may type: nothing of it becomes mark-up, a script, a formula or a step on any page, in any list or file."""

import html
import io
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import openpyxl
import pytest

from catalog.service.materials import Material
from exchange_api import officers
from exchange_api.actors import Actor
from exchange_api.demand import demands
from schemas.database import transaction
from schemas.tables.exchange import Application
from schemas.tables.services import ServiceItem
from tests.portal.test_doors import ROLES, WALK

SCRIPT = """"'><script>window.pwned=1</script><img src=x onerror=window.pwned=1>{{7*7}}"""
RAW = ("<script>window.pwned", "<img src=x onerror")
FORMULA = '=HYPERLINK("http://evil.example","看")'
SERVICE = "poisoned"
EVIL = "evilname"


@pytest.fixture(scope="module")
def poisoned(city: Any) -> Iterator[str]:
    """A returned demand whose every text is an attack, of an officer and an application named so; its number."""
    with transaction() as session:
        city.passwords[EVIL] = officers.add(session, EVIL, SCRIPT, "housing", ["demander"])
        session.add(Application(id=SERVICE, name=f"系统{SCRIPT}", department_id="housing"))
        material = Material(id="m", name=f"材料{SCRIPT}", source="20", items=(f"姓名{SCRIPT}",)).model_dump(mode="json")
        session.add(
            ServiceItem(id=SERVICE, name=f"事项{SCRIPT}", department_id="housing", basis=SCRIPT, materials=[material])
        )
    with transaction("exchange") as session:
        form = demands.DemandForm.model_validate(
            {
                "service_item_id": SERVICE, "application_id": SERVICE, "purpose": FORMULA, "basis": f"《{SCRIPT}》第一条", "scenario": SCRIPT,
                "scope": SCRIPT, "items": [{"name": f"姓名{SCRIPT}", "note": SCRIPT}, {"name": FORMULA}],
            }
        )  # fmt: skip
        actor = Actor(EVIL, "housing", frozenset({"demander"}))
        demand = demands.register(session, actor, form)
        demands.submit(session, actor, demand.id)
        demands.return_to_demander(session, Actor("qiming", "data_bureau", frozenset({"authority"})), demand.id, SCRIPT)
    yield demand.id
    with transaction("exchange") as session:
        demands.withdraw(session, actor, demand.id)


def _looks() -> list[str]:
    return sorted(path for method, path in WALK if method == "GET" and "{" not in path)


def _visitors(city: Any) -> dict[str, Any]:
    return {role: city.signed_in(login) if login else city.browser() for role, login in ROLES.items()}


@pytest.fixture(scope="module")
def visitors(city: Any) -> dict[str, Any]:
    """A visitor of each role."""
    return _visitors(city)


def test_no_text_of_a_department_becomes_mark_up_on_any_page(
    city: Any, visitors: dict[str, Any], poisoned: str
) -> None:
    shown, wrong = set(), []
    places = [*_looks(), f"/demands/{poisoned}", f"/demands/{poisoned}/edit", f"/demands/new?service_item={SERVICE}"]
    own = city.signed_in(EVIL)
    for role, visitor in {**visitors, "own": own}.items():
        for path in places:
            text = visitor.get(f"{city.address}/portal{path}").text
            wrong += [f"{role} {path}: {raw}" for raw in RAW if raw in text]
            if html.escape("<script>window.pwned") in text:
                shown.add(path)
    assert not wrong
    assert shown >= {"/", "/demands", f"/demands/{poisoned}", "/demands/new"}, (
        "the attack stands on these pages, harmless"
    )


def test_what_an_address_says_never_becomes_mark_up(city: Any, visitors: dict[str, Any]) -> None:
    wrong = []
    query = "&".join(
        f"{name}={quote(SCRIPT)}"
        for name in ("q", "sort", "page", "next", "state", "service_item", "columns", "from", "week")
    )
    for role, visitor in visitors.items():
        for path in [
            *_looks(),
            f"/{quote(SCRIPT, safe='')}",
            f"/resources/{quote(SCRIPT, safe='')}",
            f"/demands/{quote(SCRIPT, safe='')}",
        ]:
            answer = visitor.get(f"{city.address}/portal{path}?{query}")
            if answer.status_code >= 500 or any(raw in answer.text for raw in RAW):
                wrong.append(f"{role} {path}: {answer.status_code}")
    assert not wrong


def test_no_browser_runs_what_a_department_typed(studio: Any, poisoned: str) -> None:
    page = studio.desk()
    studio.sign_in(page, EVIL)
    for path in ("/", "/demands", f"/demands/{poisoned}", f"/demands/{poisoned}/edit"):
        page.goto(f"{studio.city.address}/portal{path}")
        assert page.evaluate("window.pwned") is None
        assert page.locator("img[src='x']").count() == 0


def test_no_text_becomes_a_formula_in_any_file(city: Any, visitors: dict[str, Any], poisoned: str) -> None:  # noqa: ARG001 - its texts are in the lists
    found, texts = 0, 0
    for visitor in visitors.values():
        for path in _looks():
            answer = visitor.get(f"{city.address}/portal{path}")
            for link in set(re.findall(r'href="([^"]*format=xlsx[^"]*)"', answer.text)):
                address = html.unescape(link)
                book = visitor.get(
                    f"{city.address}{address}" if address.startswith("/") else answer.url.partition("?")[0] + address
                )
                assert book.headers["content-type"].startswith("application/vnd.openxmlformats"), address
                for sheet in openpyxl.load_workbook(io.BytesIO(book.content)):
                    for cell in (cell for row in sheet.iter_rows() for cell in row):
                        assert cell.data_type != "f", f"{path}: {cell.coordinate}"
                        texts += cell.value == FORMULA
                found += 1
    assert found > 5
    assert texts, "the attack stands in a list, as a text"


def test_no_form_is_taken_without_its_token(city: Any, visitors: dict[str, Any]) -> None:
    wrong = []
    for (method, path), expected in WALK.items():
        address = f"{city.address}/portal" + re.sub(r"\{\w+\}", "999999", path)
        for role, visitor in visitors.items():
            if method == "POST" and expected[role] not in (401, 403):
                status = visitor.post(address, allow_redirects=False).status_code
                if status != 403:
                    wrong.append(f"{role} {path}: {status}")
    assert not wrong
    assert "退出" in visitors["demander"].get(f"{city.address}/portal/verify").text, "nobody was signed out by it"


def test_nobody_signs_in_under_a_cookie_that_was_laid_ready(city: Any) -> None:
    visitor = city.browser()
    visitor.cookies.set("hutong_session", "laid-ready", domain="127.0.0.1", path="/")
    form = {"name": "xiaolan", "password": city.passwords["xiaolan"]}
    assert city.post(visitor, "/portal/sign-in", form).url.endswith("/portal/")
    assert "laid-ready" not in [one.value for one in visitor.cookies]
    stranger = city.browser()
    stranger.cookies.set("hutong_session", "laid-ready", domain="127.0.0.1", path="/")
    assert "/portal/sign-in" in stranger.get(f"{city.address}/portal/").url


def test_a_second_sign_in_takes_another_cookie(city: Any) -> None:
    first, second = city.signed_in("weidong"), city.signed_in("weidong")
    assert first.cookies["hutong_session"] != second.cookies["hutong_session"]
