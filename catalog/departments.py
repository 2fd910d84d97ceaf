"""Why: a department is who demands and who provides; everything in the hub belongs to one. Its desk."""

from collections.abc import Iterable
from datetime import date
from typing import Any

import pyarrow as pa
from pydantic import Field
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from catalog.naming.registry import read_registry
from schemas.database import keep
from schemas.errors import Invalid
from schemas.identifiers import valid_uscc
from schemas.resource import Identifier, Strict
from schemas.tables.departments import Department, DepartmentName


class DepartmentDocument(Strict):
    """One department as it is written in departments.yml."""

    id: Identifier
    name: str
    short_name: str
    former_names: tuple[str, ...] = ()
    uscc: str | None = None
    division_code: str | None = None
    parent_id: Identifier | None = None
    sharing_office: str | None = None
    contact: dict[str, str] = Field(default_factory=dict)


def save(session: Session, wanted: DepartmentDocument) -> None:
    """Register or update one department. A document that still bears a former name does not undo the rename.

    Raises Invalid `directory.bad_document` for a wrong USCC.
    """
    if wanted.uscc and not valid_uscc(pa.array([wanted.uscc]))[0].as_py():
        raise Invalid("directory.bad_document", file=f"departments.yml ({wanted.id})", problem=f"uscc {wanted.uscc}")
    keep(session, Department, wanted.model_dump() | _renamed(session, wanted))


def _renamed(session: Session, wanted: DepartmentDocument) -> dict[str, Any]:
    """Return today's names of a department that was renamed since the document was written."""
    now = session.execute(
        select(Department.name, Department.short_name, Department.former_names)
        .join(DepartmentName, DepartmentName.department_id == Department.id)
        .where(Department.id == wanted.id, Department.name != wanted.name)
        .where(DepartmentName.name == wanted.name, DepartmentName.valid_to.is_not(None))
    ).first()
    if now is None:
        return {}
    former = list(dict.fromkeys([*now.former_names, *wanted.former_names]))
    return {"name": now.name, "short_name": now.short_name, "former_names": former}


def get(session: Session, department_id: str) -> Department:
    """Return one department. Raises Invalid `directory.unknown_department`."""
    if found := session.get(Department, department_id):
        return found
    raise Invalid("directory.unknown_department", department=department_id)


def find(session: Session, name: str | None = None, *, state: str | None = None) -> list[Department]:
    """Return all departments by id, or those that bear or bore this name, or those in one state."""
    query = select(Department).order_by(Department.id)
    if name:
        noted = select(DepartmentName.department_id).where(DepartmentName.name == name)
        query = query.where(
            or_(
                Department.name == name,
                Department.short_name == name,
                Department.former_names.contains([name]),
                Department.id.in_(noted),
            )
        )
    if state:
        query = query.where(Department.state == state)
    return list(session.scalars(query))


def names_of(session: Session, department_id: str) -> list[DepartmentName]:
    """Return the dated names a department bears or bore, oldest first."""
    query = select(DepartmentName).where(DepartmentName.department_id == department_id)
    return list(session.scalars(query.order_by(DepartmentName.valid_from.nulls_first(), DepartmentName.id)))


def bearing(session: Session, name: str, on: date) -> list[Department]:
    """Return who bore this name on a day: by dated names, else by today's names and the department's own dates, else by undated former ones."""
    dated = select(DepartmentName.department_id).where(
        DepartmentName.name == name,
        or_(DepartmentName.valid_from.is_not(None), DepartmentName.valid_to.is_not(None)),
        or_(DepartmentName.valid_from.is_(None), DepartmentName.valid_from <= on),
        or_(DepartmentName.valid_to.is_(None), DepartmentName.valid_to > on),
    )
    if rows := list(session.scalars(select(Department).where(Department.id.in_(dated)).order_by(Department.id))):
        return rows
    has_dates = select(DepartmentName.department_id).where(
        DepartmentName.name == name, or_(DepartmentName.valid_from.is_not(None), DepartmentName.valid_to.is_not(None))
    )
    return [
        one
        for one in find(session, name)
        if one.id not in set(session.scalars(has_dates))
        and (one.valid_from is None or one.valid_from <= on)
        and (one.valid_to is None or one.valid_to > on)
    ]


def heir(session: Session, department_id: str) -> str:
    """Return the department that does this one's work today; itself when none or several do. Raises Invalid `directory.unknown_department`."""
    if get(session, department_id).state != "dissolved":
        return department_id
    return read_registry(session).current(department_id) or department_id


def current(session: Session, ids: Iterable[str]) -> dict[str, str | None]:
    """Return for each department who does its work today: itself, or its only successor; None when it ended without or with several."""
    registry = read_registry(session)
    return {one: registry.current(one) for one in ids}
