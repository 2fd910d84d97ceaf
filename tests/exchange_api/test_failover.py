"""The database server falls under load and comes back: no answer without entry, none counted twice, no worker to start again, nothing stale."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import text

from tests.exchange_api.conftest import exchange_on
from tests.exchange_api.crew import ROOT, Crew, Crowd, crew_of
from tests.exchange_api.falling import FallingServer, falling_server

GRANT, SUSPENDED = "SQ-2026-000011", "SQ-2026-000001"


@pytest.fixture(scope="module")
def server() -> Iterator[FallingServer]:
    """A server of this module alone."""
    with falling_server() as made:
        yield made


@pytest.fixture(scope="module")
def crew(server: FallingServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crew]:
    """Two workers on it."""
    folder = tmp_path_factory.mktemp("failover")
    with exchange_on(server.url, folder) as site, crew_of(site, folder, 2, patience_s="2") as made:
        yield made


@pytest.fixture(scope="module")
def sequencer(crew: Crew) -> Iterator[subprocess.Popen[bytes]]:
    """The sequencer beside them."""
    environment = os.environ | crew.site.environment | {"HUTONG_SEQUENCER_INTERVAL_S": "0.05"}
    with crew.site.log.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "hutong", "sequencer"], env=environment, cwd=ROOT, stdout=log, stderr=log
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


def _asked(site: Any, grant: str) -> int:
    return int(site.ask(site.asking(grant))[1].status)


def _refused(crowd: Crowd) -> int:
    return sum(status == 503 for answers in list(crowd.answers.values()) for status, _ in answers)


def _until_refused(crowd: Crowd, count: int) -> None:
    wanted, deadline = _refused(crowd) + count, time.monotonic() + 60
    while _refused(crowd) < wanted:
        assert time.monotonic() < deadline, "nobody was refused though the database is away"
        time.sleep(0.01)


def _until_listening(site: Any) -> None:
    """Wait until both workers hear of changes again."""
    sql = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN %'")
    deadline = time.monotonic() + 60
    site.engine.dispose()
    with site.engine.connect() as connection:
        while (connection.execute(sql).scalar() or 0) < 3:  # both, and the site's own
            connection.rollback()
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_a_database_server_that_falls_under_load_costs_refusals_and_nothing_else(
    crew: Crew, server: FallingServer, sequencer: subprocess.Popen[bytes]
) -> None:
    site, before, workers = crew.site, crew.site.used(GRANT), [one.pid for one in crew.workers]
    with Crowd(site, GRANT, callers=4) as crowd:
        for _ in range(2):
            crowd.until(answered=40)
            server.fall()
            _until_refused(crowd, 10)
            server.rise()
            crowd.until_well()
        crowd.until(answered=40)
    site.engine.dispose()
    assert [one.pid for one in crew.workers if one.poll() is None] == workers, "no worker had to be started again"
    assert crowd.unanswered == []
    assert crowd.refused_connections == 0
    statuses = {request_id: status for request_id, ((status, _),) in crowd.answers.items()}
    assert set(statuses.values()) == {200, 503}
    kept = crowd.entries()
    assert {request_id for request_id, status in statuses.items() if status == 200} <= set(kept), "no answer unproven"
    refused = [request_id for request_id, status in statuses.items() if status == 503]
    crowd.unanswered = [*(set(refused) & set(kept)), *refused[:20], *refused[-20:]]
    crowd.ask_again()
    kept = crowd.entries()
    assert set(crowd.unanswered) <= set(kept)
    assert {crowd.answers[request_id][-1][0] for request_id in crowd.unanswered} == {200}
    assert set(kept.values()) == {1}, "no entry twice"
    assert site.used(GRANT) - before == len(kept), "what was counted is what was answered"
    assert sequencer.poll() is None
    _until_in_the_log(site)


def _until_in_the_log(site: Any) -> None:
    sql = text(
        "SELECT (SELECT count(*) FROM evidence.entries) - (SELECT coalesce(max(size), 0) FROM evidence.checkpoints)"
    )
    deadline = time.monotonic() + 60
    with site.engine.connect() as connection:
        while connection.execute(sql).scalar():
            connection.rollback()
            assert time.monotonic() < deadline, "the log does not take entries in any more"
            time.sleep(0.05)


def test_what_was_changed_while_nobody_could_hear_of_it_holds_from_the_first_answer_on(
    crew: Crew, server: FallingServer
) -> None:
    site = crew.site
    _until(site, 200)
    assert {_asked(site, SUSPENDED) for _ in range(20)} == {200}, "every worker remembers the grant"
    database = str(server.url.database)
    server.fall()
    server.change(database, f"UPDATE exchange.grants SET suspended_by_provider = true WHERE id = '{SUSPENDED}'")
    assert {_asked(site, SUSPENDED) for _ in range(6)} == {503}, (
        "what is remembered is not served while nobody can be heard"
    )
    server.rise()
    told, deadline = [_asked(site, SUSPENDED)], time.monotonic() + 60
    while told[-20:] != [403] * 20:
        assert time.monotonic() < deadline, told[-20:]
        told.append(_asked(site, SUSPENDED))
    assert set(told) <= {403, 503}
    _until_listening(site)
    site.change_grant(SUSPENDED, suspended_by_provider=False)
    _until(site, 200)
    site.change_grant(SUSPENDED, suspended_by_provider=True)
    _until(site, 403)


def _until(site: Any, status: int) -> None:
    """Wait until every worker answers so: changes are heard of again."""
    heard = time.monotonic()
    while {_asked(site, SUSPENDED) for _ in range(10)} != {status}:
        assert time.monotonic() - heard < 30, "a change is not heard of"
        time.sleep(0.05)
