"""Why: a service item is what a citizen comes for; its materials say what is asked of him, and so what a demand is for. Its desk.

Codes that do not conform are flagged and kept (`findings`): the list is older than its standard. Called by imports, commands, pages and the desks above.
"""

from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from catalog import departments
from catalog.service.materials import Material
from catalog.service.service_codes import Flag, read_code
from schemas.errors import Invalid
from schemas.resource import Identifier, Strict
from schemas.tables.departments import Department
from schemas.tables.services import ServiceItem

_BATCH = 1_000


class ServiceItemDocument(Strict):
    """One service item as it is written in service_items.yml."""

    id: str
    name: str
    department: Identifier
    catalog_code: str | None = None
    task_code: str | None = None
    handle_codes: tuple[str, ...] = ()
    main_item: str | None = None
    kind: str | None = None
    level: Literal["1", "2", "3", "4", "5", "6"] | None = None
    state: Literal["1", "2", "3", "4"] = "1"
    basis: str | None = None
    materials: tuple[Material, ...] = ()
    flags: tuple[dict[str, Any], ...] = ()  # found by an importer beyond what the codes themselves show


class Saved(Strict):
    """What a save did."""

    created: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    unchanged: int = 0


def save(session: Session, wanted: ServiceItemDocument) -> bool:
    """Register or update one service item; return whether anything changed. Raises Invalid `directory.unknown_department`."""
    done = save_all(session, [wanted])
    return bool(done.created or done.changed)


def save_all(session: Session, wanted: list[ServiceItemDocument]) -> Saved:
    """Register or update many service items at once. Raises Invalid `directory.unknown_department`; nothing is saved then."""
    there = frozenset(session.scalars(select(Department.id)))
    for item in wanted:
        if item.department not in there:
            departments.get(session, item.department)  # raises, with its remedy
    known = {row.id: _row_values(row) for row in _stored(session, [item.id for item in wanted])}
    values = {item.id: _values(item) for item in wanted}
    ended = frozenset(session.scalars(select(Department.id).where(Department.state == "dissolved")))
    for one in values.values():  # a reform gave the item on; old documents do not know
        if one["department_id"] in ended:
            now = known.get(one["id"], {}).get("department_id")
            one["department_id"] = now or departments.heir(session, one["department_id"])
    created = tuple(i for i in values if i not in known)
    changed = tuple(i for i in values if i in known and known[i] != values[i])
    rows = [values[i] for i in (*created, *changed)]
    for start in range(0, len(rows), _BATCH):
        statement = insert(ServiceItem).values(rows[start : start + _BATCH])
        updated = {name: statement.excluded[name] for name in rows[0] if name != "id"}
        session.execute(statement.on_conflict_do_update(index_elements=["id"], set_=updated))
    if changed:
        session.expire_all()  # rows were written past the identity map
    return Saved(created=created, changed=changed, unchanged=len(values) - len(rows))


def get(session: Session, service_item_id: str) -> ServiceItem:
    """Return one service item by id, or by its 实施编码. Raises Invalid `directory.unknown_service_item`."""
    if found := session.get(ServiceItem, service_item_id):
        return found
    by_code = select(ServiceItem).where(ServiceItem.task_code == service_item_id).order_by(ServiceItem.id).limit(1)
    if named := session.scalar(by_code):
        return named
    raise Invalid("directory.unknown_service_item", service_item=service_item_id)


def is_known(session: Session, service_item_id: str) -> bool:
    """Return whether there is a service item of this id."""
    return session.get(ServiceItem, service_item_id) is not None


def find(session: Session, department_id: str | None = None) -> list[ServiceItem]:
    """Return service items by id, of one department where given."""
    query = select(ServiceItem).order_by(ServiceItem.id)
    if department_id:
        query = query.where(ServiceItem.department_id == department_id)
    return list(session.scalars(query))


def document_of(row: ServiceItem) -> ServiceItemDocument:
    """Return a stored service item as it is written in service_items.yml."""
    values = {name: value for name, value in _row_values(row).items() if name not in ("department_id", "findings")}
    bare = ServiceItemDocument.model_validate(values | {"department": row.department_id})
    computed = _values(bare)["findings"]
    return bare.model_copy(update={"flags": tuple(found for found in row.findings if found not in computed)})


def flags_of(wanted: ServiceItemDocument) -> tuple[Flag, ...]:
    """Return what does not conform in the codes of a service item: wrong lengths, old forms, invalid USCCs, codes that disagree."""
    forms = [
        ("catalog", wanted.catalog_code),
        ("task", wanted.task_code),
        *(("handle", c) for c in wanted.handle_codes),
    ]
    found: list[Flag] = []
    for form, text in forms:
        if not text:
            continue
        read = read_code(text)
        found += read.flags
        if read.form not in (form, "local", "unknown"):
            found.append(Flag("service.other_code", {"given": text, "form": read.form, "wanted": form}))
        if wanted.catalog_code and read.catalog_code not in (None, wanted.catalog_code):
            found.append(Flag("service.codes_disagree", {"given": text, "catalog_code": wanted.catalog_code}))
    return tuple(found)


def _values(wanted: ServiceItemDocument) -> dict[str, Any]:
    values = wanted.model_dump(mode="json", exclude={"department", "flags"})
    findings = [{"code": flag.code, "facts": flag.facts} for flag in flags_of(wanted)] + list(wanted.flags)
    return values | {"department_id": wanted.department, "findings": findings}


def _row_values(row: ServiceItem) -> dict[str, Any]:
    names = ("id", "name", "catalog_code", "task_code", "handle_codes", "main_item", "kind", "level", "state", "basis")
    return {name: getattr(row, name) for name in (*names, "materials", "department_id", "findings")}


def _stored(session: Session, ids: list[str]) -> list[ServiceItem]:
    return list(session.scalars(select(ServiceItem).where(ServiceItem.id.in_(ids))))
