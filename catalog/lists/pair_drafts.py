"""Why: a list knows less of a resource than its people do. Turns one listed entry into a draft, on top of what the directory already holds of it.
Called by `catalog.lists.pairs`.
"""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from catalog.findings import Findings, finding_at
from catalog.lists.pair_files import Entry, Field
from catalog.naming.organs import fold, identifier_of
from catalog.naming.placing import UNNAMED, Placed
from schemas.resource import ResourceDraft
from schemas.tables.departments import Department
from schemas.tables.directory import Resource, ResourceVersion

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_TYPES = {"字符型": "C", "数值型": "N", "货币型": "Y", "日期型": "D", "日期时间型": "T", "逻辑型": "L", "备注型": "M"}


@dataclass(frozen=True)
class Earlier:
    """What the directory holds of a listed resource: its id, its owner, and its newest document."""

    id: str
    department_id: str
    is_owner_proposed: bool
    document: Mapping[str, Any]

    def owner(self, placed: str) -> str:
        """Return whose it is now: whom the list names while the owner is only proposed; what people decided stays."""
        return placed if self.is_owner_proposed and placed != UNNAMED else self.department_id


def earlier_resources(session: Session, wanted: Sequence[tuple[str, str, Placed]]) -> list[Earlier | None]:
    """Return for each (code, name, placed department) the resource that an earlier import made of it, whoever owns it by now.

    A resource keeps the id it came with. It is the same one when its id ends with the code and it has the placed department's id or owner,
    or it is the only one of that code and name and it or the list does not know its department for sure.
    """
    found: dict[str, list[Earlier]] = defaultdict(list)
    suffix = func.split_part(Resource.id, ".", 2)
    newest = select(
        Resource.id, suffix.label("code"), Resource.department_id, Department.state, ResourceVersion.document
    ).join(Department, Department.id == Resource.department_id)
    newest = newest.join(ResourceVersion, ResourceVersion.resource_id == Resource.id)
    newest = newest.where(suffix.in_({code_part(code) for code, _, _ in wanted}))
    newest = newest.ext(distinct_on(Resource.id)).order_by(Resource.id, ResourceVersion.version.desc())
    for row in session.execute(newest):
        found[row.code].append(Earlier(row.id, row.department_id, row.state == "proposed", row.document))
    return [_same(found[code_part(code)], (code, name), placed.department_id) for code, name, placed in wanted]


def _same(found: Sequence[Earlier], listed: tuple[str, str], placed: str) -> Earlier | None:
    own = [one for one in found if one.department_id == placed]
    own += [one for one in found if one.id == resource_id(placed, listed[0])]
    if own:
        return own[0]
    waiting = [one for one in found if one.is_owner_proposed or placed == UNNAMED]
    waiting = [one for one in waiting if fold(one.document["name"]) == fold(listed[1])]
    return waiting[0] if len(waiting) == 1 else None


def resource_id(department_id: str, code: str) -> str:
    """Return the id of a listed resource: where it was first placed, and its code."""
    return f"{department_id.partition('.')[0]}.{code_part(code)}"


def move_owners(session: Session, owners: Mapping[str, str]) -> None:
    """Give each resource (id → department) to where its list now places it."""
    by_department: dict[str, list[str]] = defaultdict(list)
    for resource_id, department_id in owners.items():
        by_department[department_id].append(resource_id)
    for department_id, ids in by_department.items():
        moving = update(Resource).where(Resource.id.in_(ids), Resource.department_id != department_id)
        session.execute(moving.values(department_id=department_id))


def draft_of(entry: Entry, department_id: str, earlier: Earlier | None, findings: Findings) -> ResourceDraft | None:
    """Return the entry as a draft; what only the directory knows of it stays. None, and told, when it cannot be one."""
    held = dict(earlier.document) if earlier else {}
    body = {
        **held,
        "id": earlier.id if earlier else resource_id(department_id, entry.code),
        "name": entry.name,
        "department": department_id,
        **({"abstract": entry.abstract} if entry.abstract else {}),
        "keywords": tuple(dict.fromkeys([*held.get("keywords", ()), *entry.keywords])),
        **({"items": _items(entry, held.get("items", ()))} if entry.fields else {}),
    }
    try:
        return ResourceDraft.model_validate(body)
    except ValidationError as error:
        for one in error.errors(include_input=False):
            where = ".".join(map(str, one["loc"]))
            findings.add(finding_at(entry.place, "intake.bad_field", entry.code, field=where, problem=one["msg"]))
        findings.refused += 1
        return None


def code_part(code: str) -> str:
    """Return the part of a resource id that a listed code gives: its letters and digits, in lower case."""
    return _identifier(code, 90 - 32) or "r"


def _items(entry: Entry, held: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    known = {item["id"]: item for item in held}
    taken: set[str] = set()
    items = []
    for one in entry.fields:
        item_id = _unrepeated(_item_id(one), taken)
        items.append({**known.get(item_id, {}), "id": item_id, "name": one.name, **_typed(one)})
    return items


def _typed(one: Field) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if one.type in _TYPES or one.type in _TYPES.values():
        found["type"] = _TYPES.get(one.type, one.type)
    if one.length.isdecimal() and int(one.length) > 0:
        found["length"] = int(one.length)
    return found


def _item_id(one: Field) -> str:
    return _identifier(_CAMEL.sub("_", one.code), 60) or _identifier(identifier_of(one.name), 60) or "item"


def _identifier(text: str, longest: int) -> str:
    found = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:longest]
    return found if not found or found[0].isalpha() else f"i_{found}"


def _unrepeated(wanted: str, taken: set[str]) -> str:
    """A second item of the same code gets the next free number, so that it is kept and seen."""
    found, number = wanted, 2
    while found in taken:
        found, number = f"{wanted}_{number}", number + 1
    taken.add(found)
    return found
