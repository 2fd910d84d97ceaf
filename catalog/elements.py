"""Why: a data element is the standard meaning of one datum; items and library attributes are bound to it, so that matching and rules agree. Its desk."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from schemas.codes import code_tables
from schemas.database import keep
from schemas.errors import Invalid
from schemas.resource import DataType, Identifier, Sensitivity, Strict
from schemas.tables.elements import DataElement


class ElementDocument(Strict):
    """One data element as it is written in elements.yml."""

    id: Identifier
    name: str
    synonyms: tuple[str, ...] = ()
    definition: str | None = None
    type: DataType
    length: int | None = None
    code_table: str | None = None
    sensitivity: Sensitivity = "internal"
    lead_department_id: Identifier | None = None


def save(session: Session, wanted: ElementDocument) -> None:
    """Register or update one data element. Raises Invalid `directory.unknown_code_table`."""
    require_code_table(wanted.id, wanted.code_table)
    keep(session, DataElement, wanted.model_dump())


def require_code_table(where: str, table: str | None) -> None:
    """Raise Invalid `directory.unknown_code_table` when `where` names a code table that does not exist."""
    if table and table not in code_tables():
        raise Invalid("directory.unknown_code_table", where=where, table=table, known=", ".join(code_tables()))


def find(session: Session) -> list[DataElement]:
    """Return the whole dictionary by id."""
    return list(session.scalars(select(DataElement).order_by(DataElement.id)))


def known(session: Session) -> frozenset[str]:
    """Return the ids of all data elements."""
    return frozenset(session.scalars(select(DataElement.id)))
