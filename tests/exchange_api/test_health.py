"""A load balancer asks often and believes what it is told: alive is one thing, able to answer another, and neither tells a secret."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, create_engine, text
from sqlalchemy.orm import Session

from exchange_api.evidence.keyring import ensure_active_key
from exchange_api.evidence.ledger import Entry, new_receipt_id, record
from exchange_api.evidence.sequencer import sequence_once
from exchange_api.keys import log_signer
from schemas.migrations import upgrade
from tests.exchange_api.watched import get

PARTS = {"database", "signing_key", "listening", "evidence", "sequencer"}
SECONDS = 60


class Small:
    """A hub of its own, empty, with a key."""

    def __init__(self, url: URL, folder: Path, authority: str) -> None:
        self.engine, self.folder, self.authority = create_engine(url, isolation_level="AUTOCOMMIT"), folder, authority
        self.database = str(url.database)

    def look(self) -> tuple[int, dict[str, Any]]:
        """What it says of its parts."""
        response = get(self.authority, "/readyz")
        return response.status, json.loads(response.body)

    def until(self, part: str, *, is_well: bool) -> tuple[int, dict[str, Any]]:
        """Look until a part is as it should be."""
        return self.until_so(lambda found: found["parts"][part]["ok"] == is_well)

    def until_so(self, is_so: Callable[[dict[str, Any]], bool]) -> tuple[int, dict[str, Any]]:
        """Look until what it says is so."""
        deadline = time.monotonic() + SECONDS
        while not is_so((found := self.look())[1]):
            assert time.monotonic() < deadline, found
            time.sleep(0.02)
        return found


@pytest.fixture(scope="module")
def small(new_database: Callable[[], URL], serve: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Small]:
    """That hub, running, its sequencer allowed to be an hour late."""
    url, folder = new_database(), tmp_path_factory.mktemp("small")
    upgrade(url)
    engine = create_engine(url)
    with Session(engine) as session:
        ensure_active_key(session, folder / "keys")
        session.commit()
    engine.dispose()
    environment = {
        "HUTONG_DATABASE_URL": url.render_as_string(hide_password=False), "HUTONG_KEYS_FOLDER": str(folder / "keys"),
        "HUTONG_SEQUENCER_LAG_S": "3600",
    }  # fmt: skip
    with serve(environment, folder / "server.log") as authority:
        hub = Small(url, folder, authority)
        yield hub
        hub.engine.dispose()


def test_ready_when_all_parts_are_well_and_each_says_how_long_it_took(small: Small) -> None:
    status, found = small.until_so(lambda said: bool(said["ready"]))
    assert (status, found["ready"], set(found["parts"])) == (200, True, PARTS), found
    for part in found["parts"].values():
        assert set(part) == {"ok", "ms", "limit_ms"}
        assert 0 <= part["ms"] <= part["limit_ms"]


def test_alive_without_a_database_but_not_ready_and_no_address_is_told(small: Small, postgres_server: URL) -> None:
    admin = create_engine(postgres_server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"ALTER DATABASE {small.database} ALLOW_CONNECTIONS false"))
        connection.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"),
            {"name": small.database},
        )
        status, found = small.until("database", is_well=False)
        assert (status, found["ready"]) == (503, False)
        assert get(small.authority, "/healthz").status == 200
        assert small.database not in json.dumps(found)
        connection.execute(text(f"ALTER DATABASE {small.database} ALLOW_CONNECTIONS true"))
    admin.dispose()
    small.engine.dispose()  # its own connections were ended too
    small.until("listening", is_well=True)
    assert small.until("database", is_well=True)[0] == 200


def test_evidence_that_must_not_be_written_is_not_ready(small: Small) -> None:
    with small.engine.connect() as connection:
        connection.execute(text("REVOKE INSERT ON evidence.entries FROM hutong_exchange"))
        assert small.until("evidence", is_well=False)[0] == 503
        connection.execute(text("GRANT INSERT ON evidence.entries TO hutong_exchange"))
        assert small.until("evidence", is_well=True)[0] == 200


def test_many_looks_share_one_reading(small: Small) -> None:
    small.look()
    with small.engine.connect() as connection:
        count = text("SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()")
        before = connection.execute(count).scalar_one()
        began = time.monotonic()
        for _ in range(100):
            small.look()
        took = time.monotonic() - began
        assert connection.execute(count).scalar_one() - before < 10 * (took + 3)


def test_a_sequencer_too_late_is_said(small: Small) -> None:
    hours_ago = datetime.now(UTC) - timedelta(hours=2)
    old = f"{int(hours_ago.timestamp() * 1000):012x}{new_receipt_id().replace('-', '')[12:]}"
    with Session(small.engine) as session:
        sequence_once(session, log_signer(session, small.folder / "keys"), "test.local/log")
        record(session, [Entry(id=old, at=hours_ago, kind="action", facts={"action": "test"})])
        session.commit()
    status, _ = small.until_so(
        lambda said: [name for name, part in said["parts"].items() if not part["ok"]] == ["sequencer"]
    )
    assert status == 503
    with Session(small.engine) as session:
        sequence_once(session, log_signer(session, small.folder / "keys"), "test.local/log")
        session.commit()
    assert small.until("sequencer", is_well=True)[0] == 200
