"""What OpenLineage allows, read off the classes that its own client package is generated with from its JSON schemas, as one JSON schema."""

import inspect
import types
import typing
from enum import Enum
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import attr
from openlineage.client import generated
from openlineage.client.generated import base

from libraries.tracing.lineage_events import FACETS

PLAIN: dict[Any, Any] = {str: "string", bool: "boolean", int: "integer", float: "number"}
FORMATS = {
    "runId": "uuid",
    "eventTime": "date-time",
    "producer": "uri",
    "_producer": "uri",
    "schemaURL": "uri",
    "_schemaURL": "uri",
}


@cache
def classes() -> dict[str, Any]:
    """Return every generated class by the address of its schema."""
    found = {}
    for module in iter_modules(generated.__path__):
        for one in vars(import_module(f"openlineage.client.generated.{module.name}")).values():
            if inspect.isclass(one) and attr.has(one) and "_get_schema" in vars(one):
                kind: Any = one
                found[kind._get_schema()] = kind
    return found


def event_schema() -> dict[str, Any]:
    """Return the schema of a run event; every object is closed, every facet held to its own class."""
    return _object(base.RunEvent)


def _facets() -> dict[str, Any]:
    known = {one.__name__: one for one in classes().values()}
    return {kind: _object(known[name]) | {"$comment": known[name]._get_schema()} for kind, (_, name) in FACETS.items()}


def _object(one: Any) -> dict[str, Any]:
    hints = typing.get_type_hints(one, None, {"ClassVar": typing.ClassVar, "Any": Any})
    parts = {field.name: field for field in attr.fields(one)}
    needed = [name for name, field in parts.items() if field.default is attr.NOTHING]
    properties = {name: _facet_map() if name.lower().endswith("facets") else _part(name, hints[name]) for name in parts}
    return {"type": "object", "properties": properties, "required": needed, "additionalProperties": False}


def _facet_map() -> dict[str, Any]:
    return {"type": "object", "properties": _facets_once(), "additionalProperties": False}


_DEPTH: list[int] = []


def _facets_once() -> dict[str, Any]:
    """A parent run's facet has room for facets of its own, which we leave empty."""
    if _DEPTH:
        return {}
    _DEPTH.append(1)
    try:
        return _facets()
    finally:
        _DEPTH.pop()


def _part(name: str, hint: Any) -> dict[str, Any]:
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return _part(name, next(one for one in inner if one is not type(None)))
    if origin is list:
        return {"type": "array", "items": _part("", inner[0])}
    if origin is dict:
        return {"type": "object", "additionalProperties": _part("", inner[1])}
    if inspect.isclass(hint) and issubclass(hint, Enum):
        return {"enum": [one.value for one in hint]}
    if attr.has(hint):
        return (
            _object(hint) if hint.__name__ != "SchemaDatasetFacetFields" else {"type": "object", "required": ["name"]}
        )
    plain = {"type": PLAIN[hint]} if hint in PLAIN else {}
    return plain | ({"format": FORMATS[name]} if name in FORMATS else {})
