"""The planner cannot know a source that has just come. Whatever it believes, a merge reads each row a few times, not once per row of another table."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from schemas.database import engine

PS, CA = "public_security.resident", "civil_affairs.marriage"
ROWS, TIMES = 3_000, 100
_READ = """
    SELECT COALESCE(sum(seq_tup_read + COALESCE(idx_tup_fetch, 0)), 0) FROM pg_stat_xact_all_tables
    WHERE schemaname = 'library' OR schemaname LIKE 'pg\\_temp%'
"""


@pytest.mark.parametrize("told", ["library.population_claims, library.population", "library.population", ""])
def test_a_source_the_planner_does_not_know_is_merged_in_linear_time(hub: Any, told: str) -> None:
    hub.resource(PS)
    hub.resource(CA)
    hub.run("ANALYZE library.population_claims, library.population")  # now the planner believes them empty
    hub.merge(PS, _rows("张"))
    if told:
        hub.run(f"ANALYZE {told}")  # now it knows one source
    with _tuples_read() as read:
        assert hub.merge(CA, _rows("王")).claims_added == ROWS
        assert hub.merge(CA, _rows("李")).claims_changed == ROWS
    assert ROWS < max(read) < TIMES * ROWS


def _rows(name: str) -> list[dict[str, Any]]:
    return [{"subject": f"{n:06}", "name": f"{name}{n}", "sex": "1"} for n in range(ROWS)]


@contextmanager
def _tuples_read() -> Iterator[list[int]]:
    """Give how many rows each transaction read, of libraries and of what it staged."""
    read: list[int] = []

    def count(connection: Any) -> None:
        read.append(int(connection.connection.cursor().execute(_READ).fetchone()[0]))

    event.listen(engine("ingest"), "commit", count)
    try:
        yield read
    finally:
        event.remove(engine("ingest"), "commit", count)
