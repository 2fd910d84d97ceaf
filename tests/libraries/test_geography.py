"""Departments send places with their shapes: the library holds one spelling of each, bad shapes wait in quarantine, and authority decides between two."""

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

import pytest

from catalog import departments
from libraries import ingest
from libraries.record import explain
from schemas.database import transaction
from schemas.errors import Terminal

DIVISIONS: dict[str, Any] = {
    "id": "civil_affairs.division", "name": "行政区划", "department": "civil_affairs", "code": "101001/330199000031",
    "category": "基础信息资源/自然资源和空间地理", "abstract": "区划与地名", "format": {"category": "2", "type": "csv"},
    "assessment": {"secrecy": "none", "holds_personal_information": False, "conclusion": "可共享", "assessed_on": "2026-01-04", "assessed_by": "李"},
    "sharing": {"type": 1, "mode": "文件"}, "update_cycle": 4, "library": "geography",
    "items": [
        {"id": "place_code", "name": "地点代码", "length": 30, "required": True, "check": "place_code", "attribute": "subject", "normalise": ["trim"]},
        {"id": "name", "name": "地名", "length": 200, "required": True, "attribute": "name"},
        {"id": "kind", "name": "类别", "length": 2, "code_table": "place_kind", "attribute": "place_kind", "normalise": ["code:place_kind"]},
        {"id": "level", "name": "级别", "length": 1, "code_table": "place_level", "attribute": "place_level", "normalise": ["code:place_level"]},
        {"id": "parent", "name": "上级", "length": 30, "check": "place_code", "attribute": "parent_place"},
        {"id": "shape", "name": "空间位置", "type": "G", "attribute": "geometry"},
    ],
    "source": {
        "connector": "files", "connection": "drops", "options": {"pattern": "division*.csv"},
        "mapping": {"代码": "place_code", "名称": "name", "类别": "kind", "级别": "level", "上级": "parent", "位置": "shape"},
        "key": ["place_code"],
    },
    "quality": {"reject_above": 0.9},
}  # fmt: skip
SURVEY: dict[str, Any] = DIVISIONS | {
    "id": "natural_resources.survey", "name": "基础测绘", "department": "natural_resources", "code": "101001/330199000032",
    "items": [DIVISIONS["items"][0], DIVISIONS["items"][-1]],
    "source": DIVISIONS["source"] | {"options": {"pattern": "survey*.csv"}, "mapping": {"代码": "place_code", "位置": "shape"}},
}  # fmt: skip
DISTRICT, TOWN, ADDRESS = "330106000000", "330106004000", "330106004051-A12"
OUTLINE = "POLYGON ((120.1 30.2, 120.1 30.3, 120.2 30.3, 120.2 30.2, 120.1 30.2))"
SURVEYED = '{"type": "Polygon", "coordinates": [[[120.1, 30.2], [120.21, 30.2], [120.21, 30.3], [120.1, 30.3], [120.1, 30.2]]]}'
PLACES = [
    {"代码": DISTRICT, "名称": "西湖区", "类别": "行政区划", "级别": "县级", "上级": "330100000000", "位置": OUTLINE},
    {"代码": TOWN, "名称": "西溪街道", "类别": "01", "级别": "4", "上级": DISTRICT, "位置": "SRID=4490;POINT (120.13 30.27)"},
    {"代码": ADDRESS, "名称": "文三路1号", "类别": "地址", "级别": "", "上级": TOWN, "位置": "01010000000000000000085E400000000000403E40"},
]  # fmt: skip


@pytest.fixture
def city(hub: Any) -> Any:
    """A hub that knows who surveys."""
    with transaction() as session:
        departments.save(
            session,
            departments.DepartmentDocument(id="natural_resources", name="自然资源局", short_name="自然资源局"),
        )
    return hub


