"""A merge may end anywhere: what was committed stays, and doing it again ends where an undisturbed merge ends."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from libraries.merging import units
from libraries.merging.merge import merge_batch
from schemas.errors import Terminal

PS, CA = "public_security.resident", "civil_affairs.marriage"
TRAP = """
    CREATE FUNCTION library.trap() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN IF NEW.subject = '{key}' THEN RAISE EXCEPTION 'the power went'; END IF; RETURN NEW; END $$;
    CREATE TRIGGER trap BEFORE INSERT OR UPDATE ON library.{table} FOR EACH ROW EXECUTE FUNCTION library.trap();
"""
SPRUNG = "DROP FUNCTION library.trap() CASCADE"


@pytest.fixture
def _small_units(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(units, "SMALL", 1)


def _rows(changed: str = "") -> list[dict[str, Any]]:
    return [{"subject": f"{n:03}", "name": f"n{n}{changed}"} for n in range(60)]


def _fresh(hub: Any) -> tuple[str, str]:
    hub.empty()
    hub.resource(PS)
    hub.resource(CA)
    first, second = hub.batch(PS, _rows(), day=1, parts=3), hub.batch(PS, _rows("x")[5:], day=3)
    return first, second


@pytest.mark.usefixtures("_small_units")
@pytest.mark.parametrize("table", ["population_claims", "population", "population_history"])
@pytest.mark.parametrize("peers", [False, True], ids=["alone", "with peers"])
def test_a_merge_cut_between_partitions_is_finished_by_the_next(hub: Any, table: str, peers: bool) -> None:
    def run(trap: bool) -> Any:
        first, second = _fresh(hub)
        other = (
            hub.batch(
                CA, [{"subject": f"{n:03}", "name": "other", "marital_status": "20"} for n in range(0, 60, 2)], day=2
            )
            if peers
            else None
        )
        for batch in filter(None, (first, other, second)):
            if trap and (table != "population_history" or batch == second):
                hub.run(TRAP.format(table=table, key="030" if batch == second else "020"))
                with pytest.raises((DBAPIError, Terminal), match=r"the power went|merge\.refused"):
                    merge_batch(batch)
                hub.run(SPRUNG)
                assert hub.rows("SELECT state FROM landing.batches WHERE id = :id", id=batch) == [{"state": "checked"}]
                assert hub.rows(f"SELECT count(*) > 0 AS some FROM library.{table}") == [{"some": True}]
            merge_batch(batch)
        numbers = {
            row["number"]: place
            for place, row in enumerate(hub.rows("SELECT number FROM landing.batches ORDER BY number"))
        }
        sources = {row["number"]: row["id"] for row in hub.rows("SELECT number, id FROM directory.resources")}
        return _renamed(hub.state(), numbers, sources)

    assert run(trap=True) == run(trap=False)


@pytest.mark.usefixtures("_small_units")
def test_two_sources_may_merge_into_one_library_at_once(hub: Any) -> None:
    for day in (1, 3):
        if day == 1:
            hub.resource(PS)
            hub.resource(CA)
        pair = [
            hub.batch(PS, [{"subject": f"{n:03}", "name": f"n{n}.{day}"} for n in range(60)], day=day),
            hub.batch(
                CA,
                [{"subject": f"{n:03}", "name": "other", "marital_status": f"{day}"} for n in range(60)],
                day=day + 1,
            ),
        ]
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(merge_batch, pair))
        assert hub.golden() == {f"{n:03}": {"name": f"n{n}.{day}", "marital_status": f"{day}"} for n in range(60)}


def _renamed(value: Any, batches: dict[int, int], sources: dict[int, str], name: str = "") -> Any:
    """Numbers given by the database differ from run to run: name them by their order."""
    if isinstance(value, dict):
        return {key: _renamed(part, batches, sources, key) for key, part in value.items()}
    if isinstance(value, list):
        parts = [_renamed(part, batches, sources, name) for part in value]
        return parts if name in ("sources", "batches") else sorted(parts, key=str)
    if name in ("batch", "batches", "superseded_by_batch"):
        return batches.get(value, value)
    return sources.get(value, value) if name in ("source", "sources") else value
