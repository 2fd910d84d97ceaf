"""When evidence cannot be written nothing is handed out, and nothing counts; when it can again, the hub goes on by itself."""

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import text

from tests.exchange_api.crew import Crew, Crowd, crew_of

GRANT = "SQ-2026-000011"
_FILL = """
CREATE FUNCTION evidence.no_room() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$;
CREATE TRIGGER no_room BEFORE INSERT ON evidence.entries FOR EACH STATEMENT EXECUTE FUNCTION evidence.no_room();
"""


@pytest.fixture(scope="module")
def crew(exchange_site: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crew]:
    """Two workers that wait two seconds for a statement."""
    with crew_of(exchange_site, tmp_path_factory.mktemp("store"), 2, patience_s="2") as made:
        yield made


@contextlib.contextmanager
def _full(site: Any) -> Iterator[None]:
    with site.engine.begin() as connection:
        connection.execute(text(_FILL))
    try:
        yield
    finally:
        with site.engine.begin() as connection:
            connection.execute(text("DROP FUNCTION evidence.no_room CASCADE"))


@contextlib.contextmanager
def _locked(site: Any) -> Iterator[None]:
    with site.engine.begin() as connection:
        connection.execute(text("LOCK TABLE evidence.entries IN SHARE MODE"))
        yield


@pytest.mark.parametrize("trouble", [_full, _locked], ids=["full", "slow"])
def test_nothing_leaves_without_evidence_and_it_goes_on_by_itself(crew: Crew, trouble: Any) -> None:
    site, before = crew.site, crew.site.used(GRANT)
    with trouble(site):
        for _ in range(3):
            request, response = site.ask(site.asking(GRANT))
            said = json.loads(response.body)
            assert (response.status, said["code"]) == (503, "evidence.unavailable")
            assert "records" not in said
            assert response.headers["retry-after"] == "2"
            assert "signature" in response.headers
            assert site.entry(response.headers["x-receipt"]) is None
    assert site.used(GRANT) == before
    assert site.send(request).status == 200, "the very same question, and its nonce is not used up"
    assert site.used(GRANT) == before + 1


def test_a_database_that_drops_everybody_under_load_costs_refusals_and_no_evidence(crew: Crew) -> None:
    site, before = crew.site, crew.site.used(GRANT)
    with Crowd(site, GRANT) as crowd:
        for _ in range(3):
            crowd.until(answered=30)
            with site.engine.begin() as connection:
                mine = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'hutong api' AND datname = current_database()"
                connection.execute(text(mine))
        crowd.until(answered=60)
        crowd.until_well()
    assert crowd.unanswered == []
    statuses = {request_id: status for request_id, ((status, _),) in crowd.answers.items()}
    assert set(statuses.values()) <= {200, 503}
    assert list(statuses.values())[-20:] == [200] * 20
    kept = crowd.entries()
    assert {request_id for request_id, status in statuses.items() if status == 200} <= set(kept), "no answer unproven"
    assert site.used(GRANT) - before == len(kept)
