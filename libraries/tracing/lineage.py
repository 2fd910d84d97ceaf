"""Why: every value must be followed back to the field of the system it came from, and by other systems too. Each step that really runs is told as an
OpenLineage run with its datasets, rows, rule results and columns; no value of a row is in it. `libraries.ingest` marks its steps with `told`;
`hutong lineage show` asks `feeding`. Telling never fails or delays a step.
"""

import logging
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog import directory
from catalog.rules import rules_of
from libraries import batches
from libraries.batches import Task
from libraries.golden import rank_of
from libraries.tracing import lineage_events
from libraries.tracing.lineage_delivery import emit
from libraries.tracing.lineage_events import Document, column_lineage, dataset, facet, fields
from schemas.bound import BESIDE_ATTRIBUTES, is_attribute
from schemas.database import transaction
from schemas.errors import HutongError, Invalid
from schemas.library import LIBRARIES, library
from schemas.resource import Item, ResourceDocument
from schemas.tables.landing import Batch, RuleResult

log = logging.getLogger(__name__)
P = ParamSpec("P")
R = TypeVar("R")
DUE = {"land": "planned", "check": "landed", "merge": "checked"}  # step → the state in which it has something to do
_FAMILY = uuid.UUID("6f3c1c0e-7b1b-5a53-9d65-2f0a5b9f7c11")


@dataclass(frozen=True)
class Feed:
    """How a source field becomes a library attribute; rank: its department's authority for it, 0 highest."""

    resource: str
    department: str
    connection: str
    container: str
    column: str
    item: str
    repairs: tuple[str, ...]
    attribute: str
    rank: int


