"""Why: a resource as an ODCS 3.1 contract. What the standard has a place for stands there and only there, so that whoever edits the contract edits the
resource; the rest stands in customProperties under the names of our own documents. Called by `catalog.contract`.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.contract.standard import (
    API_VERSION,
    DATA_TYPES,
    DIMENSIONS,
    ELEMENT_URN,
    ENGINE,
    FREQUENCIES,
    LIMITS,
    LOGICAL_TYPES,
    STATES,
)
from catalog.yaml_text import write_yaml
from schemas.errors import Invalid
from schemas.resource import Check, Item, ResourceDraft, Source
from schemas.tables.departments import Department
from schemas.tables.directory import ResourceVersion

# said elsewhere in a contract than in its customProperties
_SHARED = ("id", "name", "department", "abstract", "keywords", "update_cycle", "items", "source", "checks")
_SHARED_OF_ITEM = ("id", "name", "type", "required", "sensitivity", "element")


def write(draft: ResourceDraft, *, version: int = 1, state: str = "published", department_name: str = "") -> str:
    """Return one version of a resource as an ODCS 3.1 contract in YAML; `read` gives back exactly the same draft."""
    return write_yaml(contract(draft, version=version, state=state, department_name=department_name))


def write_all(session: Session, folder: Path, resources: Iterable[str] | None = None) -> list[Path]:
    """Write published versions (all, or those of `resources`) as one contract a file, `<resource id>.odcs.yaml`; return the files.

    Raises Invalid `directory.not_published` when one of `resources` is not.
    """
    wanted = None if resources is None else set(resources)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for resource_id, text in texts(session, wanted):
        written.append(folder / f"{resource_id}.odcs.yaml")
        written[-1].write_text(text, "utf-8")
    return written


def texts(session: Session, resources: set[str] | None = None) -> Iterator[tuple[str, str]]:
    """Yield resource id and contract of each published version, by id; one at a time in memory. Raises as `write_all`."""
    names: Mapping[str, str] = {row.id: row.name for row in session.execute(select(Department.id, Department.name))}
    query = select(ResourceVersion.version, ResourceVersion.document, ResourceVersion.department_id).where(
        ResourceVersion.state == "published"
    )
    if resources is not None:
        query = query.where(ResourceVersion.resource_id.in_(resources))
    missing = set(resources or ())
    rows = session.execute(query.order_by(ResourceVersion.resource_id).execution_options(yield_per=200))
    for version, document, department_id in rows:
        draft = ResourceDraft.model_validate({**document, "department": department_id})
        missing.discard(draft.id)
        yield draft.id, write(draft, version=version, department_name=names.get(draft.department, ""))
    if missing:
        raise Invalid("directory.not_published", resource=", ".join(sorted(missing)))


def contract(draft: ResourceDraft, *, version: int, state: str, department_name: str) -> dict[str, Any]:
    """Return the contract as the standard's own structure."""
    rest = draft.model_dump(mode="json", exclude_defaults=True, exclude=set(_SHARED))
    description = _given(purpose=draft.abstract, limitations=(rest.get("sharing") or {}).pop("condition", None))
    found = {
        "apiVersion": API_VERSION,
        "kind": "DataContract",
        "id": draft.id,
        "name": draft.name,
        "version": f"{version}.0.0",
        "status": STATES[state],
        "domain": draft.department,
        "team": {"name": department_name} if department_name else None,
        "description": description,
        "tags": list(draft.keywords),
        "servers": [_server(draft.source)] if draft.source else None,
        "schema": [_schema(draft)],
        "slaProperties": [_frequency(draft.update_cycle)] if draft.update_cycle else None,
        "customProperties": _custom(rest),
    }
    return {name: value for name, value in found.items() if value}


def _schema(draft: ResourceDraft) -> dict[str, Any]:
    columns: dict[str, str] = {}
    for column, item_id in (draft.source.mapping if draft.source else {}).items():
        columns.setdefault(item_id, column)
    key = list(draft.source.key) if draft.source else []
    found: dict[str, Any] = {
        "name": draft.id.rpartition(".")[2],
        "businessName": draft.name,
        "logicalType": "object",
        "properties": [_property(item, columns.get(item.id), key) for item in draft.items],
    }
    if draft.checks:
        found["quality"] = [_rule(check) for check in draft.checks]
    return found


def _property(item: Item, column: str | None, key: list[str]) -> dict[str, Any]:
    logical = LOGICAL_TYPES[item.type]
    rest = item.model_dump(mode="json", exclude_defaults=True, exclude=set(_SHARED_OF_ITEM))
    options = {theirs: rest.pop(ours) for theirs, ours in LIMITS.get(logical, {}).items() if ours in rest}
    if item.type != DATA_TYPES[logical]:
        rest["type"] = item.type
    return _given(
        name=item.id,
        businessName=item.name,
        physicalName=column,
        logicalType=logical,
        logicalTypeOptions=options or None,
        required=item.required or None,
        classification=item.sensitivity,
        primaryKey=item.id in key or None,
        primaryKeyPosition=key.index(item.id) + 1 if item.id in key else None,
        authoritativeDefinitions=[{"type": "dataElement", "url": f"{ELEMENT_URN}{item.element}"}]
        if item.element
        else None,
        customProperties=_custom(rest) or None,
    )


def _server(source: Source) -> dict[str, Any]:
    """Say where the data is collected: the connection's name, never its address or secret. The first column of each item stands with the item."""
    rest = source.model_dump(mode="json", exclude_defaults=True, exclude={"connection", "mapping", "key"})
    seen: set[str] = set()
    more = {column: item for column, item in source.mapping.items() if item in seen or seen.add(item)}  # type: ignore[func-returns-value]
    if more:
        rest["mapping"] = more
    if len(set(source.key)) != len(source.key):
        rest["key"] = list(source.key)
    return {"server": source.connection, "type": "custom", "customProperties": _custom(rest)}


def _rule(check: Check) -> dict[str, Any]:
    body = check.model_dump(mode="json", exclude={"id", "indicator"}, exclude_defaults=True)
    return {
        "name": check.id,
        "type": "custom",
        "dimension": DIMENSIONS[check.indicator],
        "engine": ENGINE,
        "implementation": body,
    }


def _frequency(cycle: int) -> dict[str, Any]:
    value, unit = FREQUENCIES[cycle]
    return _given(property="frequency", value=value, unit=unit)


def _custom(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"property": name, "value": value} for name, value in values.items()]


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
