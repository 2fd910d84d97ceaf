"""Why: until the first release the first migration is still being drafted: `python -m schemas.migrations.draft` writes it again from the tables.
After the release this file goes, and every change is a migration of its own; `tests/schemas/test_migrations.py` holds tables and migrations together.
"""

from pathlib import Path
from typing import Any

from sqlalchemy import create_mock_engine
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateSchema

from schemas.tables import SCHEMAS, Base

HEADER = "-- Written from schemas/tables by `python -m schemas.migrations.draft`; do not edit by hand.\n"


def draft() -> str:
    """Return the DDL of every schema, table, index and trigger."""
    statements: list[str] = []

    dialect: Any = postgresql.dialect()  # type: ignore[no-untyped-call]

    def keep(sql: Any, *_: Any, **__: Any) -> None:
        statements.append(str(sql.compile(dialect=dialect)).strip().replace("%%", "%"))

    for table in Base.metadata.tables.values():  # sets come in another order in every process
        table.indexes = sorted(table.indexes, key=lambda index: str(index.name))  # type: ignore[assignment]
    mock: Any = create_mock_engine("postgresql+psycopg://", keep)
    for schema in SCHEMAS:
        mock.execute(CreateSchema(schema))
    Base.metadata.create_all(mock, checkfirst=False)
    return HEADER + "".join(f"{statement.rstrip(';')};\n\n" for statement in statements)


if __name__ == "__main__":
    Path(__file__).with_name("versions").joinpath("0001_first.sql").write_text(draft(), "utf-8")
