"""Why: how fast a department's table becomes golden records, the whole way: land → check → merge, first load, second load with 9 % changed, and three
increments of a thousand rows into what is there then, beside peers in the same run. `python -m benchmarks.ingest --rows 1000000 [--peer dlt] [--peer copy]`;
one JSON line per measure. An increment should cost the same whatever the library holds: compare `ingest.increment` of two runs.

What a process needs once is a line of its own, `ingest.start`: Airflow's scheduler does it before it forks tasks (`hutong.embedded.scheduler`), a command
does it while rows are screened. dlt's import is outside its time likewise.
"""

import argparse
import json
import os
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.ground import measured, new_database, own_server, set_environment, stopwatch
from benchmarks.population import COLUMNS, changed, population

RESOURCE, DEPARTMENT = "public_security.resident", "public_security"
_TABLE = ", ".join(f"{name} {'date' if name == 'birth_date' else 'text'}" for name in COLUMNS)
_LENGTHS = {
    "name": 50,
    "sex": 1,
    "ethnic_group": 2,
    "birth_place": 6,
    "address": 200,
    "residence_status": 2,
    "marital_status": 2,
    "phone": 20,
}
_CODES = {"sex": "sex", "ethnic_group": "ethnic", "residence_status": "residence_status", "marital_status": "marital"}


INCREMENTS, INCREMENT_ROWS = 3, 1_000


def document() -> dict[str, Any]:
    """Return the resource: ten items, about twenty rules, a whole snapshot each time."""
    items: list[dict[str, Any]] = [
        {
            "id": "citizen_id",
            "name": "公民身份号码",
            "length": 18,
            "required": True,
            "check": "citizen_id",
            "attribute": "subject",
        }
    ]
    items += [
        {"id": c, "name": c, "type": "D" if c == "birth_date" else "C", "length": _LENGTHS.get(c), "required": c == "name",
         "code_table": _CODES.get(c), "attribute": c, **({"pattern": "^1[0-9]{10}$"} if c == "phone" else {})}
        for c in COLUMNS[1:]
    ]  # fmt: skip
    checks = [
        {"id": "birth_date.matches_id", "kind": "birth_date_matches_id", "items": ["birth_date", "citizen_id"]},
        {"id": "sex.matches_id", "kind": "sex_matches_id", "items": ["sex", "citizen_id"]},
    ]
    return {
        "id": RESOURCE, "name": "户籍人口", "department": DEPARTMENT, "code": "101001/1", "category": "人口", "abstract": "benchmark",
        "format": {"category": "3", "type": "PostgreSQL"}, "sharing": {"type": 1}, "update_cycle": 1, "library": "population", "items": items,
        "assessment": {"secrecy": "none", "holds_personal_information": True, "conclusion": "synthetic", "assessed_on": "2026-01-04", "assessed_by": "bench"},
        "checks": checks,
        "source": {"connector": "database", "connection": "bench", "options": {"table": "residents"}, "key": ["citizen_id"],
                   "mapping": {column: column for column in COLUMNS}, "mode": "snapshot"},
    }  # fmt: skip


def incremental() -> dict[str, Any]:
    """Return the resource's next version: what moved since the last time."""
    found = document()
    items = [*found["items"], {"id": "changed_on", "name": "变更日期", "type": "D", "required": True}]
    source = found["source"] | {"options": {"table": "moved"}, "mode": "incremental", "watermark": "changed_on"}
    return found | {"items": items, "source": source | {"mapping": source["mapping"] | {"changed_on": "changed_on"}}}


def prepare(uri: str) -> None:
    """Migrate the hub's database and publish the resource."""
    from catalog import directory
    from schemas.database import transaction
    from schemas.migrations import upgrade
    from schemas.resource import ResourceDocument
    from schemas.tables.departments import Department

    upgrade(uri.replace("postgresql://", "postgresql+psycopg://"))
    with transaction() as session:
        session.add(Department(id=DEPARTMENT, name="公安局", short_name="公安"))
        session.flush()
        directory.save_draft(session, ResourceDocument.model_validate(document()))
        directory.publish(session, RESOURCE)


