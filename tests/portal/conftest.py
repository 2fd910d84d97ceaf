"""A city with its directory, officers and one application, and the real portal on a free port of a real server."""

import os
import secrets
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, sync_playwright
from sqlalchemy import URL

from catalog import directory
from catalog.folder import import_folder
from exchange_api import officers, portal
from schemas.database import transaction
from schemas.migrations import upgrade
from schemas.tables.exchange import Application

REPOSITORY = Path(__file__).parents[2]
CITY = REPOSITORY / "hutong" / "demo" / "city"
PICTURES = REPOSITORY / "var" / "screenshots"
AXE = REPOSITORY / "node_modules" / "axe-core" / "axe.min.js"
CHROMIUM = Path("/usr/bin/chromium")
QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-proxy-server",
)  # fmt: skip
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
PEOPLE = {
    "xiaolan": ("褚晓岚", "housing", ["demander"]),
    "qiming": ("周启明", "data_bureau", ["authority"]),
    "weidong": ("钱卫东", "public_security", ["provider"]),
    "sunhui": ("孙慧", "civil_affairs", ["provider", "demander"]),
    "wumin": ("吴敏", "human_resources", ["provider"]),
    "shenji": ("韩素", "data_bureau", ["auditor"]),
}


@dataclass
class City:
    """Where the portal answers, and everybody's password."""

    address: str
    passwords: dict[str, str] = field(default_factory=dict)

    def browser(self) -> requests.Session:
        """A visitor who follows no proxy."""
        visitor = requests.Session()
        visitor.trust_env = False
        return visitor

    def signed_in(self, officer: str) -> requests.Session:
        """A visitor signed in as this officer."""
        visitor = self.browser()
        token = csrf(visitor.get(f"{self.address}/portal/sign-in").text)
        answer = visitor.post(
            f"{self.address}/portal/sign-in",
            {"csrf_token": token, "name": officer, "password": self.passwords[officer]},
        )
        assert answer.status_code == 200, answer.text
        assert answer.url == f"{self.address}/portal/"
        return visitor


def csrf(html: str) -> str:
    """The token that the page's forms carry."""
    return html.partition('name="csrf_token" value="')[2].partition('"')[0]


@pytest.fixture(scope="package")
def city_database(new_database: Callable[[], URL], tmp_path_factory: pytest.TempPathFactory) -> Iterator[URL]:
    """A migrated database of this package alone; HUTONG_DATABASE_URL names it while its tests run."""
    before = {name: os.environ.get(name) for name in ("HUTONG_DATABASE_URL", "HUTONG_ROOT", "HUTONG_PORTAL_OWNER")}
    url = new_database()
    upgrade(url)
    os.environ["HUTONG_DATABASE_URL"] = url.render_as_string(hide_password=False)
    os.environ["HUTONG_ROOT"] = str(tmp_path_factory.mktemp("home"))
    os.environ["HUTONG_PORTAL_OWNER"] = "兴和市"
    yield url
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


@pytest.fixture(scope="package")
def city(city_database: URL) -> Iterator[City]:  # noqa: ARG001 - the database must be there first
    """The demonstration city's directory and its officers, served."""
    passwords = {}
    with transaction() as session:
        for resource_id in import_folder(session, CITY).drafts:
            directory.publish(session, resource_id)
        session.add(Application(id="housing_security", name="住房保障业务系统", department_id="housing"))
        for login, (name, department, roles) in PEOPLE.items():
            passwords[login] = officers.add(session, login, name, department, roles)
    app = FastAPI(title=secrets.token_hex(4))
    portal.mount(app)
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        thread.join(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield City(f"http://127.0.0.1:{port}", passwords)
    server.should_exit = True
    thread.join(10)


@dataclass
class Studio:
    """A headless Chromium, what it was seen to ask for, and pictures of pages for people to look at."""

    browser: Browser
    city: City
    hosts: set[str] = field(default_factory=set)
    complaints: list[str] = field(default_factory=list)

    def desk(self, **options: Any) -> Page:
        """A fresh browser context (its own cookies) that notes every host asked and every complaint of the page's console."""
        context = self.browser.new_context(viewport={"width": 1280, "height": 800}, locale="zh-CN", **options)
        page = context.new_page()
        page.on("request", lambda request: self.hosts.add(urlsplit(request.url).netloc))
        page.on(
            "console", lambda said: self.complaints.append(f"{page.url}: {said.text}") if said.type == "error" else None
        )
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))
        return page

    def sign_in(self, page: Page, officer: str) -> None:
        """Sign in by the form."""
        page.goto(f"{self.city.address}/portal/sign-in")
        page.fill("#name", officer)
        page.fill("#password", self.city.passwords[officer])
        page.click("button.wide")
        page.wait_for_url("**/portal/")

    def picture(self, page: Page, name: str) -> None:
        """Take the page as it is seen at 1280 and 1920 wide."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        for width, height in ((1280, 800), (1920, 1080)):
            page.set_viewport_size({"width": width, "height": height})
            whole = page.evaluate("scrollTo(0, 0), document.documentElement.scrollHeight")
            page.set_viewport_size(
                {"width": width, "height": max(height, whole)}
            )  # what sticks to the edge stays at the edge
            page.screenshot(path=PICTURES / f"{name}-{width}.png")
        page.set_viewport_size({"width": 1280, "height": 800})

    def printed(self, page: Page, name: str) -> None:
        """Take the page as it is printed: the PDF, and its look at the width of a sheet."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        page.emulate_media(media="print")
        page.pdf(path=PICTURES / f"{name}-print.pdf", format="A4")
        page.set_viewport_size({"width": 760, "height": 1000})
        page.screenshot(path=PICTURES / f"{name}-print.png", full_page=True)
        page.emulate_media(media="screen")
        page.set_viewport_size({"width": 1280, "height": 800})

    def violations(self, page: Page) -> list[str]:
        """What axe finds against WCAG 2.2 A and AA, in words; the context must have bypass_csp, or axe could not be put in."""
        if not page.evaluate("typeof window.axe === 'object'"):
            page.add_script_tag(path=AXE)
        found: dict[str, Any] = page.evaluate("tags => axe.run(document, {runOnly: {type: 'tag', values: tags}})", WCAG)
        return [
            f"{urlsplit(page.url).path}: {one['id']} ({one['impact']}): {one['help']}: {node['target']} {node['failureSummary']}"
            for one in found["violations"]
            for node in one["nodes"]
        ]


@pytest.fixture(scope="package")
def studio(city: City) -> Iterator[Studio]:
    """The browser; where there is none the tests are skipped with the remedy, on the build server they fail."""
    if missing := [str(one) for one in (CHROMIUM, AXE) if not one.exists()]:
        reason = f"{', '.join(missing)} missing: apt-get install chromium fonts-noto-cjk, and make assets"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield Studio(browser, city)
        browser.close()
