"""Why: until the first release the first migration is still being drafted: `python -m schemas.migrations.draft` writes it again from the tables.
After the release this file goes, and every change is a migration of its own; `tests/schemas/test_migrations.py` holds tables and migrations together.
"""

from pathlib import Path
from typing import Any

from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateSchema

from schemas.declarations import is_shipped
from schemas.library import LIBRARIES
from schemas.migrations.declared import ddl_of
from schemas.tables import SCHEMAS, Base
from schemas.tables.library import PARTS

HEADER = "-- Written from schemas/tables by `python -m schemas.migrations.draft`; do not edit by hand.\n"


def draft() -> str:
    """Return the DDL of every schema, table, index and trigger; libraries of an operator's own folder are added by `declared`."""
    dialect: Any = postgresql.dialect()  # type: ignore[no-untyped-call]
    schemas = [str(CreateSchema(schema).compile(dialect=dialect)).strip() for schema in SCHEMAS]
    own = {f"{name}{part}" for name in LIBRARIES if not is_shipped(name) for part in PARTS}
    statements = schemas + ddl_of([table for table in Base.metadata.tables.values() if table.name not in own])
    return HEADER + "".join(f"{statement.rstrip(';')};\n\n" for statement in statements)


if __name__ == "__main__":
    Path(__file__).with_name("versions").joinpath("0001_first.sql").write_text(draft(), "utf-8")
