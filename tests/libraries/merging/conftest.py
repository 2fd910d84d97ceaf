"""A hub with sources of a few lines each: a database of its own, checked files as the check leaves them, and merges of them."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import URL, text

from libraries.merging.merge import MergeReport, merge_batch
from schemas.database import engine, transaction
from schemas.library import library
from schemas.migrations import upgrade
from schemas.tables.departments import Department
from schemas.tables.directory import Resource, ResourceVersion
from schemas.tables.landing import Batch, QuarantinedRow

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
_TYPES = {"text": pa.string(), "date": pa.date32(), "number": pa.decimal128(20, 4)}
_EMPTY = (
    "TRUNCATE directory.departments, landing.batches, library.conflicts, library.rulings, library.conflict_tickets, "
    + ", ".join(
        f"library.{name}{part}"
        for name in ("population", "legal_entity", "credit", "certificate")
        for part in ("", "_claims", "_past_claims", "_history")
    )
)


@dataclass
class Hub:
    """What a story needs of the hub."""

    landing: Path
    count: int = 0

    def resource(self, name: str, of: str = "population", mode: str = "snapshot") -> int:
        """Catalogue `department.resource` with every attribute of the library; return its number."""
        department, spec = name.split(".")[0], library(of)
        items = [{"id": "subject_code", "name": "s", "attribute": "subject"}]
        items += [{"id": a.id, "name": a.name, "attribute": a.id} for a in spec.attributes]
        document = {
            "id": name, "name": name, "department": department, "code": "101001/1", "category": "x", "abstract": "x",
            "format": {"category": "x", "type": "x"}, "sharing": {"type": 1}, "update_cycle": 1, "library": of, "items": items,
            "source": {"connector": "database", "connection": "x", "mapping": {}, "key": ["subject_code"], "mode": mode},
        }  # fmt: skip
        with transaction("owner") as session:
            session.merge(Department(id=department, name=department, short_name=department))
            session.flush()
            session.add(Resource(id=name, department_id=department))
            session.flush()
            session.add(
                ResourceVersion(
                    id=f"{name}@1", resource_id=name, version=1, document=document, digest="x", state="published"
                )
            )
            return session.query(Resource).filter_by(id=name).one().number

    def batch(self, resource: str, rows: list[dict[str, Any]], day: float | None = None, parts: int = 1) -> str:
        """Leave a checked batch as the check does; `day` says when it landed (batches follow each other by a day)."""
        self.count += 1
        batch_id = f"{resource}.{self.count}"
        path = f"{resource}/{batch_id}"
        folder = self.landing / path / "checked"
        folder.mkdir(parents=True)
        with transaction("ingest") as session:
            landed_at = EPOCH + timedelta(days=self.count if day is None else day)
            session.add(
                Batch(id=batch_id, resource_id=resource, resource_version_id=f"{resource}@1", run_id=str(self.count),
                      state="checked", landed_at=landed_at, path=path)
            )  # fmt: skip
            document = session.get_one(ResourceVersion, f"{resource}@1").document
        spec = library(document["library"])
        named = {name for row in rows for name in row}
        schema = pa.schema(
            [("subject", pa.string()), *((a.id, _TYPES[a.type]) for a in spec.attributes if a.id in named)]
        )
        if "effective_from" in named:
            schema = schema.append(pa.field("effective_from", pa.date32()))
        for part in range(parts):
            mine = rows[part * len(rows) // parts : (part + 1) * len(rows) // parts]
            numbers = pa.array(range(part * len(rows) // parts, part * len(rows) // parts + len(mine)), pa.int64())
            pq.write_table(
                pa.Table.from_pylist(mine, schema).append_column("_row", numbers), folder / f"part-{part:05}.parquet"
            )
        return batch_id

    def merge(self, resource: str, rows: list[dict[str, Any]], day: float | None = None) -> MergeReport:
        """Leave a checked batch and merge it."""
        return merge_batch(self.batch(resource, rows, day))

    def hold(self, batch_id: str, key: str) -> None:
        """Put a row of a batch into quarantine."""
        with transaction("ingest") as session:
            session.add(
                QuarantinedRow(
                    batch_id=batch_id, row_number=1, record_key=key, reasons=["x"], values={"subject_code": key}
                )
            )

    def rows(self, query: str, **values: Any) -> list[dict[str, Any]]:
        """Read rows as dictionaries."""
        with transaction("reader") as session:
            return [dict(row) for row in session.execute(text(query), values).mappings()]

    def golden(self, of: str = "population") -> dict[str, dict[str, Any]]:
        """Return the golden records by key, only values that are there."""
        spec = library(of)
        found = self.rows(f"SELECT * FROM library.{of}")
        return {row[spec.key]: {a: plain(row[a]) for a in spec.attribute_ids if row[a] is not None} for row in found}

    def state(self, of: str = "population") -> dict[str, list[dict[str, Any]]]:
        """Return everything the library holds, without times, in order: what must be equal when nothing happened."""
        parts = ("", "_claims", "_past_claims", "_history")
        timeless = "- 'recorded_at' - 'known_from' - 'known_to' - 'superseded_at'"
        return {
            part: [
                row["r"]
                for row in self.rows(
                    f"SELECT to_jsonb(t) {timeless} AS r FROM library.{of}{part} t ORDER BY to_jsonb(t)::text"
                )
            ]
            for part in parts
        }

    def run(self, statement: str) -> None:
        """Change the database as its owner."""
        with transaction("owner") as session:
            session.execute(text(statement))

    def empty(self) -> None:
        """Begin again with nothing."""
        self.run(f"{_EMPTY} CASCADE")


def plain(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value


@pytest.fixture(scope="session")
def _hub_database(new_database: Callable[[], URL]) -> URL:
    url = new_database()
    upgrade(url)
    return url


@pytest.fixture(scope="module")
def _hub(_hub_database: URL, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    landing = tmp_path_factory.mktemp("landing")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HUTONG_DATABASE_URL", _hub_database.render_as_string(hide_password=False))
        patch.setenv("HUTONG_LANDING", str(landing))
        yield Hub(landing)
        for role in ("owner", "ingest", "reader"):
            engine(role).dispose()


@pytest.fixture
def hub(_hub: Hub) -> Hub:
    _hub.empty()
    return _hub


@pytest.fixture(autouse=True)
def _no_stray_roles() -> None:
    for name in list(os.environ):
        assert not name.startswith("HUTONG_DATABASE_URL_"), f"unset {name}: these tests bring their own database"
