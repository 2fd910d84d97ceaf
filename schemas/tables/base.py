"""Why: one metadata for all tables, so that names of constraints, types of columns and the migration follow one grammar.
Every module of `schemas.tables` uses it.
"""

from datetime import date, datetime
from typing import Any, ClassVar

from sqlalchemy import DDL, BigInteger, Date, DateTime, LargeBinary, MetaData, Text, event
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

SCHEMAS = ("directory", "landing", "library", "exchange", "evidence", "operations")


class Base(DeclarativeBase):
    """Mapped classes of all PostgreSQL schemas."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: Text(),
        int: BigInteger(),
        bytes: LargeBinary(),
        date: Date(),
        datetime: DateTime(timezone=True),
        list[str]: ARRAY(Text()),
        dict[str, Any]: JSONB(),
        list[dict[str, Any]]: JSONB(),
    }


CHANGES_CHANNEL = "hutong_changes"
"""PostgreSQL channel that names every table below whose rows changed: delivery forgets what it remembers of keys and grants at once."""

_TELL = f"""
CREATE OR REPLACE FUNCTION exchange.tell_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_notify('{CHANGES_CHANNEL}', TG_TABLE_NAME); RETURN NULL; END $$
"""
_TELL_ON = """
CREATE OR REPLACE TRIGGER tell_change AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION exchange.tell_change()
"""


def tell_changes(model: type[Base]) -> None:
    """Announce every change of this table on CHANGES_CHANNEL."""
    for statement in (_TELL, _TELL_ON.format(table=f"{model.__table__.schema}.{model.__tablename__}")):
        event.listen(model.__table__, "after_create", DDL(statement))  # type: ignore[no-untyped-call]
