"""The libraries' tests run on one migrated database of their own, emptied before each test, and on real source systems: SQLite files and CSV drops."""

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sqlalchemy import URL, text

from catalog import departments, directory
from schemas.database import engine, transaction
from schemas.identifiers import append_citizen_check_digits
from schemas.resource import ResourceDocument

DEPARTMENTS = {
    "public_security": "公安局",
    "civil_affairs": "民政局",
    "education": "教育局",
    "human_resources": "人力资源和社会保障局",
    "market_regulation": "市场监督管理局",
    "organisation_office": "机构编制委员会办公室",
    "credit_office": "信用办",
    "certificate_bureau": "政务服务数据管理局",
}
RESIDENT: dict[str, Any] = {
    "id": "public_security.resident",
    "name": "户籍人口基本信息",
    "department": "public_security",
    "code": "101001/330199000001",
    "category": "基础信息资源/人口",
    "abstract": "测试用户籍人口",
    "format": {"category": "3", "type": "SQLite"},
    "assessment": {"secrecy": "none", "holds_personal_information": True, "conclusion": "可共享", "assessed_on": "2026-01-04", "assessed_by": "李"},
    "sharing": {"type": 2, "condition": "核验身份"},
    "update_cycle": 2,
    "library": "population",
    "items": [
        {
            "id": "citizen_id", "name": "公民身份号码", "length": 18, "required": True, "check": "citizen_id",
            "attribute": "subject", "normalise": ["half_width", "trim", "upper", "citizen_id_18"],
        },
        {"id": "name", "name": "姓名", "length": 10, "required": True, "attribute": "name", "normalise": ["trim"]},
        {"id": "sex", "name": "性别", "length": 1, "code_table": "sex", "attribute": "sex", "normalise": ["code:sex"]},
        {"id": "birth_date", "name": "出生日期", "type": "D", "attribute": "birth_date", "normalise": ["date"]},
        {"id": "phone", "name": "电话", "length": 20, "pattern": r"1\d{10}", "attribute": "phone"},
        {"id": "height", "name": "身高", "type": "N", "minimum": 20, "maximum": 260},
    ],
    "source": {
        "connector": "database",
        "connection": "police",
        "options": {"table": "resident"},
        "mapping": {
            "gmsfhm": "citizen_id", "xm": "name", "xb": "sex", "csrq": "birth_date", "dh": "phone", "sg": "height",
        },
        "ignore": ["bz"],
        "key": ["citizen_id"],
    },
    "checks": [
        {"id": "birth_date.matches_id", "kind": "birth_date_matches_id", "items": ["citizen_id", "birth_date"]},
        {"id": "sex.matches_id", "kind": "sex_matches_id", "items": ["citizen_id", "sex"]},
    ],
    "quality": {"reject_above": 0.5},
}  # fmt: skip
Row = dict[str, Any]


@pytest.fixture(scope="session")
def libraries_database(new_database: Callable[[], URL]) -> URL:
    from schemas.migrations import upgrade

    url = new_database()
    upgrade(url)
    return url


