"""Why: a library that explains itself must do so at once, take a batch back while people wait, and prove its rules over everything it holds. Two sources
speak: all residents, then a second department of a tenth of them. `python -m benchmarks.libraries --rows 1000000`; one JSON line per measure.
"""

import argparse
import random
import time
from pathlib import Path
from statistics import quantiles
from typing import Any

import psycopg

from benchmarks.ground import against, measured, own_server, stopwatch
from benchmarks.ingest import document, fill, stand_up, whole_way
from benchmarks.population import changed, population

SECOND, SECOND_DEPARTMENT = "human_resources.insured", "human_resources"
LOOKED_AT = 1_000
BARS = {"libraries.explain": {"p99_ms": 20.0}, "libraries.retract": {"seconds": 30.0}, "libraries.check": {"seconds": 60.0}}  # fmt: skip


def fill_second(uri: str, rows: int) -> None:
    """Fill the second department's table: a tenth of the residents, telephone numbers of its own."""
    import adbc_driver_postgresql.dbapi as adbc

    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS insured")
        connection.execute("CREATE TABLE insured (LIKE residents INCLUDING ALL)")
    with adbc.connect(uri, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.adbc_ingest("insured", changed(population(rows).slice(0, rows // 10), share=1.0), mode="append")
        cursor.execute("ANALYZE insured")


def publish_second() -> None:
    """Catalogue the second department's resource."""
    from catalog import directory
    from schemas.database import transaction
    from schemas.resource import ResourceDocument
    from schemas.tables.departments import Department

    found = document() | {"id": SECOND, "name": "参保人员", "department": SECOND_DEPARTMENT, "code": "101001/2"}
    found["source"] = found["source"] | {"options": {"table": "insured"}}
    with transaction() as session:
        session.add(Department(id=SECOND_DEPARTMENT, name="人力资源和社会保障局", short_name="人社"))
        session.flush()
        directory.save_draft(session, ResourceDocument.model_validate(found))
        directory.publish(session, SECOND)


def take_second() -> str:
    """Take the second department's batch over and return its id."""
    from libraries import ingest

    return ingest.ingest(SECOND, "bench")


def explain(rows: int) -> None:
    """Read records with their explanation, one at a time, each in a transaction of its own, of subjects taken at random."""
    from libraries import record
    from schemas.database import transaction

    ids = population(rows)["citizen_id"]
    chosen = [ids[place].as_py() for place in random.Random(7).choices(range(rows), k=LOOKED_AT)]
    times = []
    with stopwatch("libraries.explain", LOOKED_AT) as line:
        for subject in chosen:
            begun = time.perf_counter()
            with transaction("reader") as session:
                record.explain(session, "population", subject)
            times.append((time.perf_counter() - begun) * 1000)
        percentiles = quantiles(times, n=100)
        line |= {"p50_ms": round(percentiles[49], 2), "p99_ms": round(percentiles[98], 2)}
        line |= against(line, BARS["libraries.explain"])


def check(rows: int, when: str) -> None:
    """Hold the library to every invariant; a broken one ends the run."""
    from libraries.auditing import check as audit

    with stopwatch("libraries.check", rows, bar=BARS["libraries.check"]) as line:
        line["of"] = when
        found = list(audit.check("population"))
    slowest = max(found, key=lambda one: one.seconds)
    print(f"# {when}: slowest {slowest.invariant} {slowest.seconds} s", flush=True)
    if broken := [one.invariant for one in found if one.violations]:
        raise SystemExit(f"invariants broken {when}: {', '.join(broken)}")


def retract(batch_id: str, rows: int) -> None:
    """Take the second department's batch back."""
    from libraries.retracting import retract as retracting

    with stopwatch("libraries.retract", rows // 10, bar=BARS["libraries.retract"]):
        retracting.retract(batch_id, reason="benchmark", by="bench")


def measure(folder: Path, uri: str, rows: int) -> None:
    """Stand the hub up, fill it, and measure."""
    source = stand_up(folder, uri)
    measured(fill, source, rows, False)
    measured(whole_way, "libraries.first_load", rows)
    measured(publish_second)
    measured(fill_second, source, rows)
    batch_id: Any = measured(take_second)
    measured(explain, rows)
    measured(check, rows, "two sources")
    measured(retract, batch_id, rows)
    measured(check, rows, "after retraction")


def main() -> None:
    """Measure on a server of its own."""
    parser = argparse.ArgumentParser(description="Explaining, retracting and checking a library.")
    parser.add_argument("--rows", type=int, default=1_000_000)
    options = parser.parse_args()
    with own_server() as (folder, uri):
        measure(folder, uri, options.rows)


if __name__ == "__main__":
    main()
