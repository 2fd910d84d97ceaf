"""A city with its directory, officers and one application, and the real portal on a free port of a real server."""

import os
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
import requests
import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, expect, sync_playwright
from sqlalchemy import URL, delete, select

from catalog import directory
from catalog.folder import import_folder
from exchange_api import officers
from exchange_api.actors import Actor
from exchange_api.app import create_app
from exchange_api.demand import demands
from exchange_api.evidence.keyring import ensure_active_key
from exchange_api.evidence.ledger import Entry, answer_of, new_receipt_id, question_of, record
from exchange_api.evidence.receipts import build_receipt
from exchange_api.evidence.sequencer import sequence_once
from exchange_api.portal import mounting
from exchange_api.signing import Request, Response, SoftwareSigner, sign_request, sign_response, verify_request
from exchange_api.supply import supplies
from schemas.database import transaction
from schemas.migrations import upgrade
from schemas.tables.exchange import Application, Demand
from schemas.tables.form_drafts import FormDraft

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
    "guanjia": ("方静", "data_bureau", ["steward"]),
    "yingyong": ("何志远", "housing", ["application"]),
    "xitong": ("沈立", "data_bureau", ["system_admin"]),
    "anquan": ("龚平", "data_bureau", ["security_admin"]),
}


@dataclass
class City:
    """Where the portal answers, what it is made of, and everybody's password."""

    address: str
    app: FastAPI
    passwords: dict[str, str] = field(default_factory=dict)
    around: dict[str, str] = field(default_factory=dict)

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

    def post(
        self, visitor: requests.Session, path: str, form: dict[str, Any] | None = None, **options: Any
    ) -> requests.Response:
        """Send a form with the token that the visitor's pages carry; what asks to be confirmed is confirmed."""
        answer = self.ask(visitor, path, form, **options)
        return self.confirm(visitor, answer, **options) if 'id="sure"' in answer.text else answer

    def ask(
        self, visitor: requests.Session, path: str, form: dict[str, Any] | None = None, **options: Any
    ) -> requests.Response:
        """Send a form once, and see what is asked."""
        token = csrf(visitor.get(f"{self.address}/portal/verify").text)
        return visitor.post(f"{self.address}{path}", {"csrf_token": token, **(form or {})}, **options)

    def confirm(self, visitor: requests.Session, asked: requests.Response, **options: Any) -> requests.Response:
        """Send the form of a page that asks, as it stands there."""
        form = asked.text.partition('id="sure">')[2].partition("</form>")[0]
        fields = [(unescape(name), unescape(text)) for name, text in _HIDDEN.findall(form)]
        return visitor.post(asked.url, fields, **options)


_HIDDEN = re.compile(r'<input type="hidden" name="([^"]*)" value="([^"]*)">')


def csrf(html: str) -> str:
    """The token that the page's forms carry."""
    return html.partition('name="csrf_token" value="')[2].partition('"')[0]


def actor(officer: str) -> Actor:
    """The officer at his desk."""
    return Actor(officer, PEOPLE[officer][1], frozenset(PEOPLE[officer][2]))


@pytest.fixture
def submitted(city: City) -> str:  # noqa: ARG001 - its directory must be there
    """A submitted demand for two items of the police; its number."""
    form = demands.DemandForm.model_validate(
        {
            "service_item_id": "public_rental_housing", "application_id": "housing_security", "purpose": "核验申请人",
            "basis": "《公共租赁住房管理办法》第七条", "items": [{"name": "姓名"}, {"name": "户口所在地"}],
        }
    )  # fmt: skip
    with transaction("exchange") as session:
        demand = demands.register(session, actor("xiaolan"), form)
        demands.submit(session, actor("xiaolan"), demand.id)
        return demand.id


@pytest.fixture
def dispatched(submitted: str) -> tuple[str, str]:
    """The same, dispatched; its number and that of the police's task, which it shares with nothing that another test left open."""
    with transaction("exchange") as session:
        left = select(Demand).where(Demand.state.in_(["dispatched", "needs_information", "offered"]))
        for other in session.scalars(left).all():
            demands.withdraw(session, Actor(other.created_by, other.department_id, frozenset({"demander"})), other.id)
        demands.dispatch(session, actor("qiming"), submitted)
        (task,) = supplies.tasks_of(session, demand_id=submitted)
        return submitted, task.id


@pytest.fixture
def receipt_file(city: City, tmp_path: Path) -> Path:  # noqa: ARG001 - its database must be there
    """The receipt of one question and its answer, as an application system keeps it."""
    return receipt_in(tmp_path)