def fill(uri: str, rows: int, second: bool) -> None:
    """Fill the source system's table: the first state, or the one with nine in a hundred rows changed."""
    import adbc_driver_postgresql.dbapi as adbc

    table = population(rows)
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS residents")
        connection.execute(f"CREATE TABLE residents ({_TABLE})".encode())
    with adbc.connect(uri, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.adbc_ingest("residents", changed(table) if second else table, mode="append")
        cursor.execute("ALTER TABLE residents ADD PRIMARY KEY (citizen_id)")
        cursor.execute("ANALYZE residents")


def move(uri: str, rows: int, day: int) -> None:
    """Put a thousand residents from everywhere with new telephone numbers into the table of what moved, as of one day."""
    step, when = max(rows // (2 * INCREMENT_ROWS), 1), date(2026, 1, 1 + day)
    columns = ", ".join(f"'199{day}' || right(phone, 7)" if name == "phone" else name for name in COLUMNS)
    some = f"SELECT {columns}, '{when}'::date FROM residents WHERE abs(hashtext(citizen_id)) % {step} = {day % step} LIMIT {INCREMENT_ROWS}"
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute(f"CREATE TABLE IF NOT EXISTS moved ({_TABLE}, changed_on date)".encode())
        connection.execute(f"INSERT INTO moved {some}".encode())


def settle() -> None:
    """Do what the server's autovacuum would do some time after the loads, so that it does not do it during the increments."""
    with psycopg.connect(libpq_of("HUTONG_DATABASE_URL"), autocommit=True) as connection:
        connection.execute("VACUUM (ANALYZE) library.population, library.population_claims, library.population_history")
        connection.execute("CHECKPOINT")


def libpq_of(name: str) -> str:
    """Return a database's address as psycopg takes it."""
    return os.environ[name].replace("+psycopg", "")


def publish_incremental() -> None:
    """Publish the version that collects what moved."""
    from catalog import directory
    from schemas.database import transaction
    from schemas.resource import ResourceDocument

    with transaction() as session:
        directory.save_draft(session, ResourceDocument.model_validate(incremental()))
        directory.publish(session, RESOURCE)


def whole_way(bench: str, rows: int, run: int = 0) -> None:
    """Land, check and merge once, each step and the whole timed; the imports apart from both."""
    with stopwatch("ingest.start", 0) as start:
        start["of"] = bench
        from libraries import checking, ingest

        checking.preload()
    from schemas.database import transaction
    from schemas.tables.landing import Batch

    with stopwatch(bench, rows) as line:
        batch_id = ingest.plan(RESOURCE, f"{bench}.{run}")
        for step in (ingest.land, ingest.check, ingest.merge):
            with stopwatch(f"ingest.{step.__name__}", rows) as part:
                part["of"] = bench
                step(batch_id)
        with transaction("reader") as session:
            batch = session.get_one(Batch, batch_id)
            line |= {"state": batch.state, "rows_good": batch.rows_good, "rows_quarantined": batch.rows_quarantined}


def stand_up(folder: Path, uri: str) -> str:
    """Make an empty source and a hub that knows it, name both in the environment, and return the source's URI."""
    source, hub = new_database(uri, "source"), new_database(uri, "hub")
    connection = {"conn_type": "postgres", "extra": {"url": source.replace("postgresql://", "postgresql+psycopg://")}}
    set_environment(
        HUTONG_DATABASE_URL=hub.replace("postgresql://", "postgresql+psycopg://"), HUTONG_LANDING=str(folder / "landing"),
        HUTONG_ROOT=str(folder), AIRFLOW_CONN_BENCH=json.dumps(connection), GX_ANALYTICS_ENABLED="false",
    )  # fmt: skip
    measured(prepare, hub)
    return source


def ours(folder: Path, uri: str, rows: int) -> None:
    """Measure the hub's own way."""
    source = stand_up(folder, uri)
    for second, bench in ((False, "ingest.first_load"), (True, "ingest.second_load")):
        measured(fill, source, rows, second)
        measured(whole_way, bench, rows)
    measured(publish_incremental)
    measured(settle)
    for day in range(INCREMENTS):
        measured(move, source, rows, day)
        measured(whole_way, "ingest.increment", INCREMENT_ROWS, day)


def copy(uri: str, rows: int) -> None:
    """Measure the limit: COPY of Arrow into a logged heap, nothing checked, nothing kept apart."""
    import adbc_driver_postgresql.dbapi as adbc

    first = population(rows)
    with adbc.connect(uri, autocommit=True) as connection, connection.cursor() as cursor:
        for bench, table in (("ingest.first_load", first), ("ingest.second_load", changed(first))):
            cursor.execute("DROP TABLE IF EXISTS heap")
            cursor.execute(f"CREATE TABLE heap ({_TABLE})")
            with stopwatch(bench, rows, "copy"):
                cursor.adbc_ingest("heap", table, mode="append")


def dlt(uri: str, rows: int) -> None:
    """Measure dlt's merge of Arrow tables by key; no check, no history, no sources."""
    with tempfile.TemporaryDirectory(prefix="hutong-bench-dlt-") as home:
        set_environment(DLT_DATA_DIR=home, RUNTIME__DLTHUB_TELEMETRY="false", RUNTIME__LOG_LEVEL="CRITICAL")
        import dlt

        # dlt wants a host before the query; libpq lets the query's socket folder count
        named = uri.replace(":@/", ":none@localhost/")
        pipeline = dlt.pipeline(
            "bench", pipelines_dir=home, destination=dlt.destinations.postgres(named), dataset_name="dlt"
        )
        first = population(rows)
        for bench, table in (("ingest.first_load", first), ("ingest.second_load", changed(first))):
            with stopwatch(bench, rows, "dlt"):
                found = dlt.resource(table, name="residents", write_disposition="merge", primary_key="citizen_id")
                pipeline.run(found).raise_on_failed_jobs()


def main() -> None:
    """Measure ours and the peers asked for, on one server."""
    parser = argparse.ArgumentParser(description="Source table to golden records, rows per second.")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--peer", action="append", default=[], choices=("dlt", "copy"))
    options = parser.parse_args()
    with own_server() as (folder, uri):
        ours(folder, uri, options.rows)
        for name in options.peer:
            measured({"dlt": dlt, "copy": copy}[name], new_database(uri, f"peer_{name}"), options.rows)


if __name__ == "__main__":
    main()
