"""Why: an officer changes a resource's draft field by field, in words, as he would in the workbook: the same columns, the same reading of what is written, the
same document. Only what is wrong is refused, at its field; what is missing stays missing until review. Called by the pages of the directory.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from sqlalchemy.orm import Session

from catalog import directory, gaps
from catalog.findings import Finding, Place, finding_at
from catalog.gaps import Gap
from catalog.workbook.cells import CellError, read_cell, write_cell
from catalog.workbook.columns import Column, columns
from catalog.workbook.identities import Identities, item_ids
from exchange_api.actors import Actor
from exchange_api.directory import bringing
from schemas.database import transaction
from schemas.errors import Denied, Invalid
from schemas.resource import ResourceDraft
from schemas.tables.directory import OPEN_STATES, Resource, ResourceVersion

MOST_ITEMS = 150
PARTS = ("format", "sharing", "assessment")
CATEGORY = "category.1"  # the workbook has five cells for its levels; here it is one path
OF_ITEM = (
    "name", "id", "type", "length", "required", "share_type", "sensitivity", "element", "code_table", "synonyms",
    "check", "pattern", "minimum", "maximum", "attribute", "normalise",
)  # fmt: skip
_AT = {
    "sharing": "sharing.condition",
    "format": "format.category",
    "assessment": "assessment.secrecy",
    "category": CATEGORY,
}
_EXAMPLES = {"code": "306001/000001", "more_codes": "306001/000001"}

Row = Mapping[str, str]


@dataclass(frozen=True)
class Written:
    """A form as it stands: cells by the workbook's column, one row of cells per item, and the digest of the version it was made from."""

    cells: Mapping[str, str]
    rows: Sequence[Row]
    seen: str = ""


@dataclass
class Read:
    """What a form says: the draft, or why not: findings by field (`sharing.condition`, `items.3.length`; an item counts from 0)."""

    draft: ResourceDraft | None = None
    wrong: dict[str, list[Finding]] = field(default_factory=dict)

    def tell(self, where: str, code: str, value: str = "", **facts: Any) -> None:
        """Note what is wrong with a field."""
        key = f"items.{where.rpartition('.')[2]}" if where.startswith("items.") else where
        header = _columns()[key].header if key in _columns() else ""
        self.wrong.setdefault(where, []).append(finding_at(Place("", column=header), code, value, **facts))


def begin(actor: Actor, name: str, department: str) -> str:
    """Make a draft that says its name only, or find the one of this name, and return its id. Raises as `save`; Invalid `directory.no_name`."""
    if not name:
        raise Invalid("directory.no_name")
    own = bringing.reach(actor)
    with transaction("directory") as session:
        resource_id = Identities(session).resource_id(own or department, "", name)
        if session.get(Resource, resource_id) is None:
            draft = ResourceDraft.model_validate(
                {"id": resource_id, "name": name[:200], "department": own or department}
            )
            directory.save_draft(session, draft, by=actor.id)
        return resource_id


def opened(session: Session, actor: Actor, resource_id: str) -> tuple[ResourceVersion, Written]:
    """Return the newest version and the form that says it. Raises Invalid `directory.unknown_resource`, `directory.in_review`; Denied `case.not_yours`."""
    row = _own(session, actor, resource_id)
    draft = directory.draft(session, resource_id)
    rows = [
        {name: _cell(f"items.{name}", getattr(item, name)) for name in OF_ITEM} | {"was": item.id}
        for item in draft.items
    ]
    return row, Written(_cells(draft), rows, row.digest)


def read(session: Session, resource_id: str, written: Written) -> Read:
    """Read a form onto what the directory holds of the resource: what the form does not speak of stays."""
    found, held = Read(), directory.draft(session, resource_id).model_dump(mode="json", by_alias=True)
    for key, text in written.cells.items():
        if key in _columns():
            _put(held, "category" if key == CATEGORY else key, _said(found, key, key, text))
    held["items"] = _items(found, written.rows, held["items"])
    try:
        draft = ResourceDraft.model_validate({key: value for key, value in held.items() if value is not None})
    except ValidationError as error:
        told = frozenset(found.wrong)  # what could not be read is missing, which need not be told again
        for one in error.errors(include_url=False):
            if _place(one["loc"]) not in told:
                _explain(found, one)
        return found
    found.draft = None if found.wrong else draft
    return found


def save(actor: Actor, draft: ResourceDraft, seen: str) -> None:
    """Keep the draft, made from the version with the digest `seen`.

    Raises Invalid `directory.changed_meanwhile`, and as `directory.save_draft`; Denied `case.not_yours`, `case.role_needed`.
    """
    with transaction("directory") as session:
        newest = _own(session, actor, draft.id)
        if newest.digest != seen and directory.draft(session, draft.id) != draft:
            raise Invalid("directory.changed_meanwhile", resource=draft.id)
        directory.save_draft(session, draft, by=actor.id)


