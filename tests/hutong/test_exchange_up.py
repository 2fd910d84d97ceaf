"""An exchange as `hutong up` starts it: a killed worker is started again and nobody is left untold, and two commands hold all of it against the protocol."""

import shlex
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from exchange_api.keys import jwks
from exchange_api.signing import SoftwareSigner
from hutong.embedded.home import read_json
from tests.exchange_api.conftest import Exchange, seed
from tests.exchange_api.crew import Crowd
from tests.hutong.installation import Installation, wait_until

GRANT = "SQ-2026-000011"
WORKERS = ("api", "api-2")


@contextmanager
def _asked(hub: Installation) -> Iterator[Exchange]:
    """The installation as its callers see it, with grants and records."""
    kept = read_json(hub.home.state / "environment.json")
    engine = create_engine(kept["HUTONG_DATABASE_URL"])
    signers = {name: SoftwareSigner.generate() for name in ("housing.desk", "market.portal")}
    with Session(engine) as session:
        seed(session, signers)
        published = jwks(session)
    authority = f"127.0.0.1:{read_json(hub.home.var / 'ports.json')['api']}"
    both = signers["housing.desk"], signers["market.portal"]
    yield Exchange(f"http://{authority}", authority, engine, published, *both, hub.home.log / "api.log", dict(kept))
    engine.dispose()


@pytest.fixture
def hub(new_installation: Callable[..., Installation]) -> Installation:
    """An installation with two workers."""
    made = new_installation(HUTONG_API_WORKERS="2", HUTONG_GUARD="off", HUTONG_SEQUENCER_INTERVAL_S="0.1")
    made.up("--no-airflow")
    return made


def test_a_killed_worker_is_started_again_and_the_hub_conforms(hub: Installation, tmp_path: Path) -> None:
    with _asked(hub) as site:
        _kill_one_of_two(hub, site)
    done = hub.run("sandbox", "new", "housing.test", "--department", "housing", "--out", str(tmp_path / "test"))
    assert done.returncode == 0, done.stderr
    again = hub.run("sandbox", "new", "housing.test", "--department", "housing", "--out", str(tmp_path / "test"))
    assert again.stdout == done.stdout
    assert (tmp_path / "test" / "key.pem").stat().st_mode & 0o777 == 0o600
    program, *words = shlex.split(done.stdout)
    assert program == "hutong"
    held = subprocess.run(
        hub.command(*words),
        env=hub.variables({}) | {"LANG": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert held.returncode == 0, held.stdout + held.stderr
    assert " 0 ✗" in held.stdout
    audited = hub.run("log", "audit")
    assert audited.returncode == 0, audited.stdout + audited.stderr


def _kill_one_of_two(hub: Installation, site: Exchange) -> None:
    with Crowd(site, GRANT, callers=8) as crowd:
        crowd.until(answered=60)
        spared, killed = sorted(
            WORKERS, key=lambda name: _callers(hub, name)
        )  # one without callers would leave nobody untold
        before = {name: hub.process(name) for name in WORKERS}
        before[killed].kill()
        crowd.until(answered=60)
        wait_until(lambda: _is_replaced(hub, killed, before[killed].pid))
        crowd.until(answered=60)
    assert hub.status["state"] == "ready"
    assert hub.status["services"][killed]["restarts"] == 1
    assert hub.process(spared).pid == before[spared].pid
    assert crowd.refused_connections == 0
    assert {status for answers in crowd.answers.values() for status, _ in answers} == {200}
    assert set(crowd.answers) <= set(crowd.entries()), "no answer without entry"
    assert crowd.unanswered, "whoever was under way learnt it: the connection ended"
    crowd.ask_again()
    kept = crowd.entries()
    assert set(kept.values()) == {1}
    assert set(kept) == set(crowd.answers)
    assert site.used(GRANT) == len(kept)


def _callers(hub: Installation, name: str) -> int:
    port, open_ones = read_json(hub.home.var / "ports.json")["api"], hub.process(name).net_connections("tcp")
    return sum(one.status == psutil.CONN_ESTABLISHED and one.laddr.port == port for one in open_ones)


def _is_replaced(hub: Installation, name: str, pid: int) -> bool:
    found = hub.status["services"][name]
    return found["state"] == "ready" and found["pid"] not in (None, pid)