def receipt_in(folder: Path, **facts: Any) -> Path:
    """A receipt of one question and its answer; facts: what else its evidence says."""
    caller, headers = (
        SoftwareSigner.generate("ecdsa-p256-sha256"),
        {"content-type": "application/json", "x-request-id": str(uuid4())},
    )
    bare = Request(
        "POST", "hub.example", "/v1/libraries/population/query", "", headers, '{"subjects":["张三"]}'.encode()
    )
    asked = replace(bare, headers={**headers, **sign_request(bare, caller, int(time.time()))})
    with transaction() as session:
        hub = ensure_active_key(session)
        verified = verify_request(asked, {caller.keyid: caller.public}.get, time.time(), {"hub.example"})
        answered = Response(200, {**headers, "x-receipt": new_receipt_id()}, '{"records":[{"name":"张三"}]}'.encode())
        signed = sign_response(answered, asked, hub, int(time.time()))
        entry = Entry(
            id=answered.headers["x-receipt"], at=datetime.now(UTC), kind="answer", keyid=caller.keyid, nonce=verified.claim.nonce,
            request_id=headers["x-request-id"], purpose={"service_item": "public_rental_housing", "case": "GZ-2026-17"},
            library="population", subjects=["ab" * 32], request=question_of(asked, verified.key.jwk), response=answer_of(answered, signed), **facts,
        )  # fmt: skip
        record(session, [entry])
        sequence_once(session, hub, "hub.example/log")
        whole = replace(answered, headers={**answered.headers, **signed.headers})
        file = folder / "receipt.json"
        file.write_bytes(build_receipt(session, entry.id, (asked, whole)))
    return file


@contextmanager
def surroundings(values: Mapping[str, str]) -> Iterator[None]:
    """Have these environment variables for a while: several sites of this folder live in one process, each in surroundings of its own."""
    before = {name: os.environ.get(name) for name in values}
    os.environ |= values
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """Serve an application on a free port of this machine; yields its address."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        thread.join(0.02)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(10)


@pytest.fixture(scope="package")
def city(new_database: Callable[[], URL], tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    """The demonstration city's directory and its officers, served from a database of its own."""
    url, passwords = new_database(), {}
    around = {
        "HUTONG_DATABASE_URL": url.render_as_string(hide_password=False),
        "HUTONG_ROOT": str(tmp_path_factory.mktemp("home")),
        "HUTONG_PORTAL_OWNER": "兴和市",
    }
    upgrade(url)
    with surroundings(around):
        with transaction() as session:
            for resource_id in import_folder(session, CITY).drafts:
                directory.publish(session, resource_id)
            session.add(Application(id="housing_security", name="住房保障业务系统", department_id="housing"))
            for login, (name, department, roles) in PEOPLE.items():
                passwords[login] = officers.add(session, login, name, department, roles)
        app = FastAPI(title=secrets.token_hex(4))
        app.openapi = create_app().openapi  # type: ignore[method-assign]  # the reference shows the real API
        mounting.mount(app)
    with serving(app) as address:
        yield City(address, app, passwords, around)


@pytest.fixture(scope="module", autouse=True)
def surrounded(city: City) -> Iterator[None]:
    """Let the tests of one file, and what it prepares, stand in the city, whose officers have begun no form."""
    with surroundings(city.around):
        with transaction() as session:
            session.execute(delete(FormDraft))
        yield


_USUAL = ("422", "409", "htmx:sendAbort", "htmx:afterRequest")
"""What the browser complains of in the best of worlds: a form answered with its mistake, a look while typing that a sent form overtook."""


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
            "console",
            lambda said: (
                self.complaints.append(f"{page.url}: {said.text}")
                if said.type == "error" and not any(usual in said.text for usual in _USUAL)
                else None
            ),
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
        page.wait_for_load_state()
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
        page.wait_for_load_state()
        if not page.evaluate("typeof window.axe === 'object'"):
            page.add_script_tag(path=AXE)
        found: dict[str, Any] = page.evaluate("tags => axe.run(document, {runOnly: {type: 'tag', values: tags}})", WCAG)
        return [
            f"{urlsplit(page.url).path}: {one['id']} ({one['impact']}): {one['help']}: {node['target']} {node['failureSummary']}"
            for one in found["violations"]
            for node in one["nodes"]
        ]


@contextmanager
def studying(site: City) -> Iterator[Studio]:
    """Open a browser before a site. Where there is none the tests are skipped with the remedy; on the build server they fail."""
    if missing := [str(one) for one in (CHROMIUM, AXE) if not one.exists()]:
        reason = f"{', '.join(missing)} missing: apt-get install chromium fonts-noto-cjk, and make assets"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    expect.set_options(timeout=30_000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield Studio(browser, site)
        browser.close()


@pytest.fixture(scope="module")
def studio(city: City) -> Iterator[Studio]:
    """The browser of one file of tests: while it is open, its event loop is in everybody's way."""
    with studying(city) as found:
        yield found
