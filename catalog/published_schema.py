"""Why: who writes our YAML elsewhere needs to know what it must look like. Its JSON Schema, made from the very models that read it.

Committed as docs/schema/*.json (a test holds them against this) and printed by `hutong catalog schema`.
"""

import json
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from catalog.departments import DepartmentDocument
from catalog.elements import ElementDocument
from catalog.service.services import ServiceItemDocument
from schemas.errors import Invalid
from schemas.resource import ResourceDocument, ResourceDraft

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_KINDS: dict[str, tuple[Any, str]] = {  # file → what it describes
    "departments": (list[DepartmentDocument], "departments.yml: departments 部门"),
    "elements": (list[ElementDocument], "elements.yml: data elements 数据元"),
    "service_items": (list[ServiceItemDocument], "service_items.yml: service items 政务服务事项"),
    "resource": (ResourceDocument, "resources/<id>.yml: one whole information resource 信息资源"),
    "resource_draft": (ResourceDraft, "resources/<id>.yml: one information resource that may have gaps 信息资源草稿"),
}


def kinds() -> tuple[str, ...]:
    """Return what there are schemas of."""
    return tuple(_KINDS)


def schema(kind: str) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of one kind of document. Raises Invalid `directory.unknown_schema`."""
    if kind not in _KINDS:
        raise Invalid("directory.unknown_schema", kind=kind, known=", ".join(_KINDS))
    model, title = _KINDS[kind]
    return {"$schema": _DIALECT, **TypeAdapter(model).json_schema(), "title": title}


def schema_text(kind: str) -> str:
    """Return the schema as it is committed and printed. Raises as `schema`."""
    return json.dumps(schema(kind), ensure_ascii=False, indent=2) + "\n"


def write_schemas(folder: Path) -> list[Path]:
    """Write every schema into `folder`; return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for kind in _KINDS:
        written.append(folder / f"{kind}.json")
        written[-1].write_text(schema_text(kind), "utf-8")
    return written
