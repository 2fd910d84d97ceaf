"""Why: the published directory as text, in parts of some hundred resources, so that ten thousand need little memory. Called by `catalog.dcat`."""

import json
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any
from typing import Literal as OneOf

from rdflib import Graph, Literal, URIRef
from rdflib.term import Node
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from catalog.dcat.addresses import Addresses, PublicSettings
from catalog.dcat.description import PREFIXES, Describer
from schemas.errors import Invalid
from schemas.tables.departments import Department
from schemas.tables.directory import Resource, ResourceVersion

Form = OneOf["turtle", "json-ld"]
PART = 500
_TYPE = "rdf:type"


def write(
    session: Session, *, form: Form = "turtle", resources: Sequence[str] | None = None, department: str | None = None
) -> str:
    """Return the published directory, or those of `resources`, or those of one department, as DCAT-AP 3. Raises as `parts`."""
    return "".join(parts(session, form=form, resources=resources, department=department))


def parts(
    session: Session, *, form: Form = "turtle", resources: Sequence[str] | None = None, department: str | None = None
) -> Iterator[str]:
    """Yield the same text piece by piece: at most 500 resources are in memory. Raises Invalid `directory.not_published`, `directory.unknown_department`."""
    known = {row.id: row for row in session.scalars(select(Department))}
    if department and department not in known:
        raise Invalid("directory.unknown_department", department=department)
    wanted = _chosen(select(ResourceVersion), resources, department)
    _require_published(session, wanted, resources)
    writer = Describer(Addresses(PublicSettings().public_address.rstrip("/")), known)
    graphs = _graphs(session, writer, wanted)
    yield from _turtle(graphs) if form == "turtle" else _json_ld(graphs)


def _chosen(query: Select[Any], resources: Sequence[str] | None, department: str | None) -> Select[Any]:
    query = query.join(Resource).where(ResourceVersion.state == "published")
    if resources is not None:
        query = query.where(ResourceVersion.resource_id.in_(resources))
    return query.where(ResourceVersion.department_id == department) if department else query


def _require_published(session: Session, wanted: Select[Any], resources: Sequence[str] | None) -> None:
    if resources is None:
        return
    found = set(session.scalars(wanted.with_only_columns(ResourceVersion.resource_id)))
    if missing := sorted(set(resources) - found):
        raise Invalid("directory.not_published", resource=", ".join(missing))


def _graphs(session: Session, writer: Describer, wanted: Select[Any]) -> Iterator[Graph]:
    columns = (
        ResourceVersion.resource_id,
        ResourceVersion.version,
        ResourceVersion.published_at,
        Resource.department_id,  # whose it is today: reforms move resources
        ResourceVersion.document,
    )
    codes = wanted.with_only_columns(ResourceVersion.document["code"].astext, ResourceVersion.resource_id)
    by_code = {code: resource_id for code, resource_id in session.execute(codes) if code}
    last = session.scalar(
        wanted.with_only_columns(ResourceVersion.published_at)
        .order_by(ResourceVersion.published_at.desc().nulls_last())
        .limit(1)
    )
    yield writer.head(last)
    versions = wanted.with_only_columns(*columns).order_by(ResourceVersion.resource_id)
    with session.execute(versions.execution_options(yield_per=PART)) as rows:
        for partition in rows.partitions(PART):
            yield writer.datasets(partition, by_code)


def _turtle(graphs: Iterable[Graph]) -> Iterator[str]:
    """Yield one document with its prefixes once; it may say of one node at several places."""
    yield "".join(f"@prefix {prefix}: <{namespace}> .\n" for prefix, namespace in PREFIXES.items()) + "\n"
    for graph in graphs:
        yield "".join(f"<{node}> {_said(found)} .\n\n" for node, found in _nodes(graph))


def _said(found: dict[str, list[Node]]) -> str:
    return " ;\n    ".join(f"{name} {', '.join(sorted(map(_turtle_term, values)))}" for name, values in found.items())


def _turtle_term(value: Node) -> str:
    if isinstance(value, URIRef):
        short = _short(value)
        return f"<{value}>" if short == str(value) else short
    return value.n3()


def _json_ld(graphs: Iterable[Graph]) -> Iterator[str]:
    """Yield one document, its nodes in a line each; a node may come again with more about it, as JSON-LD allows. The context stands in the document."""
    yield f'{{"@context": {json.dumps(PREFIXES)},\n "@graph": ['
    between = "\n"
    for graph in graphs:
        for node, found in _nodes(graph):
            body = {"@id": str(node)} | {
                ("@type" if name == _TYPE else name): sorted((_json_term(name, value) for value in values), key=str)
                for name, values in found.items()
            }
            yield f"{between}{json.dumps(body, ensure_ascii=False)}"
            between = ",\n"
    yield "\n]}\n"


def _json_term(name: str, value: Node) -> str | dict[str, str]:
    if isinstance(value, URIRef):
        return _short(value) if name == _TYPE else {"@id": str(value)}
    extra = {"@language": value.language} if isinstance(value, Literal) and value.language else {}
    kind = {"@type": _short(value.datatype)} if isinstance(value, Literal) and value.datatype else {}
    return {"@value": str(value)} | extra | kind


def _nodes(graph: Graph) -> Iterator[tuple[Node, dict[str, list[Node]]]]:
    """Yield each node with what is said of it, by shortened property, in an order that never changes."""
    found: dict[Node, dict[str, list[Node]]] = {}
    for node, what, value in graph:
        found.setdefault(node, {}).setdefault(_short(what), []).append(value)
    for node in sorted(found, key=str):
        yield node, dict(sorted(found[node].items()))


@cache
def _namespaces() -> dict[str, str]:
    return {namespace: prefix for prefix, namespace in PREFIXES.items()}


def _short(address: Node) -> str:
    """Return a name of a known vocabulary with its prefix, any other address as it is."""
    text = str(address)
    cut = max(text.rfind("#"), text.rfind("/")) + 1
    prefix = _namespaces().get(text[:cut])
    return f"{prefix}:{text[cut:]}" if prefix else text
