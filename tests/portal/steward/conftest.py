"""A hub with real batches of two sources, its officers and the real portal: everything came in by the way that data come in."""

import secrets
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
from fastapi import FastAPI
from sqlalchemy import URL

from catalog import deadlines, departments
from exchange_api import officers
from exchange_api.evidence.keyring import ensure_active_key
from exchange_api.evidence.ledger import subject_secret
from exchange_api.keys import keys_folder
from exchange_api.portal import mounting
from exchange_api.steward import orders
from libraries import ingest
from schemas.database import engine, transaction
from schemas.migrations import upgrade
from tests.libraries.conftest import DEPARTMENTS, RESIDENT, Hub, citizen_ids, resident
from tests.portal.conftest import PEOPLE, City, Studio, serving, studying, surroundings

POLICE, CIVIL = "public_security.resident", "civil_affairs.household"
OFFICERS = ("guanjia", "weidong", "sunhui", "qiming", "xiaolan")
IDS = citizen_ids(40, seed=7)
SOMEONE, DISPUTED = IDS[0], IDS[1]


@dataclass
class Site(City):
    """The portal with batches: ids of batches by what they are, and what a test does around it."""

    batches: dict[str, str] = field(default_factory=dict)

    def page(self, officer: str, path: str) -> str:
        """What an officer reads on a page."""
        answer = self.signed_in(officer).get(f"{self.address}/portal{path}")
        assert answer.status_code == 200, answer.text
        return answer.text

    def ordered(self, visitor: requests.Session, path: str, form: dict[str, Any]) -> str:
        """Send a form that makes an order, wait until it is done, and return the page of its outcome."""
        answer = self.post(visitor, f"/portal{path}", form)
        assert "/portal/orders/" in answer.url, answer.text
        orders.work_off()
        at_rest()
        return visitor.get(answer.url).text


def at_rest() -> None:
    """Wait until nobody works off orders any more, who would take the next one too."""
    for thread in threading.enumerate():
        if thread.name == "steward-orders":
            thread.join(60)
            assert not thread.is_alive(), "an order is still being worked off"


@pytest.fixture(scope="package")
def site(new_database: Callable[[], URL], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The hub with its batches, served."""
    folder, url = tmp_path_factory.mktemp("steward"), new_database()
    upgrade(url)
    around = {
        "HUTONG_DATABASE_URL": url.render_as_string(hide_password=False), "HUTONG_ROOT": str(folder), "HUTONG_LANDING": str(folder / "landing"),
        "HUTONG_CONNECTIONS_FILE": str(folder / "connections.json"), "HUTONG_AIRFLOW_PUBLIC_URL": "http://airflow.example",
    }  # fmt: skip
    with surroundings(around):
        passwords, batches = _people(), _collected(folder)
        app = FastAPI(title=secrets.token_hex(4))
        mounting.mount(app)
    with serving(app) as address:
        yield Site(address, app, passwords, around, batches)
    with surroundings(around):
        for role in ("ingest", "exchange", "owner"):
            engine(role).dispose()


@pytest.fixture(scope="module", autouse=True)
def surrounded(site: Site) -> Iterator[None]:
    """Let the tests of one file stand in this hub, not in the city."""
    with surroundings(site.around):
        yield


def _people() -> dict[str, str]:
    found = {}
    with transaction() as session:
        for id, name in {**DEPARTMENTS, "data_bureau": "数据局", "housing": "住建局"}.items():
            departments.save(session, departments.DepartmentDocument(id=id, name=name, short_name=name))
        for login in OFFICERS:
            name, department, roles = PEOPLE[login]
            found[login] = officers.add(session, login, name, department, roles)
        deadlines.seed_rules(session)
        ensure_active_key(session)
    subject_secret(Path(keys_folder()))
    return found


def _collected(folder: Path) -> dict[str, str]:
    """Two sources of the population library: the police good, then with rows at fault; civil affairs with another name for one person."""
    hub = Hub(folder)
    hub.connect("police", conn_type="sqlite", host=str(folder / "police.db"))
    hub.publish()
    people = [resident(id, f"张{place}") for place, id in enumerate(IDS)]
    hub.fill(people)
    first = ingest.ingest(POLICE, "scheduled__2026-01-05T01:30:00+08:00")
    wrong = [row | {"xm": None} if place in (5, 6) else row for place, row in enumerate(people)]
    hub.fill([*wrong, resident(citizen_ids(41, seed=9)[-1], "李新")])
    second = ingest.ingest(POLICE, "scheduled__2026-01-06T01:30:00+08:00")
    source = {**RESIDENT["source"], "options": {"table": "household"}}
    hub.publish(id=CIVIL, name="户口簿信息", department="civil_affairs", code="101001/330199000002", source=source)
    hub.fill([people[1] | {"xm": "王大力"}, people[2]], table="household")
    third = ingest.ingest(CIVIL, "manual__2026-01-06T09:00:00+08:00")
    return {"first": first, "second": second, "civil": third}


def held_back(site: Site, name: str, seed: int) -> tuple[str, list[str]]:
    """A source of a file's own, of the police: its batch holds three of eight people for want of a name; returns the batch and the people."""
    hub = Hub(Path(site.around["HUTONG_ROOT"]))
    hub.connect("police", conn_type="sqlite", host=str(hub.folder / "police.db"))
    source = {**RESIDENT["source"], "options": {"table": name}}
    hub.publish(
        id=f"public_security.{name}", name=f"登记信息 {name}", code=f"101001/3301990001{seed:02}", source=source, quality={"reject_above": 0.9}
    )  # fmt: skip
    ids = citizen_ids(8, seed=seed)
    hub.fill([resident(id, f"李{n}") | ({"xm": None} if n < 3 else {}) for n, id in enumerate(ids)], table=name)
    return ingest.ingest(f"public_security.{name}", "scheduled__2026-01-07T01:30:00+08:00"), ids


@pytest.fixture(scope="module")
def studio(site: Site) -> Iterator[Studio]:
    """A browser before this site."""
    with studying(site) as found:
        yield found