@pytest.fixture
def hub(libraries_database: URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator["Hub"]:
    """An empty hub: departments known, nothing catalogued, nothing landed."""
    monkeypatch.setenv("HUTONG_DATABASE_URL", libraries_database.render_as_string(hide_password=False))
    monkeypatch.setenv("HUTONG_LANDING", str(tmp_path / "landing"))
    monkeypatch.setenv("HUTONG_CONNECTIONS_FILE", str(tmp_path / "connections.json"))
    with transaction() as session:
        named = session.scalars(
            text(
                "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname IN ('directory', 'landing', 'library')"
            )
        )
        session.execute(text(f"TRUNCATE {', '.join(named)} RESTART IDENTITY CASCADE"))
        for id, name in DEPARTMENTS.items():
            departments.save(session, departments.DepartmentDocument(id=id, name=name, short_name=name))
    made = Hub(tmp_path)
    made.connect("police", conn_type="sqlite", host=str(tmp_path / "police.db"))
    made.connect("drops", conn_type="fs", extra={"path": str(tmp_path / "drops")})
    (tmp_path / "drops").mkdir()
    yield made
    engine("ingest").dispose()
    engine().dispose()


@dataclass
class Hub:
    """What a test does around the hub: catalogue resources, fill source systems, look at tables."""

    folder: Path
    connections: dict[str, Any] = field(default_factory=dict)

    def connect(self, id: str, **fields: Any) -> None:
        self.connections[id] = fields
        (self.folder / "connections.json").write_text(json.dumps(self.connections), "utf-8")

    def publish(self, base: dict[str, Any] = RESIDENT, **changes: Any) -> ResourceDocument:
        document = ResourceDocument.model_validate({**base, **changes})
        with transaction() as session:
            directory.save_draft(session, document)
            directory.publish(session, document.id)
        return document

    def fill(self, rows: Sequence[Row], table: str = "resident", columns: Sequence[str] | None = None) -> None:
        """Replace the source table by these rows; every column is text unless its values are numbers."""
        names = list(columns or rows[0])
        with sqlite3.connect(self.folder / "police.db") as database:
            database.execute(f"DROP TABLE IF EXISTS {table}")
            database.execute(f"CREATE TABLE {table} ({', '.join(f'{name} TEXT' for name in names)})")
            marks = ", ".join("?" for _ in names)
            database.executemany(
                f"INSERT INTO {table} VALUES ({marks})", [[row[name] for name in names] for row in rows]
            )
        database.close()

    def drop(self, name: str, content: str, encoding: str = "utf-8-sig") -> Path:
        path = self.folder / "drops" / name
        path.write_text(content, encoding)
        return path

    def rows(self, query: str, **values: Any) -> list[Row]:
        with transaction() as session:
            return [dict(row) for row in session.execute(text(query), values).mappings()]

    def one(self, query: str, **values: Any) -> Any:
        found = self.rows(query, **values)
        assert len(found) == 1, found
        return next(iter(found[0].values())) if len(found[0]) == 1 else found[0]

    def batch(self, batch_id: str) -> Row:
        return dict(self.one("SELECT * FROM landing.batches WHERE id = :id", id=batch_id))

    def reasons(self, batch_id: str) -> dict[int, list[str]]:
        found = self.rows("SELECT row_number, reasons FROM landing.quarantined_rows WHERE batch_id = :id", id=batch_id)
        return {row["row_number"]: row["reasons"] for row in found}

    def session(self) -> Any:
        return transaction("ingest")


def citizen_ids(count: int, seed: int = 1) -> list[str]:
    """Valid citizen ids, all different."""
    random = np.random.default_rng(seed)
    days = random.integers(0, 20_000, count)
    born = [(date(1950, 1, 1) + timedelta(days=int(day))).strftime("%Y%m%d") for day in days]
    texts = [f"330106{day}{n % 1000:03d}" for n, day in enumerate(born)]
    found: list[str] = append_citizen_check_digits(pa.array(texts)).to_pylist()
    assert len(set(found)) == count, "take another seed"
    return found


def residents(count: int, seed: int = 1) -> list[Row]:
    """Faultless rows of the resident table."""
    return [resident(id, f"张{n}") for n, id in enumerate(citizen_ids(count, seed))]


def resident(id: str, name: str = "张三", **changes: Any) -> Row:
    born = f"{id[6:10]}-{id[10:12]}-{id[12:14]}"
    sex = "1" if int(id[16]) % 2 else "2"
    row = {"gmsfhm": id, "xm": name, "xb": sex, "csrq": born, "dh": "13800000000", "sg": "170", "bz": None}
    return {**row, **changes}


@pytest.fixture
def people() -> Callable[[int], list[Row]]:
    return residents
