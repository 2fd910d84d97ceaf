"""Why: departments send their whole lists, and officers search while they type. How fast a city's directory of 10,000 resources × 20 items is taken in,
published, compared and searched: `python -m benchmarks.directory [--resources 10000] [--items 20]`; one JSON line per measure, its bar beside.

Everything lives in a temporary folder and ends with the run. A workbook is written first, outside the clock; each measure has a process of its own.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.ground import against, measured, new_database, own_server, set_environment, stopwatch

BARS: dict[str, dict[str, float]] = {
    "directory.import": {"seconds": 60, "peak_rss_mb": 1024},
    "directory.publish": {"p95_ms": 200},
    "directory.search": {"p95_ms": 50},
    "directory.diff": {"p95_ms": 50},
}
ROUNDS = {"publish": 50, "search": 1000, "diff": 200}


def prepare(uri: str) -> None:
    """Migrate the hub's database and settle its departments and data elements."""
    from benchmarks.directory_city import settle
    from schemas.database import transaction
    from schemas.migrations import upgrade

    upgrade(uri)
    with transaction() as session:
        settle(session)


def write(path: Path, resources: int, items: int) -> None:
    """Write the city's directory as a workbook."""
    from benchmarks.directory_city import drafts
    from catalog.workbook.writing import write_workbook

    write_workbook(path, drafts(resources, items), {})


def import_workbook(bench: str, path: Path, resources: int, items: int) -> None:
    """Take the workbook in; when it comes again nothing may change."""
    from catalog.workbook.reading import take_in
    from schemas.database import transaction

    wanted = (resources, 0, 0) if bench == "directory.import" else (0, 0, resources)
    with stopwatch(bench, resources * items, bar=BARS["directory.import"]) as line, transaction() as session:
        outcome = take_in(session, path)
        line |= {"created": len(outcome.created), "unchanged": outcome.unchanged}
        line["workbook_mb"] = round(path.stat().st_size / 2**20, 1)
        if (len(outcome.created), len(outcome.changed), outcome.unchanged) != wanted or outcome.findings.errors:
            raise SystemExit(f"{bench}: {outcome.summary()}")


def save(resources: int, items: int) -> None:
    """Save every draft changed a little: what `save_drafts` alone takes."""
    from benchmarks.directory_city import drafts
    from catalog.directory import save_drafts
    from schemas.database import transaction

    wanted = [one.model_copy(update={"inner_department": "办公室"}) for one in drafts(resources, items)]
    with stopwatch("directory.save_changed", resources * items), transaction() as session:
        save_drafts(session, wanted)


def publish(resources: int) -> None:
    """Publish fifty one by one, each in its own transaction, as an officer does; all others were published before by one statement, off the clock."""
    from sqlalchemy import select, update

    from catalog import directory
    from schemas.database import transaction
    from schemas.tables.directory import Resource, ResourceVersion

    with transaction() as session:
        ids = list(session.scalars(select(Resource.id).order_by(Resource.number)))
        last = ids[-ROUNDS["publish"] :]
        others = update(ResourceVersion).where(ResourceVersion.resource_id.not_in(last))
        session.execute(others.values(state="published"), execution_options={"synchronize_session": False})

    def one(resource_id: str) -> None:
        with transaction() as session:
            directory.publish(session, resource_id)

    _timed("directory.publish", resources, one, last)


def search(resources: int) -> None:
    """Ask what officers type, the index built; its building is a line of its own."""
    from benchmarks.directory_city import questions
    from catalog.search import find, prepare
    from schemas.database import transaction

    with transaction("reader") as session:
        with stopwatch("directory.search_index", resources):
            prepare(session)

        def one(asked: str) -> None:
            for hit in find(session, asked, limit=20).hits:
                assert hit.why  # as a page shows it

        _timed("directory.search", resources, one, questions(ROUNDS["search"]))


def diff(items: int) -> None:
    """Read two versions from the directory and compare them; every item differs."""
    from catalog import directory
    from catalog.review.changes import diff as compare
    from schemas.database import transaction

    with transaction() as session:
        ids = [version.resource_id for version in directory.find(session)[: ROUNDS["diff"]]]
        documents = [directory.document(session, resource_id) for resource_id in ids]
        directory.save_drafts(session, [one.model_copy(update={"items": _longer(one.items)}) for one in documents])

        def one(resource_id: str) -> None:
            found = compare(directory.draft(session, resource_id, 1), directory.draft(session, resource_id, 2))
            assert len(found.changes) >= items
            session.expire_all()

        _timed("directory.diff", len(ids), one, ids)


def main() -> None:
    """Measure one after the other, on one server."""
    parser = argparse.ArgumentParser(description="A city's directory: taken in, published, searched, compared.")
    parser.add_argument("--resources", type=int, default=10_000)
    parser.add_argument("--items", type=int, default=20)
    asked = parser.parse_args()
    with own_server() as (folder, uri):
        hub = new_database(uri, "hub").replace("postgresql://", "postgresql+psycopg://")
        set_environment(HUTONG_DATABASE_URL=hub, HUTONG_ROOT=str(folder))
        workbook = folder / "directory.xlsx"
        measured(prepare, hub)
        measured(write, workbook, asked.resources, asked.items)
        for bench in ("directory.import", "directory.import_again"):
            measured(import_workbook, bench, workbook, asked.resources, asked.items)
        measured(save, asked.resources, asked.items)
        measured(publish, asked.resources)
        measured(search, asked.resources)
        measured(diff, asked.items)


def _timed(bench: str, rows: int, act: Callable[[str], None], asked: list[str]) -> None:
    """Do `act` for each and print median, 95th percentile and worst, in milliseconds."""
    taken = []
    for one in asked:
        begun = time.perf_counter()
        act(one)
        taken.append((time.perf_counter() - begun) * 1000)
    taken.sort()
    load = round(os.getloadavg()[0], 1)  # milliseconds mean little when others work on the same processors
    line: dict[str, Any] = {"bench": bench, "rows": rows, "times": len(taken), "load": load}
    places = {"p50_ms": len(taken) // 2, "p95_ms": len(taken) * 95 // 100, "worst_ms": -1}
    line |= {name: round(taken[place], 2) for name, place in places.items()}
    print(json.dumps(line | against(line, BARS[bench])), flush=True)


def _longer(items: Any) -> Any:
    return tuple(item.model_copy(update={"name": f"{item.name}（新）"}) for item in items)


if __name__ == "__main__":
    main()
