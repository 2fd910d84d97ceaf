"""Why: other systems follow data by OpenLineage (spec 2-0-2), so what a step did is said in its words: runs, jobs, datasets, facets. Pure; only
`libraries.tracing.lineage` comes here. Written as plain documents, because the client package costs half a second to import in every task; tests hold each
facet against that package's own classes.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

Document = dict[str, Any]
SPEC = "https://openlineage.io/spec"
EVENT = f"{SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent"
NAMESPACE = "hutong"
# facet → (version, name) of its schema
FACETS = {
    "columnLineage": ("1-2-0", "ColumnLineageDatasetFacet"),
    "dataQualityAssertions": ("1-1-0", "DataQualityAssertionsDatasetFacet"),
    "dataQualityMetrics": ("1-0-3", "DataQualityMetricsInputDatasetFacet"),
    "dataSource": ("1-0-1", "DatasourceDatasetFacet"),
    "errorMessage": ("1-0-1", "ErrorMessageRunFacet"),
    "jobType": ("2-0-4", "JobTypeJobFacet"),
    "outputStatistics": ("1-0-2", "OutputStatisticsOutputDatasetFacet"),
    "parent": ("1-2-0", "ParentRunFacet"),
    "schema": ("1-2-0", "SchemaDatasetFacet"),
    "version": ("1-0-1", "DatasetVersionDatasetFacet"),
}


def producer() -> str:
    """Return who says it, as a URI."""
    try:
        return f"urn:hutong:{version('hutong')}"
    except PackageNotFoundError:
        return "urn:hutong:checkout"


def facet(kind: str, **said: Any) -> Document:
    """Return one facet with its schema's address; what is None is left out."""
    number, name = FACETS[kind]
    base = {"_producer": producer(), "_schemaURL": f"{SPEC}/facets/{number}/{name}.json#/$defs/{name}"}
    return base | {key: value for key, value in said.items() if value is not None}


def run_event(kind: str, at: datetime, run: Document, job: Document, **datasets: list[Document]) -> Document:
    """Return the event of a run; kind: START, COMPLETE or FAIL; datasets: inputs, outputs."""
    moment = at.isoformat(timespec="milliseconds")
    event = {"eventType": kind, "eventTime": moment, "producer": producer(), "schemaURL": EVENT}
    return event | {"run": run, "job": job, **datasets}


def dataset(namespace: str, name: str, **facets: Document) -> Document:
    """Return a dataset with its facets."""
    return {"namespace": f"{NAMESPACE}://{namespace}", "name": name, "facets": facets}


def fields(columns: Mapping[str, str | None], words: Mapping[str, str] | None = None) -> Document:
    """Return the schema facet: column → type, and what columns are called in words."""
    listed = [
        {
            key: value
            for key, value in (("name", name), ("type", kind), ("description", (words or {}).get(name)))
            if value
        }
        for name, kind in columns.items()
    ]
    return facet("schema", fields=listed)


def column_lineage(source: Document, columns: Iterable[tuple[str, tuple[str, ...], str]]) -> Document:
    """Return the column lineage facet; columns: (output column, input fields of `source`, what was done; "" for nothing)."""
    found = {}
    for column, inputs, done in columns:
        change = {
            "type": "DIRECT",
            "subtype": "TRANSFORMATION" if done else "IDENTITY",
            "description": done,
            "masking": False,
        }
        said = {"namespace": source["namespace"], "name": source["name"]}
        found[column] = {"inputFields": [{**said, "field": one, "transformations": [change]} for one in inputs]}
    return facet("columnLineage", fields=found)


def assertion(rule: str, kind: str, column: str | None, evaluated: int, failed: int) -> Document:
    """Return one rule's result over a batch."""
    said: Document = {
        "assertion": kind,
        "name": rule,
        "success": failed == 0,
        "severity": "warn",
        "expected": "0",
        "actual": str(failed),
    }
    return said | {"params": {"evaluated": evaluated, "failed": failed}} | ({"column": column} if column else {})
