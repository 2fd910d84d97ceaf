"""What may be handed out of a register follows the calendar and newer versions: the feed tells of both, though nothing was merged of the entry itself."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg  # type: ignore[import-untyped]
import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from exchange_api.evidence.ledger import subject_secret
from exchange_api.feeds import cursors
from exchange_api.feeds.cursors import Cursor
from exchange_api.permit import Permit, load_permit
from schemas.calendar import CHINA, today
from tests.exchange_api.conftest import PEOPLE
from tests.exchange_api.feeding import Consumer, left_as_found, writing
from tests.exchange_api.granted import grant

STEM = "1.2.156.3005.2.11100000000013338W001.12330106MB1234567X.0000009"
MODES = ["query", "changes"]


@pytest.fixture(scope="module", autouse=True)
def _library(exchange_site: Any) -> Iterator[None]:
    with left_as_found(exchange_site):
        yield


def _follower(site: Any) -> Consumer:
    items = {"certificate_type": "full"}
    return Consumer(site, grant(site, items, library="certificate", modes=MODES))


def _permit(site: Any, grant_id: str) -> Permit:
    async def load() -> Permit | None:
        connection = await asyncpg.connect(site.environment["HUTONG_DATABASE_URL"].replace("+psycopg", ""))
        try:
            return await load_permit(connection, grant_id)
        finally:
            await connection.close()

    found = asyncio.run(load())
    assert found is not None
    return found


def test_an_entry_that_ran_out_at_midnight_is_a_tombstone_of_that_midnight(exchange_site: Any) -> None:
    entry, day = f"{STEM}.101.K", today()
    ended = day - timedelta(days=1)
    held = {"subject": PEOPLE[3], "certificate_type": "不动产权证书", "state": "01", "valid_until": ended}
    with writing(exchange_site, "certificate") as write:
        write.add(entry, **held)
    past = datetime.now(UTC) - timedelta(days=3)
    with Session(exchange_site.engine) as session:
        session.execute(
            text("UPDATE library.certificate SET recorded_at = :past WHERE entry = :entry"),
            {"past": past, "entry": entry},
        )
        session.commit()
    consumer = _follower(exchange_site)
    permit = _permit(exchange_site, consumer.grant)
    secret = subject_secret(Path(exchange_site.environment["HUTONG_KEYS_FOLDER"]))
    consumer.cursor = cursors.spell(secret, permit, Cursor("changes", past, None, 0, cursors.terms_of(permit)))
    told: list[dict[str, Any]] = []
    while True:
        _, page = consumer.ask(consumer.cursor)
        told += [one for one in page["changes"] if one["subject"] == PEOPLE[3]]
        consumer.cursor = page["next"]
        if not page["more"]:
            break
    midnight = datetime(*day.timetuple()[:3], tzinfo=CHINA)
    assert [(one["change"], datetime.fromisoformat(one["at"])) for one in told] == [("removed", midnight)]


def test_a_newer_version_takes_the_place_of_the_older_and_gives_it_back_when_it_was_none(exchange_site: Any) -> None:
    consumer = _follower(exchange_site)
    consumer.follow()
    older, newer = f"{STEM[:-1]}8.001.K", f"{STEM[:-1]}8.002.X"
    held = {"subject": PEOPLE[4], "certificate_type": "不动产权证书", "state": "01"}
    with writing(exchange_site, "certificate") as write:
        write.add(older, **held)
    with writing(exchange_site, "certificate") as write:
        write.add(newer, **held)
    first, *both = consumer.follow()
    assert (first["change"], sorted(one["change"] for one in both)) == ("added", ["added", "removed"])
    assert [one["entry"] for one in both if one["change"] == "removed"] == [first["entry"]]
    with writing(exchange_site, "certificate") as write:
        write.remove(newer)
    assert sorted(one["change"] for one in consumer.follow()) == ["added", "removed"]
    assert first["entry"] in consumer.copy
