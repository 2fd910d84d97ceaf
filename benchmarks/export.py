"""Why: whoever wants all of it must get it without the hub feeling it: files of a million rows, masked, digested, signed, and the feed of what changed since.
`python -m benchmarks.export --rows 1000000`; one JSON line per measure, the peers (none masks, signs or can go on after a crash) in the same run.
"""

import argparse
import asyncio
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.ground import measured, new_database, own_server, set_environment, stopwatch
from exchange_api.client import Change

ITEMS = {
    "name": "full", "sex": "full", "birth_date": "full", "address": "full", "marital_status": "full", "phone": "masked",
    "ethnic_group": "full", "residence_status": "full",
}  # fmt: skip
LEAST = {"export.parquet": 400_000, "export.ndjson": 300_000, "feed.changes": 50_000, "feed.taken_in": 50_000}
"""Rows or changes per second; an export besides must not take more than MEMORY, however many rows."""
MEMORY = 300


def _bar(bench: str, rows: int) -> dict[str, float]:
    bar: dict[str, float] = {"seconds": round(rows / LEAST[bench], 3)}
    return bar | ({"peak_rss_mb": MEMORY} if bench.startswith("export") else {})


RENAME = """
WITH moved AS (UPDATE library.population g SET name = name || '改', version = version + 1, recorded_at = now()
    WHERE right(subject, 2) < '50' RETURNING old.*)
INSERT INTO library.population_history ({record}, sources, batches, version, known_from, known_to)
SELECT {record}, sources, batches, version, recorded_at, now() FROM moved
"""


def build_city(rows: int) -> None:
    """Fill a hub with residents and a grant that may export and follow."""
    from benchmarks import query_city
    from schemas.database import transaction
    from schemas.tables.exchange import Grant, GrantItem

    query_city.build(rows)
    with transaction() as session:
        grant = session.get_one(Grant, query_city.GRANT)
        grant.modes, grant.is_case_required = ["query", "changes", "export"], False
        for attribute, form in ITEMS.items():
            version = f"{query_city.RESOURCE}@1"
            item = {"attribute": attribute, "form": form, "resource_version_id": version, "item_id": attribute}
            session.merge(GrantItem(grant_id=grant.id, **item))


def ours(form: str, rows: int) -> None:
    """Ask for an export and build it."""
    from benchmarks import query_city
    from exchange_api.exports import building, exports
    from schemas.database import transaction
    from schemas.messages.exchange import Purpose
    from schemas.messages.exports import ExportQuestion

    permit = asyncio.run(building._permit(query_city.GRANT))
    assert permit is not None
    asked = ExportQuestion.model_validate(
        {"purpose": Purpose(service_item=query_city.ITEM).model_dump(), "format": form}
    )
    with transaction("exchange") as session:
        export_id = exports.open_export(session, exports.Wish(permit, f"bench-{form}", asked)).id
    with stopwatch(f"export.{form}", rows, bar=_bar(f"export.{form}", rows)):
        state = building.build(export_id)
    if state != "ready":
        raise SystemExit(f"export {export_id} is {state}")


def rename(uri: str) -> int:
    """Let a merge change half of the residents; return how many."""
    from libraries import sql

    with psycopg.connect(uri, autocommit=True) as connection:
        return connection.execute(RENAME.format_map(sql.words("population")).encode()).rowcount


def follow(since: datetime, changed: int) -> None:
    """Follow what changed since a moment, page by page, as the worker of one consumer does, and take the pages in, as its SDK does."""
    pages = asyncio.run(_follow(since, changed))
    taken = 0
    with stopwatch("feed.taken_in", changed, bar=_bar("feed.taken_in", changed)):
        for body in pages:
            taken += sum(
                1 for one in map(Change, json.loads(body)) if one.key and (one.values or one.change == "removed")
            )
    if taken != changed:
        raise SystemExit(f"{taken} changes were taken in, {changed} were made")