def told(step: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Mark a step (its first argument is the batch id): START before it, COMPLETE or FAIL after it; a step with nothing left to do is not told."""

    def mark(work: Callable[P, R]) -> Callable[P, R]:
        @wraps(work)
        def run(*args: P.args, **kwargs: P.kwargs) -> R:
            with _telling(step, str(args[0] if args else kwargs["batch_id"])):
                return work(*args, **kwargs)

        return run

    return mark


def feeding(session: Session, named: str) -> list[Feed]:
    """Return the source fields that feed library.LIBRARY.ATTRIBUTE, highest authority first. Raises Invalid `lineage.unknown_attribute`."""
    name, _, attribute = named.removeprefix("library.").partition(".")
    known: dict[str, tuple[str, ...]] = {one: (*BESIDE_ATTRIBUTES, *library(one).attribute_ids) for one in LIBRARIES}
    if attribute not in known.get(name, ()):
        listed = known.get(name) or tuple(known)
        raise Invalid("lineage.unknown_attribute", attribute=named, known=", ".join(listed))
    documents = [found.document for found in directory.published(session) if found.document.library == name]
    found = [feed for document in documents for feed in _feeds(document, name, attribute)]
    return sorted(found, key=lambda feed: (feed.rank, feed.resource))


@contextmanager
def _telling(step: str, batch_id: str) -> Iterator[None]:
    run_id = str(uuid.uuid4())
    is_due = _tell(step, batch_id, "START", run_id)
    try:
        yield
    except Exception as error:
        if is_due:
            _tell(step, batch_id, "FAIL", run_id, error)
        raise
    if is_due:
        _tell(step, batch_id, "COMPLETE", run_id)


def _tell(step: str, batch_id: str, kind: str, run_id: str, error: Exception | None = None) -> bool:
    """Emit one event and return whether the step was due; whatever goes wrong here is only logged."""
    try:
        with transaction("ingest") as session:
            task = batches.get(session, batch_id)
            if kind == "START" and task.batch.state != DUE[step]:
                return False
            results = list(session.scalars(select(RuleResult).where(RuleResult.batch_id == batch_id)))
        inputs, outputs = _DATASETS[step](task, results if kind != "START" else [])
        run = {"runId": run_id, "facets": {"parent": _parent(task.batch), **_failure(error)}}
        emit(
            lineage_events.run_event(
                kind, datetime.now(UTC), run, _job(task.document.id, step), inputs=inputs, outputs=outputs
            )
        )
    except Exception as fault:  # noqa: BLE001 — lineage is told of a batch and must never stop one
        log.warning("%s: lineage of %s not told: %s", batch_id, step, type(fault).__name__)
    return True


def _job(resource_id: str, step: str) -> Document:
    kind = facet("jobType", processingType="BATCH", integration="HUTONG", jobType="STEP")
    return {"namespace": lineage_events.NAMESPACE, "name": f"{resource_id}.{step}", "facets": {"jobType": kind}}


def _parent(batch: Batch) -> Document:
    """Return the facet that ties the steps of one batch together: its id never changes."""
    job = {"namespace": lineage_events.NAMESPACE, "name": batch.resource_id}
    return facet("parent", run={"runId": str(uuid.uuid5(_FAMILY, batch.id))}, job=job)


def _failure(error: Exception | None) -> dict[str, Document]:
    """Return what failed: a catalogued failure's own words, which hold no personal data; of any other only its kind."""
    if error is None:
        return {}
    words = f"{error.code}: {error.title('en')}" if isinstance(error, HutongError) else type(error).__name__
    return {"errorMessage": facet("errorMessage", message=words, programmingLanguage="python")}


def _land(task: Task, _: list[RuleResult]) -> tuple[list[Document], list[Document]]:
    types = (task.batch.manifest or {}).get("schema") or {}
    columns = {column: types.get(item) for column, item in task.source.mapping.items()}
    source = _source(task.document, columns)
    lineage = column_lineage(source, [(item, (column,), "") for column, item in task.source.mapping.items()])
    manifest = task.batch.manifest or {}
    landed = _landed(task, columnLineage=lineage)
    return [source], [_counted(landed, manifest.get("rows"), len(manifest.get("files") or ()) or None)]


def _check(task: Task, results: list[RuleResult]) -> tuple[list[Document], list[Document]]:
    landed = _landed(task)
    if results:
        rules = {rule.id: rule for rule in rules_of(task.document)}
        said = [_assertion(result, rules.get(result.rule)) for result in results]
        metrics = facet("dataQualityMetrics", rowCount=task.batch.rows_in, columnMetrics={})
        landed["inputFacets"] = {
            "dataQualityAssertions": facet("dataQualityAssertions", assertions=said),
            "dataQualityMetrics": metrics,
        }
    checked = _checked(task, columnLineage=column_lineage(landed, _outputs(task.document)))
    return [landed], [_counted(checked, task.batch.rows_good)]


def _merge(task: Task, _: list[RuleResult]) -> tuple[list[Document], list[Document]]:
    checked = _checked(task)
    if task.document.library is None:
        return [checked], []
    spec = library(task.document.library)
    lineage = column_lineage(checked, [(name, (name,), "") for name, _, _ in _outputs(task.document)])
    words = {one.id: one.name for one in spec.attributes}
    schema = fields({one.id: one.type for one in spec.attributes}, words)
    golden = dataset("library", task.document.library, schema=schema, columnLineage=lineage)
    return [checked], [_counted(golden, task.batch.rows_good)]


_DATASETS: dict[str, Callable[[Task, list[RuleResult]], tuple[list[Document], list[Document]]]] = {
    "land": _land,
    "check": _check,
    "merge": _merge,
}


def _source(document: ResourceDocument, columns: dict[str, str | None]) -> Document:
    assert document.source is not None
    said = facet("dataSource", name=document.source.connection)
    return dataset(
        f"source/{document.source.connection}", _container(document), schema=fields(columns), dataSource=said
    )


def _landed(task: Task, **facets: Document) -> Document:
    types = (task.batch.manifest or {}).get("schema") or {}
    words = {item.id: item.name for item in task.document.items}
    schema = fields({item: types.get(item) for item in task.source.mapping.values()}, words)
    return dataset("landing", task.document.id, schema=schema, version=_version(task), **facets)


def _checked(task: Task, **facets: Document) -> Document:
    schema = fields(dict.fromkeys((name for name, _, _ in _outputs(task.document)), None))
    return dataset("checked", task.document.id, schema=schema, version=_version(task), **facets)


def _version(task: Task) -> Document:
    return facet("version", datasetVersion=task.batch.id)


def _counted(one: Document, rows: int | None, files: int | None = None) -> Document:
    if rows is not None:
        one["outputFacets"] = {"outputStatistics": facet("outputStatistics", rowCount=rows, fileCount=files)}
    return one


def _assertion(result: RuleResult, rule: Any) -> Document:
    column = rule.items[0] if rule is not None and len(rule.items) == 1 else None
    return lineage_events.assertion(
        result.rule, rule.kind if rule else result.scope, column, result.evaluated, result.failed
    )


def _outputs(document: ResourceDocument) -> list[tuple[str, tuple[str, ...], str]]:
    """Return what checking writes: (column, the items it is made of, the repairs)."""
    if document.library is None:
        return [(item.id, (item.id,), ", ".join(item.normalise)) for item in document.items]
    fed = {str(item.attribute): item for item in document.items if item.attribute}
    found: list[tuple[str, tuple[str, ...], str]] = []
    found += [(name, (item.id,), ", ".join(item.normalise)) for name, item in fed.items()]
    entry = library(document.library).entry
    parts = tuple(fed[name].id for name in entry.from_ if name in fed) if entry else ()
    return [*found, ("entry", parts, "joined with /")] if parts else found


def _container(document: ResourceDocument) -> str:
    """Return the table, path or pattern of the source, as far as it is no query."""
    assert document.source is not None
    options = document.source.options
    named = next((str(options[key]) for key in ("table", "path", "pattern") if options.get(key)), document.id)
    return f"{options['schema']}.{named}" if options.get("schema") and options.get("table") else named


def _feeds(document: ResourceDocument, name: str, attribute: str) -> Iterator[Feed]:
    if document.source is None:
        return
    authority = library(name).attribute(attribute).authority if is_attribute(attribute) else ()
    items: list[Item] = [item for item in document.items if item.attribute == attribute]
    for column, item_id in document.source.mapping.items():
        for item in items:
            if item.id == item_id:
                rank = rank_of(document.department, authority)
                said = (document.id, document.department, document.source.connection, _container(document), column)
                yield Feed(*said, item.id, item.normalise, attribute, rank)
