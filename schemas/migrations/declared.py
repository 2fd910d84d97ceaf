"""Why: a library that is declared, or an attribute added to one, must reach a database that is already full. What the declarations say is compared with
what the database has, and the difference is written as SQL: new tables with the rights of those that are there, new columns behind the others, and one more
place in `sources` and `batches` of every golden record and its history. Only ever added to: what would lose or bend what is known is refused by name.

Called by `schemas.migrations` after the numbered migrations, and by `hutong library migrate`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_mock_engine, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex

from schemas.errors import Terminal
from schemas.library import LIBRARIES, Library, library
from schemas.tables import Base
from schemas.tables.library import claims_table, golden_table, history_table, past_claims_table

_DIALECT: Any = postgresql.dialect()  # type: ignore[no-untyped-call]
_MODEL = "population"  # new tables get the rights of this library's
_COLUMNS = """
    SELECT c.relname, a.attname, COALESCE(col_description(c.oid, a.attnum), format_type(a.atttypid, a.atttypmod))
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    WHERE c.relnamespace = 'library'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY c.relname, a.attnum
"""
_INDEXES = "SELECT indexname FROM pg_indexes WHERE schemaname = 'library'"
_RIGHTS = """
    SELECT c.relname, string_agg(g.privilege_type, ', ' ORDER BY g.privilege_type), g.grantee::regrole::text
    FROM pg_class c, aclexplode(c.relacl) g
    WHERE c.relnamespace = 'library'::regnamespace AND g.grantee <> c.relowner GROUP BY c.relname, g.grantee ORDER BY 1, 3
"""
_EXTEND = """UPDATE {table} SET sources = sources || array_fill(NULL::smallint, ARRAY[{count}]),
    batches = batches || array_fill(NULL::integer, ARRAY[{count}])"""


@dataclass(frozen=True)
class Standing:
    """What the database has: columns of each table in the order they came, described by comment or type; names of indexes; rights by table."""

    columns: dict[str, dict[str, str]]
    indexes: frozenset[str]
    rights: dict[str, list[tuple[str, str]]]


def plan(connection: Connection) -> list[str]:
    """Return the SQL that brings the database to the declarations; nothing when it is there.

    Raises Terminal `library.undeclared`, `library.rekeyed`, `library.attribute_removed`, `library.attribute_not_last`, `library.attribute_retyped`.
    """
    standing = _standing(connection)
    stems = {name.removesuffix("_past_claims") for name in standing.columns if name.endswith("_past_claims")}
    if undeclared := sorted(stems - set(LIBRARIES)):
        raise Terminal("library.undeclared", library=undeclared[0])
    return [statement for name in LIBRARIES for statement in _statements(library(name), standing)]


def apply(engine: Engine, tell: Callable[[str], None] = lambda _: None) -> int:
    """Carry the plan out in one transaction; return how many statements there were. tell: hears each statement before it runs. Raises as `plan`."""
    with engine.begin() as connection:
        statements = plan(connection)
        for statement in statements:
            tell(statement)
            connection.exec_driver_sql(statement)
    return len(statements)


def ddl_of(tables: Sequence[Table]) -> list[str]:
    """Return the statements that make these tables, with indexes, comments and triggers."""
    statements: list[str] = []

    def keep(sql: Any, *_: Any, **__: Any) -> None:
        statements.append(str(sql.compile(dialect=_DIALECT)).strip().replace("%%", "%"))

    for table in tables:  # sets come in another order in every process
        table.indexes = sorted(table.indexes, key=lambda index: str(index.name))  # type: ignore[assignment]
    mock: Any = create_mock_engine("postgresql+psycopg://", keep)
    Base.metadata.create_all(mock, tables=list(tables), checkfirst=False)
    return statements


def _standing(connection: Connection) -> Standing:
    columns: dict[str, dict[str, str]] = {}
    for table, column, described in connection.execute(text(_COLUMNS)):
        columns.setdefault(table, {})[column] = described
    rights: dict[str, list[tuple[str, str]]] = {}
    for table, privileges, role in connection.execute(text(_RIGHTS)):
        rights.setdefault(table, []).append((privileges, role))
    return Standing(columns, frozenset(connection.scalars(text(_INDEXES))), rights)


def _statements(spec: Library, standing: Standing) -> Iterator[str]:
    name = spec.library
    tables = [claims_table(name), past_claims_table(name), golden_table(name), history_table(name)]
    there = [table for table in tables if table.name in standing.columns]
    missing = [table for table in tables if table not in there]
    new = [
        _new_attributes(spec, table, standing.columns[table.name]) for table in there
    ]  # all are held before anything is said
    yield from ddl_of(missing) if missing else ()
    for table in missing:
        model = table.name.replace(name, _MODEL, 1)
        for privileges, role in standing.rights.get(model, []):
            yield f"GRANT {privileges} ON {table.fullname} TO {role}"
    if any(new):
        yield f"LOCK TABLE {', '.join(table.fullname for table in there)} IN SHARE ROW EXCLUSIVE MODE"
    for table, attributes in zip(there, new, strict=True):
        yield from _additions(table, attributes)
    for table in there:
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            if index.name not in standing.indexes:
                yield str(CreateIndex(index).compile(dialect=_DIALECT)).strip()


def _additions(table: Table, attributes: list[str]) -> Iterator[str]:
    if attributes and "sources" in table.columns:  # first, while readers still read: adding a column keeps them out
        yield _EXTEND.format(table=table.fullname, count=len(attributes))
    for attribute in attributes:
        column = table.columns[attribute]
        yield f"ALTER TABLE {table.fullname} ADD COLUMN {attribute} {column.type.compile(dialect=_DIALECT)}"
        if column.comment:
            yield f"COMMENT ON COLUMN {table.fullname}.{attribute} IS '{column.comment}'"


def _new_attributes(spec: Library, table: Table, there: dict[str, str]) -> list[str]:
    """Return the declared attributes that a table lacks. Raises what `plan` raises."""
    _require_key(spec, table, there)
    own = {column.name for column in table.columns} - set(spec.attribute_ids)
    known = [column for column in there if column not in own]
    for place, attribute in enumerate(known):
        if attribute not in spec.attribute_ids:
            after = known[place - 1] if place else spec.key
            raise Terminal("library.attribute_removed", library=spec.library, attribute=attribute, after=after)
    for declared, found in zip(spec.attribute_ids, known, strict=False):
        if declared != found:
            raise Terminal(
                "library.attribute_not_last", library=spec.library, attribute=declared, found=found, after=known[-1]
            )
        if (described := _described(table, declared)) != there[declared]:
            raise Terminal(
                "library.attribute_retyped", library=spec.library, attribute=declared, found=there[declared],
                declared=described,
            )  # fmt: skip
    return list(spec.attribute_ids[len(known) :])


def _require_key(spec: Library, table: Table, there: dict[str, str]) -> None:
    found = there.get("entry", "subject")
    declared = table.columns["entry"].comment if spec.entry else "subject"
    if found != declared:
        raise Terminal("library.rekeyed", library=spec.library, found=found, declared=declared)


def _described(table: Table, attribute: str) -> str:
    column = table.columns[attribute]
    return column.comment or str(column.type.compile(dialect=_DIALECT)).lower()