def lacking(session: Session, draft: ResourceDraft) -> dict[str, list[Gap]]:
    """Return what the draft still lacks, by the form's field; what is of no one field under the empty name."""
    places = {f"items.{item.id}": f"items.{number}.name" for number, item in enumerate(draft.items)}
    found: dict[str, list[Gap]] = {}
    for gap in gaps.gaps(draft, gaps.known(session, [draft])):
        place = places.get(gap.field) or _AT.get(gap.field, gap.field)
        found.setdefault(place if place in _columns() or place.startswith("items.") else "", []).append(gap)
    return found


def may_edit(actor: Actor, row: ResourceVersion) -> bool:
    """Return whether the officer may write a draft of this version's resource."""
    own = row.department_id == actor.department_id and "provider" in actor.roles
    return (own or "authority" in actor.roles) and row.state not in ("office_review", "authority_review", "scheduled")


def _own(session: Session, actor: Actor, resource_id: str) -> ResourceVersion:
    reach = bringing.reach(actor)
    row = directory.newest(session, resource_id)
    if reach not in (None, row.department_id):
        raise Denied("case.not_yours", case=resource_id)
    if row.state in OPEN_STATES and row.state != "draft":
        raise Invalid("directory.in_review", resource=resource_id, version=row.version, state=row.state)
    return row


@cache
def _columns() -> dict[str, Column]:
    left_out = ("ignored", "json", "figure")
    return {one.key: one for one in columns() if one.kind not in left_out}


def _cells(draft: ResourceDraft) -> dict[str, str]:
    found = {CATEGORY: draft.category or ""}
    for key in _columns():
        whole, _, part = key.partition(".")
        if whole in ("items", "category", "id", "department", "provider_name", "provider_uscc"):
            continue
        value = getattr(draft, whole)
        found[key] = _cell(key, getattr(value, part, None) if part else value)
    return found


def _cell(key: str, value: Any) -> str:
    written = write_cell(_columns()[key], value)
    return "" if written is None else f"{written:g}" if isinstance(written, float) else str(written)


def _said(found: Read, key: str, where: str, text: str) -> Any:
    """Return what a field says; None when it is empty or cannot be read, which is then told."""
    if not text:
        return None
    column = _columns()[key]
    try:  # a number is written here, not kept as text by a spreadsheet
        return read_cell(column, text)
    except CellError as error:
        found.tell(where, error.code, text, **error.facts)
        return None


def _items(found: Read, rows: Sequence[Row], held: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    known = {item["name"]: item["id"] for item in held} | {row["name"]: row["id"] for row in rows if row.get("id")}
    made = iter(item_ids([row["name"] for row in rows if not row.get("id")], known))
    items: list[dict[str, Any]] = []
    for number, row in enumerate(rows):
        said = {name: _said(found, f"items.{name}", f"items.{number}.{name}", row.get(name, "")) for name in OF_ITEM}
        item = {name: value for name, value in said.items() if value is not None}
        item.setdefault("id", row.get("id") or next(made))
        if not row.get("name"):
            found.tell(f"items.{number}.name", "workbook.missing")
        if item["id"] in {one["id"] for one in items}:
            found.tell(f"items.{number}.id", "workbook.item_repeats", item["id"])
        items.append(item)
    return items


def _put(body: dict[str, Any], key: str, value: Any) -> None:
    """Set or clear one place of the document; a part all of whose fields are empty is none."""
    whole, _, part = key.partition(".")
    if whole in PARTS:
        said = {name: old for name, old in (body.get(whole) or {}).items() if name != part}
        body[whole] = (said if value is None else {**said, part: value}) or None
    else:
        body[whole] = value


def _explain(found: Read, error: ErrorDetails) -> None:
    where, given = _place(error["loc"]), "" if isinstance(error["input"], dict | list) else str(error["input"])
    context = error.get("ctx") or {}
    match error["type"]:
        case "missing":
            found.tell(where, "workbook.missing")
        case "string_too_long":
            found.tell(where, "workbook.too_long", given, limit=context["max_length"])
        case "string_pattern_mismatch":
            found.tell(where, "workbook.bad_pattern", given, example=_EXAMPLES.get(where, "citizen_id"))
        case _:
            problem = error["msg"].removeprefix("Value error, ")
            found.tell(where, "intake.bad_field", given, field=where, problem=problem)


def _place(loc: tuple[int | str, ...]) -> str:
    """Return the field that a place in the document came from; empty for what is of no one field."""
    if len(loc) >= 2 and loc[0] == "items" and isinstance(loc[1], int):
        return f"items.{loc[1]}.{loc[2] if len(loc) > 2 else 'name'}"
    key = ".".join(str(part) for part in loc if not isinstance(part, int))
    key = _AT.get(key, key)
    return key if key in _columns() else ""