async def _follow(since: datetime, changed: int) -> list[bytes]:
    import asyncpg  # type: ignore[import-untyped]

    from benchmarks import query_city
    from exchange_api import records
    from exchange_api.feeds import changes
    from exchange_api.feeds.happenings import Happenings
    from exchange_api.permit import load_permit
    from exchange_api.prepared import Prepared
    from libraries.horizon import HORIZON, number_of, settled
    from schemas.database import libpq_uri

    async with asyncpg.create_pool(libpq_uri("exchange"), min_size=1, max_size=4) as pool:
        permit, prepared = await load_permit(pool, query_city.GRANT), Prepared(pool, 3)
        assert permit is not None
        teller, happenings = changes.Teller(permit, b"bench"), Happenings(prepared)
        until = settled((await prepared.fetch(HORIZON, number_of("population")))[0])
        place: Any = (since, None)
        pages: list[bytes] = []
        with stopwatch("feed.changes", changed, bar=_bar("feed.changes", changed)):
            told, page = 0, changes.Page()
            while not page.is_all:
                page = await changes.changes_after(prepared, happenings, teller, (place, until, changes.MOST))
                told, place = told + len(page.changes), page.end
                pages.append(records.spelled_of(page.changes)[0])
        if told != changed:
            raise SystemExit(f"{told} changes were told, {changed} were made")
        await happenings.close()
        await prepared.close()
    return pages


def peer(name: str, uri: str, folder: Path, rows: int) -> None:
    """Write the same columns out in one of the usual ways, whole values and unsigned."""
    columns = f"subject, {', '.join(ITEMS)}"
    with stopwatch("export", rows, peer=name):
        PEERS[name](uri, columns, folder / f"peer.{name}")


def _copy(statement: str, uri: str, path: Path) -> None:
    with (
        psycopg.connect(uri) as connection,
        path.open("wb") as file,
        connection.cursor().copy(statement.encode()) as copy,
    ):
        for piece in copy:
            file.write(piece)


def _copy_csv(uri: str, columns: str, path: Path) -> None:
    _copy(f"COPY (SELECT {columns} FROM library.population) TO STDOUT (FORMAT csv)", uri, path)


def _copy_json(uri: str, columns: str, path: Path) -> None:
    _copy(f"COPY (SELECT row_to_json(p) FROM (SELECT {columns} FROM library.population) p) TO STDOUT", uri, path)


def _pandas(uri: str, columns: str, path: Path) -> None:
    import pandas as pd
    from sqlalchemy import create_engine

    engine = create_engine(uri.replace("postgresql://", "postgresql+psycopg://"))
    pd.read_sql(f"SELECT {columns} FROM library.population", engine).to_parquet(path)


PEERS = {"copy_csv": _copy_csv, "copy_row_to_json": _copy_json, "pandas_parquet": _pandas}


def moment(uri: str) -> datetime:
    """Return the server's time."""
    with psycopg.connect(uri) as connection:
        found = connection.execute("SELECT clock_timestamp()").fetchone()
    assert found is not None
    now: datetime = found[0]
    return now


def measure(folder: Path, uri: str, rows: int) -> None:
    """Fill a hub and measure both ways out of it."""
    hub = new_database(uri, "hub")
    set_environment(
        HUTONG_DATABASE_URL=hub.replace("postgresql://", "postgresql+psycopg://"), HUTONG_LANDING=str(folder / "landing"),
        HUTONG_KEYS_FOLDER=str(folder / "keys"), HUTONG_ROOT=str(folder),
    )  # fmt: skip
    measured(build_city, rows)
    for form in ("parquet", "ndjson"):
        measured(ours, form, rows)
    for name in PEERS:
        measured(peer, name, hub, folder, rows)
    since = moment(hub)
    changed = measured(rename, hub)
    measured(follow, since, changed)


def main() -> None:
    """Measure on a server of its own."""
    parser = argparse.ArgumentParser(description="Exports and the change feed.")
    parser.add_argument("--rows", type=int, default=1_000_000)
    options = parser.parse_args()
    with own_server() as (folder, uri):
        measure(folder, uri, options.rows)


if __name__ == "__main__":
    main()
