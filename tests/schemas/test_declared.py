"""A full database is brought to what libraries declare, by adding only; what would bend what is known is refused by name."""

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import URL, Connection, Engine, create_engine, text
from sqlalchemy.pool import NullPool

from schemas.errors import Terminal
from schemas.migrations import declare, declared, planned, upgrade

PARTS = ("", "_claims", "_past_claims", "_history")


class Stopped(Exception):
    pass


@pytest.fixture
def older(new_database: Callable[[], URL]) -> Iterator[Engine]:
    """A migrated database, to be made older than the declarations."""
    url = new_database()
    upgrade(url)
    engine = create_engine(url, poolclass=NullPool)
    yield engine
    engine.dispose()


def run(engine: Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def everywhere(statement: str) -> list[str]:
    return [statement.format(table=f"library.geography{part}") for part in PARTS]


def columns(connection: Connection, table: str) -> list[str]:
    query = (
        "SELECT attname FROM pg_attribute WHERE attrelid = CAST(:table AS regclass) AND attnum > 0 AND NOT attisdropped"
    )
    return list(connection.scalars(text(f"{query} ORDER BY attnum"), {"table": f"library.{table}"}))


def test_a_database_as_declared_needs_nothing(older: Engine) -> None:
    assert planned(older.url) == []


def test_a_new_library_gets_the_tables_indexes_and_rights_that_the_others_have(older: Engine) -> None:
    query = """SELECT replace(c.relname, :name, '') AS part, g.grantee::regrole::text AS role, array_agg(g.privilege_type ORDER BY g.privilege_type) AS may
        FROM pg_class c, aclexplode(c.relacl) g WHERE c.relname = ANY(:tables) GROUP BY 1, 2 ORDER BY 1, 2"""
    indexes = "SELECT indexdef FROM pg_indexes WHERE tablename LIKE 'geography%' ORDER BY 1"

    def rights(name: str) -> list[tuple[object, ...]]:
        tables = [f"{name}{part}" for part in PARTS]
        with older.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query), {"name": name, "tables": tables})]

    with older.connect() as connection:
        shipped = connection.scalars(text(indexes)).all()
    run(older, *everywhere("DROP TABLE {table}"))
    assert declare(older.url, lambda _: None) > 4
    assert rights("geography") == rights("population") != []
    with older.connect() as connection:
        assert connection.scalars(text(indexes)).all() == shipped != []
    assert planned(older.url) == []


def test_a_new_attribute_comes_behind_the_others_and_golden_records_keep_step(older: Engine) -> None:
    run(
        older,
        *everywhere("ALTER TABLE {table} DROP COLUMN valid_until, DROP COLUMN valid_from, DROP COLUMN geometry"),
        "INSERT INTO library.geography (subject, name, sources, batches)"
        " VALUES ('330000000000', '浙江省', '{1,NULL,NULL,NULL,NULL,NULL}', '{9,NULL,NULL,NULL,NULL,NULL}')",
    )
    told: list[str] = []
    declare(older.url, told.append)
    with older.connect() as connection:
        sources, batches, name = connection.execute(text("SELECT sources, batches, name FROM library.geography")).one()
        assert columns(connection, "geography_claims")[-3:] == ["geometry", "valid_from", "valid_until"]
    assert (sources, batches, name) == ([1, *[None] * 8], [9, *[None] * 8], "浙江省")
    assert any("ADD COLUMN geometry TEXT" in statement for statement in told)
    assert planned(older.url) == []


def test_what_is_shown_is_what_is_done(older: Engine) -> None:
    run(older, *everywhere("ALTER TABLE {table} DROP COLUMN valid_until"))
    shown, done = planned(older.url), list[str]()
    assert len(shown) == len(planned(older.url)) > 4, "showing changes nothing"
    declare(older.url, done.append)
    assert done == shown


def test_a_stop_in_the_middle_leaves_nothing_half(older: Engine) -> None:
    run(older, *everywhere("ALTER TABLE {table} DROP COLUMN valid_until"))
    before = planned(older.url)

    def stop_at(count: int) -> Callable[[str], None]:
        heard: list[str] = []

        def tell(statement: str) -> None:
            heard.append(statement)
            if len(heard) > count:
                raise Stopped

        return tell

    for count in range(1, len(before)):
        with pytest.raises(Stopped):
            declare(older.url, stop_at(count))
        assert planned(older.url) == before
    declare(older.url, lambda _: None)
    assert planned(older.url) == []


@pytest.mark.parametrize(
    ("change", "code", "facts"),
    [
        (
            "ALTER TABLE {table} ADD COLUMN altitude numeric",
            "library.attribute_removed",
            {"library": "geography", "attribute": "altitude", "after": "valid_until"},
        ),
        (
            "ALTER TABLE {table} DROP COLUMN postcode",
            "library.attribute_not_last",
            {"library": "geography", "attribute": "postcode", "found": "geometry", "after": "valid_until"},
        ),
        (
            "ALTER TABLE {table} ALTER COLUMN valid_from TYPE text",
            "library.attribute_retyped",
            {"library": "geography", "attribute": "valid_from", "found": "text", "declared": "date"},
        ),
        (
            "COMMENT ON COLUMN {table}.geometry IS 'geometry EPSG:4326'",
            "library.attribute_retyped",
            {"attribute": "geometry", "found": "geometry EPSG:4326", "declared": "geometry EPSG:4490"},
        ),
        (
            "ALTER TABLE {table} RENAME TO parks_past_claims",
            "library.undeclared",
            {"library": "parks"},
        ),
    ],
)
def test_what_would_bend_what_is_known_is_refused_by_name(
    older: Engine, change: str, code: str, facts: dict[str, str]
) -> None:
    run(older, *(everywhere(change)[:1] if "RENAME" in change else everywhere(change)))
    with pytest.raises(Terminal) as refused:
        declare(older.url, lambda _: None)
    assert (refused.value.code, refused.value.facts | facts) == (code, refused.value.facts)
    with older.connect() as connection, pytest.raises(Terminal):
        declared.plan(connection)


def test_another_key_is_another_library(older: Engine) -> None:
    run(older, "COMMENT ON COLUMN library.credit_claims.entry IS 'document_number'")
    with pytest.raises(Terminal) as refused:
        declare(older.url, lambda _: None)
    assert refused.value.code == "library.rekeyed"
    assert refused.value.facts["found"] == "document_number"
