"""Why: a big table comes in faster as key ranges read side by side, and a range that fails must not cost the others. Each slice lands on its own, by its
own note, in any process; the manifest is written once, when all are there. Only `libraries.ingest` comes here.
"""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from typing import Any

from connectors.base import Connection, Connector, Slice
from libraries import batches, landing
from libraries.batches import Task
from libraries.collecting import collection, limits
from libraries.collecting.collection import Landed, open_source
from libraries.drifting import drift
from libraries.landing import Folder, LandedFile, Manifest
from schemas.errors import Invalid, Terminal
from schemas.resource import Source

MOST = 256
THREADS = 4  # each holds two connections of the hub's pool while it reads
PLAN = ("slices", "plan.json")


def plan(task: Task, since: Any, connection: Connection | None = None) -> list[int]:
    """Plan the batch's slices and return their numbers, from 0. A plan of several is kept for every later attempt; a single one is made anew.

    Raises Terminal `landing.schema_drift`, Transient `landing.source_busy`, and what the connector raises.
    """
    folder, source = landing.folder_of(task.batch.path or ""), task.source
    known = _read_plan(folder)
    if len(known) > 1 or (known and source.mapped):
        return list(range(len(known)))
    with limits.turn(source, task.document.department):
        connector = open_source(task, connection)
        drift.require_known_columns(task.batch.resource_id, source, connector.describe())
        pieces = connector.slices(since, _count(source, connector, since))
    if period := batches.period_of(task.batch):
        pieces = [replace(piece, to=period.end) for piece in pieces]
    folder.clear("landed")
    folder.clear("slices")
    folder.write(json.dumps([piece.to_json() for piece in pieces]).encode(), *PLAN)
    return list(range(len(pieces)))


def land(task: Task, number: int, connection: Connection | None = None) -> None:
    """Land one slice; does nothing when its note is there. Any number of processes may do so at once.

    Raises Invalid `landing.unknown_slice`, Transient `landing.source_busy`, and what the connector raises.
    """
    folder, source = landing.folder_of(task.batch.path or ""), task.source
    pieces = _read_plan(folder)
    if not 0 <= number < len(pieces):
        raise Invalid("landing.unknown_slice", batch=task.batch.id, number=number, count=len(pieces))
    with batches.alone(f"{task.batch.id}#{number}"):
        if folder.read(*_note(number)) is not None:
            return
        name, schema = f"landed/part-{number:05d}.parquet", dict[str, str]()
        folder.remove(name)
        with limits.turn(source, task.document.department):
            found = limits.paced(open_source(task, connection).read(pieces[number]), source.limits)
            rows = landing.write_part(folder, name, collection.named(found, source, 1, schema))
        file = LandedFile(name, rows, landing.digest_of(folder, name)) if rows else None
        note = {"file": asdict(file) if file else None, "schema": schema}
        folder.write(json.dumps(note, ensure_ascii=False).encode(), *_note(number))


def land_all(task: Task, numbers: list[int], connection: Connection | None = None) -> None:
    """Land every slice, side by side as far as the source allows; the first failure is raised when those under way have ended."""
    with ThreadPoolExecutor(min(THREADS, task.source.limits.at_once, len(numbers))) as readers:
        started = [readers.submit(land, task, number, connection) for number in numbers]
        try:
            for one in started:
                one.result()
        except BaseException:
            readers.shutdown(wait=True, cancel_futures=True)
            raise


def gather(task: Task, before: dict[str, str]) -> Manifest:
    """Write the manifest of a batch whose slices have all landed. Raises Terminal `landing.slices_missing`, `landing.schema_drift`."""
    folder = landing.folder_of(task.batch.path or "")
    pieces = _read_plan(folder)
    notes = [folder.read(*_note(number)) for number in range(len(pieces))]
    missing = [str(number) for number, note in enumerate(notes) if note is None]
    if missing or not pieces:
        raise Terminal("landing.slices_missing", batch=task.batch.id, missing=", ".join(missing) or "-")
    files: list[LandedFile] = []
    schema: dict[str, str] = {}
    for note in (json.loads(content or b"") for content in notes):
        drift.require_same_types(task.batch.resource_id, note["schema"], schema or before)
        schema |= note["schema"]
        if note["file"]:
            files.append(LandedFile(**{**note["file"], "offset": sum(file.rows for file in files)}))
    landed = Landed(files, schema, collection.watermark_of(pieces), [], [])
    return collection.keep_manifest(folder, task, landed)


def _count(source: Source, connector: Connector, since: Any) -> int:
    """Return how many slices to plan: what the binding says, else one per `slice_rows` of what the source believes to have."""
    declared = source.options.get("slices") or source.slices
    if declared != "auto":
        return int(declared)
    if since is not None:
        return 1  # statistics speak of the whole table, an increment is a part of it
    estimated = connector.estimate()
    return 1 if estimated is None else max(1, min(MOST, -(-estimated // limits.LimitSettings().slice_rows)))


def _read_plan(folder: Folder) -> list[Slice]:
    content = folder.read(*PLAN)
    return [Slice.from_json(piece) for piece in json.loads(content)] if content else []


def _note(number: int) -> tuple[str, str]:
    return "slices", f"{number:05d}.json"
