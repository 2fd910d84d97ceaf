"""A hub that answers, with its portal on the same address, as `hutong up` serves both: applications with and without testing, and their teams."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI
from sqlalchemy import URL

from exchange_api import applications, officers
from exchange_api.actors import Actor
from exchange_api.app import create_app
from exchange_api.evidence.keyring import ensure_active_key
from exchange_api.evidence.sequencer import sequence_once
from exchange_api.hub import ApiSettings
from exchange_api.keys import log_signer
from exchange_api.sandbox import desk
from schemas.database import transaction
from schemas.migrations import upgrade
from schemas.tables.departments import Department
from tests.portal.conftest import PEOPLE, City, Studio, studying, surroundings

NAMES = ("HUTONG_DATABASE_URL", "HUTONG_ROOT", "HUTONG_KEYS_FOLDER", "HUTONG_API_URL")
OFFICERS = ("yingyong", "qiming", "xiaolan")
TESTED, PLAIN, FOREIGN = "housing.test", "housing.desk", "civil.desk"


@dataclass
class Hub(City):
    """The hub; officers read pages of it."""

    def page(self, officer: str, path: str) -> str:
        """What an officer reads on a page."""
        answer = self.signed_in(officer).get(f"{self.address}/portal{path}")
        assert answer.status_code == 200, answer.text
        return answer.text

    def sequence(self) -> None:
        """Put what waits into the log, as the sequencer does every second."""
        with transaction() as session:
            sequence_once(session, log_signer(session), "hub.example/log")


@pytest.fixture(scope="package")
def hub(new_database: Callable[[], URL], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """The hub, served."""
    folder, url = tmp_path_factory.mktemp("hub"), new_database()
    upgrade(url)
    listening = socket.create_server(("127.0.0.1", 0))
    address = f"http://127.0.0.1:{listening.getsockname()[1]}"
    around = dict(
        zip(NAMES, (url.render_as_string(hide_password=False), str(folder), str(folder / "keys"), address), strict=True)
    )
    with surroundings(around):
        passwords = _people(folder)
        app = create_app(ApiSettings())
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            time.sleep(0.02)
    yield Hub(address, app if isinstance(app, FastAPI) else FastAPI(), passwords, around)
    server.should_exit = True
    thread.join(20)


@pytest.fixture(scope="module", autouse=True)
def surrounded(hub: Hub) -> Iterator[None]:
    """Let the tests of one file stand in this hub, not in the city."""
    with surroundings(hub.around):
        yield


def _people(folder: Path) -> dict[str, str]:
    passwords = {}
    with transaction() as session:
        ensure_active_key(session, folder / "keys")
        for one, name in (("housing", "住建局"), ("civil_affairs", "民政局"), ("data_bureau", "数据局")):
            session.add(Department(id=one, name=f"兴和市{name}", short_name=name))
        session.flush()
        applications.register(session, TESTED, "住房保障测试系统", "housing")
        applications.register(session, PLAIN, "住房保障业务系统", "housing")
        applications.register(session, FOREIGN, "婚姻登记系统", "civil_affairs")
        desk.open_sandbox(session, Actor("qiming", "data_bureau", frozenset({"authority"})), TESTED)
        for one in OFFICERS:
            name, department, roles = PEOPLE[one]
            passwords[one] = officers.add(session, one, name, department, roles)
    return passwords


@pytest.fixture(scope="module")
def browsing(hub: Hub) -> Iterator[Studio]:
    """The browser of one file of tests."""
    with studying(hub) as found:
        yield found