def send(hub: Any, document: dict[str, Any], rows: Sequence[dict[str, str]], run: str) -> str:
    """Let a department leave a file with these rows, and take it over."""
    if not hub.rows("SELECT FROM directory.resources WHERE id = :id", id=document["id"]):
        hub.publish(document)
    written = io.StringIO()
    writer = csv.DictWriter(written, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    hub.drop(f"{document['id'].partition('.')[2]}.csv", written.getvalue())
    return ingest.ingest(document["id"], run)


def shapes(hub: Any) -> dict[str, Any]:
    found = hub.rows("SELECT subject, geometry FROM library.geography")
    return {row["subject"]: json.loads(row["geometry"] or "null") for row in found}


def test_places_arrive_whole_whatever_form_their_shape_is_written_in(city: Any) -> None:
    batch = city.batch(send(city, DIVISIONS, PLACES, "r1"))
    assert (batch["state"], batch["rows_good"], batch["rows_quarantined"]) == ("merged", 3, 0)
    assert shapes(city) == {
        DISTRICT: {
            "type": "Polygon",
            "coordinates": [[[120.1, 30.2], [120.2, 30.2], [120.2, 30.3], [120.1, 30.3], [120.1, 30.2]]],
        },
        TOWN: {"type": "Point", "coordinates": [120.13, 30.27]},
        ADDRESS: {"type": "Point", "coordinates": [120.125, 30.25]},
    }
    told = city.one(
        "SELECT name, place_kind, place_level, parent_place FROM library.geography WHERE subject = :key", key=DISTRICT
    )
    assert told == {"name": "西湖区", "place_kind": "01", "place_level": "3", "parent_place": "330100000000"}


def test_a_shape_spelled_otherwise_is_no_change(city: Any) -> None:
    send(city, DIVISIONS, PLACES, "r1")
    turned = "POLYGON ((120.2 30.3, 120.2 30.2, 120.1 30.2, 120.10 30.30, 120.2 30.3))"
    send(city, DIVISIONS, [PLACES[0] | {"位置": turned}, *PLACES[1:]], "r2")
    assert city.one("SELECT count(*) FROM library.geography_past_claims") == 0
    moved = "POLYGON ((120.2 30.3, 120.2 30.2, 120.1 30.2, 120.10 30.31, 120.2 30.3))"
    send(city, DIVISIONS, [PLACES[0] | {"位置": moved}, *PLACES[1:]], "r3")
    assert city.rows("SELECT subject, version FROM library.geography WHERE version > 1") == [
        {"subject": DISTRICT, "version": 2}
    ]


def test_bad_shapes_and_codes_wait_in_quarantine_with_their_reason(city: Any) -> None:
    wrong = {
        "西湖": ["shape.geometry"],
        "POLYGON ((0 0, 1 1, 0 1, 1 0, 0 0))": ["shape.geometry_shape"],
        "POINT EMPTY": ["shape.geometry_shape"],
        "SRID=3857;POINT (1 2)": ["shape.geometry_crs"],
        "POINT (500000 3300000)": ["shape.geometry_range"],
    }
    codes = [f"3301060040{n:02d}" for n in range(1, 10)]
    rows = [PLACES[1] | {"代码": code, "位置": shape} for code, shape in zip(codes, wrong, strict=False)]
    batch = send(city, DIVISIONS, [*PLACES, *rows, PLACES[1] | {"代码": "330106000051"}], "r1")
    reasons = list(wrong.values())
    assert city.reasons(batch) == {n + 4: reason for n, reason in enumerate(reasons)} | {9: ["place_code.check_digit"]}
    assert set(shapes(city)) == {DISTRICT, TOWN, ADDRESS}
    failed = city.rows("SELECT rule, failed FROM landing.rule_results WHERE batch_id = :id AND failed > 0", id=batch)
    assert {row["rule"]: row["failed"] for row in failed}["shape.geometry_shape"] == 2


def test_who_surveys_decides_where_two_shapes_differ_and_both_stay_readable(city: Any) -> None:
    send(city, SURVEY, [{"代码": DISTRICT, "位置": SURVEYED}, {"代码": TOWN, "位置": "POINT (120.130 30.270)"}], "r1")
    send(city, DIVISIONS, PLACES, "r2")
    assert shapes(city)[DISTRICT] == json.loads(SURVEYED), "the higher authority, though the other came later"
    assert city.rows("SELECT record_key, attribute FROM library.conflicts WHERE closed_at IS NULL") == [
        {"record_key": DISTRICT, "attribute": "geometry"}
    ], "the town's point is the same, spelled otherwise"
    with city.session() as session:
        (told,) = explain(session, "geography", DISTRICT)["records"]
    shape = next(item for item in told["attributes"] if item["id"] == "geometry")
    assert (shape["department"], len(shape["others"])) == ("natural_resources", 1)
    assert json.loads(shape["others"][0]["value"])["coordinates"][0][1] == [120.2, 30.2]


def test_a_shape_can_only_come_from_text(city: Any) -> None:
    items = [*DIVISIONS["items"][:-1], DIVISIONS["items"][-1] | {"type": "N"}]
    city.publish(DIVISIONS, items=items)
    city.drop("division_r1.csv", "代码,名称,类别,级别,上级,位置\n330106000000,西湖区,01,3,,1\n")
    with pytest.raises(Terminal) as refused:
        ingest.ingest(DIVISIONS["id"], "r1")
    assert refused.value.code == "quality.bad_attribute"
    assert refused.value.facts["wanted"] == "geometry"
