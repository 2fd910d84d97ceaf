"""A bureau declares a library of its own in a folder: tables, collecting, merging and signed answers follow, and so does an attribute added later."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import URL, create_engine, text
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from exchange_api import applications
from exchange_api.client import Hub, Refused
from exchange_api.keys import jwks
from exchange_api.signing import SoftwareSigner
from schemas.tables import exchange, services

COMMANDS = "import json, sys\nfrom hutong.cli import app\nfor words in json.loads(sys.argv[1]): app(words, standalone_mode=False)"
OPEN: dict[str, Any] = {"sensitivity": "public", "mask": "none", "authority": []}
PARKS: dict[str, Any] = {
    "library": "parks", "kind": "profile", "name": {"zh": "公园库", "en": "Parks"},
    "subject": {"element": "park_code", "name": "公园编号", "length": 6, "check": "pattern", "pattern": "GY[0-9]{4}"},
    "attributes": [
        OPEN | {"id": "name", "type": "text", "length": 50, "name": "公园名称", "element": "park_name", "authority": ["gardens"]},
        OPEN | {"id": "area", "type": "number", "name": "面积（公顷）", "element": "park_area", "authority": ["planning"]},
        OPEN | {"id": "outline", "type": "geometry", "name": "公园范围", "element": "park_outline"},
    ],
}  # fmt: skip
OPENED = OPEN | {"id": "opened", "type": "date", "name": "开放日期", "element": "park_opened"}
RESOURCE: dict[str, Any] = {
    "id": "gardens.park", "name": "公园名录", "department": "gardens", "code": "101001/330199000041", "category": "c", "abstract": "a",
    "format": {"category": "2", "type": "csv"}, "sharing": {"type": 1, "mode": "文件"}, "update_cycle": 4, "library": "parks",
    "assessment": {"secrecy": "none", "holds_personal_information": False, "conclusion": "可共享", "assessed_on": "2026-01-04", "assessed_by": "李"},
    "items": [
        {"id": "code", "name": "公园编号", "length": 6, "required": True, "pattern": "GY[0-9]{4}", "attribute": "subject"},
        {"id": "name", "name": "公园名称", "length": 50, "attribute": "name"},
        {"id": "area", "name": "面积", "type": "N", "attribute": "area"},
        {"id": "outline", "name": "公园范围", "type": "G", "attribute": "outline"},
    ],
    "source": {
        "connector": "files", "connection": "drops", "options": {"pattern": "park*.csv"}, "key": ["code"],
        "mapping": {"code": "code", "name": "name", "area": "area", "outline": "outline"},
    },
    "quality": {"reject_above": 0.9},
}  # fmt: skip
SURVEY = RESOURCE | {
    "id": "planning.land", "name": "公园用地", "department": "planning", "code": "101001/330199000042",
    "items": [RESOURCE["items"][0], RESOURCE["items"][2]],
    "source": RESOURCE["source"] | {"options": {"pattern": "land*.csv"}, "mapping": {"code": "code", "area": "area"}},
}  # fmt: skip
PURPOSE = {"service_item": "gardens.visit"}
POND = {"type": "Point", "coordinates": [120.13, 30.25]}


@dataclass
class Bureau:
    """An installation whose operator declares libraries in a folder."""

    folder: Path
    environment: dict[str, str]
    signer: SoftwareSigner

    def declare(self, *attributes: dict[str, Any]) -> None:
        """Write the declaration, these attributes behind the first ones."""
        library = PARKS | {"attributes": [*PARKS["attributes"], *attributes]}
        (self.folder / "libraries" / "parks.yml").write_text(yaml.safe_dump(library, allow_unicode=True), "utf-8")

    def catalogue(self, *documents: dict[str, Any]) -> None:
        """Write the folder that the catalogue imports."""
        for document in documents:
            path = self.folder / "town" / "resources" / f"{document['id']}.yml"
            path.write_text(yaml.safe_dump(document, allow_unicode=True), "utf-8")

    def run(self, *commands: Sequence[str]) -> str:
        """Run commands one after another in one process of its own, and return what they printed."""
        done = self._process(commands)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def refused(self, *commands: Sequence[str]) -> str:
        """Run commands that must fail, and return what was said."""
        done = self._process(commands)
        assert done.returncode != 0
        return done.stderr

    def _process(self, commands: Sequence[Sequence[str]]) -> subprocess.CompletedProcess[str]:
        arguments = [sys.executable, "-c", COMMANDS, json.dumps(commands)]
        return subprocess.run(
            arguments, env=self.environment, capture_output=True, text=True, timeout=240, check=False, cwd=self.folder
        )


@pytest.fixture
def bureau(new_database: Callable[[], URL], tmp_path: Path) -> Bureau:
    for name in ("libraries", "drops", "town/resources"):
        (tmp_path / name).mkdir(parents=True)
    departments = [
        {"id": one, "name": name, "short_name": name} for one, name in (("gardens", "园林局"), ("planning", "规划局"))
    ]
    (tmp_path / "town" / "departments.yml").write_text(yaml.safe_dump(departments, allow_unicode=True), "utf-8")
    (tmp_path / "town" / "elements.yml").write_text("[]\n", "utf-8")
    connections = {"drops": {"conn_type": "fs", "extra": {"path": str(tmp_path / "drops")}}}
    (tmp_path / "connections.json").write_text(json.dumps(connections), "utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HUTONG_", "AIRFLOW"))}
    environment |= {
        "HUTONG_ROOT": str(tmp_path),
        "HUTONG_LIBRARIES": str(tmp_path / "libraries"),
        "HUTONG_DATABASE_URL": new_database().render_as_string(hide_password=False),
        "HUTONG_CONNECTIONS_FILE": str(tmp_path / "connections.json"),
        "HUTONG_LANDING": str(tmp_path / "landing"),
        "HUTONG_KEYS_FOLDER": str(tmp_path / "keys"),
    }
    return Bureau(tmp_path, environment, SoftwareSigner.generate("ed25519"))


@pytest.fixture
def session(bureau: Bureau) -> Iterator[Session]:
    engine = create_engine(bureau.environment["HUTONG_DATABASE_URL"], poolclass=NullPool)
    with Session(engine) as opened:
        yield opened
    engine.dispose()


def permit(session: Session, bureau: Bureau, *attributes: str) -> str:
    """Let an application system ask for these attributes of parks; return the grant."""
    applications.register(session, "gardens.desk", "gardens.desk", "gardens")
    applications.register_key(session, "gardens.desk", bureau.signer.public.jwk)
    session.add(services.ServiceItem(id=PURPOSE["service_item"], name="公园预约", department_id="gardens"))
    session.flush()
    demand = exchange.Demand(
        id="XQ-1",
        department_id="gardens",
        service_item_id=PURPOSE["service_item"],
        purpose="p",
        basis="b",
        created_by="t",
    )
    session.add(demand)
    session.flush()
    until = datetime.now(UTC).date() + timedelta(days=365)
    session.add(
        exchange.Grant(
            id="SQ-1", demand_id="XQ-1", service_item_id=PURPOSE["service_item"], library="parks", application_id="gardens.desk",
            valid_from=date(2026, 1, 1), valid_until=until, quota_per_day=100, is_case_required=False,
        )
    )  # fmt: skip
    session.flush()
    for attribute in attributes:
        item = {"attribute": attribute, "form": "full", "item_id": attribute, "resource_version_id": "gardens.park@1"}
        session.add(exchange.GrantItem(grant_id="SQ-1", **item))
    session.commit()
    return "SQ-1"


def test_a_library_of_ones_own_goes_the_whole_way_without_any_code(
    bureau: Bureau, session: Session, serve: Callable[[dict[str, str], Path], AbstractContextManager[str]]
) -> None:
    bureau.declare()
    bureau.catalogue(RESOURCE, SURVEY)
    parks = "code,name,area,outline\nGY0001,西湖,10.0,POINT (120.13 30.250)\nGY0002,西溪,3,POINT (1 200)\nGY1,错,1,\n"
    (bureau.folder / "drops" / "park.csv").write_text(parks, "utf-8")
    (bureau.folder / "drops" / "land.csv").write_text("code,area\nGY0001,12.5\n", "utf-8")
    town = str(bureau.folder / "town")
    shown = bureau.run(
        ["migrate"], ["catalog", "import", town, "--publish"], ["ingest", "planning.land"], ["ingest", "gardens.park"],
        ["library", "migrate"], ["record", "show", "parks", "GY0001", "--json"],
    )  # fmt: skip
    assert "一致" in shown, "migrating brought the declared library along"
    record = json.loads(shown[shown.rindex("\n{") :])["records"][0]
    assert (record["name"], record["area"], json.loads(record["outline"])) == ("西湖", "12.5", POND)
    held = session.execute(text("SELECT reasons FROM landing.quarantined_rows ORDER BY row_number")).scalars().all()
    assert held == [["outline.geometry_range"], ["code.pattern"]]

    grant = permit(session, bureau, "name", "area", "outline")
    with serve(bureau.environment, bureau.folder / "server.log") as authority:
        client = Hub(f"http://{authority}", bureau.signer, jwks(session))
        answer = client.query("parks", grant, PURPOSE, ["GY0001", "GY0009"])
        claims = {"subject": "GY0001", "values": {"outline": "SRID=4490;POINT(120.130 30.25)", "area": 12.5}}
        verdict = client.verify("parks", grant, PURPOSE, [claims])
        with pytest.raises(Refused) as malformed:
            client.query("parks", grant, PURPOSE, ["330106199003070011"])
    known, unknown = answer.document["records"]
    assert known["values"] == {"name": "西湖", "area": 12.5, "outline": POND}
    assert {name: told["resource"] for name, told in known["sources"].items()} == {
        "name": "gardens.park", "area": "planning.land", "outline": "gardens.park",
    }  # fmt: skip
    assert unknown == {"subject": "GY0009", "found": False}
    assert verdict.document["verdicts"][0]["matches"] == {"outline": True, "area": True}
    assert malformed.value.code == "subject.malformed"


def test_an_attribute_comes_later_and_the_next_batch_fills_it(bureau: Bureau, session: Session) -> None:
    bureau.declare()
    bureau.catalogue(RESOURCE)
    (bureau.folder / "drops" / "park.csv").write_text(
        "code,name,area,outline\nGY0001,西湖,10,\nGY0002,西溪,3,\n", "utf-8"
    )
    town = str(bureau.folder / "town")
    bureau.run(["migrate"], ["catalog", "import", town, "--publish"], ["ingest", "gardens.park"])

    bureau.declare(OPENED)
    mapping = RESOURCE["source"]["mapping"] | {"opened": "opened"}
    item = {"id": "opened", "name": "开放日期", "type": "D", "attribute": "opened"}
    bureau.catalogue(
        RESOURCE | {"items": [*RESOURCE["items"], item], "source": RESOURCE["source"] | {"mapping": mapping}}
    )
    later = "code,name,area,outline,opened\nGY0001,西湖,10,,2003-10-01\nGY0002,西溪,3,,\n"
    (bureau.folder / "drops" / "park.csv").write_text(later, "utf-8")
    taking = ["catalog", "import", town, "--publish"], ["ingest", "gardens.park"]
    shown = bureau.run(["library", "migrate", "--dry-run"], ["library", "migrate"], *taking)
    assert "ALTER TABLE library.parks ADD COLUMN opened DATE;" in shown
    records = session.execute(
        text("SELECT subject, opened, version, sources FROM library.parks ORDER BY subject")
    ).all()
    number = session.scalar(text("SELECT number FROM directory.resources"))
    assert [tuple(row) for row in records] == [
        ("GY0001", date(2003, 10, 1), 2, [number, number, None, number]),
        ("GY0002", None, 1, [number, number, None, None]),
    ]
    past = session.execute(text("SELECT subject, opened, sources FROM library.parks_history")).all()
    assert [tuple(row) for row in past] == [("GY0001", None, [number, number, None, None])], (
        "it was believed before there was the attribute"
    )

    bureau.declare()
    assert "library.attribute_removed" in bureau.refused(["library", "migrate"])
