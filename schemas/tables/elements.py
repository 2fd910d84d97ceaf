"""Why: what one datum means everywhere. The dictionary of data elements with every version it had. Written by the catalog storey alone."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, func, text
from sqlalchemy.orm import Mapped, mapped_column

from schemas.tables.base import Base

_SCHEMA = {"schema": "directory"}


class DataElement(Base):
    """数据元: the standard meaning of one datum, with its one lead source department (一数一源)."""

    __tablename__ = "data_elements"
    __table_args__ = _SCHEMA

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    synonyms: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))
    definition: Mapped[str | None]
    type: Mapped[str]
    length: Mapped[int | None]
    code_table: Mapped[str | None]
    sensitivity: Mapped[str] = mapped_column(server_default="internal")
    attributes: Mapped[list[str]] = mapped_column(
        server_default=text("'{}'")
    )  # <library>.<attribute>: where base libraries hold it
    version: Mapped[int] = mapped_column(server_default="1")
    lead_department_id: Mapped[str | None] = mapped_column(ForeignKey("directory.departments.id"))


class DataElementVersion(Base):
    """One version of a data element, as it was written."""

    __tablename__ = "data_element_versions"
    __table_args__ = _SCHEMA

    element_id: Mapped[str] = mapped_column(ForeignKey("directory.data_elements.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    document: Mapped[dict[str, Any]]
    created_by: Mapped[str] = mapped_column(server_default="")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
