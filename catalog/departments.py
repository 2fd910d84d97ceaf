"""Why: a department is who demands and who provides; everything in the hub belongs to one. Its desk."""

import pyarrow as pa
from pydantic import Field
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from schemas.database import keep
from schemas.errors import Invalid
from schemas.identifiers import valid_uscc
from schemas.resource import Identifier, Strict
from schemas.tables.departments import Department


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
    """Register or update one department. Raises Invalid `directory.bad_document` for a wrong USCC."""
    if wanted.uscc and not valid_uscc(pa.array([wanted.uscc]))[0].as_py():
        raise Invalid("directory.bad_document", file=f"departments.yml ({wanted.id})", problem=f"uscc {wanted.uscc}")
    keep(session, Department, wanted.model_dump())


def get(session: Session, department_id: str) -> Department:
    """Return one department. Raises Invalid `directory.unknown_department`."""
    if found := session.get(Department, department_id):
        return found
    raise Invalid("directory.unknown_department", department=department_id)


def find(session: Session, name: str | None = None) -> list[Department]:
    """Return all departments by id, or those that bear or bore this name."""
    query = select(Department).order_by(Department.id)
    if name:
        query = query.where(
            or_(Department.name == name, Department.short_name == name, Department.former_names.contains([name]))
        )
    return list(session.scalars(query))
